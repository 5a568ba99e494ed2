"""A cloud for the tests: the built binary on a free port, with a data folder of its own, driven by real clients."""

import io
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
REGION = "eu-west-1"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


class Cloud:
    """A running cloud."""

    def __init__(self, data, port=0):
        self.data = data
        self.start(port)

    def start(self, port=0):
        environment = dict(os.environ)
        # SDKs that functions do not bring are fetched once for all tests.
        environment["PILVI_SDK_DIR"] = str(ROOT / "target" / "e2e" / "sdk")
        command = [os.environ["PILVI_BIN"], "start", "--port", str(port), "--data", str(self.data)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.log = []
        for line in self.process.stderr:
            self.log.append(line)
            ready = re.search(r"ready at http://localhost:(\d+)", line)
            if ready:
                self.port = int(ready.group(1))
                break
        else:
            raise AssertionError("the cloud did not start: " + "".join(self.log))
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    @property
    def url(self):
        return f"http://localhost:{self.port}"

    def client(self, service, key="test", secret="test", token=None, region=REGION):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def environment(self):
        return dict(
            os.environ,
            AWS_ENDPOINT_URL=self.url,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_DEFAULT_REGION=REGION,
            AWS_REGION=REGION,
            AWS_EC2_METADATA_DISABLED="true",
        )

    def aws(self, *arguments, **more):
        """The output of the aws command line."""
        command = ["aws", "--endpoint-url", self.url, *arguments]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, **more)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def get(self, path):
        """The status and text of an unsigned GET."""
        try:
            with urllib.request.urlopen(self.url + path) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def clock(self, **wish):
        """Moves the cloud's clock: `advance="5m"`, `set="2026-01-01T00:00:00Z"`, `freeze=True`, `resume=True`."""
        page = urllib.request.Request(f"{self.url}/_pilvi/clock", json.dumps(wish).encode(), method="POST")
        with urllib.request.urlopen(page) as answer:
            return json.loads(answer.read())["now"]

    def pilvi(self, *arguments):
        """The output of Pilvi's own command line, about this cloud."""
        command = [os.environ["PILVI_BIN"], *arguments, "--port", str(self.port)]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def post(self, path, document):
        """Posts to one of the cloud's own pages."""
        body = json.dumps(document).encode()
        request = urllib.request.Request(self.url + path, data=body, method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.drain.wait()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=20)
        self.drain.wait()
        return code

    def role(self, name, *statements):
        """A role for functions that may do what the statements say, and write logs."""
        iam = self.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]
        logs = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        iam.attach_role_policy(RoleName=name, PolicyArn=logs)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=document)
        return role["Arn"]

    def function(self, name, files, role, runtime="python3.11", **more):
        """A function with this code."""
        return self.client("lambda").create_function(
            FunctionName=name,
            Runtime=runtime,
            Handler=more.pop("Handler", "index.handler"),
            Role=role,
            Code={"ZipFile": package(files)},
            **more,
        )


def package(files):
    """A zip of texts by name; a tuple gives the mode too."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            mode, text = text if isinstance(text, tuple) else (0o644, text)
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


def until(what, seconds=60):
    """Waits until something is true, and gives what it gave."""
    end = time.monotonic() + seconds
    while True:
        result = what()
        if result:
            return result
        assert time.monotonic() < end, f"not within {seconds} s: {result!r}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """One cloud for the tests of a worker; each test uses names of its own."""
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    yield cloud
    assert cloud.stop() == 0


@pytest.fixture
def own_cloud(tmp_path):
    """A cloud for one test alone."""
    cloud = Cloud(tmp_path / "data")
    yield cloud
    if cloud.process.poll() is None:
        cloud.stop()


class Terraform:
    """Terraform on a folder of .tf files, against a cloud."""

    def __init__(self, program, cloud, source, folder, variables):
        self.program, self.cloud, self.folder, self.variables = program, cloud, folder, variables
        shutil.copytree(source, folder)
        self.settings = folder / "terraform.rc"
        self.settings.write_text(
            'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' % os.environ["TF_PLUGIN_DIR"]
        )
        self("init")

    def __call__(self, command, *arguments, codes=(0,), **variables):
        """Runs a command with the variables given here and at the start; the exit code has to be one of `codes`."""
        settings = []
        if command in ("apply", "plan", "destroy", "import"):
            for name, value in {**self.variables, **variables}.items():
                settings += ["-var", f"{name}={value}"]
        if command in ("apply", "destroy"):
            settings += ["-auto-approve"]
        plain = [] if command in ("state", "output") else ["-no-color"]
        done = subprocess.run(
            [self.program, f"-chdir={self.folder}", command, *plain, *settings, *arguments],
            env=dict(self.cloud.environment(), TF_CLI_CONFIG_FILE=str(self.settings)),
            capture_output=True,
            text=True,
        )
        assert done.returncode in codes, f"{command} {arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def plans_nothing(self, **variables):
        """Whether a plan finds nothing to do; what it finds is the failure's text."""
        self("plan", "-detailed-exitcode", **variables)

    def output(self):
        """The outputs, by name."""
        return {name: output["value"] for name, output in json.loads(self("output", "-json")).items()}

    def forget_and_import(self, address, identity, **variables):
        """Takes a resource out of the state and imports it again."""
        self("state", "rm", address)
        self("import", address, identity, **variables)


@pytest.fixture
def terraform(own_cloud, tmp_path):
    """Makes a `Terraform` of a folder, in a cloud of the test's own."""
    program = os.environ.get("PILVI_TERRAFORM")
    if not program:
        pytest.skip("terraform is not installed")

    def make(source, **variables):
        return Terraform(program, own_cloud, source, tmp_path / "terraform", variables)

    return make


@pytest.fixture
def name(request):
    """A name that no other test uses, in whichever file."""
    readable = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:31].strip("-")
    return f"{readable}-{zlib.crc32(request.node.nodeid.encode()):08x}"
