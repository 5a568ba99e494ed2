"""The aws command line over functions, identities and custom runtimes; other services' cycles are in their own files."""

import base64
import json

import pytest
from conftest import TRUST, package

GO = """#!/bin/sh
while true; do
  headers=$(mktemp)
  event=$(curl -s -D "$headers" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  id=$(grep -i '^lambda-runtime-aws-request-id' "$headers" | tr -d '[:space:]' | cut -d: -f2)
  curl -s -X POST "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" -d "{\\"VERSION\\": $event}" > /dev/null
done
"""


@pytest.fixture
def aws(cloud):
    """The answer of a command, as JSON where it prints any."""

    def run(*arguments):
        printed = cloud.aws(*arguments, "--output", "json")
        return json.loads(printed) if printed.strip() else None

    return run


def test_functions(cloud, aws, name, tmp_path):
    """The cycle of a compiled program, as `go1.x` had it: the handler is the executable's name."""
    role = cloud.role(name)
    for version in ("one", "two"):
        (tmp_path / f"{version}.zip").write_bytes(package({"examplebinary": (0o755, GO.replace("VERSION", version))}))
    made = aws(
        "lambda", "create-function", "--function-name", name, "--runtime", "go1.x", "--role", role,
        "--handler", "examplebinary", "--zip-file", f"fileb://{tmp_path}/one.zip", "--timeout", "10",
    )  # fmt: skip
    assert (made["Runtime"], made["Handler"], made["Version"]) == ("go1.x", "examplebinary", "$LATEST")
    aws("lambda", "wait", "function-active", "--function-name", name)

    def invoke(*more):
        answer = tmp_path / "answer"
        said = aws(
            "lambda", "invoke", "--function-name", name, "--payload", '{"value": "john"}', *more, str(answer)
        )  # fmt: skip
        return said, json.loads(answer.read_text())

    said, answer = invoke("--log-type", "Tail")
    assert said["StatusCode"] == 200 and answer == {"one": {"value": "john"}}
    lines = base64.b64decode(said["LogResult"]).decode().splitlines()
    assert [line.split()[0] for line in lines if line] == ["START", "END", "REPORT"]

    aws("lambda", "update-function-code", "--function-name", name, "--zip-file", f"fileb://{tmp_path}/two.zip")
    aws("lambda", "wait", "function-updated", "--function-name", name)
    assert invoke()[1] == {"two": {"value": "john"}}
    aws("lambda", "update-function-configuration", "--function-name", name, "--environment", "Variables={MODE=b}")
    aws("lambda", "wait", "function-updated", "--function-name", name)
    configuration = aws("lambda", "get-function-configuration", "--function-name", name)
    assert configuration["Environment"]["Variables"] == {"MODE": "b"}
    assert aws("lambda", "publish-version", "--function-name", name)["Version"] == "1"
    assert name in [function["FunctionName"] for function in aws("lambda", "list-functions")["Functions"]]
    events = aws("logs", "filter-log-events", "--log-group-name", f"/aws/lambda/{name}")["events"]
    assert sum(event["message"].startswith("REPORT") for event in events) == 2
    stream = events[0]["logStreamName"]
    got = aws(
        "logs", "get-log-events", "--log-group-name", f"/aws/lambda/{name}", "--log-stream-name", stream,
        "--start-from-head", "--limit", "1",
    )  # fmt: skip
    assert len(got["events"]) == 1

    aws("lambda", "delete-function", "--function-name", name)
    with pytest.raises(AssertionError, match="ResourceNotFoundException.*Function not found: arn:aws:lambda"):
        aws("lambda", "get-function", "--function-name", name)


def test_identities(cloud, aws, name):
    """A policy, a group that has it, a user in the group, a key, and what the key may do."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}]}
    policy = aws("iam", "create-policy", "--policy-name", name, "--policy-document", json.dumps(document))["Policy"]
    aws("iam", "create-group", "--group-name", name)
    aws("iam", "attach-group-policy", "--group-name", name, "--policy-arn", policy["Arn"])
    aws("iam", "create-user", "--user-name", name)
    aws("iam", "add-user-to-group", "--user-name", name, "--group-name", name)
    key = aws("iam", "create-access-key", "--user-name", name)["AccessKey"]
    assert [user["UserName"] for user in aws("iam", "get-group", "--group-name", name)["Users"]] == [name]

    own = {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    assert cloud.client("sts", **own).get_caller_identity()["Arn"].endswith(f":user/{name}")
    cloud.client("lambda", **own).list_functions()
    with pytest.raises(Exception, match="is not authorized to perform: iam:ListUsers"):
        cloud.client("iam", **own).list_users()

    role = aws("iam", "create-role", "--role-name", name, "--assume-role-policy-document", TRUST)["Role"]
    aws("iam", "put-role-policy", "--role-name", name, "--policy-name", "own", "--policy-document", json.dumps(document))
    assert aws("iam", "list-role-policies", "--role-name", name)["PolicyNames"] == ["own"]
    me = aws("sts", "get-caller-identity")
    assert me == {"UserId": "000000000000", "Account": "000000000000", "Arn": "arn:aws:iam::000000000000:root"}
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}],
    }
    aws("iam", "update-assume-role-policy", "--role-name", name, "--policy-document", json.dumps(trust))
    assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role["Arn"]}
    may = json.dumps({"Version": "2012-10-17", "Statement": [assume]})
    aws("iam", "put-user-policy", "--user-name", name, "--policy-name", "assume", "--policy-document", may)
    session = cloud.client("sts", **own).assume_role(RoleArn=role["Arn"], RoleSessionName="cli")
    assert session["AssumedRoleUser"]["Arn"].endswith(f":assumed-role/{name}/cli")

    # Everything goes in the order that AWS asks for.
    with pytest.raises(AssertionError, match="DeleteConflict"):
        aws("iam", "delete-user", "--user-name", name)
    aws("iam", "delete-access-key", "--user-name", name, "--access-key-id", key["AccessKeyId"])
    aws("iam", "delete-user-policy", "--user-name", name, "--policy-name", "assume")
    aws("iam", "remove-user-from-group", "--user-name", name, "--group-name", name)
    aws("iam", "delete-user", "--user-name", name)
    aws("iam", "detach-group-policy", "--group-name", name, "--policy-arn", policy["Arn"])
    aws("iam", "delete-group", "--group-name", name)
    aws("iam", "delete-policy", "--policy-arn", policy["Arn"])
    aws("iam", "delete-role-policy", "--role-name", name, "--policy-name", "own")
    aws("iam", "delete-role", "--role-name", name)
    with pytest.raises(AssertionError, match="NoSuchEntity"):
        aws("iam", "get-role", "--role-name", name)
