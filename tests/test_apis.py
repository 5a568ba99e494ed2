"""HTTP APIs: what is between a client and a function, a backend or a service."""

import base64
import http.server
import io
import json
import os
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from conftest import REGION, until

ECHO = """
def handler(event, context):
    return event
"""


class Answer:
    """What came back."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def call(url, method="GET", body=None, headers=()):
    request = urllib.request.Request(url, method=method, data=body, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


def refused(operation, **arguments):
    with pytest.raises(ClientError) as caught:
        operation(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


class Api:
    """An API with a stage that follows it."""

    def __init__(self, cloud, name, stage="$default", **more):
        self.cloud, self.client = cloud, cloud.client("apigatewayv2")
        self.id = self.client.create_api(Name=name, ProtocolType="HTTP", **more)["ApiId"]
        self.client.create_stage(ApiId=self.id, StageName=stage, AutoDeploy=True)
        self.url = f"{cloud.url}/_aws/execute-api/{self.id}"

    def integration(self, **what):
        return self.client.create_integration(ApiId=self.id, **what)["IntegrationId"]

    def function(self, arn, version="2.0", **more):
        function = arn.split(":")[6]
        self.cloud.client("lambda").add_permission(
            FunctionName=function,
            StatementId=f"api-{self.id}-{time.monotonic_ns()}",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:000000000000:{self.id}/*",
        )
        return self.integration(IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion=version, **more)

    def route(self, key, integration, **more):
        return self.client.create_route(ApiId=self.id, RouteKey=key, Target=f"integrations/{integration}", **more)["RouteId"]


@pytest.fixture
def api(cloud, name):
    return Api(cloud, name)


@pytest.fixture
def echo(cloud, name):
    return cloud.function(name, {"index.py": ECHO}, cloud.role(name))["FunctionArn"]


class Backend(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        if self.path.startswith("/slow"):
            time.sleep(3)
        length = int(self.headers.get("content-length") or 0)
        headers = {}
        for header, value in self.headers.items():
            headers.setdefault(header.lower(), []).append(value)
        seen = {"method": self.command, "path": self.path, "headers": headers, "body": self.rfile.read(length).decode()}
        body = json.dumps(seen).encode()
        self.send_response(418 if self.path.startswith("/teapot") else 200)
        self.send_header("content-type", "application/json")
        self.send_header("x-backend", "yes")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def backend():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_functions_get_the_documented_events(api, echo):
    api.route("POST /two/{id}", api.function(echo))
    api.route("ANY /one/{rest+}", api.function(echo, "1.0"))
    headers = {"Content-Type": "text/plain", "Cookie": "a=1; b=2", "X-Multi": "1", "User-Agent": "tester"}
    event = call(f"{api.url}/two/x%20y?q=1&q=2&z=%26", "POST", b"hello", headers).json()
    assert re.fullmatch(r"[\w+/]{15}=", event["requestContext"].pop("requestId"))
    assert isinstance(event["requestContext"].pop("timeEpoch"), int) and event["requestContext"].pop("time")
    assert event["headers"].pop("x-amzn-trace-id").startswith("Root=1-")
    domain = f"{api.id}.execute-api.{REGION}.amazonaws.com"
    assert event.pop("requestContext") == {
        "accountId": "000000000000",
        "apiId": api.id,
        "domainName": domain,
        "domainPrefix": api.id,
        "http": {"method": "POST", "path": "/two/x%20y", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "tester"},
        "routeKey": "POST /two/{id}",
        "stage": "$default",
    }
    assert (event["cookies"], event["pathParameters"]) == (["a=1", "b=2"], {"id": "x y"})
    assert (event["rawPath"], event["rawQueryString"]) == ("/two/x%20y", "q=1&q=2&z=%26")
    assert event["queryStringParameters"] == {"q": "1,2", "z": "&"}
    assert (event["body"], event["isBase64Encoded"], event["version"]) == ("hello", False, "2.0")
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1" and "cookie" not in event["headers"]

    # Without a status code only format 2.0 infers the answer.
    assert call(f"{api.url}/one/a").status == 500
    answer = call(f"{api.url}/two/1", "POST", b'{"a": 1}', {"Content-Type": "image/png"})
    assert answer.json()["body"] == base64.b64encode(b'{"a": 1}').decode() and answer.json()["isBase64Encoded"]
    assert answer.headers["apigw-requestid"] and answer.headers["content-type"] == "application/json"
    assert call(f"{api.url}/nowhere").json() == {"message": "Not Found"}


VERSION_1 = """
import json

