"""EventBridge, through real clients: buses, rules, targets, archives, connections, schedules."""

import json
import os
import subprocess
import threading
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, until

ACCOUNT = "000000000000"


def queue(cloud, name, allow=True, **attributes):
    """A queue that rules may send to: its URL and ARN."""
    sqs = cloud.client("sqs")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    if allow:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        attributes["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], arn


def receive(cloud, url, count=1, seconds=60):
    """That many messages, in the order of their arrival."""
    sqs, found = cloud.client("sqs"), []

    def collect():
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"], AttributeNames=["All"]
        )
        for message in answer.get("Messages", []):
            found.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= count

    until(collect, seconds)
    assert len(found) == count, found
    return found


def bodies(cloud, url, count=1, seconds=60):
    return [json.loads(message["Body"]) for message in receive(cloud, url, count, seconds)]


def entry(source="shop", kind="sold", detail=None, **more):
    return {"Source": source, "DetailType": kind, "Detail": json.dumps(detail or {}), **more}


def refused(call, **parameters):
    with pytest.raises(ClientError) as error:
        call(**parameters)
    details = error.value.response["Error"]
    return details["Code"], details["Message"]


def advance(cloud, seconds):
    body = json.dumps({"advance": f"{seconds}s"}).encode()
    request = urllib.request.Request(f"{cloud.url}/_pilvi/clock", data=body, method="POST")
    return json.loads(urllib.request.urlopen(request).read())


def test_events_reach_the_targets_of_the_rules_that_they_match(cloud, name):
    events = cloud.client("events")
    url, arn = queue(cloud, name)
    fifo_url, fifo_arn = queue(cloud, f"{name}.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    assert bus == f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}"
    pattern = {"source": ["shop"], "detail": {"price": [{"numeric": [">", 10]}]}}
    rule = events.put_rule(Name="dear", EventBusName=name, EventPattern=json.dumps(pattern))["RuleArn"]
    assert rule == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}/dear"
    put = events.put_targets(
        Rule="dear",
        EventBusName=name,
        Targets=[
            {"Id": "whole", "Arn": arn},
            {"Id": "part", "Arn": arn, "InputPath": "$.detail.item"},
            {
                "Id": "template",
                "Arn": fifo_arn,
                "SqsParameters": {"MessageGroupId": "g"},
                "InputTransformer": {
                    "InputPathsMap": {"item": "$.detail.item", "price": "$.detail.price", "none": "$.detail.none"},
                    "InputTemplate": '{"text": "<item> for <price><none>", "price": <price>, "none": <none>, "rule": "<aws.events.rule-name>", "event": <aws.events.event.json>}',
                },
            },
        ],
    )
    assert (put["FailedEntryCount"], put["FailedEntries"]) == (0, [])
    moment = datetime(2022, 1, 1, 9, tzinfo=timezone.utc)
    answer = events.put_events(
        Entries=[
            entry(detail={"item": "ring", "price": 11.50}, EventBusName=name, Resources=["arn:x"], Time=moment),
            entry(detail={"item": "pin", "price": 9}, EventBusName=name),
            entry(detail={"item": "ring", "price": 11}, EventBusName=bus, Source="other"),
            entry(detail={"item": "ring", "price": 11}),
        ]
    )
    assert answer["FailedEntryCount"] == 0 and len(answer["Entries"]) == 4
    expected = {
        "version": "0",
        "id": answer["Entries"][0]["EventId"],
        "detail-type": "sold",
        "source": "shop",
        "account": ACCOUNT,
        "time": "2022-01-01T09:00:00Z",
        "region": REGION,
        "resources": ["arn:x"],
        "detail": {"item": "ring", "price": 11.5},
    }
    messages = sorted((message["Body"] for message in receive(cloud, url, 2)), key=len)
    assert messages[0] == '"ring"'
    assert messages[1] == json.dumps(expected, separators=(",", ":"))
    message = receive(cloud, fifo_url)[0]
    assert message["Attributes"]["MessageGroupId"] == "g"
    assert json.loads(message["Body"]) == {
        "text": "ring for 11.5",
        "price": 11.5,
        "none": "",
        "rule": "dear",
        "event": expected,
    }

    # A disabled rule is silent, an enabled one is not.
    events.disable_rule(Name="dear", EventBusName=name)
    events.put_events(Entries=[entry(detail={"item": "quiet", "price": 11}, EventBusName=name)])
    events.enable_rule(Name="dear", EventBusName=name)
    events.remove_targets(Rule="dear", EventBusName=name, Ids=["whole", "template"])
    events.put_events(Entries=[entry(detail={"item": "loud", "price": 11}, EventBusName=name)])
    assert bodies(cloud, url) == ["loud"]
    assert refused(events.delete_event_bus, Name=name)[1] == "EventBus can't be deleted since it has rules."
    assert refused(events.delete_rule, Name="dear", EventBusName=name) == (
        "ValidationException",
        "Rule can't be deleted since it has targets.",
    )
    events.remove_targets(Rule="dear", EventBusName=name, Ids=["part"])
    events.delete_rule(Name="dear", EventBusName=name)
    events.delete_event_bus(Name=name)
    assert refused(events.describe_event_bus, Name=name) == (
        "ResourceNotFoundException",
        f"Event bus {name} does not exist.",
    )


