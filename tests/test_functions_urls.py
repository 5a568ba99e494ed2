"""Functions behind addresses of their own."""

import base64
import json
import time
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from conftest import REGION, package

ECHO = "def handler(event, context):\n    return event\n"


def call(cloud, url, path="", method=None, body=None, headers=None, signer=None):
    """Sends a request to a function's address, over the port's own host where there is no resolver for the address's."""
    host = url.split("/")[2]
    headers = dict(headers or {})
    if signer:
        request = AWSRequest(method=method or "GET", url=url + path, data=body, headers=headers)
        SigV4Auth(signer, "lambda", REGION).add_auth(request)
        headers = dict(request.headers)
    request = urllib.request.Request(f"{cloud.url}/{path}", method=method, data=body, headers={**headers, "Host": host})
    if body is not None and not any(name.lower() == "content-type" for name in headers):
        request.add_unredirected_header("Content-Type", "")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def address(cloud, name, code=ECHO, auth="NONE", runtime="python3.11", files=None, **more):
    """A function with an address that everybody may call."""
    lambdas = cloud.client("lambda")
    cloud.function(name, files or {"index.py": code}, cloud.role(name), runtime)
    lambdas.get_waiter("function_active_v2").wait(FunctionName=name)
    url = lambdas.create_function_url_config(FunctionName=name, AuthType=auth, **more)["FunctionUrl"]
    if auth == "NONE":
        lambdas.add_permission(
            FunctionName=name,
            StatementId="url",
            Action="lambda:InvokeFunctionUrl",
            Principal="*",
            FunctionUrlAuthType="NONE",
        )
    return url


def test_what_a_function_gets(cloud, name):
    url = address(cloud, name)
    sent = {"Content-Type": "application/json", "Cookie": "a=1; b=2", "X-Mine": "yes"}
    status, headers, body = call(cloud, url, "some/p%20th?a=1&a=2&b=x+y", "POST", b'{"k": 1}', sent)
    event = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/some/p%20th")
    assert (event["rawQueryString"], event["queryStringParameters"]) == ("a=1&a=2&b=x+y", {"a": "1,2", "b": "x y"})
    assert event["cookies"] == ["a=1", "b=2"] and "cookie" not in event["headers"]
    assert event["headers"]["x-mine"] == "yes" and event["headers"]["x-forwarded-proto"] == "http"
    assert (event["body"], event["isBase64Encoded"]) == ('{"k": 1}', False)
    context = event["requestContext"]
    assert context["accountId"] == "anonymous" and context["stage"] == "$default"
    assert (context["http"]["method"], context["http"]["path"]) == ("POST", "/some/p th")
    assert context["apiId"] == context["domainPrefix"] == url.split("/")[2].split(".")[0]
    assert context["requestId"] == headers["x-amzn-requestid"]
    _, _, body = call(cloud, url, "", "POST", b"\x00\xff", {"Content-Type": "application/octet-stream"})
    event = json.loads(body)
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\x00\xff", True)


def test_what_its_answer_means(cloud, name):
    code = """
def handler(event, context):
    kind = event["rawPath"]
    if kind == "/text": return "hei"
    if kind == "/none": return None
    if kind == "/fails": raise ValueError(kind)
    return {"statusCode": 201, "headers": {"Content-Type": "text/plain", "X-A": "b"}, "cookies": ["a=1", "b=2"],
            "body": "aGVp", "isBase64Encoded": True}
"""
    url = address(cloud, name, code)
    status, headers, body = call(cloud, url)
    assert (status, headers["content-type"], headers["x-a"], body) == (201, "text/plain", "b", b"hei")
    assert headers.get_all("set-cookie") == ["a=1", "b=2"]
    status, headers, body = call(cloud, url, "text")
    assert (status, headers["content-type"], body) == (200, "application/json", b"hei")
    assert call(cloud, url, "none")[::2] == (200, b"null")
    assert call(cloud, url, "fails")[::2] == (502, b"Internal Server Error")


