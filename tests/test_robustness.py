"""Bad input, and what survives a kill."""

import http.client
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from conftest import until


def post(cloud, body, headers, path="/"):
    connection = http.client.HTTPConnection("localhost", cloud.port, timeout=20)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0",
    "X-Amz-Date": "20260101T000000Z",
    "Content-Type": "application/x-amz-json-1.0",
}


@pytest.mark.parametrize("body", [b'{"TableName"', b"\xff\xfe", b'{"TableName": 1}', b"[" * 5000, b'{"TableName": "a\xff"}'])
def test_what_cannot_be_read_is_refused(cloud, body):
    status, answer = post(cloud, body, {**SIGNED, "X-Amz-Target": "DynamoDB_20120810.DescribeTable"})
    assert status == 400 and b"SerializationException" in answer


def test_unknown_targets_and_actions(cloud):
    status, answer = post(cloud, b"{}", {**SIGNED, "X-Amz-Target": "DynamoDB_20120810.Nothing"})
    assert status == 400 and b"UnknownOperationException" in answer
    headers = {**SIGNED, "Content-Type": "application/x-www-form-urlencoded"}
    headers["Authorization"] = headers["Authorization"].replace("dynamodb", "sts")
    status, answer = post(cloud, b"Action=Nothing&Version=2011-06-15", headers)
    assert status == 400 and b"InvalidAction" in answer


def test_what_is_not_built_says_so(cloud):
    with pytest.raises(ClientError) as refused:
        cloud.client("dynamodb").describe_export(ExportArn="arn:aws:dynamodb:eu-west-1:000000000000:table/t/export/01234567890123-abcdef01")
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_absurd_heads_are_answered(cloud):
    status, _ = post(cloud, b"", {"X-Long": "a" * 200_000})
    assert status in (400, 431)


def test_a_foreign_page_cannot_drive_the_cloud(cloud):
    status, _ = post(cloud, b"", {"Origin": "http://evil.example"}, "/_pilvi/reset")
    assert status == 403
    status, _ = post(cloud, b"", {"Host": "evil.example"}, "/_pilvi/reset")
    assert status == 403


def test_nothing_acknowledged_is_lost(own_cloud):
    """kill -9 under load, several times; afterwards everything that was acknowledged is there."""
    cloud = own_cloud
    cloud.client("s3").create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    queue = cloud.client("sqs").create_queue(QueueName="kept")["QueueUrl"]
    cloud.client("dynamodb").create_table(
        TableName="kept",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    acknowledged = {"messages": set(), "items": set(), "objects": set()}
    for life in range(3):
        halt = threading.Event()

        def work(worker, life=life, halt=halt):
            s3, sqs, tables = (cloud.client(service) for service in ("s3", "sqs", "dynamodb"))
            number = 0
            while not halt.is_set():
                name = f"{life}-{worker}-{number}"
                number += 1
                try:
                    sqs.send_message(QueueUrl=queue, MessageBody=name)
                    acknowledged["messages"].add(name)
                    tables.put_item(TableName="kept", Item={"id": {"S": name}})
                    acknowledged["items"].add(name)
                    s3.put_object(Bucket="kept", Key=name, Body=name.encode())
                    acknowledged["objects"].add(name)
                except (BotoCoreError, ClientError):
                    return

        before = len(acknowledged["objects"])
        workers = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
        for worker in workers:
            worker.start()
        until(lambda: len(acknowledged["objects"]) > before + 40)
        cloud.kill()
        halt.set()
        for worker in workers:
            worker.join()
        cloud.start(cloud.port)

    s3, sqs, tables = (cloud.client(service) for service in ("s3", "sqs", "dynamodb"))
    items = {item["id"]["S"] for page in tables.get_paginator("scan").paginate(TableName="kept") for item in page["Items"]}
    assert acknowledged["items"] <= items
    objects = {entry["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="kept") for entry in page["Contents"]}
    assert acknowledged["objects"] <= objects
    messages = set()
    while received := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages"):
        messages.update(message["Body"] for message in received)
    assert acknowledged["messages"] <= messages
