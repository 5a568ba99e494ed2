"""EventBridge Scheduler: schedules that fire by the cloud's clock, and what is refused."""

import json
import os
import subprocess
import urllib.request
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError

from conftest import REGION, until

ACCOUNT = "000000000000"
START = datetime(2030, 3, 30, 12, 0, tzinfo=timezone.utc)


def move(cloud, **wish):
    request = urllib.request.Request(cloud.url + "/_pilvi/clock", json.dumps(wish).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["now"]


def scheduler_role(cloud, name, *statements, principal="scheduler.amazonaws.com"):
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=policy)
    return role["Arn"]


def allow(action, resource="*"):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def queue(cloud, name, **attributes):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def drain(cloud, url, count):
    """The next messages of a queue, deleted."""
    sqs = cloud.client("sqs")
    messages = []

    def more():
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"])
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            messages.append(message)
        return len(messages) >= count

    until(more)
    return messages


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_schedules_and_groups(cloud, name):
    scheduler = cloud.client("scheduler")
    role = scheduler_role(cloud, name)
    url, arn = queue(cloud, name)
    base = f"arn:aws:scheduler:{REGION}:{ACCOUNT}"
    schedule = {
        "Name": name,
        "ScheduleExpression": "rate(1 minute)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": arn, "RoleArn": role, "Input": '{"key": "value"}'},
        "State": "DISABLED",
    }
    assert scheduler.create_schedule(**schedule)["ScheduleArn"] == f"{base}:schedule/default/{name}"
    found = scheduler.get_schedule(Name=name)
    found.pop("ResponseMetadata")
    assert found.pop("CreationDate") == found.pop("LastModificationDate")
    assert found == {
        **schedule,
        "Arn": f"{base}:schedule/default/{name}",
        "ActionAfterCompletion": "NONE",
        "GroupName": "default",
        "ScheduleExpressionTimezone": "UTC",
        "Target": {
            **schedule["Target"],
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
        },
    }
    # The same token makes it a repetition, another one a conflict.
    again = {**schedule, "Name": name + "-2", "ClientToken": "t"}
    assert scheduler.create_schedule(**again) and scheduler.create_schedule(**again)
    text = f"Schedule {name} already exists."
    assert refused(scheduler.create_schedule, **schedule) == ("ConflictException", text, 409)

    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60}
    end = datetime(2040, 1, 1, tzinfo=timezone.utc)
    changed = {**schedule, "ScheduleExpression": "rate(2 minute)", "FlexibleTimeWindow": window, "EndDate": end}
    changed.update(Description="d", ActionAfterCompletion="DELETE", ScheduleExpressionTimezone="Europe/Helsinki")
    assert scheduler.update_schedule(**changed)["ScheduleArn"] == f"{base}:schedule/default/{name}"
    found = scheduler.get_schedule(Name=name, GroupName="default")
    assert found["FlexibleTimeWindow"] == window and found["EndDate"] == end
    assert [found[key] for key in ("ScheduleExpression", "Description", "ActionAfterCompletion")] == [
        "rate(2 minute)",
        "d",
        "DELETE",
    ]
    scheduler.update_schedule(**schedule)
    found = scheduler.get_schedule(Name=name)
    assert "Description" not in found and "EndDate" not in found and found["ActionAfterCompletion"] == "NONE"

    # A group, its tags, and its schedules.
    group = name + "-group"
    made = scheduler.create_schedule_group(Name=group, Tags=[{"Key": "a", "Value": "1"}])
    assert made["ScheduleGroupArn"] == f"{base}:schedule-group/{group}"
    scheduler.tag_resource(ResourceArn=made["ScheduleGroupArn"], Tags=[{"Key": "b", "Value": "2"}])
    scheduler.untag_resource(ResourceArn=made["ScheduleGroupArn"], TagKeys=["a"])
    tags = scheduler.list_tags_for_resource(ResourceArn=made["ScheduleGroupArn"])["Tags"]
    assert tags == [{"Key": "b", "Value": "2"}]
    assert scheduler.get_schedule_group(Name=group)["State"] == "ACTIVE"
    groups = scheduler.list_schedule_groups(NamePrefix=name)["ScheduleGroups"]
    assert [found["Name"] for found in groups] == [group]
    assert "default" in [found["Name"] for found in scheduler.list_schedule_groups()["ScheduleGroups"]]
    for number in range(5):
        scheduler.create_schedule(**{**schedule, "Name": f"s{number}", "GroupName": group})
    pages = scheduler.get_paginator("list_schedules").paginate(GroupName=group, PaginationConfig={"PageSize": 2})
    pages = [[found["Name"] for found in page["Schedules"]] for page in pages]
    assert pages == [["s0", "s1"], ["s2", "s3"], ["s4"]]
    summary = scheduler.list_schedules(GroupName=group, NamePrefix="s3", State="DISABLED")["Schedules"][0]
    assert summary.pop("CreationDate") and summary.pop("LastModificationDate")
    assert summary == {
        "Arn": f"{base}:schedule/{group}/s3",
        "GroupName": group,
        "Name": "s3",
        "State": "DISABLED",
        "Target": {"Arn": arn},
    }
    assert scheduler.list_schedules(GroupName=group, State="ENABLED")["Schedules"] == []
    text = f"Schedule group {group} already exists."
    assert refused(scheduler.create_schedule_group, Name=group) == ("ConflictException", text, 409)
    scheduler.delete_schedule_group(Name=group)
    missing = ("ResourceNotFoundException", f"Schedule group {group} does not exist.", 404)
    assert refused(scheduler.get_schedule_group, Name=group) == missing
    assert refused(scheduler.list_schedules, GroupName=group) == missing
    assert refused(scheduler.get_schedule, GroupName=group, Name="s0") == missing
    text = "This operation cannot be performed on schedule group default."
    assert refused(scheduler.create_schedule_group, Name="default") == ("ValidationException", text, 400)

    scheduler.delete_schedule(Name=name)
    missing = ("ResourceNotFoundException", f"Schedule {name} does not exist.", 404)
    assert refused(scheduler.get_schedule, Name=name) == missing
    assert refused(scheduler.delete_schedule, Name=name) == missing
    assert refused(scheduler.update_schedule, **schedule) == missing