def test_entries_fail_one_by_one_and_requests_whole(cloud, name):
    events = cloud.client("events")
    answer = events.put_events(
        Entries=[
            {"DetailType": "t", "Detail": "{}"},
            {"Source": "s", "Detail": "{}"},
            {"Source": "s", "DetailType": "t"},
            {"Source": "s", "DetailType": "t", "Detail": "[1]"},
            {"Source": "s", "DetailType": "t", "Detail": "{'a': 1}"},
            {"Source": "aws.s3", "DetailType": "t", "Detail": "{}"},
            {"Source": "s", "DetailType": "t", "Detail": "{}", "EventBusName": f"{name}-none"},
        ]
    )
    assert answer["FailedEntryCount"] == 6
    required = "Parameter {0} is not valid. Reason: {0} is a required argument."
    assert [(item["ErrorCode"], item["ErrorMessage"]) for item in answer["Entries"][:6]] == [
        ("InvalidArgument", required.format("Source")),
        ("InvalidArgument", required.format("DetailType")),
        ("InvalidArgument", required.format("Detail")),
        ("MalformedDetail", "Detail is malformed."),
        ("MalformedDetail", "Detail is malformed."),
        ("NotAuthorizedForSourceException", "Not authorized for the source."),
    ]
    assert "EventId" in answer["Entries"][6]
    large = {"Source": "s", "DetailType": "t", "Detail": json.dumps({"x": "x" * 262_144})}
    assert refused(events.put_events, Entries=[large]) == (
        "ValidationException",
        "Total size of the entries in the request is over the limit.",
    )
    code, text = refused(events.put_events, Entries=[{"Source": "s", "DetailType": "t", "Detail": "{}"}] * 11)
    one = (
        "PutEventsRequestEntry(time=null, source=s, resources=null, detailType=t, detail={}, eventBusName=null, "
        "traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null)"
    )
    assert code == "ValidationException" and text == (
        f"1 validation error detected: Value '[{', '.join([one] * 11)}]' at 'entries' failed to satisfy constraint: "
        "Member must have length less than or equal to 10"
    )


