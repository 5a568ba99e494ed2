"""Invocations that nobody waits for: where their ends are told. Functions that call themselves."""

import hashlib
import json

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, until

ACCOUNT = "000000000000"
CODE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("on purpose")
    return {"got": event}
"""


def allow(*actions):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def queue(cloud, name):
    client = cloud.client("sqs")
    url = client.create_queue(QueueName=name)["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def message():
        got = client.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"])
        return got.get("Messages", [None])[0]

    return arn, url, message


def open_to_all(cloud, url, arn):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def told_by(cloud, name, success=None, failure=None, **more):
    """A function whose ends are told to these ARNs, without retries."""
    lambdas = cloud.client("lambda")
    permissions = allow("sqs:SendMessage", "sns:Publish", "events:PutEvents", "s3:PutObject", "s3:ListBucket")
    cloud.function(name, {"index.py": CODE}, cloud.role(name, permissions), **more)
    lambdas.get_waiter("function_active_v2").wait(FunctionName=name)
    config = {"OnSuccess": {"Destination": success}} if success else {}
    config.update({"OnFailure": {"Destination": failure}} if failure else {})
    more = {"DestinationConfig": config} if config else {}
    lambdas.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0, **more)

    def invoke(event):
        answer = lambdas.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
        assert answer["StatusCode"] == 202
        return answer["ResponseMetadata"]["RequestId"]

    return invoke


def test_a_queue_and_a_topic_are_told(cloud, name):
    arn, url, message = queue(cloud, name)
    open_to_all(cloud, url, arn)
    topics = cloud.client("sns")
    topic = topics.create_topic(Name=name)["TopicArn"]
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    invoke = told_by(cloud, name, success=arn, failure=topic)
    request = invoke({"a": 1})
    record = json.loads(until(message)["Body"])
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:$LATEST"
    assert record["requestContext"] == {
        "requestId": request,
        "functionArn": function,
        "condition": "Success",
        "approximateInvokeCount": 1,
    }
    assert record["requestPayload"] == {"a": 1} and record["responsePayload"] == {"got": {"a": 1}}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    invoke({"fail": True})

    def failure():
        record = json.loads((message() or {"Body": "{}"})["Body"])
        return record if record.get("requestContext", {}).get("condition") == "RetriesExhausted" else None

    record = until(failure)
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "on purpose"


def test_an_event_bus_is_told(cloud, name):
    arn, url, message = queue(cloud, name)
    open_to_all(cloud, url, arn)
    events = cloud.client("events")
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps({"source": ["lambda"]}))
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "queue", "Arn": arn}])
    told_by(cloud, name, success=bus)({"a": 1})
    event = json.loads(until(message)["Body"])
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:$LATEST"
    assert (event["source"], event["resources"]) == ("lambda", [bus, function])
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["detail"]["responsePayload"] == {"got": {"a": 1}}


def test_a_bucket_is_told_of_failures(cloud, name):
    objects = cloud.client("s3")
    objects.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    told_by(cloud, name, failure=f"arn:aws:s3:::{name}")({"fail": True})
    listed = until(lambda: objects.list_objects_v2(Bucket=name).get("Contents"))
    key = listed[0]["Key"]
    assert key.startswith(f"aws/lambda/async/{name}/")
    record = json.loads(objects.get_object(Bucket=name, Key=key)["Body"].read())
    assert record["requestContext"]["condition"] == "RetriesExhausted"


def test_a_dead_letter_topic(cloud, name):
    arn, url, message = queue(cloud, name)
    open_to_all(cloud, url, arn)
    topics = cloud.client("sns")
    topic = topics.create_topic(Name=name)["TopicArn"]
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    request = told_by(cloud, name, DeadLetterConfig={"TargetArn": topic})({"fail": True})
    letter = until(message)
    assert json.loads(letter["Body"]) == {"fail": True}
    told = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
    assert told == {"RequestID": request, "ErrorCode": "200", "ErrorMessage": "on purpose"}


def test_a_function_that_is_switched_off(cloud, name):
    arn, _, message = queue(cloud, name)
    invoke = told_by(cloud, name, failure=arn)
    cloud.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    invoke({"a": 1})
    context = json.loads(until(message)["Body"])["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("ZeroReservedConcurrency", 0)


def test_a_function_that_calls_itself_is_stopped(cloud, name):
    cloud.function(name, {"index.py": CODE}, cloud.role(name))
    lambdas = cloud.client("lambda")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    passes = {"count": 15}

    def lineage(request, **_):
        own = hashlib.sha256(arn.encode()).hexdigest()[:8]
        trace = f"Root=1-00000000-{'0' * 24};Parent={'0' * 16};Sampled=0;Lineage={own}:{passes['count']}"
        request.headers["X-Amzn-Trace-Id"] = trace

    lambdas.meta.events.register("before-sign.lambda.Invoke", lineage)
    assert lambdas.invoke(FunctionName=name, Payload=b"{}")["StatusCode"] == 200
    passes["count"] = 16
    with pytest.raises(ClientError) as refused:
        lambdas.invoke(FunctionName=name, Payload=b"{}")
    assert refused.value.response["Error"]["Code"] == "RecursiveInvocationException"
    lambdas.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    assert lambdas.invoke(FunctionName=name, Payload=b"{}")["StatusCode"] == 200


def test_events_that_are_no_json(cloud, name):
    cloud.function(name, {"index.py": CODE}, cloud.role(name))
    lambdas = cloud.client("lambda")
    with pytest.raises(ClientError) as refused:
        lambdas.invoke(FunctionName=name, Payload=b"hei")
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidRequestContentException"
    assert error["Message"].startswith("Could not parse request body into json: Could not parse payload into json: ")


def test_mappings(cloud, name):
    arn, _, _ = queue(cloud, name)
    lambdas = cloud.client("lambda")
    permissions = allow("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    cloud.function(name, {"index.py": CODE}, cloud.role(name, permissions))
    assert lambdas.list_event_source_mappings(FunctionName="nobody")["EventSourceMappings"] == []
    base = {"EventSourceArn": arn, "FunctionName": name}
    for wrong, text in [
        ({"StartingPosition": "LATEST"}, "StartingPosition is not valid for SQS event sources."),
        ({"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "no"}]}}, "Invalid filter pattern definition."),
        ({"FunctionName": "nobody"}, "Function does not exist"),
        ({"EventSourceArn": "arn:aws:what:eu-west-1:000000000000:ever"}, "Unrecognized event source."),
    ]:
        with pytest.raises(ClientError) as refused:
            lambdas.create_event_source_mapping(**{**base, **wrong})
        error = refused.value.response
        assert (error["Error"]["Message"], error["Type"]) == (text, "User")
    pollers = {"MinimumPollers": 2, "MaximumPollers": 4}
    made = lambdas.create_event_source_mapping(
        **base, ProvisionedPollerConfig=pollers, MetricsConfig={"Metrics": ["EventCount"]}, Tags={"a": "b"}
    )
    assert (made["State"], made["ProvisionedPollerConfig"]) == ("Creating", pollers)
    got = lambdas.get_event_source_mapping(UUID=made["UUID"])
    assert (got["State"], got["MetricsConfig"]) == ("Enabled", {"Metrics": ["EventCount"]})
    assert lambdas.list_tags(Resource=made["EventSourceMappingArn"])["Tags"] == {"a": "b"}
    with pytest.raises(lambdas.exceptions.ResourceConflictException):
        lambdas.create_event_source_mapping(**base)
    # It outlives its function, and is found by its name.
    lambdas.delete_function(FunctionName=name)
    listed = lambdas.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    assert [mapping["UUID"] for mapping in listed] == [made["UUID"]]
    assert lambdas.delete_event_source_mapping(UUID=made["UUID"])["State"] == "Deleting"
