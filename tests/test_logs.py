"""Logs: filters of every kind, subscriptions, and what is kept of them, through real clients."""

import base64
import gzip
import json
import time

import pytest
from botocore.exceptions import ClientError
from conftest import until


def now():
    return int(time.time() * 1000)


@pytest.fixture
def logs(cloud):
    return cloud.client("logs")


@pytest.fixture
def group(logs, name):
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def put(logs, group, *messages, stream="s", at=None):
    start = at or now()
    events = [{"timestamp": start + place, "message": message} for place, message in enumerate(messages)]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def found(logs, group, **more):
    return [event["message"] for event in logs.filter_log_events(logGroupName=group, **more)["events"]]


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_filters_of_every_kind(logs, group):
    apache = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
    put(logs, group, "hello world", "goodbye cruel world", '{"level": "ERROR", "ms": 12.5, "user": {"id": null}}', apache)
    for pattern, expected in [
        ("hello", ["hello world"]),
        ("world -cruel", ["hello world"]),
        ("?hello ?goodbye", ["hello world", "goodbye cruel world"]),
        ('"cruel world"', ["goodbye cruel world"]),
        ("%^(hello|goodbye) w%", ["hello world"]),
    ]:
        assert found(logs, group, filterPattern=pattern) == expected, pattern
    assert len(found(logs, group, filterPattern='{ $.level = "ERR*" && ($.ms > 12 || $.ms = 1) && $.user.id IS NULL }')) == 1
    assert found(logs, group, filterPattern="{ $.level NOT EXISTS }") == []
    assert found(logs, group, filterPattern="[ip, id, user, time, request = *.html*, status = 4*, size > 1000]") == [apache]
    assert refused(logs.filter_log_events, logGroupName=group, filterPattern="{ $.a = }") == (
        "InvalidParameterException",
        "Invalid filter pattern",
    )
    tested = logs.test_metric_filter(filterPattern="[..., status, size]", logEventMessages=["no", apache])["matches"]
    assert [(match["eventNumber"], match["extractedValues"]["$size"]) for match in tested] == [(2, "1534")]
    tested = logs.test_metric_filter(filterPattern="{ $.ms = * }", logEventMessages=['{"ms": 3}'])["matches"]
    assert tested[0]["extractedValues"] == {"$.ms": "3"}


def test_pages_hold_a_megabyte_and_streams_are_interleaved(logs, group):
    logs.create_log_stream(logGroupName=group, logStreamName="t")
    start, big = now() - 10_000, "x" * 200_000
    for place in range(6):
        put(logs, group, f"{place}{big}", stream="st"[place % 2], at=start + place)
    pages, token = [], {}
    while True:
        page = logs.filter_log_events(logGroupName=group, **token)
        pages.append([event["message"][0] for event in page["events"]])
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert pages == [["0", "1", "2", "3", "4"], ["5"]]
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["storedBytes"] == 6 * (200_001 + 26)
    code, _ = refused(logs.filter_log_events, logGroupName=group, nextToken="nonsense")
    assert code == "InvalidParameterException"


def test_batches_are_refused_or_taken_in_part(logs, group):
    day, events = 86_400_000, lambda *times: [{"timestamp": one, "message": "m"} for one in times]
    to = {"logGroupName": group, "logStreamName": "s"}
    late = logs.put_log_events(**to, logEvents=events(now() + day))["rejectedLogEventsInfo"]
    assert late == {"tooNewLogEventStartIndex": 0}
    early = logs.put_log_events(**to, logEvents=events(now() - 30 * day))["rejectedLogEventsInfo"]
    assert early == {"tooOldLogEventEndIndex": 1}
    assert found(logs, group) == []
    assert refused(logs.put_log_events, **to, logEvents=events(now(), now() - 1)) == (
        "InvalidParameterException",
        "Log events in a single PutLogEvents request must be in chronological order.",
    )
    code, message = refused(
        logs.put_log_events, **to, logEvents=[{"timestamp": now(), "message": "x" * 600_000} for _ in range(2)]
    )
    assert (code, message) == ("InvalidParameterException", "Upload too large: 1200052 bytes exceeds limit of 1048576")
    stream = logs.describe_log_streams(logGroupName=group)["logStreams"][0]
    assert stream["storedBytes"] == 0 and "uploadSequenceToken" not in stream
    assert refused(logs.describe_log_streams, logGroupName=group, logGroupIdentifier=group) == (
        "ValidationException",
        "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
    )


