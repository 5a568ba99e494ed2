"""Runtimes in every form: cold, warm and booted ahead; official runtime clients."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import package, until
from test_functions import invoke

NODE = """
const shared = (() => { try { return require('shared') } catch (error) { return null } })();
exports.handler = async () => ({
  own: Object.keys(process.env).filter((name) => /^(OWN|_PILVI|PILVI|CARGO)/.test(name)).sort(),
  value: process.env.OWN_VALUE, zone: process.env.TZ, hour: new Date(0).getHours(), shared,
  cwd: process.cwd(), name: process.env.AWS_LAMBDA_FUNCTION_NAME, files: require('fs').readdirSync('/var/task').sort(),
});
"""
PYTHON = """
import os, time
try:
    import shared
except ImportError:
    shared = None
def handler(event, context):
    return {
        "own": sorted(n for n in os.environ if n.startswith(("OWN", "_PILVI", "PILVI", "CARGO"))),
        "value": os.environ.get("OWN_VALUE"), "zone": os.environ.get("TZ"), "hour": time.localtime(0).tm_hour,
        "shared": getattr(shared, "WORD", None), "cwd": os.getcwd(),
        "name": os.environ["AWS_LAMBDA_FUNCTION_NAME"], "files": sorted(os.listdir("/var/task")),
    }
"""


@pytest.mark.skipif(sys.platform != "linux", reason="runtimes are booted ahead in the sandbox")
@pytest.mark.parametrize("runtime", ["nodejs20.x", "python3.11"])
def test_a_runtime_that_was_booted_ahead_is_like_any_other(own_cloud, runtime):
    """Functions of the same runtime, one after the other: all but the first get a process that stood by."""
    cloud = own_cloud
    file, code = ("index.js", NODE) if runtime.startswith("node") else ("index.py", PYTHON)
    word = {"nodejs/node_modules/shared/index.js": "module.exports = 'layer'", "python/shared.py": "WORD = 'layer'"}
    layer = cloud.client("lambda").publish_layer_version(LayerName="shared", Content={"ZipFile": package(word)})
    role = cloud.role("ahead")
    inits = []
    for number in range(4):
        name = f"ahead-{number}"
        with_layer = number % 2 == 1
        cloud.function(
            name,
            {file: code, f"{name}.txt": ""},
            role,
            runtime,
            Environment={"Variables": {"OWN_VALUE": str(number)}},
            Layers=[layer["LayerVersionArn"]] if with_layer else [],
            EphemeralStorage={"Size": 512 + number},
        )
        _, result = invoke(cloud, name)
        assert result == {
            "own": ["OWN_VALUE"],
            "value": str(number),
            "zone": ":UTC",
            "hour": 0,
            "shared": "layer" if with_layer else None,
            "cwd": "/var/task",
            "name": name,
            "files": sorted([file, f"{name}.txt"]),
        }
        if number < 3:
            until(lambda: standing_by(cloud))
        inits.append(report(cloud, name))
    # A variable that the interpreter reads when it starts makes a kind of its own.
    cloud.function("zoned", {file: code}, role, runtime, Environment={"Variables": {"TZ": "America/Lima"}})
    _, result = invoke(cloud, "zoned")
    assert (result["zone"], result["hour"]) == ("America/Lima", 19)
    assert min(inits[1:]) < inits[0], inits


def standing_by(cloud):
    """Runtimes that wait; their own folder says so."""
    return list((Path(cloud.data) / "functions" / "environments").glob("standby-*"))


def report(cloud, name):
    """The Init Duration of a function's only start, in ms."""
    logs = cloud.client("logs")

    def line():
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="REPORT")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return None
        return next((event["message"] for event in events), None)

    return float(until(line).split("Init Duration: ")[1].split(" ms")[0])


@pytest.fixture(scope="session")
def awslambdaric(tmp_path_factory):
    """AWS's own runtime client for Python, fetched by pip."""
    python = next((p for p in ("/usr/bin/python3", "/usr/local/bin/python3") if os.access(p, os.X_OK)), None)
    if python is None or sys.platform != "linux":
        pytest.skip("no Python that the sandbox shows to custom runtimes")
    folder = tmp_path_factory.mktemp("ric")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(folder)]
    version = subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True)
    pip += ["--python-version", version.stdout.strip(), "--only-binary=:all:", "awslambdaric"]
    if subprocess.run(pip, capture_output=True).returncode:
        pytest.skip("awslambdaric cannot be fetched")
    return python, folder


