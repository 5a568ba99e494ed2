"""SQS through boto3, the query protocol and the aws command line: answers as they were recorded from AWS."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from conftest import REGION, until

ACCOUNT = "000000000000"


def move(cloud, **wish):
    request = urllib.request.Request(cloud.url + "/_pilvi/clock", json.dumps(wish).encode(), method="POST")
    urllib.request.urlopen(request).close()


def query(cloud, url, accept=None, **parameters):
    """Status and text of a call in the query protocol, signed, with GET."""
    address = url + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
    request = AWSRequest("GET", address, headers={"Accept": accept} if accept else {})
    SigV4Auth(Credentials("test", "test"), "sqs", REGION).add_auth(request)
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=dict(request.headers))) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


def refused(call, **arguments):
    """Code (as the query protocol has it), text, status and code in JSON of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert error["Type"] == "Sender"
    return error["Code"], error["Message"], status, error["QueryErrorCode"]


def invalid(text):
    return "InvalidParameterValue", text, 400, "InvalidParameterValueException"


@pytest.fixture
def sqs(cloud):
    return cloud.client("sqs")


@pytest.fixture
def url(sqs, name):
    return sqs.create_queue(QueueName=name)["QueueUrl"]


def bodies(sqs, url, **more):
    messages = sqs.receive_message(QueueUrl=url, **{"MaxNumberOfMessages": 10, **more}).get("Messages", [])
    return [message["Body"] for message in messages]


def fifo(sqs, name, **attributes):
    attributes = {"FifoQueue": "True", "ContentBasedDeduplication": "True", **attributes}
    return sqs.create_queue(QueueName=name + ".fifo", Attributes=attributes)["QueueUrl"]


def send(sqs, url, *messages):
    """Sends messages such as g1-m1 to the group that they begin with."""
    for message in messages:
        sqs.send_message(QueueUrl=url, MessageBody=message, MessageGroupId=message.split("-")[0])