def test_what_is_refused(cloud, name):
    scheduler = cloud.client("scheduler")
    role = scheduler_role(cloud, name)
    stranger = scheduler_role(cloud, name + "-stranger", principal="lambda.amazonaws.com")
    sqs, function = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
    universal = "arn:aws:scheduler:::aws-sdk:sqs:"
    off, flexible = {"Mode": "OFF"}, {"Mode": "FLEXIBLE"}
    late, early = datetime(2040, 1, 2, tzinfo=timezone.utc), datetime(2040, 1, 1, tzinfo=timezone.utc)
    past = datetime.now(timezone.utc) - timedelta(minutes=10)
    trust = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    for text, target, more in [
        (trust, {"RoleArn": stranger}, {}),
        ("Invalid Schedule Expression cron(0 1 * * * *).", {}, {"ScheduleExpression": "cron(0 1 * * * *)"}),
        ("Invalid Schedule Expression  rate(10 minutes).", {}, {"ScheduleExpression": " rate(10 minutes)"}),
        ("Invalid Schedule Expression at(2021-12-31).", {}, {"ScheduleExpression": "at(2021-12-31)"}),
        (
            "MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE.",
            {},
            {"FlexibleTimeWindow": flexible},
        ),
        (
            "MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode is set to OFF.",
            {},
            {"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}},
        ),
        ("The StartDate you specify must come before the EndDate.", {}, {"StartDate": late, "EndDate": early}),
        ("The StartDate you specify cannot be earlier than 5 minutes ago.", {}, {"StartDate": past}),
        ("s3 is not a supported service for a target.", {"Arn": "arn:aws:s3:::bucket"}, {}),
        (f"The target ARN provided does not match the current region {REGION}.", {"Arn": sqs.replace(REGION, "us-east-1")}, {}),
        ("Parameters KinesisParameters not supported for the target.", {"KinesisParameters": {"PartitionKey": "p"}}, {}),
        ("Parameters SqsParameters must be specified.", {"Arn": sqs + ".fifo"}, {}),
        ("Parameters MessageGroupId not valid for the target.", {"SqsParameters": {"MessageGroupId": "g"}}, {}),
        ("JSON syntax error in input for the target", {"Arn": function, "Input": "{not json"}, {}),
        ("listQueues API is not supported.", {"Arn": universal + "listQueues", "Input": "{}"}, {}),
        ("You must provide an input to set this target for your schedule.", {"Arn": universal + "sendMessage"}, {}),
        (
            "2 validation errors detected: Value 'a b' at 'groupName' failed to satisfy constraint: Member must satisfy "
            "regular expression pattern: ^[0-9a-zA-Z-_.]+$; Value '1441' at 'flexibleTimeWindow.maximumWindowInMinutes' "
            "failed to satisfy constraint: Member must have value less than or equal to 1440",
            {},
            {"GroupName": "a b", "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1441}},
        ),
    ]:
        schedule = {"Name": name, "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": off, **more}
        schedule["Target"] = {"Arn": sqs, "RoleArn": role, **target}
        code, message, status = refused(scheduler.create_schedule, **schedule)
        if "2 validation" in text:  # their order is the document's, which the client chooses
            assert sorted(message.split(": ", 1)[1].split("; ")) == sorted(text.split(": ", 1)[1].split("; "))
        else:
            assert (code, message, status) == ("ValidationException", text, 400)
    missing = ("ResourceNotFoundException", "Schedule group nowhere does not exist.", 404)
    schedule = {"Name": name, "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": off, "GroupName": "nowhere"}
    assert refused(scheduler.create_schedule, Target={"Arn": sqs, "RoleArn": role}, **schedule) == missing


def test_schedules_fire_by_the_clock(own_cloud):
    cloud = own_cloud
    move(cloud, set=START.isoformat())
    move(cloud, freeze=True)
    role = scheduler_role(cloud, "fires", allow("sqs:SendMessage"))
    scheduler = cloud.client("scheduler")
    off = {"Mode": "OFF"}
    cron_url, cron_arn = queue(cloud, "cron")
    target = {"Arn": cron_arn, "RoleArn": role}
    # 02:30 does not exist in Berlin on 31 March 2030; the first of a month does.
    scheduler.create_schedule(
        Name="nightly",
        ScheduleExpression="cron(30 2 * * ? *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow=off,
        Target={**target, "Input": "<aws.scheduler.scheduled-time> <aws.scheduler.schedule-arn> <aws.scheduler.attempt-number>"},
    )
    rate_url, rate_arn = queue(cloud, "rate.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    scheduler.create_schedule(
        Name="often",
        ScheduleExpression="rate(5 minutes)",
        FlexibleTimeWindow=off,
        StartDate=START + timedelta(minutes=2),
        EndDate=START + timedelta(minutes=13),
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": rate_arn,
            "RoleArn": role,
            "SqsParameters": {"MessageGroupId": "g"},
            "Input": "<aws.scheduler.scheduled-time> <aws.scheduler.execution-id>",
        },
    )
    once_url, once_arn = queue(cloud, "once")
    for state in ("ENABLED", "DISABLED"):
        scheduler.create_schedule(
            Name="once-" + state.lower(),
            ScheduleExpression="at(2030-03-30T14:10:00)",
            ScheduleExpressionTimezone="Europe/Helsinki",
            FlexibleTimeWindow=off,
            ActionAfterCompletion="DELETE",
            State=state,
            Target={"Arn": once_arn, "RoleArn": role},
        )
    window_url, window_arn = queue(cloud, "window")
    scheduler.create_schedule(
        Name="window",
        ScheduleExpression="at(2030-03-30T12:01:00)",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 9},
        ActionAfterCompletion="DELETE",
        Target={"Arn": window_arn, "RoleArn": role, "Input": "<aws.scheduler.scheduled-time>"},
    )
    move(cloud, advance="11m")
    assert [message["Body"] for message in drain(cloud, window_url, 1)] == ["2030-03-30T12:01:00Z"]
    # Helsinki is two hours ahead.
    (once,) = drain(cloud, once_url, 1)
    event = json.loads(once["Body"])
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": "2030-03-30T12:10:00Z",
        "region": REGION,
        "resources": [f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/once-enabled"],
        "detail": "{}",
    }
    first = drain(cloud, rate_url, 2)
    move(cloud, advance="1h")
    rate = first + drain(cloud, rate_url, 1)
    times, executions = zip(*(message["Body"].split() for message in rate))
    assert times == ("2030-03-30T12:02:00Z", "2030-03-30T12:07:00Z", "2030-03-30T12:12:00Z")
    assert len(set(executions)) == 3
    assert {message["Attributes"]["MessageGroupId"] for message in rate} == {"g"}
    until(lambda: [s["Name"] for s in scheduler.list_schedules()["Schedules"]] == ["nightly", "once-disabled"])
    # The gap is skipped; the night after is in summer time.
    move(cloud, set="2030-04-01T00:31:00Z")
    (nightly,) = drain(cloud, cron_url, 1)
    assert nightly["Body"] == f"2030-04-01T00:30:00Z arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/nightly 1"
    # A schedule outlives a crash; each time that the clock passes over fires.
    url, arn = queue(cloud, "ticks")
    tick = {**target, "Arn": arn, "Input": "<aws.scheduler.scheduled-time>"}
    start = START + timedelta(days=9)
    scheduler.create_schedule(Name="ticks", ScheduleExpression="rate(1 minute)", FlexibleTimeWindow=off, StartDate=start, Target=tick)
    port = cloud.port
    cloud.kill()
    cloud.start(port)
    move(cloud, set=(start + timedelta(minutes=2)).isoformat())
    assert [message["Body"] for message in drain(cloud, url, 3)] == [f"2030-04-08T12:0{minute}:00Z" for minute in range(3)]


