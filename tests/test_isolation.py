"""Functions that misbehave: others and the server stay well, and nothing is left behind."""

import base64
import os
import re
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from conftest import Cloud, until
from test_functions import invoke

linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox exists on Linux")

FRIEND = "def handler(event, context):\n    return 'fine'\n"


@pytest.fixture(scope="module", params=["sandbox", "process"] if sys.platform == "linux" else ["process"])
def tier(request, tmp_path_factory):
    """A cloud whose functions run in this tier."""
    os.environ["PILVI_ISOLATION"] = request.param
    try:
        cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    finally:
        del os.environ["PILVI_ISOLATION"]
    cloud.tier = request.param
    yield cloud
    assert cloud.stop() == 0


def marked(mark):
    """Processes that have this word among their arguments."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            pass
    return found


def word():
    return f"mark{uuid.uuid4().hex}"


HOSTILE = {
    "loop": (
        "def handler(event, context):\n    while True: pass\n",
        r"Sandbox\.Timedout",
        r"RequestId: \S+ Error: Task timed out after 2\.00 seconds",
    ),
    "alloc": (
        "def handler(event, context):\n    kept = []\n    while True: kept.append(bytearray(1 << 20))\n",
        r"Runtime\.ExitError",
        r"RequestId: \S+ Error: Runtime exited with error: signal: killed",
    ),
    "never": (
        "import time\ndef handler(event, context):\n    time.sleep(1000)\n",
        r"Sandbox\.Timedout",
        r"RequestId: \S+ Error: Task timed out after 2\.00 seconds",
    ),
    "exit": (
        "import os\ndef handler(event, context):\n    os._exit(3)\n",
        r"Runtime\.ExitError",
        r"RequestId: \S+ Error: Runtime exited with error: exit status 3",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_function_hurts_nobody_else(tier, kind):
    code, error_type, message = HOSTILE[kind]
    name = f"hostile-{kind}"
    role = tier.role(name)
    tier.function(name, {"index.py": code}, role, Timeout=2, MemorySize=128)
    tier.function(name + "-friend", {"index.py": FRIEND}, role, Timeout=30)
    answer, error = invoke(tier, name, LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert re.fullmatch(error_type, error["errorType"]) and re.fullmatch(message, error["errorMessage"]), error
    assert invoke(tier, name + "-friend")[1] == "fine"
    tail = base64.b64decode(answer["LogResult"]).decode()
    report = tail.splitlines()[-1]
    if kind == "alloc":
        assert "Max Memory Used: 128 MB" in report and report.endswith("Status: error\tError Type: Runtime.ExitError"), tail
    if error_type == r"Sandbox\.Timedout":
        assert re.search(r"Z \S+ Task timed out after 2\.00 seconds\n\nEND RequestId", tail), tail
        assert "\tDuration: 2000.00 ms\tBilled Duration: 2" in report and report.endswith("Status: timeout"), tail


FORKS = """
import subprocess, time
def handler(event, context):
    # One child in the group, one that is a daemon with an empty environment, then forks without end.
    subprocess.Popen(["sh", "-c", "sleep 1000; : %(mark)s"])
    subprocess.Popen(["setsid", "env", "-i", "/bin/sh", "-c", "sleep 1000; : %(mark)s"])
    if event.get("bomb"):
        subprocess.Popen(["sh", "-c", "b() { b | b & }; b; : %(mark)s"])
    time.sleep(1000)