def test_the_official_python_runtime_client(cloud, name, awslambdaric):
    python, folder = awslambdaric
    files = {str(path.relative_to(folder)): (0o755, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    files["bootstrap"] = (0o755, f"#!/bin/sh\ncd /var/task && exec {python} -m awslambdaric app.handler\n")
    files["app.py"] = (
        "def handler(event, context):\n    print('seen')\n"
        "    if event.get('fail'): raise KeyError('no')\n"
        "    return [event['n'] + 1, context.function_name, context.get_remaining_time_in_millis() > 0]\n"
    )
    cloud.function(name, files, cloud.role(name), "provided.al2023", Timeout=20)
    for n in range(2):
        assert invoke(cloud, name, {"n": n})[1] == [n + 1, name, True]
    answer, error = invoke(cloud, name, {"fail": True})
    assert answer["FunctionError"] == "Unhandled" and (error["errorType"], error["errorMessage"]) == ("KeyError", "'no'")


EXTENSION = """#!/bin/bash
# Registers, then writes down what it is told.
api="http://$AWS_LAMBDA_RUNTIME_API"
head=$(mktemp)
curl -s -D "$head" -o /tmp/registered -X POST "$api/2020-01-01/extension/register" \\
  -H "Lambda-Extension-Name: $(basename "$0")" -d '{"events": ["INVOKE", "SHUTDOWN"]}'
id=$(grep -i '^lambda-extension-identifier' "$head" | tr -d '[:space:]' | cut -d: -f2)
echo "extension registered $(cat /tmp/registered) handler=${_HANDLER-none}"
echo "refused $(curl -s -w ' %{http_code}' "$api/2020-01-01/extension/event/next")"
echo "telemetry $(curl -s -w ' %{http_code}' -X PUT "$api/2022-07-01/telemetry" -d '{}')"
while true; do
  event=$(curl -s -H "Lambda-Extension-Identifier: $id" "$api/2020-01-01/extension/event/next")
  echo "extension told $event"
  case "$event" in
    *SHUTDOWN*) exit 0 ;;
    *) sleep "${EXTENSION_WORK:-0}"; touch /tmp/worked ;;
  esac
done
"""


@pytest.mark.skipif(sys.platform != "linux", reason="extensions are started by the launcher")
def test_an_extension_lives_with_its_environment(cloud, name):
    layer = {"extensions/watcher": (0o755, EXTENSION)}
    functions = cloud.client("lambda")
    arn = functions.publish_layer_version(LayerName=name, Content={"ZipFile": package(layer)})["LayerVersionArn"]
    code = "import os\ndef handler(event, context):\n    return [os.path.exists('/tmp/worked'), os.getpid()]\n"
    work = {"Variables": {"EXTENSION_WORK": "1"}}
    cloud.function(name, {"index.py": code}, cloud.role(name), Layers=[arn], Timeout=20, Environment=work)
    first, pid = invoke(cloud, name)[1]
    assert not first, "the answer does not wait for the extension"

    def messages():
        events = cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        return [event["message"] for event in events]

    told = until(lambda: [m for m in messages() if "extension told" in m and "INVOKE" in m])
    assert '"eventType":"INVOKE","deadlineMs":' in told[0] and f":function:{name}" in told[0]
    lines = messages()
    assert "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n" in lines
    registered = f'{{"functionName":"{name}","functionVersion":"$LATEST","handler":"index.handler"}}'
    assert f"extension registered {registered} handler=none\n" in lines
    missing = '{"errorMessage":"Missing Lambda-Extension-Identifier header","errorType":"Extension.MissingExtensionIdentifier"}'
    assert f"refused {missing} 403\n" in lines
    assert 'telemetry {"errorMessage":"Telemetry API is not supported","errorType":"Telemetry.NotSupported"} 202\n' in lines

    # Once the extension is done the environment is used again.
    def worked():
        result = invoke(cloud, name)[1]
        return result[0] and result[1] == pid

    until(worked, 20)
    functions.update_function_configuration(FunctionName=name, Description="retire it")
    shutdown = until(lambda: [m for m in messages() if "SHUTDOWN" in m and "told" in m], 20)
    assert '"shutdownReason":"spindown"' in shutdown[0]


@pytest.mark.skipif(sys.platform != "linux", reason="extensions are started by the launcher")
def test_an_extension_that_crashes_takes_the_environment_along(cloud, name):
    layer = {"extensions/crasher": (0o755, "#!/bin/sh\nexit 3\n")}
    arn = cloud.client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": package(layer)})["LayerVersionArn"]
    code = "def handler(event, context):\n    return 1\n"
    cloud.function(name, {"index.py": code}, cloud.role(name), Layers=[arn], Timeout=5)
    answer, error = invoke(cloud, name)
    assert answer["FunctionError"] == "Unhandled" and error["errorType"] == "Extension.Crash"
    assert error["errorMessage"].endswith("Error: exit status 3")


JAVA = """
package example;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.*;
import java.util.*;
public class Handlers {
    public static class Order {
        private String name; private int count; private List<Double> prices;
        public String getName() { return name; } public void setName(String name) { this.name = name; }
        public int getCount() { return count; } public void setCount(int count) { this.count = count; }
        public List<Double> getPrices() { return prices; } public void setPrices(List<Double> prices) { this.prices = prices; }
    }
    public static class Typed implements RequestHandler<Order, Order> {
        public Order handleRequest(Order order, Context context) {
            context.getLogger().log("ordered " + order.getName() + "\\ntwo lines\\n");
            if (order.getCount() < 0) throw new IllegalArgumentException("too few", new RuntimeException("why"));
            order.setCount(order.getCount() + 1);
            return order;
        }
    }
    public static class Stream implements RequestStreamHandler {
        public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException {
            for (int c = in.read(); c >= 0; c = in.read()) out.write(Character.toUpperCase(c));
        }
    }
    public Map<String, Object> plain(Map<String, Object> event, Context context) {
        event.put("name", context.getFunctionName());
        event.put("left", context.getRemainingTimeInMillis() > 0);
        return event;
    }
}
"""


@pytest.mark.skipif(not shutil.which("javac"), reason="no JDK")
def test_java_handlers(cloud, name, tmp_path):
    shims = Path(__file__).resolve().parent.parent / "crates/executor/src/shims/java/com"
    (tmp_path / "Handlers.java").write_text(JAVA)
    sources = [str(path) for path in shims.rglob("*.java")]
    command = ["javac", "--release", "8", "-nowarn", "-d", str(tmp_path / "out"), str(tmp_path / "Handlers.java"), *sources]
    subprocess.run(command, check=True, capture_output=True)
    # As from a build: only the function's own classes, as a jar of a library would not be needed.
    files = {
        str(path.relative_to(tmp_path / "out")): path.read_bytes()
        for path in (tmp_path / "out" / "example").rglob("*.class")
    }
    role = cloud.role(name)
    functions = cloud.client("lambda")
    cloud.function(name, files, role, "java17", Handler="example.Handlers$Typed::handleRequest", Timeout=30, MemorySize=512)
    order = {"name": "tea", "count": 1, "prices": [1.5, 2]}
    answer, result = invoke(cloud, name, order)
    assert result == {"name": "tea", "count": 2, "prices": [1.5, 2.0]}, result
    answer, error = invoke(cloud, name, {"count": -1})
    assert answer["FunctionError"] == "Unhandled"
    assert (error["errorMessage"], error["errorType"]) == ("too few", "java.lang.IllegalArgumentException")
    assert error["stackTrace"][0].startswith("example.Handlers$Typed.handleRequest(Handlers.java:")
    assert error["cause"]["errorMessage"] == "why"
    logged = cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    assert "ordered tea\ntwo lines\n" in [event["message"] for event in logged]
    functions.update_function_configuration(FunctionName=name, Handler="example.Handlers$Stream")
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert invoke(cloud, name, {"a": 1})[1] == {"A": 1}
    functions.update_function_configuration(FunctionName=name, Handler="example.Handlers::plain")
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert invoke(cloud, name, {"a": [None, True]})[1] == {"a": [None, True], "name": name, "left": True}
    functions.update_function_configuration(FunctionName=name, Handler="example.Missing")
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    error = invoke(cloud, name, {})[1]
    assert (error["errorMessage"], error["errorType"]) == ("Class not found: example.Missing", "java.lang.ClassNotFoundException")


def test_the_doctor_knows_the_runtimes():
    answer = subprocess.run([os.environ["PILVI_BIN"], "doctor"], capture_output=True, text=True, timeout=60, check=True)
    lines = {line.split()[0]: line for line in answer.stdout.splitlines() if line}
    assert lines["isolation"].split()[1] in ("sandbox:", "none,")
    assert "any executable" in lines["provided.al2023"]
    assert any(lines["python3.11"].split()[1].startswith(start) for start in ("3.", "missing"))