def test_what_is_refused_in_json(sqs, name, url):
    send = lambda **more: refused(sqs.send_message, QueueUrl=url, **{"MessageBody": "m", **more})  # noqa: E731
    size = 1_048_576
    attribute = {"k": {"DataType": "String", "StringValue": "x"}}
    empty = {"ErrorDetails": {"DataType": "String", "StringValue": ""}}
    graphic = "{0} can only include alphanumeric and punctuation characters. 1 to 128 in length."
    group = "Value {1} for parameter {0} is invalid. Reason: " + graphic
    assert send(MessageBody="") == (
        "MissingParameter",
        "The request must contain the parameter MessageBody.",
        400,
        "MissingRequiredParameterException",
    )
    assert send(MessageBody="a" * (size - 7), MessageAttributes=attribute) == invalid(
        f"One or more parameters are invalid. Reason: Message must be shorter than {size} bytes."
    )
    assert send(MessageAttributes=empty) == invalid(
        "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'."
    )
    for value in ("", "a" * 129, "group 123"):
        assert send(MessageGroupId=value) == invalid(group.format("MessageGroupId", value))
    assert send(MessageBody="a\x08b")[0] == "InvalidMessageContents"
    control = {"a": {"DataType": "String", "StringValue": "a\x08b"}}
    assert send(MessageAttributes=control)[0] == "InvalidParameterValue"
    sqs.send_message(
        QueueUrl=url, MessageBody="m", MessageAttributes={"attr.1øßä": {"DataType": "String", "StringValue": "x"}}
    )
    for wrong in ("aWs.x", "AMAZON.x", ".x", "x.", "a!b", "a§b", "a(b", "L" * 257):
        assert send(MessageAttributes={wrong: attribute["k"]})[0] == "InvalidParameterValue", wrong

    receive = lambda **more: refused(sqs.receive_message, QueueUrl=url, **more)  # noqa: E731
    assert receive(MaxNumberOfMessages=11) == invalid(
        "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
    )
    assert receive(WaitTimeSeconds=-1) == invalid(
        "Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
    )
    assert refused(sqs.delete_message, QueueUrl=url, ReceiptHandle="garbage") == (
        "ReceiptHandleIsInvalid",
        'The input receipt handle "garbage" is not a valid receipt handle.',
        404,
        "ReceiptHandleIsInvalid",
    )
    batch = lambda entries: refused(sqs.send_message_batch, QueueUrl=url, Entries=entries)  # noqa: E731
    entry = lambda number, body="m": {"Id": str(number), "MessageBody": body}  # noqa: E731
    assert batch([entry(number) for number in range(20)]) == (
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "Maximum number of entries per request are 10. You have sent 20.",
        400,
        "TooManyEntriesInBatchRequest",
    )
    assert batch([entry("a:b")])[:2] == (
        "AWS.SimpleQueueService.InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
    )
    assert batch([entry(1, "a" * size), entry(2, "a")]) == (
        "AWS.SimpleQueueService.BatchRequestTooLong",
        f"Batch requests cannot be longer than {size} bytes. You have sent {size + 1} bytes.",
        400,
        "BatchRequestTooLong",
    )

    create = lambda **attributes: refused(sqs.create_queue, QueueName=name + "-2", Attributes=attributes)  # noqa: E731
    assert create(FifoQueue="false")[:2] == ("InvalidAttributeName", "Unknown Attribute FifoQueue.")
    text = "You can specify the DeduplicationScope only when FifoQueue is set to true."
    assert create(DeduplicationScope="queue")[:2] == ("InvalidAttributeName", text)
    policy = json.dumps({"deadLetterTargetArn": "dummy", "maxReceiveCount": 42})
    assert create(RedrivePolicy=policy) == invalid(
        f"Value {policy} for parameter RedrivePolicy is invalid. Reason: Invalid value for deadLetterTargetArn."
    )
    sse = {"KmsMasterKeyId": "key", "SqsManagedSseEnabled": "true"}
    text = "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."
    assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes=sse)[:2] == ("InvalidAttributeName", text)
    text = "A queue already exists with the same name and a different value for attribute DelaySeconds"
    changed = refused(sqs.create_queue, QueueName=name, Attributes={"DelaySeconds": "2"})
    assert changed == ("QueueAlreadyExists", text, 400, "QueueNameExists")

    gone = ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.", 400, "QueueDoesNotExist")
    sqs.delete_queue(QueueUrl=url)
    assert refused(sqs.get_queue_attributes, QueueUrl=url) == gone
    assert refused(sqs.get_queue_url, QueueName=name) == gone