def test_targets(own_cloud):
    cloud = own_cloud
    move(cloud, set=START.isoformat())
    scheduler = cloud.client("scheduler")
    role = scheduler_role(cloud, "all", allow(["sqs:*", "lambda:InvokeFunction", "dynamodb:PutItem"]))
    url, arn = queue(cloud, "q")
    code = (
        "import boto3, json\n"
        "def handler(event, context):\n"
        "    boto3.client('sqs').send_message(QueueUrl=event['url'], MessageBody=json.dumps({'from': 'function', **event}))\n"
    )
    function = cloud.function("f", {"index.py": code}, cloud.role("f", allow("sqs:*")))
    cloud.client("lambda").get_waiter("function_active_v2").wait(FunctionName="f")
    table = cloud.client("dynamodb").create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )["TableDescription"]
    assert table["TableArn"]

    def once(name, target):
        scheduler.create_schedule(
            Name=name,
            ScheduleExpression="at(2030-03-30T13:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"RoleArn": role, **target},
        )

    once("function", {"Arn": function["FunctionArn"], "Input": json.dumps({"url": url, "n": 1})})
    message = {"QueueUrl": url, "MessageBody": "sent as it is", "MessageAttributes": {"a": {"DataType": "String", "StringValue": "b"}}}
    once("universal", {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": json.dumps(message)})
    item = {"TableName": "table", "Item": {"k": {"S": "<aws.scheduler.scheduled-time>"}}}
    once("table", {"Arn": "arn:aws:scheduler:::aws-sdk:dynamodb:putItem", "Input": json.dumps(item)})
    # Three that fail: nothing there, not allowed, not built.
    letters, letters_arn = queue(cloud, "letters")
    quick = {"DeadLetterConfig": {"Arn": letters_arn}, "RetryPolicy": {"MaximumRetryAttempts": 1}}
    gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone"
    once("gone", {"Arn": gone, "Input": "hello", **quick})
    forbidden = "arn:aws:scheduler:::aws-sdk:iam:createUser"
    once("forbidden", {"Arn": forbidden, "Input": json.dumps({"UserName": "x"}), **quick})
    unknown = "arn:aws:scheduler:::aws-sdk:rds:stopDBInstance"
    once("unknown", {"Arn": unknown, "Input": json.dumps({"DbInstanceIdentifier": "x"}), **quick})

    move(cloud, set="2030-03-30T13:00:01Z")
    bodies = {message["Body"]: message for message in drain(cloud, url, 2)}
    assert bodies.pop("sent as it is")["MessageAttributes"]["a"]["StringValue"] == "b"
    assert [json.loads(body) for body in bodies] == [{"from": "function", "url": url, "n": 1}]
    items = until(lambda: cloud.client("dynamodb").scan(TableName="table")["Items"])
    assert items == [{"k": {"S": "2030-03-30T13:00:00Z"}}]

    found = {}
    for letter in drain(cloud, letters, 3):
        attributes = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
        assert len(attributes.pop("EXECUTION_ID")) == 16 and attributes.pop("ERROR_MESSAGE")
        assert attributes.pop("IS_PAYLOAD_TRUNCATED") == "false"
        assert attributes.pop("SCHEDULED_TIME") == "2030-03-30T13:00:00Z"
        found[attributes.pop("SCHEDULE_ARN").rsplit("/")[-1]] = (attributes, json.loads(letter["Body"]))
    attributes, body = found["gone"]
    assert attributes == {
        "ERROR_CODE": "AWS.SimpleQueueService.NonExistentQueue",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "RETRY_ATTEMPTS": "1",
        "TARGET_ARN": gone,
    }
    assert body["MessageBody"] == "hello" and body["QueueUrl"].endswith(f"/{ACCOUNT}/gone")
    attributes, body = found["forbidden"]
    assert attributes["RETRY_ATTEMPTS"] == "1" and attributes["ERROR_CODE"] == "AccessDenied" and body == {"UserName": "x"}
    attributes, _ = found["unknown"]
    assert attributes == {"ERROR_CODE": "NotImplemented", "RETRY_ATTEMPTS": "0", "TARGET_ARN": unknown}


def test_the_clock_and_the_backlog_from_the_command_line(own_cloud):
    cloud = own_cloud

    def pilvi(*arguments, code=0):
        command = [os.environ["PILVI_BIN"], *arguments, "--port", str(cloud.port)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return (done.stdout or done.stderr).strip()

    pilvi("clock", "freeze")
    assert pilvi("clock", "set", "2030-01-01T00:00:00Z") == pilvi("clock") == "2030-01-01T00:00:00Z"
    assert pilvi("clock", "advance", "36h") == "2030-01-02T12:00:00Z"
    assert "not a duration" in pilvi("clock", "advance", "soon", code=1)
    assert "neither a time" in pilvi("clock", "set", "later", code=1)
    assert pilvi("deliveries") == "Nothing waits to be delivered."
    # A queue that is not there: the invocation waits for its next try, and says why.
    role = scheduler_role(cloud, "r", allow("sqs:SendMessage"))
    target = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone", "RoleArn": role}
    schedule = {"Name": "s", "ScheduleExpression": "at(2030-01-02T13:00:00)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    cloud.client("scheduler").create_schedule(Target=target, **schedule)
    pilvi("clock", "advance", "1h")
    report = until(lambda: "tried 1 times" in pilvi("deliveries") and pilvi("deliveries"))
    assert f"scheduler.invocation to arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/s" in report
    assert "1 waiting, 0 being made, since 2030-01-02T13:00:00Z" in report
    assert "next 2030-01-02T13:00:01Z" in report and "The specified queue does not exist." in report
    # It arrives once there is one.
    url, _ = queue(cloud, "gone")
    pilvi("clock", "resume")
    pilvi("clock", "advance", "5m")
    assert len(drain(cloud, url, 1)) == 1
    until(lambda: pilvi("deliveries") == "Nothing waits to be delivered.")


TERRAFORM = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}

variable "minutes" { default = 5 }

data "aws_caller_identity" "me" {}

resource "aws_sqs_queue" "dead" { name = "dead" }

resource "aws_sqs_queue" "queue" {
  name                       = "queue.fifo"
  fifo_queue                  = true
  content_based_deduplication = true
  deduplication_scope        = "messageGroup"
  fifo_throughput_limit      = "perMessageGroupId"
  visibility_timeout_seconds = 45
  tags                       = { team = "timers" }
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url            = aws_sqs_queue.dead.id
  redrive_allow_policy = jsonencode({ redrivePermission = "denyAll" })
}

resource "aws_iam_role" "role" {
  name = "scheduler"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.me.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:aws:scheduler:*:*:schedule-group/nightly" }
      }
    }]
  })
}

