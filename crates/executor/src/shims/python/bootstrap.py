"""Runs a Python function: loads the handler, then asks for events and answers them.

Started with -I -S, so everything that `site` and the variables would set up is done here, and only that.
Must run on every Python from 3.6 on.
"""

import builtins
import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback

environ = os.environ
_FRAMES = int(environ.pop("_LAMBDA_TELEMETRY_LOG_FD"))


# ---- the Runtime API over a raw socket: an answer and the next poll leave in one packet ----


class Client:
    _PATH = "/2018-06-01/runtime/"

    def __init__(self, address, api):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.api = api
        self.poll = ("GET %sinvocation/next HTTP/1.1\r\nHost: %s\r\n\r\n" % (self._PATH, api)).encode()
        self.buffer = b""

    def _post(self, path, body, error_type=None):
        head = "POST %s%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n" % (self._PATH, path, self.api, len(body))
        if error_type:
            head += "Lambda-Runtime-Function-Error-Type: %s\r\n" % error_type.encode("ascii", "replace").decode()
        return head.encode() + b"\r\n" + body

    def _read(self):
        while b"\r\n\r\n" not in self.buffer:
            self._fill()
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        headers = {}
        for line in head.decode("utf-8", "replace").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            parts, have = [rest], len(rest)
            while have < length:
                part = self.socket.recv(262144)
                if not part:
                    os._exit(1)
                parts.append(part)
                have += len(part)
            rest = b"".join(parts)
        self.buffer = rest[length:]
        return headers, rest[:length]

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            # The server is gone, or has given this environment up.
            os._exit(1)
        self.buffer += data

    def assignment(self):
        self.socket.sendall(("GET /pilvi/assignment HTTP/1.1\r\nHost: %s\r\n\r\n" % self.api).encode())
        return self._read()[1]

    def next(self):
        self.socket.sendall(self.poll)
        return self._read()

    def respond(self, request_id, body):
        self.socket.sendall(self._post("invocation/%s/response" % request_id, body) + self.poll)
        self._read()
        return self._read()

    def fail(self, request_id, error):
        body = json.dumps(error, ensure_ascii=False).encode("utf-8", "replace")
        self.socket.sendall(self._post("invocation/%s/error" % request_id, body, error["errorType"]) + self.poll)
        self._read()
        return self._read()

    def fail_init(self, error):
        body = json.dumps(error, ensure_ascii=False).encode("utf-8", "replace")
        self.socket.sendall(self._post("init/error", body, error["errorType"]))
        self._read()


_CLIENT = Client(environ["_PILVI_API"], environ["AWS_LAMBDA_RUNTIME_API"])
if environ.pop("_PILVI_STANDBY", None):
    # Booted ahead: this waits until it is known what for.
    import http.client
    import urllib.request

    _given = json.loads(_CLIENT.assignment().decode("utf-8"))
    environ.clear()
    environ.update(_given)
    time.tzset()
    os.chdir(environ["LAMBDA_TASK_ROOT"])
environ.pop("_PILVI_API")

_SDK = environ.pop("_PILVI_SDK", None)
_OPT = environ.pop("_PILVI_OPT", "/opt")
_ENDPOINT = environ.pop("_PILVI_ENDPOINT", None)
_TASK = environ.get("LAMBDA_TASK_ROOT", os.getcwd())
_VERSION = "python%d.%d" % sys.version_info[:2]

_paths = [_TASK, os.path.join(_OPT, "python", "lib", _VERSION, "site-packages"), os.path.join(_OPT, "python")]
_paths += [p for p in environ.get("PYTHONPATH", "").split(":") if p and p not in _paths and p != _SDK]
sys.path[:] = _paths + [p for p in sys.path if os.path.dirname(os.path.abspath(__file__)) != p]
if _SDK:
    sys.path.append(_SDK)

# What `site` adds.
builtins.exit = builtins.quit = sys.exit

_HERE = os.path.abspath(__file__)
_JSON_LOGS = environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


class Fault(Exception):
    """An error of the runtime's own kind."""

    def __init__(self, kind, message, trace=None):
        Exception.__init__(self, message)
        self.kind, self.message, self.trace = "Runtime." + kind, message, trace


# ---- the log ----


def record(text):
    data = text.encode("utf-8", "replace")
    micros = int(time.time() * 1000000)
    data = b"\xa5\x5a\x00\x03" + len(data).to_bytes(4, "big") + micros.to_bytes(8, "big") + data
    while data:
        data = data[os.write(_FRAMES, data):]


class LogHandler(logging.Handler):
    def emit(self, entry):
        try:
            record(self.format(entry))
        except Exception:
            self.handleError(entry)


class RequestFilter(logging.Filter):
    request_id = ""

    def filter(self, entry):
        entry.aws_request_id = RequestFilter.request_id
        return True


class JsonFormatter(logging.Formatter):
    _OWN = frozenset(
        "name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno funcName created "
        "msecs relativeCreated thread threadName processName process aws_request_id taskName asctime message".split()
    )

    def format(self, entry):
        line = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.created)),
            "level": entry.levelname,
            "message": entry.getMessage(),
            "logger": entry.name,
        }
        if entry.exc_info:
            kind, value, trace = entry.exc_info
            line["stackTrace"] = traceback.format_list(frames_of(trace))
            line["errorType"] = kind.__name__
            line["errorMessage"] = str(value)
            line["location"] = "%s:%s:%d" % (entry.pathname, entry.funcName, entry.lineno)
        for name, value in entry.__dict__.items():
            if name not in self._OWN and name not in line:
                line[name] = value
        if RequestFilter.request_id:
            line["requestId"] = RequestFilter.request_id
        return json.dumps(line, default=str, ensure_ascii=False) + "\n"