def test_refusals_read_as_those_of_aws(cloud, name):
    events = cloud.client("events")
    invalid = "ValidationException"
    assert refused(events.put_rule, Name=name) == (
        invalid,
        "Parameter(s) EventPattern or ScheduleExpression must be specified.",
    )
    for expression in ["rate(1 minutes)", "rate(0 minutes)", "rate(10 seconds)", " rate(10 minutes)", "cron(* * * * *)"]:
        assert refused(events.put_rule, Name=name, ScheduleExpression=expression) == (
            invalid,
            "Parameter ScheduleExpression is not valid.",
        )
    assert refused(events.put_rule, Name=name, EventPattern='{"a": []}') == (
        "InvalidEventPatternException",
        'Event pattern is not valid. Reason: Empty arrays are not allowed\n at [Source: (String)"{"a": []}"; line: 1, column: 9]',
    )
    events.create_event_bus(Name=name)
    assert refused(events.create_event_bus, Name=name) == (
        "ResourceAlreadyExistsException",
        f"Event bus {name} already exists.",
    )
    assert refused(events.put_rule, Name="r", EventBusName=name, ScheduleExpression="rate(1 minute)") == (
        invalid,
        "ScheduleExpression is supported only on the default event bus.",
    )
    assert refused(events.delete_event_bus, Name="default") == (invalid, "Cannot delete event bus default.")
    assert refused(events.describe_rule, Name="none") == (
        "ResourceNotFoundException",
        "Rule none does not exist on EventBus default.",
    )
    events.delete_rule(Name="none")
    events.delete_event_bus(Name=f"{name}-none")

    events.put_rule(Name="r", EventBusName=name, EventPattern='{"source": ["s"]}')
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"

    def target(**more):
        return refused(events.put_targets, Rule="r", EventBusName=name, Targets=[{"Id": "t", "Arn": arn, **more}])

    assert target(Arn="queue") == (invalid, "Parameter queue is not valid. Reason: Provided Arn is not in correct format.")
    assert target(Arn=f"{arn}.fifo") == (invalid, "Parameter(s) SqsParameters must be specified for target: t.")
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m"
    assert target(Arn=machine) == (invalid, f"RoleArn is required for target {machine}.")
    assert target(Input="{}", InputPath="$.detail") == (
        invalid,
        "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
    )
    template = {"InputPathsMap": {"a": "$.a"}, "InputTemplate": '"<a> <b>"'}
    assert target(InputTransformer=template) == (invalid, "InputTemplate for target t contains invalid placeholder b.")
    targets = [{"Id": str(number), "Arn": arn} for number in range(6)]
    assert refused(events.put_targets, Rule="r", EventBusName=name, Targets=targets) == (
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    )
    assert "Targets" in events.list_targets_by_rule(Rule="r", EventBusName=name)
    assert events.list_targets_by_rule(Rule="r", EventBusName=name)["Targets"] == []
    assert refused(events.put_targets, Rule="r", EventBusName=name, Targets=[{"Id": "!", "Arn": arn}]) == (
        invalid,
        "1 validation error detected: Value '!' at 'targets.1.member.id' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+",
    )
    removed = events.remove_targets(Rule="r", EventBusName=name, Ids=["none"])
    assert removed["FailedEntryCount"] == 1 and removed["FailedEntries"][0]["TargetId"] == "none"
    assert refused(events.test_event_pattern, Event="{}", EventPattern="{}") == (invalid, "Parameter Event is not valid.")
    long = "with spaces " * 6
    assert refused(
        events.create_connection,
        Name=long,
        AuthorizationType="OTHER",
        AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": "p"}},
    ) == (
        invalid,
        f"3 validation errors detected: Value '{long}' at 'name' failed to satisfy constraint: Member must have length less "
        f"than or equal to 64; Value '{long}' at 'name' failed to satisfy constraint: Member must satisfy regular expression "
        "pattern: [\\.\\-_A-Za-z0-9]+; Value 'OTHER' at 'authorizationType' failed to satisfy constraint: Member must satisfy "
        "enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]",
    )


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(cloud, name):
    events = cloud.client("events")
    dead_url, dead_arn = queue(cloud, f"{name}-dead")
    _, closed_arn = queue(cloud, f"{name}-closed", allow=False)
    missing = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}-none"
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m"
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    role = cloud.client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ],
            }
        ),
    )["Role"]["Arn"]
    dead = {"DeadLetterConfig": {"Arn": dead_arn}}
    targets = {closed_arn: "NO_PERMISSIONS", missing: "NO_RESOURCE", machine: "NOT_IMPLEMENTED"}
    events.put_targets(
        Rule=name,
        Targets=[
            {"Id": "closed", "Arn": closed_arn, **dead},
            {"Id": "missing", "Arn": missing, **dead},
            {"Id": "machine", "Arn": machine, "RoleArn": role, "Input": '{"own": 1}', **dead},
        ],
    )
    sent = events.put_events(Entries=[entry(source=name, detail={"a": 1})])["Entries"][0]["EventId"]
    for message in receive(cloud, dead_url, 3):
        attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
        assert attributes["RULE_ARN"] == rule and attributes["RETRY_ATTEMPTS"] == "0"
        assert attributes["ERROR_CODE"] == targets.pop(attributes["TARGET_ARN"]) and attributes["ERROR_MESSAGE"]
        assert "EXHAUSTED_RETRY_CONDITION" not in attributes
        assert json.loads(message["Body"])["id"] == sent
    assert targets == {}


class Server:
    """An HTTP server that remembers what it is asked, and answers what it is told to."""

    def __init__(self):
        self.requests, self.answers = [], {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length).decode()
                path = self.path.split("?")[0]
                outer.requests.append((self.command, self.path, dict(self.headers.items()), body))
                statuses = outer.answers.get(path, [(200, {})])
                status, document = statuses.pop(0) if len(statuses) > 1 else statuses[0]
                text = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def asked(self, path):
        return [request for request in self.requests if request[1].split("?")[0] == path]