def test_the_query_protocol(cloud, sqs, url, name):
    status, text = query(cloud, url, Action="SendMessage", MessageBody="foobar")
    assert status == 200 and re.search("<MessageId>[0-9a-f-]{36}</MessageId>", text)
    other = sqs.create_queue(QueueName=name + "-2")["QueueUrl"]
    assert "<ReceiveMessageResult/>" in query(cloud, other, Action="ReceiveMessage")[1]
    assert "<Body>foobar</Body>" in query(cloud, url, Action="ReceiveMessage")[1]
    text = query(cloud, url, Action="GetQueueAttributes", **{"AttributeName.1": "All"})[1]
    assert f"<Attribute><Name>QueueArn</Name><Value>arn:aws:sqs:{REGION}:{ACCOUNT}:{name}</Value></Attribute>" in text
    assert "<Attribute><Name>VisibilityTimeout</Name><Value>30" in text
    assert f"<QueueUrl>{other}</QueueUrl>" in query(cloud, url, Action="GetQueueUrl", QueueName=name + "-2")[1]
    assert "-2" in query(cloud, url, Action="GetQueueAttributes", QueueUrl=other, **{"AttributeName.1": "QueueArn"})[1]

    # JSON, where it is asked for.
    asked = {"accept": "application/json"}
    urls = json.loads(query(cloud, cloud.url + "/", Action="ListQueues", QueueNamePrefix=name, **asked)[1])
    assert urls["ListQueuesResponse"]["ListQueuesResult"] == {"NextToken": None, "queueUrls": [url, other]}
    sqs.send_message(QueueUrl=other, MessageBody='"&quot;\r')
    text = query(cloud, other, Action="ReceiveMessage", VisibilityTimeout=0, **asked)[1]
    (message,) = json.loads(text)["ReceiveMessageResponse"]["ReceiveMessageResult"]["messages"]
    assert message["Body"] == '"&quot;\r' and message["MD5OfMessageAttributes"] is None
    assert message["Body"] in bodies(sqs, other)
    text = query(cloud, url, Action="GetQueueAttributes", **{"AttributeName.1": "QueueArn"}, **asked)[1]
    found = json.loads(text)["GetQueueAttributesResponse"]["GetQueueAttributesResult"]["Attributes"]
    assert found == [{"Name": "QueueArn", "Value": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}]
    status, text = query(cloud, url, Action="SendMessage", **asked)
    assert status == 400 and json.loads(text)["Error"]["Code"] == "MissingParameter"
    status, text = query(cloud, url, Action="ListQueues", **asked)
    assert status == 400 and json.loads(text)["Error"]["Code"] == "InvalidAction"
    status, text = query(cloud, url, **asked)
    assert status == 404 and "<UnknownOperationException" in text

    def error(where=url, **parameters):
        status, text = query(cloud, where, **parameters)
        assert "<Type>Sender</Type>" in text and "<Detail/>" in text
        return status, *(re.search(f"<{tag}>(.*)</{tag}>", text)[1] for tag in ("Code", "Message"))

    action = "The action {} is not valid for this endpoint."
    assert error(Action="FooBar", Version="2012-11-05") == (400, "InvalidAction", action.format("FooBar"))
    assert error(Action="CreateQueue", QueueName="x") == (400, "InvalidAction", action.format("CreateQueue"))
    assert error(Action="ListQueues") == (400, "InvalidAction", action.format("ListQueues"))
    missing = "The request must contain the parameter MessageBody."
    assert error(Action="SendMessage") == (400, "MissingParameter", missing)
    wrong = {"AttributeName.1": "Foobar"}
    assert error(Action="GetQueueAttributes", **wrong) == (400, "InvalidAttributeName", "Unknown Attribute Foobar.")
    status, text = query(cloud, url)
    assert status == 404 and "<UnknownOperationException" in text
    assert query(cloud, url, Action="DeleteQueue")[0] == 200
    gone = "The specified queue does not exist for this wsdl version."
    assert error(Action="GetQueueAttributes") == (400, "AWS.SimpleQueueService.NonExistentQueue", gone)


