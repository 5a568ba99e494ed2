"""Versions, aliases and what hangs on them: routing, capacity, permissions, layers' permissions, code signing."""

import base64
import hashlib
import json

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, package, until

ACCOUNT = "000000000000"
CODE = "def handler(event, context):\n    return [context.invoked_function_arn, context.function_version, 'one']\n"


def arn(name, qualifier=None):
    whole = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    return f"{whole}:{qualifier}" if qualifier else whole


def refused(code, text=None):
    """Expects AWS's refusal with this code and text."""

    class Refused:
        def __enter__(self):
            self.context = pytest.raises(ClientError)
            self.caught = self.context.__enter__()

        def __exit__(self, *problem):
            done = self.context.__exit__(*problem)
            error = self.caught.value.response["Error"]
            assert error["Code"] == code, error
            assert text is None or error["Message"] == text, error
            return done

    return Refused()


@pytest.fixture
def lambdas(cloud):
    return cloud.client("lambda")


@pytest.fixture
def function(cloud, name):
    cloud.function(name, {"index.py": CODE}, cloud.role(name))
    cloud.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def invoke(lambdas, name, **more):
    answer = lambdas.invoke(FunctionName=name, **more)
    return answer["ExecutedVersion"], json.loads(answer["Payload"].read())


def two_versions(lambdas, name):
    lambdas.publish_version(FunctionName=name)
    lambdas.update_function_code(FunctionName=name, ZipFile=package({"index.py": CODE.replace("one", "two")}))
    lambdas.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert lambdas.publish_version(FunctionName=name)["Version"] == "2"


def test_a_version_stays_as_it_was(lambdas, function):
    first = lambdas.publish_version(FunctionName=function, Description="first")
    assert (first["Version"], first["Description"], first["FunctionArn"]) == ("1", "first", arn(function, "1"))
    # Nothing changed: the same version again.
    assert lambdas.publish_version(FunctionName=function)["Version"] == "1"
    two = package({"index.py": CODE.replace("one", "two")})
    lambdas.update_function_code(FunctionName=function, ZipFile=two)
    lambdas.get_waiter("function_updated_v2").wait(FunctionName=function)
    assert invoke(lambdas, function)[1][2] == "two"
    assert invoke(lambdas, function, Qualifier="1") == ("1", [arn(function, "1"), "1", "one"])
    sha = base64.b64encode(hashlib.sha256(two).digest()).decode()
    with refused("InvalidParameterValueException"):
        lambdas.publish_version(FunctionName=function, CodeSha256="A" * 43 + "=")
    assert lambdas.publish_version(FunctionName=function, CodeSha256=sha)["Version"] == "2"
    versions = lambdas.list_versions_by_function(FunctionName=function)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]
    lambdas.delete_function(FunctionName=function, Qualifier="1")
    with refused("ResourceNotFoundException", f"Function not found: {arn(function, '1')}"):
        lambdas.get_function(FunctionName=function, Qualifier="1")


def test_states_and_revisions(cloud, lambdas, name):
    created = cloud.function(name, {"index.py": CODE}, cloud.role(name))
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    lambdas.get_waiter("function_active_v2").wait(FunctionName=name)
    active = lambdas.get_function_configuration(FunctionName=name)
    assert (active["State"], active["LastUpdateStatus"]) == ("Active", "Successful")
    assert active["RevisionId"] != created["RevisionId"]
    updated = lambdas.update_function_configuration(FunctionName=name, Timeout=9, RevisionId=active["RevisionId"])
    assert updated["LastUpdateStatus"] == "InProgress"
    lambdas.get_waiter("function_updated_v2").wait(FunctionName=name)
    with refused("PreconditionFailedException"):
        lambdas.update_function_configuration(FunctionName=name, Timeout=8, RevisionId=active["RevisionId"])


def test_aliases(lambdas, function):
    two_versions(lambdas, function)
    with refused("ResourceNotFoundException", f"Function not found: {arn(function, '9')}"):
        lambdas.create_alias(FunctionName=function, Name="live", FunctionVersion="9")
    made = lambdas.create_alias(FunctionName=function, Name="live", FunctionVersion="1", Description="said")
    assert (made["AliasArn"], made["FunctionVersion"], made["Description"]) == (arn(function, "live"), "1", "said")
    with refused("ResourceConflictException", f"Alias already exists: {arn(function, 'live')}"):
        lambdas.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    assert invoke(lambdas, function, Qualifier="live") == ("1", [arn(function, "live"), "1", "one"])
    with refused("PreconditionFailedException"):
        lambdas.update_alias(FunctionName=function, Name="live", FunctionVersion="2", RevisionId=function)
    moved = lambdas.update_alias(
        FunctionName=function, Name="live", FunctionVersion="2", RevisionId=made["RevisionId"]
    )
    assert moved["FunctionVersion"] == "2" and moved["Description"] == "said"
    assert invoke(lambdas, arn(function, "live"))[0] == "2"
    with refused("ResourceConflictException"):
        lambdas.delete_function(FunctionName=function, Qualifier="2")
    shown = lambdas.get_function(FunctionName=function, Qualifier="live")["Configuration"]
    assert (shown["FunctionArn"], shown["Version"]) == (arn(function, "live"), "2")
    lambdas.create_alias(FunctionName=function, Name="next", FunctionVersion="$LATEST")
    names = [alias["Name"] for alias in lambdas.list_aliases(FunctionName=function)["Aliases"]]
    assert names == ["live", "next"]
    of_two = lambdas.list_aliases(FunctionName=function, FunctionVersion="2")["Aliases"]
    assert [alias["Name"] for alias in of_two] == ["live"]
    lambdas.delete_alias(FunctionName=function, Name="live")
    lambdas.delete_alias(FunctionName=function, Name="live")
    with refused("ResourceNotFoundException", f"Cannot find alias arn: {arn(function, 'live')}"):
        lambdas.get_alias(FunctionName=function, Name="live")


