"""Functions through boto3: what they get, what they give, how they fail."""

import base64
import json

import pytest
from botocore.exceptions import ClientError
from conftest import package, until


def invoke(cloud, name, payload=None, **more):
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload), **more)
    return answer, json.loads(answer["Payload"].read() or b"null")


NODE = """
exports.handler = async (event, context) => {
  console.log('got', event.word);
  return { word: event.word, name: context.functionName, left: context.getRemainingTimeInMillis() > 0 };
};
"""
PYTHON = """
import os
def handler(event, context):
    print("got", event["word"])
    return {"word": event["word"], "name": context.function_name, "role": "AWS_SESSION_TOKEN" in os.environ}
"""
BASH = """#!/bin/bash
while true; do
  headers=$(mktemp)
  event=$(curl -s -D "$headers" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  id=$(grep -i '^lambda-runtime-aws-request-id' "$headers" | tr -d '[:space:]' | cut -d: -f2)
  curl -s -X POST "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" -d "{\\"got\\": $event}" > /dev/null
done
"""


def test_node(cloud, name):
    cloud.function(name, {"index.js": NODE}, cloud.role(name), "nodejs20.x")
    answer, result = invoke(cloud, name, {"word": "hei"}, LogType="Tail")
    assert result == {"word": "hei", "name": name, "left": True}
    assert "FunctionError" not in answer and answer["ExecutedVersion"] == "$LATEST"
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert lines[0].startswith("START RequestId: ") and lines[0].endswith(" Version: $LATEST")
    assert lines[1].split("\t")[2:] == ["INFO", "got hei"]
    assert lines[2].startswith("END RequestId: ")
    assert "Billed Duration: " in lines[3] and "Max Memory Used: " in lines[3] and "Init Duration: " in lines[3]


def test_python_and_its_log_group(cloud, name):
    cloud.function(name, {"index.py": PYTHON}, cloud.role(name))
    _, result = invoke(cloud, name, {"word": "moi"})
    assert result == {"word": "moi", "name": name, "role": True}
    logs = cloud.client("logs")

    def messages():
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="moi")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events]

    assert until(messages) == ["got moi\n"]


def test_any_executable_that_speaks_the_runtime_api(cloud, name):
    cloud.function(name, {"bootstrap": (0o755, BASH)}, cloud.role(name), "provided.al2023")
    _, result = invoke(cloud, name, {"a": 1})
    assert result == {"got": {"a": 1}}


def test_errors_are_told_as_on_aws(cloud, name):
    code = "def handler(event, context):\n    raise ValueError('no')\n"
    cloud.function(name, {"index.py": code}, cloud.role(name))
    answer, error = invoke(cloud, name)
    assert answer["FunctionError"] == "Unhandled" and answer["StatusCode"] == 200
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no")
    assert "raise ValueError" in error["stackTrace"][0]
    cloud.client("lambda").update_function_configuration(FunctionName=name, Handler="missing.handler")
    _, error = invoke(cloud, name)
    assert error["errorType"] == "Runtime.ImportModuleError"


def test_timeout(cloud, name):
    code = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
    cloud.function(name, {"index.py": code}, cloud.role(name), Timeout=1)
    answer, error = invoke(cloud, name)
    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in error["errorMessage"]


def test_new_code_and_configuration_count_at_once(cloud, name):
    functions = cloud.client("lambda")
    code = "import os\ndef handler(event, context):\n    return [%d, os.environ.get('WORD')]\n"
    cloud.function(name, {"index.py": code % 1}, cloud.role(name))
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    assert invoke(cloud, name)[1] == [1, None]
    functions.update_function_code(FunctionName=name, ZipFile=package({"index.py": code % 2}))
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert invoke(cloud, name)[1] == [2, None]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"WORD": "b"}})
    assert invoke(cloud, name)[1] == [2, "b"]
    assert functions.publish_version(FunctionName=name)["Version"] == "1"
    functions.update_function_code(FunctionName=name, ZipFile=package({"index.py": code % 3}))
    assert invoke(cloud, name, Qualifier="1")[1] == [2, "b"]
    assert invoke(cloud, name)[1] == [3, "b"]


def test_layers_lie_under_opt(cloud, name):
    functions = cloud.client("lambda")
    layer = functions.publish_layer_version(
        LayerName=name, Content={"ZipFile": package({"python/shared.py": "WORD = 'layer'"})}
    )
    code = "import shared\ndef handler(event, context):\n    return shared.WORD\n"
    cloud.function(name, {"index.py": code}, cloud.role(name), Layers=[layer["LayerVersionArn"]])
    assert invoke(cloud, name)[1] == "layer"


def test_asynchronous_and_dry_run(cloud, name):
    queue = cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    code = "def handler(event, context):\n    return event\n"
    send = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:eu-west-1:000000000000:{name}"}
    cloud.function(name, {"index.py": code}, cloud.role(name, send))
    functions = cloud.client("lambda")
    destination = {"OnSuccess": {"Destination": f"arn:aws:sqs:eu-west-1:000000000000:{name}"}}
    functions.put_function_event_invoke_config(FunctionName=name, DestinationConfig=destination)
    assert invoke(cloud, name, {}, InvocationType="DryRun")[0]["StatusCode"] == 204
    assert invoke(cloud, name, {"n": 7}, InvocationType="Event")[0]["StatusCode"] == 202
    answer = cloud.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=20)
    record = json.loads(answer["Messages"][0]["Body"])
    assert record["requestContext"]["condition"] == "Success" and record["responsePayload"] == {"n": 7}


def test_refusals(cloud, name):
    functions = cloud.client("lambda")
    with pytest.raises(ClientError) as refused:
        functions.get_function(FunctionName="nowhere")
    error = refused.value.response["Error"]
    assert error["Code"] == "ResourceNotFoundException"
    assert error["Message"] == "Function not found: arn:aws:lambda:eu-west-1:000000000000:function:nowhere"
    role = cloud.role(name)
    with pytest.raises(ClientError) as refused:
        functions.create_function(FunctionName=name, Runtime="python3.11", Handler="a.b", Role=role, Code={"ZipFile": b"no zip"})
    error = refused.value.response["Error"]
    assert error["Message"] == "Could not unzip uploaded file. Please check your file, then try to upload again."
    cloud.function(name, {"index.py": PYTHON}, role)
    with pytest.raises(ClientError) as refused:
        cloud.function(name, {"index.py": PYTHON}, role)
    assert refused.value.response["Error"]["Message"] == f"Function already exist: {name}"
