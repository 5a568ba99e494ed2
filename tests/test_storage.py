"""Buckets, queues and tables through boto3 and the command line."""

import hashlib
import json
import urllib.request

import pytest
from botocore.exceptions import ClientError
from conftest import until


def test_objects_of_any_size(cloud, name, tmp_path):
    big = bytes(range(256)) * 80_000  # 20 MB: the command line sends it in parts
    (tmp_path / "big").write_bytes(big)
    cloud.aws("s3", "mb", f"s3://{name}")
    cloud.aws("s3", "cp", str(tmp_path / "big"), f"s3://{name}/a/big")
    cloud.aws("s3", "cp", f"s3://{name}/a/big", str(tmp_path / "back"))
    assert hashlib.sha256((tmp_path / "back").read_bytes()).digest() == hashlib.sha256(big).digest()
    s3 = cloud.client("s3")
    assert s3.get_object(Bucket=name, Key="a/big", Range="bytes=5-9")["Body"].read() == big[5:10]
    s3.put_object(Bucket=name, Key="b c+ä", Body=b"x", Metadata={"k": "v"})
    listed = s3.list_objects_v2(Bucket=name, Delimiter="/")
    assert [entry["Key"] for entry in listed["Contents"]] == ["b c+ä"]
    assert [entry["Prefix"] for entry in listed["CommonPrefixes"]] == ["a/"]
    assert s3.head_object(Bucket=name, Key="b c+ä")["Metadata"] == {"k": "v"}
    url = s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "b c+ä"})
    assert urllib.request.urlopen(url).read() == b"x"
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=name, Key="b c+ä", Body=b"y", IfNoneMatch="*")
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"


def test_versions(cloud, name):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=name, Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket=name, Key="k", Body=b"2")
    s3.delete_object(Bucket=name, Key="k")
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=name, Key="k")
    assert refused.value.response["Error"]["Code"] == "NoSuchKey"
    assert s3.get_object(Bucket=name, Key="k", VersionId=first)["Body"].read() == b"1"
    listed = s3.list_object_versions(Bucket=name)
    assert len(listed["Versions"]) == 2 and listed["DeleteMarkers"][0]["IsLatest"]


def test_messages(cloud, name):
    sqs = cloud.client("sqs")
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    queue = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    attributes = {"a": {"DataType": "String", "StringValue": "b"}}
    sent = sqs.send_message(QueueUrl=queue, MessageBody="hello", MessageAttributes=attributes)
    received = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"], VisibilityTimeout=0)["Messages"][0]
    assert (received["Body"], received["MessageId"]) == ("hello", sent["MessageId"])
    assert received["MessageAttributes"] == attributes
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    assert sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=5)["Messages"][0]["Body"] == "hello"
    with pytest.raises(ClientError) as refused:
        sqs.get_queue_url(QueueName="nowhere")
    assert refused.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"


def test_fifo_groups_keep_their_order(cloud, name):
    sqs = cloud.client("sqs")
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    queue = sqs.create_queue(QueueName=f"{name}.fifo", Attributes=attributes)["QueueUrl"]
    for number in range(5):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number), MessageGroupId="g")
        sqs.send_message(QueueUrl=queue, MessageBody=str(number), MessageGroupId="g")  # a duplicate
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in received] == ["0", "1", "2", "3", "4"]


def test_items(cloud, name):
    tables = cloud.client("dynamodb")
    keys = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}]
    tables.create_table(TableName=name, KeySchema=keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
    tables.get_waiter("table_exists").wait(TableName=name)
    for number in range(20):
        item = {"id": {"S": "a"}, "n": {"N": str(number)}, "even": {"BOOL": number % 2 == 0}}
        tables.put_item(TableName=name, Item=item)
    found = tables.query(
        TableName=name,
        KeyConditionExpression="id = :id AND n BETWEEN :low AND :high",
        FilterExpression="even = :yes",
        ExpressionAttributeValues={":id": {"S": "a"}, ":low": {"N": "3"}, ":high": {"N": "9"}, ":yes": {"BOOL": True}},
    )
    assert [item["n"]["N"] for item in found["Items"]] == ["4", "6", "8"] and found["ScannedCount"] == 7
    key = {"id": {"S": "a"}, "n": {"N": "1"}}
    with pytest.raises(ClientError) as refused:
        tables.put_item(TableName=name, Item=key, ConditionExpression="attribute_not_exists(id)")
    assert refused.value.response["Error"]["Message"] == "The conditional request failed"
    updated = tables.update_item(
        TableName=name,
        Key=key,
        UpdateExpression="SET hits = if_not_exists(hits, :zero) + :one REMOVE even",
        ExpressionAttributeValues={":zero": {"N": "0"}, ":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )
    assert updated["Attributes"] == {**key, "hits": {"N": "1"}}


def test_logs_tail(cloud, name):
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    import time

    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[{"timestamp": now, "message": "hei"}])
    assert "hei" in cloud.aws("logs", "filter-log-events", "--log-group-name", name)
    got = logs.get_log_events(logGroupName=name, logStreamName="s", startFromHead=True)
    assert [event["message"] for event in got["events"]] == ["hei"]


def test_a_notification_for_what_matches(cloud, name):
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:eu-west-1:000000000000:{name}"
    allow = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".csv"}]
    configuration = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"QueueConfigurations": [configuration]}
    )
    assert json.loads(receive(sqs, queue))["Event"] == "s3:TestEvent"
    s3.put_object(Bucket=name, Key="out/a.csv", Body=b"1")
    s3.put_object(Bucket=name, Key="in/a b.csv", Body=b"12")
    record = json.loads(receive(sqs, queue))["Records"][0]
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    assert (record["s3"]["object"]["key"], record["s3"]["object"]["size"]) == ("in/a+b.csv", 2)
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


def receive(sqs, queue):
    message = until(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages"))[0]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return message["Body"]