def test_an_alias_divides_calls_by_weight(lambdas, function):
    two_versions(lambdas, function)
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    lambdas.create_alias(FunctionName=function, Name="live", FunctionVersion="1", RoutingConfig=weights)
    assert lambdas.get_alias(FunctionName=function, Name="live")["RoutingConfig"] == weights
    answers = [invoke(lambdas, function, Qualifier="live") for _ in range(60)]
    assert {version for version, _ in answers} == {"1", "2"}
    assert all(version == answer[1] for version, answer in answers)
    lambdas.update_alias(FunctionName=function, Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    assert {invoke(lambdas, function, Qualifier="live")[0] for _ in range(10)} == {"1"}


def test_provisioned_concurrency(lambdas, function):
    with refused("InvalidParameterValueException"):
        lambdas.put_provisioned_concurrency_config(
            FunctionName=function, Qualifier="$LATEST", ProvisionedConcurrentExecutions=1
        )
    lambdas.publish_version(FunctionName=function)
    with refused("ProvisionedConcurrencyConfigNotFoundException"):
        lambdas.get_provisioned_concurrency_config(FunctionName=function, Qualifier="1")
    put = lambdas.put_provisioned_concurrency_config(
        FunctionName=function, Qualifier="1", ProvisionedConcurrentExecutions=2
    )
    assert put["Status"] == "IN_PROGRESS" and put["RequestedProvisionedConcurrentExecutions"] == 2

    def ready():
        config = lambdas.get_provisioned_concurrency_config(FunctionName=function, Qualifier="1")
        return config["Status"] == "READY" and config

    assert until(ready)["AllocatedProvisionedConcurrentExecutions"] == 2
    listed = lambdas.list_provisioned_concurrency_configs(FunctionName=function)["ProvisionedConcurrencyConfigs"]
    assert [config["FunctionArn"] for config in listed] == [arn(function, "1")]
    with refused(
        "InvalidParameterValueException",
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].",
    ):
        lambdas.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    # All that is reserved is provisioned: nothing is left for the unpublished version.
    lambdas.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=2)
    assert invoke(lambdas, function, Qualifier="1")[0] == "1"
    with refused("TooManyRequestsException"):
        lambdas.invoke(FunctionName=function)
    lambdas.delete_provisioned_concurrency_config(FunctionName=function, Qualifier="1")
    assert invoke(lambdas, function)[0] == "$LATEST"


def test_permissions_of_aliases_are_their_own(lambdas, function):
    lambdas.publish_version(FunctionName=function)
    lambdas.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    grant = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    added = lambdas.add_permission(FunctionName=function, Qualifier="live", SourceAccount=ACCOUNT, **grant)
    statement = json.loads(added["Statement"])
    assert statement["Resource"] == arn(function, "live")
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceAccount": ACCOUNT}}
    with refused("ResourceNotFoundException"):
        lambdas.get_policy(FunctionName=function)
    got = lambdas.get_policy(FunctionName=function, Qualifier="live")
    assert got["RevisionId"] == lambdas.get_alias(FunctionName=function, Name="live")["RevisionId"]
    with refused(
        "ResourceConflictException",
        "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing statement.",
    ):
        lambdas.add_permission(FunctionName=function, Qualifier="live", **grant)
    lambdas.remove_permission(FunctionName=function, Qualifier="live", StatementId="s3")
    with refused("ResourceNotFoundException"):
        lambdas.get_policy(FunctionName=function, Qualifier="live")


def test_settings_of_queued_invocations_by_version(lambdas, function):
    lambdas.publish_version(FunctionName=function)
    for qualifier, retries in [("$LATEST", 0), ("1", 1)]:
        lambdas.put_function_event_invoke_config(
            FunctionName=function, Qualifier=qualifier, MaximumRetryAttempts=retries
        )
    listed = lambdas.list_function_event_invoke_configs(FunctionName=function)["FunctionEventInvokeConfigs"]
    told = {config["FunctionArn"]: config["MaximumRetryAttempts"] for config in listed}
    assert told == {arn(function, "$LATEST"): 0, arn(function, "1"): 1}


