"""Who is kept out: strict mode, web pages, guessers of secrets; and what never shows in the log."""

import html
import base64
import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from conftest import REGION, until


class Started:
    """A cloud started with options of its own, with what it prints kept."""

    def __init__(self, folder, *options, data=None):
        self.data = data or folder / "data"
        self.out, self.err = folder / "out", folder / "err"
        command = [os.environ["PILVI_BIN"], "start", "--port", "0", "--data", str(self.data), *options]
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err)
        ready = until(lambda: re.search(r"ready at http://localhost:(\d+)", self.err.read_text()))
        self.port = int(ready.group(1))

    def client(self, service, key, secret, token=None):
        return boto3.client(
            service,
            endpoint_url=f"http://localhost:{self.port}",
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )

    def pilvi(self, *arguments, key="", secret=""):
        environment = dict(os.environ, AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret, AWS_SESSION_TOKEN="")
        command = [os.environ["PILVI_BIN"], *arguments, "--port", str(self.port)]
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=20) == 0


def refused(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]["Code"]


def test_strict_mode_knows_root_by_a_key_of_its_own(tmp_path):
    cloud = Started(tmp_path, "--iam", "strict")
    printed = cloud.out.read_text()
    key = re.search(r"AWS_ACCESS_KEY_ID=(\S+)", printed).group(1)
    secret = re.search(r"AWS_SECRET_ACCESS_KEY=(\S+)", printed).group(1)
    assert secret not in cloud.err.read_text()
    file = cloud.data / "root-credentials.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert cloud.client("sts", key, secret).get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
    for dummy in ("test", "000000000000"):
        assert refused(cloud.client("sts", dummy, "test").get_caller_identity) == "InvalidClientTokenId"
        assert refused(cloud.client("s3", dummy, "test").list_buckets) == "InvalidAccessKeyId"
    # The cloud's own pages are root's.
    for command in ("status", "outbox", "trace"):
        assert cloud.pilvi(command, key="test", secret="test").returncode != 0
        assert cloud.pilvi(command, key=key, secret=secret).returncode == 0
    iam = cloud.client("iam", key, secret)
    iam.create_user(UserName="ann")
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    ann = iam.create_access_key(UserName="ann")["AccessKey"]
    asked = cloud.pilvi("reset", key=ann["AccessKeyId"], secret=ann["SecretAccessKey"])
    assert asked.returncode != 0 and "root" in asked.stderr
    assert urllib.request.urlopen(f"http://localhost:{cloud.port}/_pilvi/health").status == 200
    cloud.stop()
    # It is shown once, and stands.
    again = Started(tmp_path, "--iam", "strict", data=cloud.data)
    assert "SECRET" not in again.out.read_text()
    assert again.client("sts", key, secret).get_caller_identity()["Account"] == "000000000000"
    again.stop()