"""


@linux
@pytest.mark.parametrize("bomb", [False, True])
def test_no_process_outlives_its_environment(tier, bomb):
    if bomb and tier.tier == "process":
        pytest.skip("root's plain processes have no limit of their own; the whole tree is killed at 1024")
    mark, name = word(), f"outlives-{bomb}"
    tier.function(name, {"index.py": FORKS % {"mark": mark}}, tier.role(name), Timeout=2, MemorySize=512)
    _, error = invoke(tier, name, {"bomb": bomb})
    assert error["errorType"] in ("Sandbox.Timedout", "Runtime.ExitError")
    until(lambda: not marked(mark), 10)
    assert tier.client("lambda").list_functions()["Functions"]


@linux
@pytest.mark.parametrize("isolation", ["sandbox", "process"])
def test_no_process_outlives_a_killed_server(tmp_path, isolation, monkeypatch):
    monkeypatch.setenv("PILVI_ISOLATION", isolation)
    cloud = Cloud(tmp_path / "data")
    mark = word()
    cloud.function("left", {"index.py": FORKS % {"mark": mark}}, cloud.role("left"), Timeout=60)
    cloud.client("lambda").invoke(FunctionName="left", InvocationType="Event", Payload=b"{}")
    until(lambda: len(marked(mark)) >= 2)
    cloud.kill()
    until(lambda: not marked(mark), 10)
    until(lambda: not marked("pilvi-launcher") or cloud.process.poll() is not None, 10)


def test_a_flood_of_output_is_bounded(tier, name):
    code = (
        "import sys\ndef handler(event, context):\n    line = 'x' * 1023 + '\\n'\n"
        "    for _ in range(1 << 18): sys.stdout.write(line)\n    return 'done'\n"
    )
    role = tier.role(name)
    tier.function(name, {"index.py": code}, role, Timeout=60)
    tier.function(name + "-friend", {"index.py": FRIEND}, role)
    began = time.monotonic()
    assert invoke(tier, name)[1] == "done"
    assert invoke(tier, name + "-friend")[1] == "fine"
    # Far from a quarter of a gigabyte was kept.
    kept = sum(path.stat().st_size for path in Path(tier.data).rglob("*") if path.is_file())
    assert kept < 100 << 20, (kept, time.monotonic() - began)


LOOK = """
import ctypes, errno, os, socket, stat, subprocess
def attempt(what):
    try:
        result = what()
    except Exception as error:
        return type(error).__name__
    return result
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    return "ok" if getattr(libc, name)(*args) >= 0 else errno.errorcode[ctypes.get_errno()]
def handler(event, context):
    if "path" in event:
        return attempt(lambda: os.listdir(event["path"]))
    if "write" in event:
        def write():
            open(event["write"], "w").write("x")
            return "written"
        return attempt(write)
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
    return {
        "uid": [os.getuid(), os.getgid(), os.geteuid()],
        "processes": sorted(int(p) for p in os.listdir("/proc") if p.isdigit()),
        "capabilities": [status[k] for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "no_new_privs": status["NoNewPrivs"], "seccomp": status["Seccomp"],
        "init": attempt(lambda: open("/proc/1/environ").read()),
        "root": sorted(os.listdir("/")),
        "etc": os.path.exists("/etc/shadow"),
        "devices": sorted(d for d in os.listdir("/dev")),
        "mount": call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "unshare": call("unshare", 0x10000000),
        "ptrace": call("ptrace", 16, 1, 0, 0),
        "mknod": attempt(lambda: os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(8, 0))),
        "task": attempt(lambda: open("/var/task/new", "w")),
        "opt": attempt(lambda: open("/opt/new", "w")),
        "shm": os.path.exists("/dev/shm"),
        "tmp": attempt(lambda: open("/tmp/new", "w").write("x")),
        "tmp_size": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize >> 20,
        "names": [os.environ["LAMBDA_TASK_ROOT"], os.getcwd(), os.environ.get("HOME")],
        "limits": [__import__("resource").getrlimit(r) for r in (7, 6)],
    }