@pytest.fixture
def server():
    server = Server()
    yield server
    server.server.shutdown()


def test_api_destinations_are_called_with_what_the_connection_says(cloud, name, server):
    events = cloud.client("events")
    invocation = {
        "HeaderParameters": [{"Key": "X-Connection", "Value": "c", "IsValueSecret": False}],
        "QueryStringParameters": [{"Key": "from", "Value": "connection"}],
        "BodyParameters": [{"Key": "added", "Value": "body", "IsValueSecret": True}],
    }
    key = events.create_connection(
        Name=f"{name}-key",
        AuthorizationType="API_KEY",
        AuthParameters={
            "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"},
            "InvocationHttpParameters": invocation,
        },
    )
    assert key["ConnectionState"] == "AUTHORIZED"
    shown = events.describe_connection(Name=f"{name}-key")
    assert shown["AuthParameters"]["ApiKeyAuthParameters"] == {"ApiKeyName": "X-Key"}
    assert shown["AuthParameters"]["InvocationHttpParameters"]["BodyParameters"] == [{"Key": "added", "IsValueSecret": True}]
    assert f":secret:events!connection/{name}-key/" in shown["SecretArn"]
    server.answers["/token"] = [(200, {"access_token": "t0k3n", "expires_in": 3600})]
    oauth = events.create_connection(
        Name=f"{name}-oauth",
        AuthorizationType="OAUTH_CLIENT_CREDENTIALS",
        AuthParameters={
            "OAuthParameters": {
                "ClientParameters": {"ClientID": "id", "ClientSecret": "pw"},
                "AuthorizationEndpoint": f"{server.url}/token",
                "HttpMethod": "POST",
                "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "all"}]},
            }
        },
    )
    assert oauth["ConnectionState"] == "AUTHORIZING"
    until(lambda: events.describe_connection(Name=f"{name}-oauth")["ConnectionState"] == "AUTHORIZED")
    token = json.loads(server.asked("/token")[0][3])
    assert (token["client_id"], token["client_secret"], token["scope"]) == ("id", "pw", "all")

    targets = []
    for kind, connection in [("key", key), ("oauth", oauth)]:
        destination = events.create_api_destination(
            Name=f"{name}-{kind}",
            ConnectionArn=connection["ConnectionArn"],
            InvocationEndpoint=f"{server.url}/{kind}/*",
            HttpMethod="POST",
        )
        assert destination["ApiDestinationState"] == "ACTIVE"
        targets.append(
            {
                "Id": kind,
                "Arn": destination["ApiDestinationArn"],
                "Input": '{"own": 1}',
                "HttpParameters": {
                    "PathParameterValues": ["$.detail.item"],
                    "HeaderParameters": {"X-Target": "t", "X-Connection": "overwritten"},
                    "QueryStringParameters": {"q": "$.source"},
                },
            }
        )
    # The first answer of the second is one that is worth another try.
    server.answers["/oauth/ring"] = [(503, {}), (200, {})]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=targets)
    events.put_events(Entries=[entry(source=name, detail={"item": "ring"})])

    _, path, headers, body = until(lambda: server.asked("/key/ring"))[0]
    assert path == f"/key/ring?q={name}&from=connection"
    assert (headers["x-key"], headers["x-target"], headers["x-connection"]) == ("secret", "t", "c")
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(body) == {"own": 1, "added": "body"}
    asked = until(lambda: len(server.asked("/oauth/ring")) >= 2 and server.asked("/oauth/ring"))
    assert asked[1][2]["authorization"] == "Bearer t0k3n" and len(server.asked("/token")) == 1

    assert events.delete_connection(Name=f"{name}-key")["ConnectionState"] == "DELETING"
    assert refused(events.describe_connection, Name=f"{name}-key") == (
        "ResourceNotFoundException",
        f"Failed to describe the connection(s). Connection '{name}-key' does not exist.",
    )
    assert events.describe_api_destination(Name=f"{name}-key")["ApiDestinationState"] == "INACTIVE"
    events.delete_api_destination(Name=f"{name}-key")
    assert refused(events.describe_api_destination, Name=f"{name}-key") == (
        "ResourceNotFoundException",
        f"Failed to describe the api-destination(s). An api-destination '{name}-key' does not exist.",
    )