def test_listening_to_others_demands_strict_mode(tmp_path):
    command = [os.environ["PILVI_BIN"], "start", "--port", "0", "--host", "0.0.0.0", "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and "--iam strict" in done.stderr


def raw(cloud, method, path, body=b"", **headers):
    """Status and body of a plain request."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(cloud.url + path, data=body or None, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def presigned(cloud, key, secret, parameters, service="sqs", expires=60):
    """A URL that does something when it is merely followed."""
    url = f"{cloud.url}/?{urllib.parse.urlencode(parameters)}"
    request = AWSRequest("GET", url)
    SigV4QueryAuth(Credentials(key, secret), service, REGION, expires=expires).add_auth(request)
    return request.url[len(cloud.url) :]


def test_a_web_page_cannot_drive_the_cloud(cloud, name):
    queue = cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    follow = presigned(cloud, "test", "test", {"Action": "PurgeQueue", "QueueUrl": queue, "Version": "2012-11-05"})
    assert raw(cloud, "GET", follow)[0] == 200
    for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Host": "evil.example"}):
        status, body = raw(cloud, "GET", follow, **headers)
        assert status == 403 and "web pages" in body, (headers, body)
    # Nor through S3, with a form that browsers send without asking.
    cloud.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    cloud.client("s3").put_object(Bucket=name, Key="x", Body=b"x")
    blind = AWSRequest("POST", f"{cloud.url}/{name}?delete=")
    SigV4QueryAuth(Credentials("test", "test"), "s3", REGION).add_auth(blind)
    body = b"<Delete><Object><Key>x</Key></Object></Delete>"
    status, _ = raw(cloud, "POST", blind.url[len(cloud.url) :], body, Origin="https://evil.example", Content_Type="text/plain")
    assert status == 403
    assert cloud.client("s3").head_object(Bucket=name, Key="x")
    # The cloud's own pages neither.
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
        assert raw(cloud, "POST", "/_pilvi/reset", b"{}", **headers)[0] == 403
    assert raw(cloud, "GET", "/_pilvi/health", Origin="http://localhost:3000")[0] == 200


def test_whoever_guesses_secrets_is_not_listened_to(own_cloud):
    iam = own_cloud.client("iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    guess = own_cloud.client("sts", key["AccessKeyId"], "wrong")
    codes = {refused(guess.get_caller_identity) for _ in range(220)}
    assert codes == {"SignatureDoesNotMatch", "Throttling"}
    other = iam.create_access_key(UserName="ann")["AccessKey"]
    right = own_cloud.client("sts", other["AccessKeyId"], other["SecretAccessKey"])
    assert right.get_caller_identity()["Arn"].endswith("user/ann")


def user(cloud, name, *statements):
    """A user with an access key, who may do what the statements say."""
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def signed(key, secret, url, service, date=None, region=REGION, body=b"", headers=None, token=None):
    """The headers of a signed request, at another time if need be."""
    request = AWSRequest("POST", url, data=body, headers=headers or {})
    signer = SigV4Auth(Credentials(key, secret, token), service, region)
    if date:
        import datetime
        from unittest import mock

        import botocore.auth

        with mock.patch.object(botocore.auth, "get_current_datetime", lambda *_: date):
            signer.add_auth(request)
    else:
        signer.add_auth(request)
    return dict(request.headers)


def post(cloud, headers, body):
    request = urllib.request.Request(cloud.url + "/", data=body, method="POST", headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_signatures_are_for_one_service_one_time_and_one_body(cloud, name):
    import datetime

    key, secret = user(cloud, name, {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"})
    target = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}

    def ask(body=b"{}", service="dynamodb", change=None, **more):
        headers = signed(key, secret, cloud.url + "/", service, body=b"{}", headers=target, **more)
        headers.update(change or {})
        return post(cloud, headers, body)

    assert ask()[0] == 200
    status, text = ask(service="sqs")
    assert status == 400 and "Credential should be scoped to correct service: 'dynamodb'. " in text
    status, text = ask(body=b'{"Limit": 1}')
    assert status == 400 and "InvalidSignatureException" in text and "does not match the signature you provided" in text
    now = datetime.datetime.now(datetime.timezone.utc)
    status, text = ask(date=now - datetime.timedelta(minutes=16))
    assert status == 400 and "Signature expired: " in text and "(%s - 15 min.)" % "" not in text
    status, text = ask(date=now + datetime.timedelta(minutes=16))
    assert status == 400 and "Signature not yet current: " in text
    status, text = ask(change={"Authorization": "AWS4-HMAC-SHA256 Credential=x"})
    assert status == 400 and "IncompleteSignatureException" in text and "requires 'Signature' parameter" in text
    authorization = signed(key, secret, cloud.url + "/", "dynamodb", body=b"{}", headers=target)["Authorization"]
    status, text = ask(change={"Authorization": authorization.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")})
    assert status == 400 and "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'" in text
    status, text = ask(change={"Authorization": authorization.replace("/aws4_request", "/aws3_request")})
    assert status == 400 and "InvalidSignatureException" in text and "valid terminator: 'aws4_request'" in text


def test_presigned_urls_end(cloud, name):
    key = user(cloud, name, {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"})
    cloud.client("sqs").create_queue(QueueName=name)
    wish = {"Action": "ListQueues", "Version": "2012-11-05"}
    assert raw(cloud, "GET", presigned(cloud, *key, wish))[0] == 200
    status, text = raw(cloud, "GET", presigned(cloud, *key, wish, expires=604801))
    assert status == 400 and "must be less than a week" in text
    url = presigned(cloud, *key, wish).replace("Action=ListQueues", "Action=ListQueuez")
    assert raw(cloud, "GET", url)[0] in (400, 403)
    url = presigned(cloud, *key, {**wish, "QueueNamePrefix": "a"}).replace("QueueNamePrefix=a", "QueueNamePrefix=b")
    status, text = raw(cloud, "GET", url)
    assert status == 403 and "SignatureDoesNotMatch" in text


def test_s3_wants_the_buckets_region(cloud, name):
    key = user(cloud, name, {"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    cloud.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    url = f"{cloud.url}/{name}?list-type=2"
    request = AWSRequest("GET", url, headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    SigV4Auth(Credentials(*key), "s3", "us-west-2").add_auth(request)
    headers = {key.replace("-", "_"): value for key, value in request.headers.items()}
    status, text = raw(cloud, "GET", f"/{name}?list-type=2", **headers)
    text = html.unescape(text)
    assert status == 400 and "<Code>AuthorizationHeaderMalformed</Code>" in text
    assert f"the region 'us-west-2' is wrong; expecting '{REGION}'" in text and f"<Region>{REGION}</Region>" in text
    # The SDK follows.
    elsewhere = cloud.client("s3", *key, region="us-west-2")
    assert elsewhere.list_objects_v2(Bucket=name)["KeyCount"] == 0


def test_secrets_never_show_in_the_log(tmp_path):
    cloud = Started(tmp_path, "--log", "trace")
    iam = cloud.client("iam", "test", "test")
    iam.create_user(UserName="ann")
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSFullAccess")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.create_login_profile(UserName="ann", Password="Corr3ct-horse!")
    ann = (key["AccessKeyId"], key["SecretAccessKey"])
    session = cloud.client("sts", *ann).get_session_token()["Credentials"]
    cloud.client("sqs", *ann).create_queue(QueueName="q")
    with_token = (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    cloud.client("sqs", *with_token).list_queues()
    refused(cloud.client("s3", *with_token).list_buckets)
    refused(cloud.client("sqs", ann[0], "wrong-secret-of-somebody").list_queues)
    refused(cloud.client("sqs", *with_token[:2], "wrong-token-of-somebody").list_queues)
    cloud.stop()
    log = cloud.err.read_text() + cloud.out.read_text()
    assert "ann" in log
    for secret in (ann[1], session["SecretAccessKey"], session["SessionToken"], "Corr3ct-horse!", "wrong-token-of-somebody"):
        assert secret not in log and urllib.parse.quote(secret, safe="") not in log
        assert base64.b64encode(secret.encode()).decode() not in log