def test_who_may_call(cloud, name):
    lambdas = cloud.client("lambda")
    url = address(cloud, name)
    assert call(cloud, url)[0] == 200
    lambdas.remove_permission(FunctionName=name, StatementId="url")
    status, headers, body = call(cloud, url)
    assert (status, headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert json.loads(body)["Message"].startswith("Forbidden. For troubleshooting Function URL authorization issues")
    lambdas.delete_function_url_config(FunctionName=name)
    assert call(cloud, url)[::2] == (403, b'{"Message":null}')


def test_signed_calls(cloud, name):
    url = address(cloud, name, auth="AWS_IAM")
    assert call(cloud, url)[0] == 403
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    session = boto3.Session(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    signer = session.get_credentials()
    assert call(cloud, url, signer=signer)[0] == 403
    function = cloud.client("lambda").get_function_configuration(FunctionName=name)["FunctionArn"]
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunctionUrl", "Resource": function}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=policy)
    status, _, body = call(cloud, url, signer=signer)
    assert status == 200, body
    caller = json.loads(body)["requestContext"]["authorizer"]["iam"]
    assert caller["userArn"] == f"arn:aws:iam::000000000000:user/{name}"
    assert caller["accessKey"] == key["AccessKeyId"]
    wrong = boto3.Session(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key="wrong").get_credentials()
    assert call(cloud, url, signer=wrong)[0] == 403


def test_sites_that_may_read(cloud, name):
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["POST"], "AllowHeaders": ["x-a"], "MaxAge": 60}
    url = address(cloud, name, Cors=cors)
    assert cloud.client("lambda").get_function_url_config(FunctionName=name)["Cors"] == cors
    asks = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    status, headers, body = call(cloud, url, method="OPTIONS", headers=asks)
    assert (status, body) == (200, b"")
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert headers["access-control-allow-methods"] == "POST" and headers["access-control-max-age"] == "60"
    _, headers, _ = call(cloud, url, headers={"Origin": "https://b.example"})
    assert "access-control-allow-origin" not in headers


def test_an_alias_has_its_own_address(cloud, name):
    lambdas = cloud.client("lambda")
    address(cloud, name)
    lambdas.publish_version(FunctionName=name)
    lambdas.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    made = lambdas.create_function_url_config(FunctionName=name, Qualifier="live", AuthType="NONE")
    assert made["FunctionArn"].endswith(":live")
    assert call(cloud, made["FunctionUrl"])[0] == 403
    lambdas.add_permission(
        FunctionName=name,
        Qualifier="live",
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    assert call(cloud, made["FunctionUrl"])[0] == 200
    listed = lambdas.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]
    assert len(listed) == 2
    with pytest.raises(lambdas.exceptions.ResourceConflictException):
        lambdas.create_function_url_config(FunctionName=name, Qualifier="live", AuthType="NONE")
    updated = lambdas.update_function_url_config(FunctionName=name, Qualifier="live", AuthType="AWS_IAM")
    assert updated["AuthType"] == "AWS_IAM"
    assert call(cloud, made["FunctionUrl"])[0] == 403


def test_a_streamed_answer_may_begin_with_its_head(cloud, name):
    code = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 202, headers: { 'x-a': 'b' } });
  out.write('hei');
  out.end();
});
"""
    url = address(cloud, name, runtime="nodejs20.x", files={"index.js": code}, InvokeMode="RESPONSE_STREAM")
    status, headers, body = call(cloud, url)
    assert (status, headers["x-a"], body) == (202, "b", b"hei")


def test_pieces_come_as_they_are_written(cloud, name):
    code = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('first');
  await new Promise((done) => setTimeout(done, 2000));
  stream.write('second');
  stream.end();
});
"""
    url = address(cloud, name, runtime="nodejs20.x", files={"index.js": code}, InvokeMode="RESPONSE_STREAM")
    request = urllib.request.Request(f"{cloud.url}/", headers={"Host": url.split("/")[2]})
    with urllib.request.urlopen(request) as answer:
        began = time.monotonic()
        assert answer.read1(5) == b"first"
        assert time.monotonic() - began < 1
        assert answer.read() == b"second"
        assert time.monotonic() - began > 1
    # A function that does not stream answers all the same, with its bytes as they are.
    cloud.client("lambda").update_function_code(
        FunctionName=name, ZipFile=package({"index.js": "exports.handler = async () => ({ a: 1 })"})
    )
    status, headers, body = call(cloud, url)
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/octet-stream", {"a": 1})
