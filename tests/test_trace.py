"""`pilvi trace`: one call from outside, and all that came of it."""

import json
import os
import subprocess

from conftest import REGION, until

CODE = """
import boto3, json, os
sqs = boto3.client("sqs")

def produce(event, context):
    sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=event["Records"][0]["s3"]["object"]["key"])

def consume(event, context):
    raise ValueError("no " + event["Records"][0]["body"])
"""


def pilvi(cloud, *arguments):
    command = [os.environ["PILVI_BIN"], "trace", "--port", str(cloud.port), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_trace_follows_an_object_to_the_last_function(own_cloud):
    cloud = own_cloud
    queue = cloud.client("sqs").create_queue(QueueName="traced")["QueueUrl"]
    role = cloud.role("traced", {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"})
    settings = {"Timeout": 20, "Environment": {"Variables": {"QUEUE": queue}}}
    producer = cloud.function("producer", {"index.py": CODE}, role, Handler="index.produce", **settings)
    cloud.function("consumer", {"index.py": CODE}, role, Handler="index.consume", **settings)
    functions, s3 = cloud.client("lambda"), cloud.client("s3")
    functions.create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{REGION}:000000000000:traced", FunctionName="consumer"
    )
    functions.add_permission(
        FunctionName="producer", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    s3.create_bucket(Bucket="traced", CreateBucketConfiguration={"LocationConstraint": REGION})
    configuration = {"LambdaFunctionArn": producer["FunctionArn"], "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="traced", NotificationConfiguration={"LambdaFunctionConfigurations": [configuration]}
    )
    s3.put_object(Bucket="traced", Key="photo", Body=b"x")

    def spans():
        return [json.loads(line) for line in pilvi(cloud, "--json").splitlines()]

    def named(name, target):
        return [span for span in spans() if span["name"] == name and span["target"].endswith(target)]

    last = until(lambda: named("function", "consumer"))[0]
    assert last["problem"] == "ValueError: no photo"

    # From the last to the first, each the child of the one before.
    by_id = {span["id"]: span for span in spans()}
    path = [last]
    while path[-1]["parent"] in by_id:
        path.append(by_id[path[-1]["parent"]])
    # The SDK begins a segment of its own neither here nor there: what it sends is the function's.
    assert [span["name"] for span in path] == [
        "function",
        "sqs SendMessage",
        "function",
        "deliver lambda.invocation",
        "deliver s3.amazonaws.com",
        "s3 PutObject",
    ]
    assert {span["trace"] for span in path} == {last["trace"]}

    # The tree, the list and the filter say the same.
    tree = pilvi(cloud, last["trace"])
    assert tree.splitlines()[0].split("  ")[1] == "s3 PutObject traced/photo"
    assert "✗ ValueError: no photo" in tree
    listed = pilvi(cloud, "--filter", "no photo")
    assert last["trace"] in listed and "failed" in listed

    done = subprocess.run(
        [os.environ["PILVI_BIN"], "trace", "--port", str(cloud.port), "1-none"], capture_output=True, text=True
    )
    assert done.returncode == 1 and "there is no trace 1-none" in done.stderr