def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event), "multiValueHeaders": {"x-a": ["1", "2"]}}
"""


def test_format_1_has_its_own_shape(cloud, api, name):
    arn = cloud.function(name, {"index.py": VERSION_1}, cloud.role(name))["FunctionArn"]
    api.route("ANY /one/{rest+}", api.function(arn, "1.0"))
    answer = call(f"{api.url}/one/a/b?q=1&q=2", headers={"X-Multi": "1"})
    assert answer.headers.get_all("x-a") == ["1", "2"]
    event = answer.json()
    assert (event["version"], event["resource"], event["path"]) == ("1.0", "/one/{rest+}", "/one/a/b")
    assert event["queryStringParameters"] == {"q": "2"} and event["multiValueQueryStringParameters"] == {"q": ["1", "2"]}
    assert event["pathParameters"] == {"rest": "a/b"} and event["stageVariables"] is None and event["body"] is None
    assert event["headers"]["X-Forwarded-Proto"] == "http" and event["multiValueHeaders"]["x-multi"] == ["1"]
    assert event["requestContext"]["authorizer"] == {"claims": None, "scopes": None}
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


def test_backends_get_the_request_and_mappings_change_it(cloud, api, backend, name):
    api.client.update_stage(ApiId=api.id, StageName="$default", StageVariables={"where": "v1"})
    proxy = {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY"}
    api.route("ANY /p/{proxy+}", api.integration(**proxy, IntegrationUri=backend + "/${stageVariables.where}/{proxy}"))
    seen = call(f"{api.url}/p/a/b%20c?x=1", "PUT", b"data", {"X-Own": "o", "Connection": "keep-alive"}).json()
    assert (seen["method"], seen["path"], seen["body"]) == ("PUT", "/v1/a/b%20c?x=1", "data")
    assert seen["headers"]["x-own"] == ["o"] and seen["headers"]["via"] == ["HTTP/1.1 AmazonAPIGateway"]
    assert re.fullmatch(r"for=127.0.0.1;host=localhost:\d+;proto=http", seen["headers"]["forwarded"][0])
    assert seen["headers"]["host"] == [backend.split("//")[1]] and "x-forwarded-for" not in seen["headers"]

    mapped = api.integration(
        **proxy,
        IntegrationUri=backend,
        RequestParameters={
            "overwrite:path": "/base${request.path}",
            "append:header.x-own": "more",
            "overwrite:header.who": "$context.identity.sourceIp",
            "overwrite:querystring.from": "$request.body.deep[1].name",
            "remove:querystring.x": "''",
        },
        ResponseParameters={
            "200": {"overwrite:statuscode": "201", "append:header.x-method": "$response.body.method", "remove:header.x-backend": "''"}
        },
    )
    api.route("POST /m", mapped)
    answer = call(f"{api.url}/m?x=1&y=2", "POST", b'{"deep": [0, {"name": "n m"}]}', {"X-Own": "o"})
    seen = answer.json()
    assert (answer.status, answer.headers["x-method"], answer.headers["x-backend"]) == (201, "POST", None)
    assert seen["path"] == "/base/m?y=2&from=n%20m"
    assert (seen["headers"]["x-own"], seen["headers"]["who"]) == (["o", "more"], ["127.0.0.1"])

    slow = api.integration(**proxy, IntegrationUri=f"{backend}/slow", TimeoutInMillis=50)
    api.route("GET /slow", slow)
    assert (call(f"{api.url}/slow").status, call(f"{api.url}/slow").json()) == (504, {"message": "Gateway Timeout"})
    api.route("GET /gone", api.integration(**proxy, IntegrationUri="http://127.0.0.1:9"))
    answer = call(f"{api.url}/gone")
    assert (answer.status, answer.json()) == (503, {"message": "Service Unavailable"})
    code, message = refused(
        api.client.create_integration,
        ApiId=api.id,
        **proxy,
        IntegrationUri=backend,
        RequestParameters={"overwrite:header.authorization": "x"},
    )
    assert code == "BadRequestException" and "Operations on header authorization are restricted" in message


APIS_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def test_a_route_leads_to_a_queue(cloud, api, name):
    queues, iam = cloud.client("sqs"), cloud.client("iam")
    url = queues.create_queue(QueueName=name)["QueueUrl"]
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=APIS_TRUST)["Role"]["Arn"]
    service = {"IntegrationType": "AWS_PROXY", "CredentialsArn": role, "PayloadFormatVersion": "1.0"}
    send = api.integration(
        **service,
        IntegrationSubtype="SQS-SendMessage",
        RequestParameters={"QueueUrl": url, "MessageBody": "$request.body.text", "DelaySeconds": "0"},
    )
    api.route("POST /send", send)
    answer = call(f"{api.url}/send", "POST", b'{"text": "hi"}')
    assert answer.status == 403 and b"AccessDenied" in answer.body  # the role may not yet
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:{REGION}:000000000000:{name}"}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=document)
    answer = call(f"{api.url}/send", "POST", b'{"text": "hi"}')
    assert answer.status == 200 and b"<MessageId>" in answer.body
    [message] = queues.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == "hi"
    code, _ = refused(api.client.create_integration, ApiId=api.id, **service, IntegrationSubtype="SQS-SendMessage")
    assert code == "BadRequestException"


def test_cors_is_answered_as_configured(cloud, name, echo):
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "AllowHeaders": ["x-a"], "MaxAge": 60}
    api = Api(cloud, name, CorsConfiguration=dict(cors, ExposeHeaders=["x-b"]))
    api.route("GET /", api.function(echo))
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    answer = call(api.url, "OPTIONS", headers=ask)
    granted = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    assert (answer.status, granted) == (
        204,
        {
            "access-control-allow-origin": "https://a.example",
            "access-control-allow-methods": "GET",
            "access-control-allow-headers": "x-a",
            "access-control-max-age": "60",
            "access-control-expose-headers": "x-b",
        },
    )
    for other in [dict(ask, Origin="https://b.example"), {**ask, "Access-Control-Request-Method": "PUT"}]:
        answer = call(api.url, "OPTIONS", headers=other)
        assert answer.status == 204 and "access-control-allow-origin" not in answer.headers
    answer = call(f"{api.url}/", headers={"Origin": "https://a.example"})
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    api.client.delete_cors_configuration(ApiId=api.id)
    assert "access-control-allow-origin" not in call(f"{api.url}/", headers={"Origin": "https://a.example"}).headers


AUTHORIZE = """
import json