def test_archived_events_are_replayed(cloud, name):
    events = cloud.client("events")
    url, arn = queue(cloud, name)
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    rules = {}
    for rule in ["one", "two"]:
        rules[rule] = events.put_rule(Name=rule, EventBusName=name, EventPattern='{"source": ["shop"]}')["RuleArn"]
    events.put_targets(Rule="one", EventBusName=name, Targets=[{"Id": "q", "Arn": arn}])
    archive = events.create_archive(
        ArchiveName=name, EventSourceArn=bus, EventPattern='{"detail": {"keep": [true]}}', RetentionDays=1
    )
    assert archive["State"] == "ENABLED"
    start = datetime.now(timezone.utc) - timedelta(minutes=1)
    entries = [entry(detail={"keep": keep, "number": number}, EventBusName=name) for number, keep in enumerate([True, False, True])]
    ids = [item["EventId"] for item in events.put_events(Entries=entries)["Entries"]]
    assert {body["id"] for body in bodies(cloud, url, 3)} == set(ids)
    shown = events.describe_archive(ArchiveName=name)
    assert shown["EventCount"] == 2 and shown["SizeBytes"] > 0 and shown["ArchiveArn"] == archive["ArchiveArn"]

    window = {"EventStartTime": start, "EventEndTime": start + timedelta(minutes=5)}
    replay = {"EventSourceArn": archive["ArchiveArn"], **window}
    started = events.start_replay(ReplayName=name, Destination={"Arn": bus, "FilterArns": [rules["one"]]}, **replay)
    assert started["State"] == "STARTING"
    replayed = bodies(cloud, url, 2)
    assert {body["id"] for body in replayed} == {ids[0], ids[2]}
    assert all(body["replay-name"] == name for body in replayed)
    assert list(replayed[0])[6:9] == ["region", "replay-name", "resources"]
    until(lambda: events.describe_replay(ReplayName=name)["State"] == "COMPLETED")
    assert events.list_replays(NamePrefix=name)["Replays"][0]["EventLastReplayedTime"]
    assert events.describe_archive(ArchiveName=name)["EventCount"] == 2
    # A rule that is not named hears nothing of it.
    events.start_replay(ReplayName=f"{name}-2", Destination={"Arn": bus, "FilterArns": [rules["two"]]}, **replay)
    assert events.cancel_replay(ReplayName=f"{name}-2")["State"] == "CANCELLING"
    until(lambda: events.describe_replay(ReplayName=f"{name}-2")["State"] == "CANCELLED")

    assert refused(events.start_replay, ReplayName=name, Destination={"Arn": bus}, **replay) == (
        "ResourceAlreadyExistsException",
        f"Replay {name} already exists.",
    )
    other = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    assert refused(events.start_replay, ReplayName="x", Destination={"Arn": other}, **replay) == (
        "ValidationException",
        "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
    )
    replay["EventEndTime"] = start
    assert refused(events.start_replay, ReplayName="x", Destination={"Arn": bus}, **replay) == (
        "ValidationException",
        "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
    )
    # To AWS an archive is a rule of its bus.
    for rule, ids in [("one", ["q"]), ("two", [])]:
        if ids:
            events.remove_targets(Rule=rule, EventBusName=name, Ids=ids)
        events.delete_rule(Name=rule, EventBusName=name)
    assert refused(events.delete_event_bus, Name=name)[1] == "EventBus can't be deleted since it has rules."
    events.delete_archive(ArchiveName=name)
    events.delete_event_bus(Name=name)
    assert refused(events.describe_archive, ArchiveName=name) == (
        "ResourceNotFoundException",
        f"Archive {name} does not exist.",
    )


def test_buses_pass_events_on_and_their_policies_decide_who_may(cloud, name):
    events = cloud.client("events")
    url, arn = queue(cloud, name)
    first = events.create_event_bus(Name=f"{name}-1")["EventBusArn"]
    second = events.create_event_bus(Name=f"{name}-2")["EventBusArn"]
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    may = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": second}
    iam.put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]})
    )
    for bus, target in [(first, {"Arn": second, "RoleArn": role}), (second, {"Arn": arn})]:
        events.put_rule(Name="all", EventBusName=bus, EventPattern='{"source": [{"prefix": ""}]}')
        events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "t", **target}])
    sent = events.put_events(Entries=[entry(EventBusName=first)])["Entries"][0]["EventId"]
    assert bodies(cloud, url)[0]["id"] == sent

    # Another account may, once the policy says so.
    other = cloud.client("events", key="111122223333")
    assert refused(other.put_events, Entries=[entry(EventBusName=second)])[0] == "AccessDeniedException"
    events.put_permission(EventBusName=f"{name}-2", Action="events:PutEvents", Principal="111122223333", StatementId="s")
    policy = json.loads(events.describe_event_bus(Name=second)["Policy"])
    assert policy == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "s",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                "Action": "events:PutEvents",
                "Resource": second,
            }
        ],
    }
    other.put_events(Entries=[entry(EventBusName=second)])
    assert bodies(cloud, url)[0]["account"] == "111122223333"
    assert refused(events.remove_permission, EventBusName=f"{name}-2", StatementId="none") == (
        "ResourceNotFoundException",
        "Statement with the provided id does not exist.",
    )
    events.remove_permission(EventBusName=f"{name}-2", RemoveAllPermissions=True)
    assert "Policy" not in events.describe_event_bus(Name=second)