def test_attributes(sqs, url, name):
    get = lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]  # noqa: E731
    initial = get()
    assert initial.pop("CreatedTimestamp") == initial.pop("LastModifiedTimestamp")
    assert initial == {
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "30",
    }
    set_ = lambda **attributes: sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # noqa: E731
    set_(KmsMasterKeyId="key", KmsDataKeyReusePeriodSeconds="6000", VisibilityTimeout="69")
    found = get()
    assert (found["KmsMasterKeyId"], found["KmsDataKeyReusePeriodSeconds"]) == ("key", "6000")
    assert found["SqsManagedSseEnabled"] == "false" and found["VisibilityTimeout"] == "69"
    set_(KmsMasterKeyId="", KmsDataKeyReusePeriodSeconds="300")
    found = get()
    assert "KmsMasterKeyId" not in found and "KmsDataKeyReusePeriodSeconds" not in found
    assert found["SqsManagedSseEnabled"] == "false"
    # A dead-letter queue, named by its bare name as AWS lets one, set and taken away.
    policy = {"deadLetterTargetArn": initial["QueueArn"], "maxReceiveCount": "42"}
    sqs.set_queue_attributes(QueueUrl=name, Attributes={"RedrivePolicy": json.dumps(policy)})
    assert json.loads(get()["RedrivePolicy"]) == {**policy, "maxReceiveCount": 42}
    same = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "69"})
    assert same["QueueUrl"] == url
    set_(RedrivePolicy="")
    assert "RedrivePolicy" not in get()
    # Permissions are statements of the policy.
    sqs.add_permission(QueueUrl=url, AWSAccountIds=[ACCOUNT, "668614515564"], Actions=["ReceiveMessage"], Label="one")
    statement = json.loads(get()["Policy"])["Statement"][0]
    assert len(statement["Principal"].pop("AWS")) == 2
    assert statement == {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {},
        "Action": "SQS:ReceiveMessage",
        "Resource": initial["QueueArn"],
    }
    again = {"QueueUrl": url, "AWSAccountIds": [ACCOUNT], "Actions": ["ReceiveMessage"], "Label": "one"}
    assert refused(sqs.add_permission, **again) == invalid(
        "Value one for parameter Label is invalid. Reason: Already exists."
    )
    sqs.remove_permission(QueueUrl=url, Label="one")
    assert "Policy" not in get()
    assert refused(sqs.remove_permission, QueueUrl=url, Label="one") == invalid(
        "Value one for parameter Label is invalid. Reason: can't find label."
    )


def test_messages(cloud, sqs, url):
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "0"})
    header = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"
    traced = cloud.client("sqs")
    traced.meta.events.register(
        "before-send.sqs.SendMessage", lambda request, **_: request.headers.__setitem__("X-Amzn-Trace-Id", header)
    )
    names = ("Help.Me", "Hello", "General")
    attributes = {name: {"DataType": "String", "StringValue": name} for name in names}
    sent = traced.send_message(QueueUrl=url, MessageBody="msg", MessageAttributes=attributes)

    def receive(**more):
        return sqs.receive_message(QueueUrl=url, **more)["Messages"][0]

    for asked, found in [
        ([], ()),
        (["All"], names),
        (["*"], names),
        ([".*"], names),
        (["Foo", "Help"], ()),
        (["Foo", "Hello"], ("Hello",)),
        (["Hel.*"], ("Help.Me", "Hello")),
        (["AWS."], ()),
        (["..foo"], ()),
    ]:
        message = receive(MessageAttributeNames=asked)
        assert set(message.get("MessageAttributes", {})) == set(found), asked
        assert ("MD5OfMessageAttributes" in message) == bool(found)
        assert (message.get("MD5OfMessageAttributes") == sent["MD5OfMessageAttributes"]) == (found == names)
    system = receive(MessageSystemAttributeNames=["All"], AttributeNames=["SenderId"])["Attributes"]
    assert set(system) == {
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "AWSTraceHeader",
        "SenderId",
        "SentTimestamp",
    }
    assert system["AWSTraceHeader"] == header and system["ApproximateReceiveCount"] == "10"
    assert set(receive(AttributeNames=["SenderId", "SequenceNumber"])["Attributes"]) == {"SenderId"}

    # What is wrong with one entry of a batch is told of that entry.
    entries = [{"Id": "1", "MessageBody": "fine"}, {"Id": "2", "MessageBody": "\x01"}]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MaximumMessageSize": "1024"})
    entries.append({"Id": "3", "MessageBody": "a" * 1025})
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["1"]
    text = "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes."
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [
        ("2", "InvalidMessageContents"),
        ("3", "InvalidParameterValue"),
    ]
    assert answer["Failed"][1]["Message"] == text and answer["Failed"][1]["SenderFault"] is True