COLLECT = """
import json

def handler(event, context):
    print(json.dumps(event))
"""


def test_a_subscription_feeds_a_function(cloud, logs, group, name):
    function = cloud.function(name, {"index.py": COLLECT}, cloud.role(name, {"Effect": "Allow", "Action": "*", "Resource": "*"}))
    arn = function["FunctionArn"]
    subscribe = {"logGroupName": group, "filterName": "errors", "filterPattern": "ERROR", "destinationArn": arn}
    assert refused(logs.put_subscription_filter, **subscribe) == (
        "InvalidParameterException",
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.",
    )
    cloud.client("lambda").add_permission(
        FunctionName=name,
        StatementId="logs",
        Principal=f"logs.{logs.meta.region_name}.amazonaws.com",
        Action="lambda:InvokeFunction",
        SourceArn=f"arn:aws:logs:{logs.meta.region_name}:000000000000:log-group:{group}:*",
    )
    logs.put_subscription_filter(**subscribe)
    put(logs, group, "fine", "ERROR one", "fine too", "ERROR two")

    def told():
        for message in found(logs, f"/aws/lambda/{name}", filterPattern="awslogs"):
            return json.loads(gzip.decompress(base64.b64decode(json.loads(message)["awslogs"]["data"])))

    until(lambda: logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"])
    data = until(told)
    assert [event["message"] for event in data["logEvents"]] == ["ERROR one", "ERROR two"]
    assert all(event["id"].isdigit() for event in data["logEvents"])
    del data["logEvents"]
    assert data == {
        "messageType": "DATA_MESSAGE",
        "owner": "000000000000",
        "logGroup": group,
        "logStream": "s",
        "subscriptionFilters": ["errors"],
    }

    logs.put_subscription_filter(**dict(subscribe, filterName="two", filterPattern="[]"))
    limit = refused(logs.put_subscription_filter, **dict(subscribe, filterName="three"))
    assert limit == ("LimitExceededException", "Resource limit exceeded.")
    described = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"][0]
    del described["creationTime"]
    assert described == dict(subscribe, distribution="ByLogStream", applyOnTransformedLogs=False)
    other = dict(subscribe, destinationArn="arn:aws:lambda:eu-west-1:123456789012:function:f")
    assert refused(logs.put_subscription_filter, **other)[0] == "AccessDeniedException"
    stream = dict(subscribe, destinationArn="arn:aws:kinesis:eu-west-1:000000000000:stream/s")
    assert refused(logs.put_subscription_filter, **stream)[1] == "destinationArn for vendor kinesis cannot be used without roleArn"
    logs.delete_subscription_filter(logGroupName=group, filterName="errors")
    assert refused(logs.delete_subscription_filter, logGroupName=group, filterName="errors") == (
        "ResourceNotFoundException",
        "The specified subscription filter does not exist.",
    )


def test_policies_destinations_and_metric_filters_are_kept(logs, group, name):
    document = json.dumps(
        {"Statement": [{"Effect": "Allow", "Principal": {"Service": ["a.amazonaws.com"]}, "Action": "logs:*", "Resource": "*"}]}
    )
    put = logs.put_resource_policy(policyName=name, policyDocument=document)["resourcePolicy"]
    assert (put["policyDocument"], put["policyScope"]) == (document, "ACCOUNT")
    kept = [one for one in logs.describe_resource_policies()["resourcePolicies"] if one["policyName"] == name]
    assert json.loads(kept[0]["policyDocument"])["Version"] == "2008-10-17"
    logs.delete_resource_policy(policyName=name)
    assert refused(logs.delete_resource_policy, policyName=name)[1] == f"Policy with name [{name}] does not exist."

    to = {"metricName": "m", "metricNamespace": name, "metricValue": "1", "defaultValue": 0}
    logs.put_metric_filter(logGroupName=group, filterName="f", filterPattern=" ", metricTransformations=[to])
    [described] = logs.describe_metric_filters(metricName="m", metricNamespace=name)["metricFilters"]
    assert described["metricTransformations"] == [to] and described["filterPattern"] == " "
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["metricFilterCount"] == 1
    logs.delete_metric_filter(logGroupName=group, filterName="f")
    assert logs.describe_metric_filters(logGroupName=group)["metricFilters"] == []

    stream, role = "arn:aws:kinesis:eu-west-1:000000000000:stream/s", "arn:aws:iam::000000000000:role/r"
    made = logs.put_destination(destinationName=name, targetArn=stream, roleArn=role, tags={"a": "b"})["destination"]
    logs.put_destination_policy(destinationName=name, accessPolicy="{}")
    assert logs.describe_destinations(DestinationNamePrefix=name)["destinations"] == [dict(made, accessPolicy="{}")]
    logs.tag_resource(resourceArn=made["arn"], tags={"c": "d"})
    assert logs.list_tags_for_resource(resourceArn=made["arn"])["tags"] == {"a": "b", "c": "d"}
    logs.delete_destination(destinationName=name)
    assert logs.describe_destinations(DestinationNamePrefix=name)["destinations"] == []


def test_queries_count_what_was_logged(logs, group):
    messages = ['{"level": "ERROR", "ms": 30}', '{"level": "INFO", "ms": 10}', '{"level": "ERROR", "ms": 20}', "plain"]
    put(logs, group, *messages, at=now() - 60_000)
    span = {"startTime": int(time.time()) - 600, "endTime": int(time.time())}

    def query(text):
        started = logs.start_query(logGroupName=group, queryString=text, **span)["queryId"]
        done = until(lambda: (told := logs.get_query_results(queryId=started))["status"] == "Complete" and told)
        return [{field["field"]: field["value"] for field in row} for row in done["results"]], done["statistics"]

    rows, statistics = query("fields @message, ms | filter level = 'ERROR' | sort ms asc")
    assert [(row["@message"], row["ms"]) for row in rows] == [(messages[2], "20"), (messages[0], "30")] and rows[0]["@ptr"]
    assert (statistics["recordsMatched"], statistics["recordsScanned"]) == (2, 4)
    rows, _ = query("filter ispresent(level) | stats count(*) as n, avg(ms) by level | sort n desc")
    assert rows == [{"level": "ERROR", "n": "2", "avg(ms)": "25"}, {"level": "INFO", "n": "1", "avg(ms)": "10"}]
    described = logs.describe_queries(logGroupName=group, status="Complete")["queries"]
    start, end = span["startTime"], span["endTime"]
    text = f'SOURCE "{group}" START={start}000 END={end}999 | fields @message, ms | filter level = \'ERROR\' | sort ms asc'
    assert described[-1]["queryString"] == text and logs.describe_queries(logGroupName=group, status="Scheduled")["queries"] == []
    code, message = refused(logs.start_query, logGroupName="no-such-group", queryString="fields @message", **span)
    assert code == "ResourceNotFoundException" and message.startswith("Log group 'no-such-group' does not exist for account ID")
    assert refused(logs.start_query, logGroupName=group, queryString="nonsense", **span)[0] == "MalformedQueryException"


def test_the_command_line_reads_a_group(cloud, logs, group):
    put(logs, group, "first", "second")
    text = cloud.aws("logs", "filter-log-events", "--log-group-name", group, "--interleaved", "--query", "events[].message")
    assert json.loads(text) == ["first", "second"]
    text = cloud.aws("logs", "get-log-events", "--log-group-name", group, "--log-stream-name", "s", "--limit", "1")
    page = json.loads(text)
    assert [event["message"] for event in page["events"]] == ["second"]
    text = cloud.aws(
        "logs", "get-log-events", "--log-group-name", group, "--log-stream-name", "s", "--next-token", page["nextBackwardToken"]
    )
    assert [event["message"] for event in json.loads(text)["events"]] == ["first"]