def test_layers_and_who_may_use_them(lambdas, name):
    layer = lambdas.publish_layer_version(
        LayerName=name, Content={"ZipFile": package({"python/a.py": ""})}, CompatibleRuntimes=["python3.11"]
    )
    assert layer["LayerVersionArn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{name}:1"
    grant = {"LayerName": name, "VersionNumber": 1, "StatementId": "all"}
    added = lambdas.add_layer_version_permission(Action="lambda:GetLayerVersion", Principal="*", **grant)
    assert json.loads(added["Statement"])["Resource"] == layer["LayerVersionArn"]
    with refused("ResourceConflictException"):
        lambdas.add_layer_version_permission(Action="lambda:GetLayerVersion", Principal="*", **grant)
    policy = json.loads(lambdas.get_layer_version_policy(LayerName=name, VersionNumber=1)["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["all"]
    lambdas.remove_layer_version_permission(**grant)
    with refused("ResourceNotFoundException", "No policy is associated with the given resource."):
        lambdas.get_layer_version_policy(LayerName=name, VersionNumber=1)


def test_code_signing(lambdas, function):
    profile = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/test"
    made = lambdas.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [profile]},
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Warn"},
    )["CodeSigningConfig"]
    where = made["CodeSigningConfigArn"]
    assert made["CodeSigningConfigId"] == where.rsplit(":", 1)[1]
    lambdas.put_function_code_signing_config(CodeSigningConfigArn=where, FunctionName=function)
    assert lambdas.get_function_code_signing_config(FunctionName=function)["CodeSigningConfigArn"] == where
    used = lambdas.list_functions_by_code_signing_config(CodeSigningConfigArn=where)["FunctionArns"]
    assert used == [arn(function)]
    with refused("ResourceConflictException"):
        lambdas.delete_code_signing_config(CodeSigningConfigArn=where)
    lambdas.delete_function_code_signing_config(FunctionName=function)
    assert "CodeSigningConfigArn" not in lambdas.get_function_code_signing_config(FunctionName=function)
    lambdas.delete_code_signing_config(CodeSigningConfigArn=where)
    with refused("ResourceNotFoundException"):
        lambdas.get_code_signing_config(CodeSigningConfigArn=where)


def test_smaller_settings(lambdas, function):
    assert lambdas.get_function_recursion_config(FunctionName=function)["RecursiveLoop"] == "Terminate"
    lambdas.put_function_recursion_config(FunctionName=function, RecursiveLoop="Allow")
    assert lambdas.get_function_recursion_config(FunctionName=function)["RecursiveLoop"] == "Allow"
    assert lambdas.get_runtime_management_config(FunctionName=function)["UpdateRuntimeOn"] == "Auto"
    lambdas.put_runtime_management_config(FunctionName=function, UpdateRuntimeOn="FunctionUpdate")
    assert lambdas.get_runtime_management_config(FunctionName=function)["UpdateRuntimeOn"] == "FunctionUpdate"
    lambdas.tag_resource(Resource=arn(function), Tags={"a": "1", "b": "2"})
    lambdas.untag_resource(Resource=arn(function), TagKeys=["a"])
    assert lambdas.list_tags(Resource=arn(function))["Tags"] == {"b": "2"}
    assert lambdas.invoke_async(FunctionName=function, InvokeArgs=b"{}")["Status"] == 202


def test_answers_as_a_stream(lambdas, function):
    answer = lambdas.invoke_with_response_stream(FunctionName=function, LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    events = list(answer["EventStream"])
    payload = b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event)
    assert json.loads(payload)[2] == "one"
    assert "START RequestId" in base64.b64decode(events[-1]["InvokeComplete"]["LogResult"]).decode()
    lambdas.update_function_code(FunctionName=function, ZipFile=package({"index.py": "def handler(e, c): 1 / 0\n"}))
    events = list(lambdas.invoke_with_response_stream(FunctionName=function)["EventStream"])
    assert events[-1]["InvokeComplete"]["ErrorCode"] == "Unhandled"
    assert "ZeroDivisionError" in events[-1]["InvokeComplete"]["ErrorDetails"]


def test_what_create_function_refuses(cloud, lambdas, name):
    role = cloud.role(name)
    code = {"ZipFile": package({"index.py": CODE})}
    base = {"FunctionName": name, "Role": role, "Handler": "index.handler", "Runtime": "python3.12", "Code": code}
    with refused("InvalidParameterValueException"):
        lambdas.create_function(**{**base, "Runtime": "nodejs99.x"})
    with refused("InvalidParameterValueException"):
        lambdas.create_function(**{**base, "Code": {"ZipFile": b"no zip"}})
    with refused("ValidationException"):
        lambdas.create_function(**{**base, "Architectures": ["mips"]})
    with refused("ResourceNotFoundException", "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')"):
        lambdas.get_function(FunctionName=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}")
    lambdas.create_function(**base)
    with refused("ResourceConflictException", f"Function already exist: {name}"):
        lambdas.create_function(**base)
