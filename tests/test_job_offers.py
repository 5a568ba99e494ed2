"""The job offers example, deployed by Terraform as its README says."""

import json
import subprocess
import urllib.error
import urllib.request

from conftest import ROOT, until

EXAMPLE = ROOT / "examples" / "job-offers"


def get(url, method="GET", body=None):
    request = urllib.request.Request(url, method=method, data=body)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_the_whole_application(own_cloud, terraform, tmp_path):
    cloud = own_cloud
    packages = tmp_path / "packages"
    subprocess.run([str(EXAMPLE / "package.sh"), str(packages)], check=True)
    terraform = terraform(EXAMPLE / "terraform", packages=packages)
    terraform("apply")
    terraform.plans_nothing()

    # A CSV becomes messages, messages become items.
    output = terraform.output()
    cloud.client("s3").upload_file(str(EXAMPLE / "jobs.csv"), output["bucket"], "job_offers/jobs.csv")
    tables = cloud.client("dynamodb")
    until(lambda: tables.scan(TableName="job-table", Select="COUNT")["Count"] == 300, seconds=120)

    # The API serves them.
    api = output["local_url"].split("//")[1].split(".")[0]
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
    terraform("apply")
    assert get(base)[0] == 200

    # A change is planned, made, and then there is none.
    terraform("apply", memory_size=256)
    assert functions.get_function(FunctionName="s3_to_sqs_lambda")["Configuration"]["MemorySize"] == 256
    terraform.plans_nothing(memory_size=256)

    # What is forgotten is imported again.
    for address, identity in [
        ("aws_sqs_queue.job_offers_queue_deadletter", f"{cloud.url}/000000000000/job-offers-queue-deadletter"),
        ("aws_iam_role.job_api_lambda_role", "job_api_lambda_role"),
        ("aws_dynamodb_table.job-table", "job-table"),
        ("aws_cloudwatch_log_group.api_gw", "/aws/api_gw/job_api_gw"),
    ]:
        terraform.forget_and_import(address, identity, memory_size=256)
    terraform.plans_nothing(memory_size=256)

    terraform("destroy", memory_size=256)
    assert functions.list_functions()["Functions"] == []
    assert cloud.client("iam").list_roles()["Roles"] == []
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    assert tables.list_tables()["TableNames"] == [] and "QueueUrls" not in cloud.client("sqs").list_queues()
    assert functions.list_event_source_mappings()["EventSourceMappings"] == []
    assert cloud.client("apigatewayv2").get_apis()["Items"] == []