"""


@linux
def test_a_sandboxed_function_sees_only_its_own(name, own_cloud):
    cloud = own_cloud
    role = cloud.role(name)
    cloud.function(name, {"index.py": LOOK}, role, EphemeralStorage={"Size": 600}, Timeout=20)
    _, seen = invoke(cloud, name, {})
    if "errorType" in seen:
        raise AssertionError(seen)
    assert seen["uid"] == [993, 990, 993]
    assert seen["processes"][0] == 1 and len(seen["processes"]) == 2
    assert set(seen["capabilities"]) == {"0" * 16}
    assert (seen["no_new_privs"], seen["seccomp"]) == ("1", "2")
    assert seen["init"] == "PermissionError" and not seen["etc"] and not seen["shm"]
    assert seen["devices"] == ["fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero"]
    assert [seen[call] for call in ("mount", "unshare", "ptrace")] == ["EPERM"] * 3
    assert seen["mknod"] == "PermissionError"
    assert (seen["task"], seen["opt"], seen["tmp"], seen["tmp_size"]) == ("OSError", "OSError", 1, 600)
    assert seen["names"] == ["/var/task", "/var/task", None]
    assert seen["limits"] == [[1024, 1024], [1024, 1024]]
    for path in (str(cloud.data), str(cloud.data / "store"), "/home", "/var/log"):
        assert invoke(cloud, name, {"path": path})[1] == "FileNotFoundError", path
    assert invoke(cloud, name, {"path": "/tmp"})[1] == ["new"]
    # The host has none of it.
    assert not list(Path(cloud.data).rglob("new"))
    for path in ("/etc/hosts", "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/usr/bin/env"):
        assert invoke(cloud, name, {"write": path})[1] in ("OSError", "PermissionError"), path
    # Another function has another /tmp and other code.
    cloud.function(name + "-other", {"index.py": LOOK, "secret.txt": "s"}, role, Timeout=20)
    assert invoke(cloud, name + "-other", {"path": "/tmp"})[1] == []
    assert invoke(cloud, name + "-other", {"path": "/var/task"})[1] == ["index.py", "secret.txt"]
    assert invoke(cloud, name, {"path": "/var/task"})[1] == ["index.py"]


SCAN = """
import http.client, os
def handler(event, context):
    own = int(os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")[1])
    listening = set()
    for line in open("/proc/net/tcp").read().splitlines()[1:]:
        local, state = line.split()[1], line.split()[3]
        if state == "0A":
            listening.add((local.split(":")[0], int(local.split(":")[1], 16)))
    answers = []
    for address, port in listening:
        host = ".".join(str(b) for b in reversed(bytes.fromhex(address)))
        for name in (None, os.environ["AWS_LAMBDA_RUNTIME_API"]):
            if port == own:
                continue
            try:
                connection = http.client.HTTPConnection(host, port, timeout=2)
                headers = {"Host": name} if name else {}
                path = "/2018-06-01/runtime/invocation/" + event["id"] + "/response"
                connection.request("POST", path, b'"stolen"', headers)
                answers.append(connection.getresponse().status)
            except Exception:
                pass
    return answers
"""


@linux
def test_the_runtime_api_of_another_environment_is_closed(own_cloud, name):
    cloud = own_cloud
    role = cloud.role(name)
    waits = "import time\ndef handler(event, context):\n    print('id', context.aws_request_id, flush=True)\n    time.sleep(event['wait'])\n    return 'mine'\n"
    cloud.function(name, {"index.py": waits}, role, Timeout=30)
    cloud.function(name + "-thief", {"index.py": SCAN}, role, Timeout=30)
    result = []
    thread = threading.Thread(target=lambda: result.append(invoke(cloud, name, {"wait": 6})[1]))
    thread.start()

    def request_id():
        try:
            events = cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="id")["events"]
        except cloud.client("logs").exceptions.ResourceNotFoundException:
            return None
        return next((e["message"].split()[1] for e in events if e["message"].startswith("id ")), None)

    victim = until(request_id, 5)
    answers = invoke(cloud, name + "-thief", {"id": victim})[1]
    assert 403 in answers and 202 not in answers, answers
    thread.join()
    assert result == ["mine"]


def test_slow_and_wrong_protocol(tier, name):
    """A runtime that answers twice, with a wrong id, or when it was not asked is refused and does no harm."""
    code = """#!/bin/bash
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
post() { curl -s -o /dev/null -w '%{http_code} ' -X POST "$api/$1" -d "$2"; }
while true; do
  headers=$(mktemp)
  curl -s -D "$headers" "$api/invocation/next" > /dev/null
  id=$(grep -i '^lambda-runtime-aws-request-id' "$headers" | tr -d '[:space:]' | cut -d: -f2)
  one=$(post invocation/wrong/response 1)$(post init/error '{}')
  post "invocation/$id/response" "\\"$one\\"" > /dev/null
  post "invocation/$id/response" 2 > /dev/null
done
"""
    tier.function(name, {"bootstrap": (0o755, code)}, tier.role(name), "provided.al2023", Timeout=20)
    for _ in range(2):
        assert invoke(tier, name, {})[1] == "400 403 "
