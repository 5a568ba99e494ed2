"""Every kind of resource of HTTP APIs and logs through Terraform: apply, no difference, change of each, import of each, destroy."""

import http.server
import threading
import urllib.error
import urllib.request

import pytest
from conftest import ROOT, package

JUDGE = """
def handler(event, context):
    return {"isAuthorized": event.get("identitySource") == ["let-me-in"]}
"""

# How each is imported: its address, and its identity made of the outputs.
IMPORTS = {
    "aws_apigatewayv2_api.api": "{api}",
    "aws_apigatewayv2_authorizer.judge": "{api}/{authorizer}",
    "aws_apigatewayv2_integration.backend": "{api}/{integration}",
    "aws_apigatewayv2_route.tokens": "{api}/{route}",
    "aws_apigatewayv2_model.pet": "{api}/{model}",
    "aws_apigatewayv2_deployment.first": "{api}/{deployment}",
    "aws_apigatewayv2_stage.fixed": "{api}/fixed",
    "aws_apigatewayv2_domain_name.shop": "shop.example.com",
    "aws_apigatewayv2_api_mapping.shop": "{mapping}/shop.example.com",
    "aws_cloudwatch_log_group.calls": "/apis/calls",
    "aws_cloudwatch_log_metric_filter.errors": "/apis/calls:errors",
    "aws_cloudwatch_log_subscription_filter.calls": "/apis/calls|calls",
    "aws_cloudwatch_log_resource_policy.writers": "writers",
}


@pytest.fixture
def teapot():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = f"{self.path} {self.headers.get('x-turn')} {self.headers.get('x-gone')}".encode()
            self.send_response(418)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def get(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_every_kind_of_resource(own_cloud, terraform, teapot, tmp_path):
    cloud = own_cloud
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "code.zip").write_bytes(package({"index.py": JUDGE}))
    terraform = terraform(ROOT / "tests" / "terraform" / "apis", folder=tmp_path / "files", backend=teapot)
    terraform("apply")
    terraform.plans_nothing()
    ids = terraform.output()["ids"]
    base = f"{cloud.url}/_aws/execute-api/{ids['api']}"
    assert get(f"{base}/fixed/judged/a", token="let-me-in") == (201, "/a 1 soon")
    assert get(f"{base}/judged/a", token="no")[0] == 403 and get(f"{base}/tokens/a")[0] == 401
    assert get(f"{cloud.url}/v1/judged/b", Host="shop.example.com", token="let-me-in") == (201, "/b 1 soon")
    assert get(f"{cloud.url}/_aws/execute-api/{ids['imported']}/turn-1")[0] == 404  # it has no stage

    terraform("apply", turn=2)
    terraform.plans_nothing(turn=2)
    ids = terraform.output()["ids"]
    assert get(f"{base}/judged/a", token="let-me-in") == (201, "/a 2 None")
    assert get(f"{cloud.url}/v2/judged/b", Host="shop.example.com", token="let-me-in") == (201, "/b 2 None")
    client, logs = cloud.client("apigatewayv2"), cloud.client("logs")
    integration = client.get_integration(ApiId=ids["api"], IntegrationId=ids["integration"])
    assert set(integration["ResponseParameters"]) == {"418", "502"}
    stage = client.get_stage(ApiId=ids["api"], StageName="fixed")
    assert (stage["StageVariables"], stage["DefaultRouteSettings"]["ThrottlingBurstLimit"]) == ({"turn": "2"}, 200)
    assert [route["RouteKey"] for route in client.get_routes(ApiId=ids["imported"])["Items"]] == ["GET /turn-2"]
    assert logs.describe_log_groups(logGroupNamePrefix="/apis/calls")["logGroups"][0]["retentionInDays"] == 14
    assert logs.describe_metric_filters(logGroupName="/apis/calls")["metricFilters"][0]["filterPattern"] == "{ $.status = 502 }"

    terraform("state", "rm", *IMPORTS)
    blocks = [f'import {{\n  to = {to}\n  id = "{identity.format(**ids)}"\n}}\n' for to, identity in IMPORTS.items()]
    (terraform.folder / "imports.tf").write_text("".join(blocks))
    done = terraform("apply", turn=2)
    assert f"{len(IMPORTS)} imported, 0 added, 0 changed, 0 destroyed" in done, done

    terraform("destroy", turn=2)
    assert client.get_apis()["Items"] == [] and client.get_domain_names()["Items"] == []
    assert logs.describe_log_groups()["logGroups"] == [] and logs.describe_resource_policies()["resourcePolicies"] == []