resource "aws_iam_role_policy" "may" {
  role   = aws_iam_role.role.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = "*" }] })
}

resource "aws_scheduler_schedule_group" "group" {
  name = "nightly"
  tags = { team = "timers" }
}

resource "aws_scheduler_schedule" "schedule" {
  name                         = "schedule"
  group_name                   = aws_scheduler_schedule_group.group.name
  schedule_expression          = "rate(${var.minutes} minutes)"
  schedule_expression_timezone = "Europe/Helsinki"
  description                  = "every now and then"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_sqs_queue.queue.arn
    role_arn = aws_iam_role.role.arn
    input    = "tick"
    sqs_parameters {
      message_group_id = "<aws.scheduler.execution-id>"
    }
    dead_letter_config {
      arn = aws_sqs_queue.dead.arn
    }
  }
}
"""


def test_terraform(own_cloud, tmp_path):
    program = os.environ.get("PILVI_TERRAFORM")
    if not program:
        pytest.skip("terraform is not installed")
    (tmp_path / "main.tf").write_text(TERRAFORM)
    settings = tmp_path / "terraform.rc"
    mirror = 'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n'
    settings.write_text(mirror % os.environ["TF_PLUGIN_DIR"])

    def terraform(*arguments, code=0):
        environment = dict(own_cloud.environment(), TF_CLI_CONFIG_FILE=str(settings))
        command = [program, f"-chdir={tmp_path}", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == code, f"{arguments}:\n{done.stdout}\n{done.stderr}"

    terraform("init", "-no-color")
    terraform("apply", "-auto-approve", "-no-color")
    terraform("plan", "-detailed-exitcode", "-no-color")
    sqs = own_cloud.client("sqs")
    until(lambda: sqs.receive_message(QueueUrl="queue.fifo").get("Messages", [{}])[0].get("Body") == "tick")
    changed = ("-no-color", "-var", "minutes=7")
    terraform("apply", "-auto-approve", *changed)
    found = own_cloud.client("scheduler").get_schedule(GroupName="nightly", Name="schedule")
    assert found["ScheduleExpression"] == "rate(7 minutes)"
    for address, identity in (
        ("aws_scheduler_schedule.schedule", "nightly/schedule"),
        ("aws_scheduler_schedule_group.group", "nightly"),
    ):
        terraform("state", "rm", address)
        terraform("import", *changed, address, identity)
    terraform("plan", "-detailed-exitcode", *changed)
    terraform("destroy", "-auto-approve", "-no-color")
    assert own_cloud.client("scheduler").list_schedules()["Schedules"] == []


def test_what_is_missed_while_nothing_runs_fires_afterwards(own_cloud):
    cloud = own_cloud
    role = scheduler_role(cloud, "r", allow("sqs:SendMessage"))
    url, arn = queue(cloud, "q")
    due = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=2)
    cloud.client("scheduler").create_schedule(
        Name="s",
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": role, "Input": "<aws.scheduler.scheduled-time>"},
    )
    cloud.kill()
    until(lambda: datetime.now(timezone.utc) > due)
    cloud.start(cloud.port)
    assert [message["Body"] for message in drain(cloud, url, 1)] == [f"{due:%Y-%m-%dT%H:%M:%SZ}"]