def test_groups_keep_their_order(own_cloud):
    cloud, sqs = own_cloud, own_cloud.client("sqs")
    move(cloud, freeze=True)
    # Two of a group hide the rest of it; groups take turns by how long their first message waits.
    url = fifo(sqs, "shared", VisibilityTimeout="1")
    send(sqs, url, "g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1", "g3-m1")
    assert bodies(sqs, url, MaxNumberOfMessages=2) == ["g1-m1", "g1-m2"]
    assert bodies(sqs, url, MaxNumberOfMessages=1) == ["g2-m1"]
    move(cloud, advance="2s")
    assert bodies(sqs, url, VisibilityTimeout=0) == ["g3-m1", "g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1"]

    url = fifo(sqs, "zero")
    send(sqs, url, "g1-m1", "g2-m1", "g2-m2", "g3-m1", "g1-m2")
    assert bodies(sqs, url, MaxNumberOfMessages=3, VisibilityTimeout=0) == ["g1-m1", "g1-m2", "g2-m1"]
    assert bodies(sqs, url, VisibilityTimeout=0) == ["g3-m1", "g1-m1", "g1-m2", "g2-m1", "g2-m2"]

    url = fifo(sqs, "ended")
    send(sqs, url, "g1-m1", "g1-m2", "g2-m1")
    first = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(sqs, url, MaxNumberOfMessages=3) == ["g2-m1", "g1-m1"]

    url = fifo(sqs, "deleted")
    send(sqs, url, "g1-m1", "g2-m1", "g1-m2", "g2-m2", "g1-m3", "g1-m4", "g3-m1")
    first = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"])
    assert bodies(sqs, url, VisibilityTimeout=0) == ["g2-m1", "g2-m2", "g3-m1"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first[1]["ReceiptHandle"])
    assert sorted(bodies(sqs, url)) == ["g1-m3", "g1-m4", "g2-m1", "g2-m2", "g3-m1"]

    for extended, seen in ((0, []), (1, ["g-a"]), (2, ["g-a", "g-b"])):
        url = fifo(sqs, f"extended-{extended}", VisibilityTimeout="1")
        send(sqs, url, "g-a", "g-b", "g-c")
        all_ = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        handle = all_[extended]["ReceiptHandle"]
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=4)
        move(cloud, advance="2s")
        assert bodies(sqs, url) == seen
    # A handle whose time is over: a standard queue still takes it, a FIFO queue does not.
    url = fifo(sqs, "late", VisibilityTimeout="1")
    send(sqs, url, "g-a")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    move(cloud, advance="1s")
    text = f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    assert refused(sqs.delete_message, QueueUrl=url, ReceiptHandle=handle) == invalid(text)


def test_duplicates(own_cloud):
    cloud, sqs = own_cloud, own_cloud.client("sqs")
    move(cloud, freeze=True)
    url = fifo(sqs, "q", ContentBasedDeduplication="False")

    def sent(body, group, id="same"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=id)
        return drained()

    def drained():
        messages = sqs.receive_message(QueueUrl=url).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in messages]

    assert sent("1", "g1") == ["1"]
    assert sent("2", "g2") == []
    # The scope is the group's a minute after it was changed.
    scope = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=scope)
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DeduplicationScope"])["Attributes"] == {
        "DeduplicationScope": "messageGroup"
    }
    assert sent("3", "g3") == []
    move(cloud, advance="1m")
    assert sent("4", "g4") == ["4"]
    assert sent("5", "g4") == []
    move(cloud, advance="5m")
    assert sent("5", "g4") == ["5"]
    # A purge forgets what was seen.
    sqs.purge_queue(QueueUrl=url)
    assert sent("6", "g4") == ["6"]
    text = "Only one PurgeQueue operation on q.fifo is allowed every 60 seconds."
    assert refused(sqs.purge_queue, QueueUrl=url) == (
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        text,
        403,
        "PurgeQueueInProgress",
    )