calls = 0

def handler(event, context):
    global calls
    calls += 1
    if "policy" in str(event.get("identitySource")):
        allow = "Allow" if "good" in str(event["identitySource"]) else "Deny"
        statement = {"Action": "execute-api:Invoke", "Effect": allow, "Resource": event["methodArn"].rsplit("/", 1)[0] + "/*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        return {"principalId": "me", "policyDocument": document, "context": {"calls": calls, "type": event["type"]}}
    return {"isAuthorized": event["identitySource"][0] == "good", "context": {"calls": calls, "arn": event["routeArn"]}}
"""


def test_functions_authorize(cloud, api, name, echo):
    to = api.function(echo)
    judge = cloud.function(f"{name}-j", {"index.py": AUTHORIZE}, cloud.role(f"{name}-j"))["FunctionArn"]
    cloud.client("lambda").add_permission(
        FunctionName=f"{name}-j", StatementId="a", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{judge}/invocations"
    make = lambda name, **more: api.client.create_authorizer(
        ApiId=api.id, Name=name, AuthorizerType="REQUEST", AuthorizerUri=uri, IdentitySource=["$request.header.token"], **more
    )["AuthorizerId"]
    simple = make("simple", AuthorizerPayloadFormatVersion="2.0", EnableSimpleResponses=True, AuthorizerResultTtlInSeconds=60)
    policy = make("policy", AuthorizerPayloadFormatVersion="1.0", AuthorizerResultTtlInSeconds=0)
    api.route("GET /simple", to, AuthorizationType="CUSTOM", AuthorizerId=simple)
    api.route("GET /policy", to, AuthorizationType="CUSTOM", AuthorizerId=policy)

    answer = call(f"{api.url}/simple")
    assert (answer.status, answer.json()) == (401, {"message": "Unauthorized"})
    answer = call(f"{api.url}/simple", headers={"token": "bad"})
    assert (answer.status, answer.json()) == (403, {"message": "Forbidden"})
    told = [call(f"{api.url}/simple", headers={"token": "good"}).json()["requestContext"]["authorizer"] for _ in range(2)]
    arn = f"arn:aws:execute-api:{REGION}:000000000000:{api.id}/$default/GET/simple"
    assert told[0] == told[1] and told[0]["lambda"]["arn"] == arn  # the second was kept
    api.client.reset_authorizers_cache(ApiId=api.id, StageName="$default")
    again = call(f"{api.url}/simple", headers={"token": "good"}).json()["requestContext"]["authorizer"]
    assert again["lambda"]["calls"] > told[0]["lambda"]["calls"]

    told = [call(f"{api.url}/policy", headers={"token": "policy good"}).json() for _ in range(2)]
    first, second = (one["requestContext"]["authorizer"]["lambda"] for one in told)
    assert first["type"] == "REQUEST" and second["calls"] > first["calls"]
    assert call(f"{api.url}/policy", headers={"token": "policy bad"}).status == 403
    code, message = refused(api.client.delete_authorizer, ApiId=api.id, AuthorizerId=policy)
    assert code == "ConflictException"


def test_signed_requests_are_authorized_by_iam(cloud, api, name, echo):
    api.route("GET /iam/{id}", api.function(echo), AuthorizationType="AWS_IAM")
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    def signed(path):
        request = AWSRequest("GET", f"{api.url}{path}")
        SigV4Auth(Credentials(key["AccessKeyId"], key["SecretAccessKey"]), "execute-api", REGION).add_auth(request)
        return call(request.url, headers=dict(request.headers))

    assert call(f"{api.url}/iam/1").json() == {"message": "Forbidden"}
    assert signed("/iam/1").status == 403
    statement = {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": f"arn:aws:execute-api:{REGION}:000000000000:{api.id}/*/GET/iam/1",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=document)
    signer = signed("/iam/1").json()["requestContext"]["authorizer"]["iam"]
    assert signer["userArn"] == f"arn:aws:iam::000000000000:user/{name}" and signer["accessKey"] == key["AccessKeyId"]
    assert signed("/iam/2").status == 403


class Issuer:
    """Signs tokens, and tells its public key as OpenID providers do."""

    def __init__(self, tmp_path):
        import subprocess

        self.key = tmp_path / "key.pem"
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        shown = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True, capture_output=True, text=True)
        modulus = bytes.fromhex(shown.stdout.strip().split("=")[1])
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                documents = {
                    "/.well-known/openid-configuration": {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"},
                    "/keys": {"keys": [{"kty": "RSA", "kid": "k", "n": issuer.encode(modulus), "e": "AQAB", "alg": "RS256"}]},
                }
                body = json.dumps(documents.get(self.path, {})).encode()
                self.send_response(200 if self.path in documents else 404)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    def token(self, key_id="k", **claims):
        import subprocess

        now = int(time.time())
        body = {"iss": self.url, "aud": "app", "iat": now - 1, "exp": now + 60, "sub": "me", "groups": ["a", "b"], **claims}
        signed = ".".join(self.encode(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": key_id}, body))
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed.encode(), check=True, capture_output=True)
        return f"{signed}.{self.encode(made.stdout)}"


def test_tokens_authorize(cloud, api, echo, tmp_path):
    issuer = Issuer(tmp_path)
    authorizer = api.client.create_authorizer(
        ApiId=api.id,
        Name="tokens",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": ["app"], "Issuer": issuer.url},
    )["AuthorizerId"]
    to = api.function(echo)
    api.route("GET /any", to, AuthorizationType="JWT", AuthorizerId=authorizer)
    api.route("GET /scoped", to, AuthorizationType="JWT", AuthorizerId=authorizer, AuthorizationScopes=["read", "write"])

    def get(path, token=None):
        return call(f"{api.url}{path}", headers={"Authorization": f"Bearer {token}"} if token else {})

    told = get("/any", issuer.token()).json()["requestContext"]["authorizer"]["jwt"]
    assert told["scopes"] is None
    assert (told["claims"]["sub"], told["claims"]["groups"], told["claims"]["iss"]) == ("me", "[a b]", issuer.url)
    assert get("/scoped", issuer.token(scope="read other")).json()["requestContext"]["authorizer"]["jwt"]["scopes"] == ["read"]
    answer = get("/scoped", issuer.token(scope="other"))
    assert (answer.status, answer.json()) == (403, {"message": "Forbidden"})
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    answer = get("/any")
    assert (answer.status, answer.json(), answer.headers["www-authenticate"]) == (401, {"message": "Unauthorized"}, "Bearer")
    for token, why in [
        (issuer.token(aud="other"), "the token does not have a valid audience"),
        (issuer.token(exp=1), "the token has expired"),
        (issuer.token(iss="https://other"), "the token has an invalid issuer"),
        (issuer.token(key_id="x"), "kid x does not have a corresponding public key"),
        (issuer.token()[:-10] + "AAAAAAAAAA", "signature is invalid"),
        ("nonsense", "the token is malformed"),
    ]:
        answer = get("/any", token)
        challenge = f'Bearer scope="" error="invalid_token" error_description="{why}"'
        assert (answer.status, answer.headers["www-authenticate"]) == (401, challenge)


def test_custom_domains_lead_to_stages(cloud, name, echo):
    api = Api(cloud, name, stage="prod", DisableExecuteApiEndpoint=True)
    api.route("GET /orders/{id}", api.function(echo))
    domain = f"{name}.example.com"
    certificate = "arn:aws:acm:eu-west-1:000000000000:certificate/c"
    made = api.client.create_domain_name(
        DomainName=domain, DomainNameConfigurations=[{"CertificateArn": certificate, "EndpointType": "REGIONAL"}], Tags={"a": "b"}
    )
    assert made["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE"
    mapping = api.client.create_api_mapping(ApiId=api.id, DomainName=domain, Stage="prod", ApiMappingKey="v1/shop")
    to = f"{cloud.url}/v1/shop/orders/1"
    event = call(to, headers={"Host": domain}).json()
    assert (event["rawPath"], event["pathParameters"]) == ("/v1/shop/orders/1", {"id": "1"})
    assert (event["requestContext"]["domainName"], event["requestContext"]["stage"]) == (domain, "prod")
    assert call(f"{cloud.url}/other", headers={"Host": domain}).status == 403
    assert call(f"{api.url}/prod/orders/1").json() == {"message": "Not Found"}  # its own endpoint is closed
    assert refused(api.client.create_api_mapping, ApiId=api.id, DomainName=domain, Stage="no")[0] == "NotFoundException"
    api.client.delete_api_mapping(ApiMappingId=mapping["ApiMappingId"], DomainName=domain)
    api.client.delete_domain_name(DomainName=domain)
    assert refused(api.client.get_domain_name, DomainName=domain)[0] == "NotFoundException"


def test_stages_serve_what_was_deployed_and_write_down_who_called(cloud, api, name, echo):
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName=f"/{name}")
    form = "$context.requestId $context.routeKey $context.status $context.error.message $context.integrationErrorMessage."
    destination = {"DestinationArn": f"arn:aws:logs:{REGION}:000000000000:log-group:/{name}", "Format": form}
    api.route("GET /x", api.function(echo))
    deployment = api.client.create_deployment(ApiId=api.id)["DeploymentId"]
    api.client.create_stage(ApiId=api.id, StageName="dev", DeploymentId=deployment, AccessLogSettings=destination)
    other = api.function(echo)
    api.route("GET /y", other)
    assert call(f"{api.url}/y").status == 200 and call(f"{api.url}/dev/y").status == 404
    answer = call(f"{api.url}/dev/x")
    cloud.client("lambda").delete_function(FunctionName=name)
    failed = call(f"{api.url}/dev/x")
    assert (failed.status, failed.json()) == (500, {"message": "Internal Server Error"})
    lines = until(lambda: (found := logs.filter_log_events(logGroupName=f"/{name}")["events"])[2:] and found)
    told = sorted(line["message"].split(" ", 1)[1] for line in lines)
    assert told[0] == " 404 Not Found -." and told[1] == "GET /x 200 - -."
    assert told[2].startswith("GET /x 500 Internal Server Error User: apigateway.amazonaws.com is not authorized to perform")
    assert any(line["message"].startswith(answer.headers["apigw-requestid"]) for line in lines)
    code, message = refused(api.client.delete_deployment, ApiId=api.id, DeploymentId=deployment)
    assert message == "Active stages pointing to this deployment must be moved or deleted"


def test_quick_create_makes_all_of_an_api(cloud, name, backend):
    client = cloud.client("apigatewayv2")
    api = client.create_api(Name=name, ProtocolType="HTTP", Target=f"{backend}/teapot")
    assert "Target" not in api
    [route] = client.get_routes(ApiId=api["ApiId"])["Items"]
    assert (route["RouteKey"], route["ApiGatewayManaged"]) == ("$default", True)
    url = f"{cloud.url}/_aws/execute-api/{api['ApiId']}/anything"
    assert call(url).status == 418
    client.update_api(ApiId=api["ApiId"], Target=f"{backend}/other")
    assert call(url).json()["path"] == "/other"
    assert refused(client.create_api, Name=name, ProtocolType="WEBSOCKET")[0] == "NotImplemented"


EXPRESS = """
const express = require('express');
const serverless = require('serverless-http');
const app = express();
app.use(express.json());
app.get('/jobs/:id', (request, response) => {
  response.cookie('seen', request.params.id).json({ id: request.params.id, city: request.query.city });
});
app.post('/jobs', (request, response) => response.status(201).location('/jobs/' + request.body.id).send('made ' + request.body.id));
app.get('/pixel', (request, response) => response.type('png').send(Buffer.from([0x89, 0x50, 0xff, 0x00])));
app.use((request, response) => response.status(404).send('no ' + request.path));
exports.handler = serverless(app, { binary: ['image/*'] });
"""


def test_an_express_application_runs_behind_an_api(cloud, name):
    folder = os.environ.get("PILVI_NODE_DIR")
    if not folder:
        pytest.skip("npm is not installed")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.js", EXPRESS)
        modules = Path(folder) / "node_modules"
        for file in modules.rglob("*"):
            inside = file.relative_to(modules)
            if file.is_file() and not inside.parts[0].startswith(("@aws", "@smithy", ".")):
                archive.write(file, Path("node_modules") / inside)
    arn = cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="nodejs20.x",
        Handler="index.handler",
        Role=cloud.role(name),
        Code={"ZipFile": buffer.getvalue()},
        Timeout=30,
    )["FunctionArn"]
    for version, stage in [("1.0", "$default"), ("2.0", "dev")]:
        api = Api(cloud, f"{name}-{version}", stage=stage)
        # As AWS advises where an application is not to see the stage.
        api.route("ANY /{proxy+}", api.function(arn, version, RequestParameters={"overwrite:path": "$request.path"}))
        base = api.url if stage == "$default" else f"{api.url}/{stage}"
        answer = call(f"{base}/jobs/7?city=Oulu")
        assert (answer.status, answer.json()) == (200, {"id": "7", "city": "Oulu"})
        assert answer.headers["set-cookie"].startswith("seen=7")
        answer = call(f"{base}/jobs", "POST", b'{"id": 8}', {"Content-Type": "application/json"})
        assert (answer.status, answer.headers["location"], answer.body) == (201, "/jobs/8", b"made 8")
        answer = call(f"{base}/pixel")
        assert (answer.headers["content-type"], answer.body) == ("image/png", bytes([0x89, 0x50, 0xFF, 0x00]))
        assert (call(f"{base}/else").status, call(f"{base}/else").body) == (404, b"no /else")


def test_apis_are_documents(cloud, name, backend):
    client = cloud.client("apigatewayv2")
    document = {
        "openapi": "3.0.1",
        "info": {"title": name, "version": "2"},
        "x-amazon-apigateway-cors": {"allowOrigins": ["*"]},
        "paths": {
            "/teapot/{id}": {
                "get": {
                    "operationId": "Brew",
                    "x-amazon-apigateway-integration": {
                        "type": "http_proxy",
                        "httpMethod": "GET",
                        "uri": backend + "/teapot/{id}",
                        "payloadFormatVersion": "1.0",
                    },
                }
            }
        },
    }
    api = client.import_api(Body=json.dumps(document))
    assert (api["Name"], api["Version"], api["CorsConfiguration"]) == (name, "2", {"AllowOrigins": ["*"]})
    client.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    url = f"{cloud.url}/_aws/execute-api/{api['ApiId']}/teapot/1"
    assert call(url).status == 418
    exported = client.export_api(ApiId=api["ApiId"], Specification="OAS30", OutputType="JSON", StageName="$default")
    told = json.loads(exported["body"].read())
    operation = told["paths"]["/teapot/{id}"]["get"]
    assert operation["operationId"] == "Brew" and operation["parameters"][0]["name"] == "id"
    assert operation["x-amazon-apigateway-integration"]["uri"] == backend + "/teapot/{id}"
    told["paths"] = {"/other": told["paths"]["/teapot/{id}"]}
    client.reimport_api(ApiId=api["ApiId"], Body=json.dumps(told))
    assert [route["RouteKey"] for route in client.get_routes(ApiId=api["ApiId"])["Items"]] == ["GET /other"]
    assert call(url).status == 404
    text = client.export_api(ApiId=api["ApiId"], Specification="OAS30", OutputType="YAML")["body"].read().decode()
    assert text.startswith("openapi: 3.0.1") and "/other:" in text
    assert refused(client.import_api, Body="{}")[0] == "BadRequestException"


def test_the_command_line_cycles_every_kind(cloud, name):
    def aws(*arguments):
        text = cloud.aws("apigatewayv2", *arguments)
        return json.loads(text) if text.strip() else None

    api = aws("create-api", "--name", name, "--protocol-type", "HTTP")["ApiId"]
    of = ["--api-id", api]
    integration = aws(
        "create-integration", *of, "--integration-type", "HTTP_PROXY", "--integration-method", "GET",
        "--integration-uri", "http://127.0.0.1:9", "--payload-format-version", "1.0",
    )["IntegrationId"]  # fmt: skip
    route = aws("create-route", *of, "--route-key", "GET /", "--target", f"integrations/{integration}")["RouteId"]
    aws("create-stage", *of, "--stage-name", "dev", "--stage-variables", "a=b")
    deployment = aws("create-deployment", *of, "--stage-name", "dev")["DeploymentId"]
    assert aws("get-stage", *of, "--stage-name", "dev")["DeploymentId"] == deployment
    aws("update-route", *of, "--route-id", route, "--route-key", "POST /")
    assert aws("get-routes", *of, "--query", "Items[].RouteKey") == ["POST /"]
    aws("update-integration", *of, "--integration-id", integration, "--timeout-in-millis", "100")
    assert aws("get-integration", *of, "--integration-id", integration)["TimeoutInMillis"] == 100
    model = aws("create-model", *of, "--name", "Pet", "--content-type", "application/json", "--schema", "{}")["ModelId"]
    assert [one["ModelId"] for one in aws("get-models", *of)["Items"]] == [model]
    arn = f"arn:aws:apigateway:{REGION}::/apis/{api}"
    aws("tag-resource", "--resource-arn", arn, "--tags", "k=v")
    assert aws("get-tags", "--resource-arn", arn) == {"Tags": {"k": "v"}}
    for index in range(3):
        aws("create-model", *of, "--name", f"M{index}", "--schema", "{}")
    pages = cloud.client("apigatewayv2").get_models(ApiId=api, MaxResults="3")
    rest = cloud.client("apigatewayv2").get_models(ApiId=api, MaxResults="3", NextToken=pages["NextToken"])
    assert len(pages["Items"]) == 3 and len(rest["Items"]) == 1 and "NextToken" not in rest
    aws("delete-stage", *of, "--stage-name", "dev")
    aws("delete-deployment", *of, "--deployment-id", deployment)
    aws("delete-route", *of, "--route-id", route)
    aws("delete-integration", *of, "--integration-id", integration)
    aws("delete-api", *of)
    assert refused(cloud.client("apigatewayv2").get_api, ApiId=api) == (
        "NotFoundException",
        f"Invalid API identifier specified 000000000000:{api}",
    )
