"""Every kind of resource of the pipeline through Terraform: apply, no difference, change of each, import of each, destroy."""

import json
import re

from conftest import ROOT, package, until

CODE = {
    "index.py": """
import json, os
from words import GREETING

def handler(event, context):
    if "Records" in event:
        print("got", json.dumps([record["body"] for record in event["Records"]]))
        return {"batchItemFailures": []}
    path = event.get("rawPath") or event["path"]
    return {"statusCode": 200, "body": f"{GREETING} {os.environ['TURN']} {event['version']} {path}"}
""",
}
LAYER = {"python/words.py": "GREETING = 'hello'\n"}

# How each is imported: its address, and its identity made of the outputs.
IMPORTS = {
    "aws_s3_bucket.data": "pipeline-data",
    "aws_s3_bucket_versioning.data": "pipeline-data",
    "aws_s3_bucket_notification.data": "pipeline-data",
    "aws_sqs_queue.work": "{queue}",
    "aws_iam_role.function": "pipeline-function",
    "aws_iam_role_policy.function": "pipeline-function:may",
    "aws_iam_policy.own": "{policy}",
    "aws_iam_role_policy_attachment.own": "pipeline-function/{policy}",
    "aws_s3_object.code": "pipeline-data/code with space+.zip",
    "aws_lambda_function.plain": "pipeline-plain",
    "aws_lambda_permission.bucket": "pipeline-work/bucket-2",
    "aws_lambda_event_source_mapping.work": "{mapping}",
    "aws_dynamodb_table.fixed": "pipeline-fixed",
    "aws_apigatewayv2_api.api": "{api}",
    "aws_apigatewayv2_integration.first": "{api}/{integration}",
    "aws_apigatewayv2_route.first": "{api}/{route}",
    "aws_apigatewayv2_deployment.first": "{api}/{deployment}",
    "aws_apigatewayv2_stage.fixed": "{api}/fixed",
    "aws_cloudwatch_log_group.function": "/aws/lambda/pipeline-work",
}


def test_every_kind_of_resource(own_cloud, terraform, tmp_path):
    cloud = own_cloud
    files = tmp_path / "files"
    files.mkdir()
    (files / "code.zip").write_bytes(package(CODE))
    (files / "layer.zip").write_bytes(package(LAYER))
    terraform = terraform(ROOT / "tests" / "terraform" / "pipeline", folder=files)
    terraform("apply")
    terraform.plans_nothing()
    ids = terraform.output()["ids"]

    # It works: the layer, both payload formats, the filter of the mapping.
    assert cloud.get(f"/_aws/execute-api/{ids['api']}/fixed/first/7") == (200, "hello 1 1.0 /fixed/first/7")
    assert cloud.get(f"/_aws/execute-api/{ids['api']}/fixed/other") == (200, "hello 1 2.0 /turn/1")
    logs = cloud.client("logs")

    def printed(text):
        events = logs.filter_log_events(logGroupName="/aws/lambda/pipeline-work", filterPattern=text)["events"]
        return [event["message"] for event in events]

    queues = cloud.client("sqs")
    for turn in (7, 1):
        queues.send_message(QueueUrl=ids["queue"], MessageBody=json.dumps({"turn": turn}))
    until(lambda: printed("got"))
    assert json.loads(printed("got")[0].split("got ")[1]) == ['{"turn": 1}']

    # A change of each kind is made in place and leaves nothing to do.
    plan = terraform("plan", "-detailed-exitcode", codes=(2,), turn=2)
    replaced = [line for line in plan.splitlines() if "must be replaced" in line]
    allowed = ("aws_lambda_permission.bucket", "aws_apigatewayv2_deployment.first")
    assert all(any(name in line for name in allowed) for line in replaced), replaced
    terraform("apply", turn=2)
    terraform.plans_nothing(turn=2)
    configuration = cloud.client("lambda").get_function_configuration(FunctionName="pipeline-work")
    assert (configuration["MemorySize"], configuration["Timeout"]) == (256, 20)
    assert configuration["Environment"]["Variables"] == {"TURN": "2"}
    # The one stage deploys what changes at once, the other stays with its deployment.
    assert cloud.get(f"/_aws/execute-api/{ids['api']}/other") == (200, "hello 2 2.0 /turn/2")
    assert cloud.get(f"/_aws/execute-api/{ids['api']}/fixed/other") == (200, "hello 2 2.0 /turn/1")

    # What is forgotten is imported, all in one plan. What only the provider's own state holds is not imported (force_destroy, where
    # code and an object's content came from), and what is made of the bucket waits for it.
    terraform("state", "rm", *IMPORTS)
    blocks = [f'import {{\n  to = {address}\n  id = "{identity.format(**ids)}"\n}}\n' for address, identity in IMPORTS.items()]
    (terraform.folder / "imports.tf").write_text("\n".join(blocks))
    plan = terraform("plan", "-detailed-exitcode", codes=(2,), turn=2)
    assert f"Plan: {len(IMPORTS)} to import, 0 to add" in plan, plan
    changed = re.findall(r"# (\S+) (?:will be|must be) (?:created|updated|destroyed|replaced)", plan)
    assert set(changed) <= {
        "aws_s3_bucket.data",
        "aws_iam_role_policy.function",
        "aws_s3_object.code",
        "aws_lambda_function.plain",
        "aws_lambda_function.work",
        "aws_sqs_queue.work",
    }, plan
    terraform("apply", turn=2)
    terraform.plans_nothing(turn=2)

    terraform("destroy", turn=2)
    assert cloud.client("lambda").list_functions()["Functions"] == []
    assert cloud.client("lambda").list_layers()["Layers"] == []
    assert cloud.client("iam").list_roles()["Roles"] == []
    assert cloud.client("iam").list_policies(Scope="Local")["Policies"] == []
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    assert "QueueUrls" not in queues.list_queues()
    assert cloud.client("dynamodb").list_tables()["TableNames"] == []
    assert cloud.client("apigatewayv2").get_apis()["Items"] == []
    assert logs.describe_log_groups()["logGroups"] == []