def test_dead_letters_are_moved_back(cloud, sqs, name):
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    policy = json.dumps({"deadLetterTargetArn": arn + "-dead", "maxReceiveCount": 1})
    attributes = {"RedrivePolicy": policy, "VisibilityTimeout": "0"}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    for body in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    assert bodies(sqs, url) == ["a", "b"]
    assert bodies(sqs, url) == []
    letters = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10, VisibilityTimeout=0, AttributeNames=["All"])
    assert {letter["Attributes"]["DeadLetterQueueSourceArn"] for letter in letters["Messages"]} == {arn}
    assert {letter["Attributes"]["ApproximateReceiveCount"] for letter in letters["Messages"]} == {"2"}

    sqs.create_queue(QueueName=name + "-to")
    text = "Source queue must be configured as a Dead Letter Queue."
    assert refused(sqs.start_message_move_task, SourceArn=arn + "-to", DestinationArn=arn) == invalid(text)
    text = "The resource that you specified for the DestinationArn parameter doesn't exist."
    missing = refused(sqs.start_message_move_task, SourceArn=arn + "-dead", DestinationArn=arn + "-nowhere")
    assert missing == ("ResourceNotFoundException", text, 404, "ResourceNotFoundException")
    text = "Value for parameter TaskHandle is invalid."
    assert refused(sqs.cancel_message_move_task, TaskHandle="foobared") == invalid(text)
    slow = {"SourceArn": arn + "-dead", "DestinationArn": arn + "-to", "MaxNumberOfMessagesPerSecond": 1}
    handle = sqs.start_message_move_task(**slow)["TaskHandle"]
    text = "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
    assert refused(sqs.start_message_move_task, **slow) == invalid(text)
    sqs.cancel_message_move_task(TaskHandle=handle)
    tasks = lambda: sqs.list_message_move_tasks(SourceArn=arn + "-dead", MaxResults=10)["Results"]  # noqa: E731
    (task,) = until(lambda: [task for task in tasks() if task["Status"] == "CANCELLED"])
    assert "TaskHandle" not in task and task["MaxNumberOfMessagesPerSecond"] == 1
    moved = task["ApproximateNumberOfMessagesMoved"]
    sqs.start_message_move_task(SourceArn=arn + "-dead")
    task = until(lambda: [task for task in tasks() if task["Status"] == "COMPLETED"])[0]
    assert task["ApproximateNumberOfMessagesMoved"] == 2 - moved and "DestinationArn" not in task
    assert len(bodies(sqs, url) + bodies(sqs, name + "-to")) == 2


def test_the_command_line(cloud, name):
    run = lambda *arguments: json.loads(cloud.aws("sqs", *arguments) or "{}")  # noqa: E731
    url = run("create-queue", "--queue-name", name, "--tags", "a=1", "--attributes", "DelaySeconds=0")["QueueUrl"]
    at = ("--queue-url", url)
    assert run("list-queues", "--queue-name-prefix", name)["QueueUrls"] == [url]
    assert run("get-queue-url", "--queue-name", name)["QueueUrl"] == url
    sent = run("send-message", *at, "--message-body", "hello", "--message-attributes", "n={DataType=Number,StringValue=1}")
    run("set-queue-attributes", *at, "--attributes", "VisibilityTimeout=60")
    assert run("get-queue-attributes", *at, "--attribute-names", "All")["Attributes"]["VisibilityTimeout"] == "60"
    received = run("receive-message", *at, "--message-attribute-names", "All", "--wait-time-seconds", "1")["Messages"][0]
    assert received["MessageId"] == sent["MessageId"] and received["MessageAttributes"]["n"]["StringValue"] == "1"
    run("delete-message", *at, "--receipt-handle", received["ReceiptHandle"])
    entries = json.dumps([{"Id": "1", "MessageBody": "a"}, {"Id": "2", "MessageBody": "b"}])
    assert len(run("send-message-batch", *at, "--entries", entries)["Successful"]) == 2
    run("purge-queue", *at)
    assert run("receive-message", *at) == {}
    run("tag-queue", *at, "--tags", "b=2")
    run("untag-queue", *at, "--tag-keys", "a")
    assert run("list-queue-tags", *at) == {"Tags": {"b": "2"}}
    run("delete-queue", *at)
    assert run("list-queues", "--queue-name-prefix", name) == {}
