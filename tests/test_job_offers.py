"""The job offers example, deployed by Terraform as its README says."""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest
from conftest import ROOT, until

EXAMPLE = ROOT / "examples" / "job-offers"


@pytest.fixture
def terraform(own_cloud, tmp_path):
    program = os.environ.get("PILVI_TERRAFORM")
    if not program:
        pytest.skip("terraform is not installed")
    folder = tmp_path / "terraform"
    shutil.copytree(EXAMPLE / "terraform", folder)
    subprocess.run([str(EXAMPLE / "package.sh"), str(tmp_path / "target")], check=True)
    settings = tmp_path / "terraform.rc"
    settings.write_text(
        'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' % os.environ["TF_PLUGIN_DIR"]
    )

    def run(*arguments, codes=(0,)):
        environment = dict(own_cloud.environment(), TF_CLI_CONFIG_FILE=str(settings))
        command = [program, f"-chdir={folder}", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode in codes, f"{arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run("init", "-no-color")
    return run


def get(url, method="GET", body=None):
    request = urllib.request.Request(url, method=method, data=body)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_the_whole_application(own_cloud, terraform):
    cloud = own_cloud
    terraform("apply", "-auto-approve", "-no-color")
    terraform("plan", "-detailed-exitcode", "-no-color")

    # A CSV becomes messages, messages become items.
    output = json.loads(terraform("output", "-json"))
    cloud.client("s3").upload_file(str(EXAMPLE / "jobs.csv"), output["bucket"]["value"], "job_offers/jobs.csv")
    tables = cloud.client("dynamodb")
    until(lambda: tables.scan(TableName="job-table", Select="COUNT")["Count"] == 300, seconds=120)

    # The API serves them.
    api = output["local_url"]["value"].split("//")[1].split(".")[0]
    base = f"{cloud.url}/_aws/execute-api/{api}/dev/v1/jobs"
    status, jobs = get(base)
    assert status == 200 and len(jobs) == 300
    assert get(f"{base}/job-0001?city=Tampere")[1]["title"] == "Data engineer"
    assert get(base, "POST", b'{"id": "new", "city": "Oulu"}')[0] == 201
    assert get(f"{base}/new?city=Oulu", "DELETE")[0] == 200
    assert get(f"{base}/new?city=Oulu") == (404, {"message": "There is no such job offer."})
    assert get(f"{cloud.url}/_aws/execute-api/{api}/other/v1/jobs") == (404, {"message": "Not Found"})

    # Its access log has a line for each request.
    logs = cloud.client("logs")
    lines = until(lambda: logs.filter_log_events(logGroupName="/aws/api_gw/job_api_gw", filterPattern="DELETE")["events"])
    assert json.loads(lines[0]["message"])["routeKey"] == "ANY /{proxy+}"

    # Without the permission the API answers 500, as on AWS.
    functions = cloud.client("lambda")
    functions.remove_permission(FunctionName="job_api_lambda", StatementId="AllowExecutionFromAPIGateway")
    assert get(base) == (500, {"message": "Internal Server Error"})
    terraform("apply", "-auto-approve", "-no-color")
    assert get(base)[0] == 200

    # A change is planned, made, and then there is none.
    terraform("apply", "-auto-approve", "-no-color", "-var", "memory_size=256")
    assert functions.get_function(FunctionName="s3_to_sqs_lambda")["Configuration"]["MemorySize"] == 256
    terraform("plan", "-detailed-exitcode", "-no-color", "-var", "memory_size=256")

    # What is forgotten is imported again.
    for address, identity in [
        ("aws_sqs_queue.job_offers_queue_deadletter", f"{cloud.url}/000000000000/job-offers-queue-deadletter"),
        ("aws_iam_role.job_api_lambda_role", "job_api_lambda_role"),
        ("aws_dynamodb_table.job-table", "job-table"),
        ("aws_cloudwatch_log_group.api_gw", "/aws/api_gw/job_api_gw"),
    ]:
        terraform("state", "rm", address)
        terraform("import", "-no-color", "-var", "memory_size=256", address, identity)
    terraform("plan", "-detailed-exitcode", "-no-color", "-var", "memory_size=256")

    terraform("destroy", "-auto-approve", "-no-color")
    assert functions.list_functions()["Functions"] == []
    assert cloud.client("iam").list_roles()["Roles"] == []
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    assert tables.list_tables()["TableNames"] == [] and "QueueUrls" not in cloud.client("sqs").list_queues()
    assert functions.list_event_source_mappings()["EventSourceMappings"] == []
    assert cloud.client("apigatewayv2").get_apis()["Items"] == []