def test_topics_and_log_groups_get_events_as_their_policies_say(cloud, name):
    events, sns, logs = cloud.client("events"), cloud.client("sns"), cloud.client("logs")
    url, arn = queue(cloud, name)
    dead_url, dead = queue(cloud, f"{name[:35]}-dead")
    sqs_statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    cloud.client("sqs").set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [sqs_statement]})}
    )
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    logs.create_log_group(logGroupName=f"/aws/events/{name}")
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/{name}"
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    letters = {"DeadLetterConfig": {"Arn": dead}}
    events.put_targets(
        Rule=name, Targets=[{"Id": "topic", "Arn": topic, **letters}, {"Id": "logs", "Arn": group, **letters}]
    )
    events.put_events(Entries=[entry(source=name)])
    refusals = {message["MessageAttributes"]["TARGET_ARN"]["StringValue"] for message in receive(cloud, dead_url, 2)}
    assert refusals == {topic, group}

    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}
    for_topic = dict(statement, Action="sns:Publish", Resource=topic)
    sns.set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [for_topic]}),
    )
    for_logs = dict(statement, Action=["logs:CreateLogStream", "logs:PutLogEvents"], Resource=f"{group}:*")
    logs.put_resource_policy(
        policyName=name, policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [for_logs]})
    )
    sent = events.put_events(Entries=[entry(source=name)])["Entries"][0]["EventId"]
    assert json.loads(bodies(cloud, url)[0]["Message"])["id"] == sent
    lines = until(lambda: logs.filter_log_events(logGroupName=f"/aws/events/{name}")["events"])
    assert json.loads(lines[0]["message"])["id"] == sent


def test_objects_make_events(cloud, name):
    events, s3 = cloud.client("events"), cloud.client("s3")
    url, arn = queue(cloud, name)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [name]}}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    s3.put_object(Bucket=name, Key="a.txt", Body=b"data")
    event = bodies(cloud, url)[0]
    assert (event["resources"], event["account"]) == ([f"arn:aws:s3:::{name}"], ACCOUNT)
    detail = event["detail"]
    assert (detail["object"]["key"], detail["object"]["size"], detail["reason"]) == ("a.txt", 4, "PutObject")