def set_up_logging():
    logging.Formatter.converter = time.gmtime
    handler = LogHandler()
    if _JSON_LOGS:
        handler.setFormatter(JsonFormatter())
    else:
        layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(RequestFilter())
    root = logging.getLogger()
    level = environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}.get(level, level)
    if level in logging._nameToLevel:
        root.setLevel(level)
    root.addHandler(handler)


def log_error(error):
    if _JSON_LOGS:
        line = {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "level": "ERROR"}
        line.update(error)
        return record(json.dumps(line, ensure_ascii=False) + "\n")
    lines = ["[ERROR] %s: %s" % (error["errorType"], error["errorMessage"])]
    if not error["errorMessage"]:
        lines = ["[ERROR] " + error["errorType"]]
    lines.append("Traceback (most recent call last):")
    for entry in error["stackTrace"]:
        for line in entry.splitlines() or [""]:
            text = line.lstrip(" ")
            # No-break spaces, so that log viewers keep the indentation.
            lines.append("\u00a0" * (len(line) - len(text)) + text)
    record("\n".join(lines) + "\n")


# ---- errors ----


def frames_of(trace):
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(trace)]
    for index, frame in enumerate(frames):
        if frame[0] != _HERE and "importlib" not in frame[0]:
            return frames[index:]
    return frames


def error_of(exc_info, request_id=""):
    kind, value, trace = exc_info
    if isinstance(value, Fault):
        return document(value.message, value.kind, value.trace, request_id)
    return document(str(value), kind.__name__, traceback.format_list(frames_of(trace)), request_id)


def document(message, kind, trace, request_id):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace or []}


# ---- the clouds' own hosts lead to the local cloud ----


def redirect(endpoint):
    host, port = endpoint.rsplit(":", 1)
    host, port = host.strip("[]"), int(port)
    clouds = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".aliyuncs.com", ".localhost.localstack.cloud")
    original = socket.getaddrinfo

    def getaddrinfo(name, service, *args, **kwargs):
        text = name.decode("ascii", "replace") if isinstance(name, bytes) else name
        if isinstance(text, str):
            dotted = "." + text.rstrip(".").lower()
            if dotted.endswith(clouds) and service in (80, 443, port, "80", "443", "http", "https"):
                return original(host, port, *args, **kwargs)
            if dotted.endswith(".localhost") and dotted != ".localhost":
                return original("127.0.0.1", service, *args, **kwargs)
        return original(name, service, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


# ---- the context ----


class _Fields:
    """Attributes from a mapping, None where it has none."""

    def __init__(self, names, values):
        for name, key in names:
            setattr(self, name, (values or {}).get(key))


class CognitoIdentity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class ClientContext:
    def __init__(self, values):
        names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
        client = values.get("client")
        self.client = None
        if client is not None:
            self.client = _Fields([(name, name) for name in names], client)
        self.custom = values.get("custom")
        self.env = values.get("env")


class LambdaContext:
    def __init__(self, headers):
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id")
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        context = _parse(headers.get("lambda-runtime-client-context"), "Client Context")
        self.client_context = ClientContext(context) if context else None
        identity = _parse(headers.get("lambda-runtime-cognito-identity"), "Cognito Identity")
        self.identity = CognitoIdentity()
        if identity:
            self.identity.cognito_identity_id = identity.get("cognitoIdentityId")
            self.identity.cognito_identity_pool_id = identity.get("cognitoIdentityPoolId")
        self._deadline = int(headers.get("lambda-runtime-deadline-ms", 0))

    def get_remaining_time_in_millis(self):
        return max(self._deadline - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        names = (
            "aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb function_version "
            "invoked_function_arn client_context identity"
        ).split()
        return "LambdaContext([%s])" % ",".join("%s=%s" % (name, getattr(self, name)) for name in names)


def _parse(text, name):
    if not text:
        return None
    try:
        return json.loads(text)
    except Exception as error:
        raise Fault("LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, error))


# ---- loading and running ----


def load(handler):
    try:
        module_name, function_name = handler.rsplit(".", 1)
    except ValueError as error:
        raise Fault("MalformedHandlerName", "Bad handler '%s': %s" % (handler, error))
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("ImportModuleError", "Unable to import module '%s': %s" % (module_name, error))
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        raise Fault("UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), trace)
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault("HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name))


def plain(value):
    if type(value).__name__ == "Decimal":
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


_ASCII = sys.version_info < (3, 12)


def answer(handler, headers, body):
    context = LambdaContext(headers)
    try:
        event = json.loads(body.decode("utf-8"))
    except Exception as error:
        raise Fault("UnmarshalError", "Unable to unmarshal input: %s" % error)
    result = handler(event, context)
    try:
        return json.dumps(result, default=plain, ensure_ascii=_ASCII).encode("utf-8")
    except Exception as error:
        raise Fault("MarshalError", "Unable to marshal response: %s" % error)


def main():
    set_up_logging()
    client = _CLIENT
    if _ENDPOINT:
        redirect(_ENDPOINT)
    try:
        handler = load(environ.get("_HANDLER", ""))
    except Exception:
        error = error_of(sys.exc_info())
        log_error(error)
        client.fail_init(error)
        sys.exit(1)
    headers, body = client.next()
    while True:
        request_id = headers.get("lambda-runtime-aws-request-id")
        RequestFilter.request_id = request_id
        trace = headers.get("lambda-runtime-trace-id")
        if trace:
            environ["_X_AMZN_TRACE_ID"] = trace
        else:
            environ.pop("_X_AMZN_TRACE_ID", None)
        try:
            result = answer(handler, headers, body)
        except Exception:
            error = error_of(sys.exc_info(), request_id)
            log_error(error)
            headers, body = client.fail(request_id, error)
            continue
        headers, body = client.respond(request_id, result)


main()