def test_functions_get_events_with_their_permission(cloud, name):
    events, functions = cloud.client("events"), cloud.client("lambda")
    code = "import json\ndef handler(event, context):\n    print(json.dumps(event))\n"
    arn = cloud.function(name, {"index.py": code}, cloud.role(name))["FunctionArn"]
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    dead_url, dead = queue(cloud, f"{name}-dead")
    events.put_targets(Rule=name, Targets=[{"Id": "f", "Arn": arn, "DeadLetterConfig": {"Arn": dead}}])
    events.put_events(Entries=[entry(source=name, detail={"number": 1})])
    assert receive(cloud, dead_url)[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    functions.add_permission(
        FunctionName=name,
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    events.put_events(Entries=[entry(source=name, detail={"number": 2})])
    logs = cloud.client("logs")

    def lines():
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except ClientError:
            return []
        return [line["message"] for line in found if line["message"].startswith("{")]

    assert json.loads(until(lines)[0])["detail"] == {"number": 2}


def test_schedules_follow_the_clock(own_cloud, name):
    cloud = own_cloud
    events = cloud.client("events")
    url, arn = queue(cloud, name)
    rule = events.put_rule(Name=name, ScheduleExpression="rate(5 minutes)")["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    advance(cloud, 301)
    event = bodies(cloud, url)[0]
    assert (event["detail-type"], event["source"], event["resources"]) == ("Scheduled Event", "aws.events", [rule])
    assert event["detail"] == {} and event["account"] == ACCOUNT
    # All that becomes due fires, in its time.
    advance(cloud, 900)
    times = sorted(datetime.fromisoformat(body["time"].replace("Z", "+00:00")) for body in bodies(cloud, url, 3))
    assert [later - earlier for earlier, later in zip(times, times[1:])] == [timedelta(minutes=5)] * 2
    # Not while it is disabled, and not by an event that is put.
    events.disable_rule(Name=name)
    advance(cloud, 600)
    events.put_rule(Name=f"{name}-cron", ScheduleExpression="cron(0 12 * * ? *)")
    events.put_targets(
        Rule=f"{name}-cron", Targets=[{"Id": "q", "Arn": arn, "Input": '{"custom": 1}'}]
    )
    events.put_events(Entries=[entry(source="aws-events", kind="Scheduled Event")])
    advance(cloud, 86_400)
    assert bodies(cloud, url) == [{"custom": 1}]


def test_deliveries_outlive_a_crash(own_cloud, name):
    cloud = own_cloud
    events = cloud.client("events")
    url, arn = queue(cloud, name)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    sent = []
    for _ in range(5):
        answer = events.put_events(Entries=[entry(source=name) for _ in range(10)])
        sent += [item["EventId"] for item in answer["Entries"]]
    cloud.kill()
    cloud.start(cloud.port)
    found, sqs = set(), cloud.client("sqs")

    def collect():
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found.update(json.loads(message["Body"])["id"] for message in answer.get("Messages", []))
        return found == set(sent)

    until(collect)
    # The rule is still there, and matches.
    again = cloud.client("events").put_events(Entries=[entry(source=name)])["Entries"][0]["EventId"]
    sent.append(again)
    until(collect)


def test_listings_go_page_by_page(cloud, name):
    events = cloud.client("events")
    events.create_event_bus(Name=name, Tags=[{"Key": "a", "Value": "1"}], Description="d")
    for number in range(5):
        events.put_rule(Name=f"r{number}", EventBusName=name, EventPattern='{"source": ["s"]}')
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q{number % 2}"
        events.put_targets(Rule=f"r{number}", EventBusName=name, Targets=[{"Id": "t", "Arn": arn}])
    first = events.list_rules(EventBusName=name, NamePrefix="r", Limit=3)
    second = events.list_rules(EventBusName=name, NamePrefix="r", Limit=3, NextToken=first["NextToken"])
    assert [rule["Name"] for rule in first["Rules"] + second["Rules"]] == [f"r{number}" for number in range(5)]
    assert "NextToken" not in second and first["Rules"][0] == {
        "Name": "r0",
        "Arn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}/r0",
        "EventPattern": '{"source": ["s"]}',
        "State": "ENABLED",
        "EventBusName": name,
    }
    names = events.list_rule_names_by_target(
        TargetArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q1", EventBusName=name
    )["RuleNames"]
    assert names == ["r1", "r3"]
    bus = events.list_event_buses(NamePrefix=name)["EventBuses"]
    assert len(bus) == 1 and bus[0]["Description"] == "d" and "Policy" not in bus[0]
    arn = bus[0]["Arn"]
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    events.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    missing = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/none"
    assert refused(events.list_tags_for_resource, ResourceARN=missing) == (
        "ResourceNotFoundException",
        "Rule none does not exist on EventBus default.",
    )
    assert "default" in cloud.aws("events", "list-event-buses", "--query", "EventBuses[].Name", "--output", "text")


def test_endpoints_and_partners_are_what_they_are(cloud, name):
    events = cloud.client("events")
    buses = [{"EventBusArn": f"arn:aws:events:{region}:{ACCOUNT}:event-bus/default"} for region in (REGION, "eu-central-1")]
    check = {"Primary": {"HealthCheck": "arn:aws:route53:::healthcheck/a"}, "Secondary": {"Route": "eu-central-1"}}
    made = events.create_endpoint(Name=name, RoutingConfig={"FailoverConfig": check}, EventBuses=buses)
    assert (made["State"], made["ReplicationConfig"]) == ("CREATING", {"State": "ENABLED"})
    shown = events.describe_endpoint(Name=name)
    assert (shown["State"], shown["EventBuses"]) == ("ACTIVE", buses)
    assert shown["EndpointUrl"] == f"https://{shown['EndpointId']}.endpoint.events.amazonaws.com"
    events.update_endpoint(Name=name, ReplicationConfig={"State": "DISABLED"})
    listed = events.list_endpoints(NamePrefix=name)["Endpoints"]
    assert [endpoint["ReplicationConfig"]["State"] for endpoint in listed] == ["DISABLED"]
    events.delete_endpoint(Name=name)
    assert refused(events.describe_endpoint, Name=name)[0] == "ResourceNotFoundException"
    source = "aws.partner/example.com/1/a"
    assert refused(events.create_event_bus, Name=source, EventSourceName=source) == (
        "ResourceNotFoundException",
        f"Event source {source} does not exist.",
    )
    assert events.list_event_sources()["EventSources"] == []


TERRAFORM = """
provider "aws" {
  region = "eu-west-1"
}
resource "aws_sqs_queue" "q" {
  name = "tf-events"
}
resource "aws_cloudwatch_event_bus" "bus" {
  name        = "tf-bus"
  description = "a bus"
  tags        = { a = "1" }
}
resource "aws_cloudwatch_event_rule" "tick" {
  name                = "tf-tick"
  schedule_expression = "rate(5 minutes)"
  tags                = { a = "1" }
}
resource "aws_cloudwatch_event_rule" "match" {
  name           = "tf-match"
  description    = "matches"
  event_bus_name = aws_cloudwatch_event_bus.bus.name
  event_pattern  = jsonencode({ source = ["shop"], detail = { price = [{ numeric = [">", 1] }] } })
}
resource "aws_cloudwatch_event_target" "tick" {
  rule  = aws_cloudwatch_event_rule.tick.name
  arn   = aws_sqs_queue.q.arn
  input = jsonencode({ a = 1 })
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 3
  }
  dead_letter_config {
    arn = aws_sqs_queue.q.arn
  }
}
resource "aws_cloudwatch_event_target" "match" {
  rule           = aws_cloudwatch_event_rule.match.name
  event_bus_name = aws_cloudwatch_event_bus.bus.name
  arn            = aws_sqs_queue.q.arn
  input_transformer {
    input_paths    = { price = "$.detail.price" }
    input_template = "{\\"price\\": <price>}"
  }
}
resource "aws_cloudwatch_event_archive" "archive" {
  name             = "tf-archive"
  event_source_arn = aws_cloudwatch_event_bus.bus.arn
  retention_days   = 7
  event_pattern    = jsonencode({ source = ["shop"] })
}
resource "aws_cloudwatch_event_permission" "other" {
  principal      = "111122223333"
  statement_id   = "Other"
  event_bus_name = aws_cloudwatch_event_bus.bus.name
}
resource "aws_cloudwatch_event_connection" "connection" {
  name               = "tf-connection"
  authorization_type = "BASIC"
  auth_parameters {
    basic {
      username = "user"
      password = "secret"
    }
    invocation_http_parameters {
      header {
        key             = "x-a"
        value           = "1"
        is_value_secret = false
      }
    }
  }
}
resource "aws_cloudwatch_event_api_destination" "destination" {
  name                             = "tf-destination"
  invocation_endpoint              = "https://localhost:1/*"
  http_method                      = "POST"
  invocation_rate_limit_per_second = 20
  connection_arn                   = aws_cloudwatch_event_connection.connection.arn
}
"""


def test_terraform_plans_cleanly(own_cloud, tmp_path):
    program = os.environ.get("PILVI_TERRAFORM")
    if not program:
        pytest.skip("terraform is not installed")
    folder = tmp_path / "terraform"
    folder.mkdir()
    (folder / "main.tf").write_text(TERRAFORM)
    settings = tmp_path / "terraform.rc"
    settings.write_text(
        'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' % os.environ["TF_PLUGIN_DIR"]
    )

    def run(*arguments):
        environment = dict(own_cloud.environment(), TF_CLI_CONFIG_FILE=str(settings))
        command = [program, f"-chdir={folder}", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}:\n{done.stdout}\n{done.stderr}"

    run("init", "-no-color")
    run("apply", "-auto-approve", "-no-color")
    run("plan", "-detailed-exitcode", "-no-color")
    events = own_cloud.client("events")
    assert events.list_targets_by_rule(Rule="tf-tick")["Targets"][0]["RetryPolicy"] == {
        "MaximumRetryAttempts": 3,
        "MaximumEventAgeInSeconds": 60,
    }
    run("destroy", "-auto-approve", "-no-color")
    assert events.list_rules()["Rules"] == [] and events.list_connections()["Connections"] == []
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]
