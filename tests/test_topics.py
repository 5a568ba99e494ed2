"""Topics: SNS to queues, functions, HTTP endpoints and the outbox."""

import base64
import json
import os
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, until

ACCOUNT = "000000000000"


def refusal(call, **arguments):
    """Code, status and text of a call that has to fail."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def parameter(text):
    return ("InvalidParameter", 400, f"Invalid parameter: {text}")


class Queue:
    """A queue that topics may send to."""

    def __init__(self, cloud, name, **attributes):
        self.sqs = cloud.client("sqs")
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": self.arn,
            "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:*"}},
        }
        attributes["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def receive(self, count=1):
        """As many messages as asked for, in the order in which they came."""
        got = []

        def enough():
            found = self.sqs.receive_message(
                QueueUrl=self.url,
                WaitTimeSeconds=2,
                MaxNumberOfMessages=10,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            for message in found.get("Messages", []):
                got.append(message)
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            return len(got) >= count

        until(enough)
        assert len(got) == count, got
        return got

    def bodies(self, count=1):
        return [json.loads(message["Body"]) for message in self.receive(count)]

    def is_empty(self):
        return "Messages" not in self.sqs.receive_message(QueueUrl=self.url)


class Endpoint:
    """An HTTP endpoint that remembers what it was sent."""

    def __init__(self):
        self.got = []
        self.status = 200
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                endpoint.got.append((dict(self.headers.items()), body))
                self.send_response(endpoint.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/sns"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self, number):
        until(lambda: len(self.got) > number)
        headers, body = self.got[number]
        return {name.lower(): value for name, value in headers.items()}, body

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def endpoint():
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


def fetch(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def advance(cloud, span):
    request = urllib.request.Request(
        f"{cloud.url}/_pilvi/clock", method="POST", data=json.dumps({"advance": span}).encode()
    )
    urllib.request.urlopen(request).close()


def outbox(cloud, **wanted):
    return json.loads(fetch(f"{cloud.url}/_pilvi/topics/outbox?{urllib.parse.urlencode(wanted)}")[1])["messages"]


def verify(tmp_path, document, sha256=False):
    """Verifies a message's signature as its receiver would, with openssl."""
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    if document["Type"] == "Notification":
        names = [name for name in names if name not in ("SubscribeURL", "Token")]
    text = "".join(f"{name}\n{document[name]}\n" for name in names if document.get(name) is not None)
    url = document.get("SigningCertURL") or document["SigningCertUrl"]
    status, certificate = fetch(url)
    assert status == 200
    (tmp_path / "certificate.pem").write_text(certificate)
    (tmp_path / "signature").write_bytes(base64.b64decode(document["Signature"]))
    (tmp_path / "text").write_bytes(text.encode())
    run = lambda *command: subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    key = run("openssl", "x509", "-in", "certificate.pem", "-pubkey", "-noout").stdout
    (tmp_path / "key.pem").write_bytes(key)
    digest = "-sha256" if sha256 else "-sha1"
    run("openssl", "dgst", digest, "-verify", "key.pem", "-signature", "signature", "text")


def test_a_topic_and_its_attributes(cloud, name):
    sns = cloud.client("sns")
    arn = sns.create_topic(Name=name, Tags=[{"Key": "a", "Value": "1"}])["TopicArn"]
    assert arn == f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    policy = json.loads(attributes.pop("Policy"))
    assert policy["Statement"][0]["Condition"] == {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}
    effective = json.loads(attributes.pop("EffectiveDeliveryPolicy"))
    assert effective["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    assert attributes == {
        "DisplayName": "",
        "Owner": ACCOUNT,
        "SubscriptionsConfirmed": "0",
        "SubscriptionsDeleted": "0",
        "SubscriptionsPending": "0",
        "TopicArn": arn,
    }

    # Again it is the same topic, unless something else is asked for.
    assert sns.create_topic(Name=name, Attributes={"DisplayName": ""})["TopicArn"] == arn
    other = parameter("Attributes Reason: Topic already exists with different attributes")
    assert refusal(sns.create_topic, Name=name, Attributes={"DisplayName": "x"}) == other
    other = parameter("Tags Reason: Topic already exists with different tags")
    assert refusal(sns.create_topic, Name=name, Tags=[{"Key": "b", "Value": "1"}]) == other

    # Attributes are set, told apart and taken away.
    sns.set_topic_attributes(TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue="alias/aws/sns")
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="shown")
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (attributes["KmsMasterKeyId"], attributes["DisplayName"]) == ("alias/aws/sns", "shown")
    sns.set_topic_attributes(TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue="")
    assert "KmsMasterKeyId" not in sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    set_attribute = dict(TopicArn=arn, AttributeName="FifoTopic", AttributeValue="false")
    assert refusal(sns.set_topic_attributes, **set_attribute) == parameter("AttributeName")

    # Permissions are statements of the policy.
    sns.add_permission(TopicArn=arn, Label="l", AWSAccountId=["111111111111"], ActionName=["Publish"])
    again = dict(TopicArn=arn, Label="l", AWSAccountId=["111111111111"], ActionName=["Publish"])
    assert refusal(sns.add_permission, **again) == parameter("Statement already exists")
    policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    assert policy["Statement"][1] == {
        "Sid": "l",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "SNS:Publish",
        "Resource": arn,
    }
    stranger = cloud.client("sns", key="111111111111")
    assert stranger.publish(TopicArn=arn, Message="m")["MessageId"]
    sns.remove_permission(TopicArn=arn, Label="l")
    code, status, text = refusal(stranger.publish, TopicArn=arn, Message="m")
    assert (code, status) == ("AuthorizationError", 403) and "SNS:Publish on resource: " + arn in text

    # Tags.
    twice = [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]
    assert refusal(sns.tag_resource, ResourceArn=arn, Tags=twice) == parameter("Duplicated keys are not allowed.")
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    gone = ("ResourceNotFound", 404, "Resource does not exist")
    assert refusal(sns.list_tags_for_resource, ResourceArn=arn + "x") == gone

    # Gone is gone, and deleting is no mistake.
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    assert refusal(sns.get_topic_attributes, TopicArn=arn) == ("NotFound", 404, "Topic does not exist")


def test_bad_input(cloud, name):
    sns = cloud.client("sns")
    for bad in ["", "a" * 257, "a b", "a:b"]:
        assert refusal(sns.create_topic, Name=bad) == parameter("Topic Name")
    arn = sns.create_topic(Name=name)["TopicArn"]
    few = parameter("TopicArn Reason: An ARN must have at least 6 elements, not 1")
    assert refusal(sns.publish, TopicArn="text", Message="m") == few
    elsewhere = cloud.client("sns", region="us-east-1")
    assert refusal(elsewhere.publish, TopicArn=arn, Message="m") == parameter("TopicArn")
    assert refusal(sns.publish, TopicArn=arn, Message="") == parameter("Empty message")
    assert refusal(sns.publish, TopicArn=arn, Message="m", Subject="") == parameter("Subject")
    assert refusal(sns.publish, TopicArn=arn, Message="m" * 262145) == parameter("Message too long")
    assert refusal(sns.publish, TopicArn=arn, Message="{}", MessageStructure="json") == parameter(
        "Message Structure - No default entry in JSON message body"
    )
    number = "+1a234"
    assert refusal(sns.publish, PhoneNumber=number, Message="m") == parameter(
        f"PhoneNumber Reason: {number} is not valid to publish to"
    )

    def attribute(attribute, **value):
        code, status, text = refusal(sns.publish, TopicArn=arn, Message="m", MessageAttributes={attribute: value})
        assert (code, status) == ("ParameterValueInvalid", 400)
        return text

    assert "must use field 'String'" in attribute("a", DataType="String", BinaryValue=b"1")
    assert "set of supported type prefixes" in attribute("a", DataType="String.", StringValue="1")
    assert "'#x5E'" in attribute("a^", DataType="String", StringValue="1")
    assert "successive '.'" in attribute("a..b", DataType="String", StringValue="1")

    batch = lambda *entries: refusal(sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=list(entries))
    entry = lambda id, message="m": {"Id": id, "Message": message}
    assert batch(*[entry(str(id)) for id in range(11)])[0] == "TooManyEntriesInBatchRequest"
    assert batch(entry("1"), entry("1"))[0] == "BatchEntryIdsNotDistinct"
    assert batch(entry("1", "m" * 131072), entry("2", "m" * 131073))[0] == "BatchRequestTooLong"

    subscribe = lambda protocol, endpoint: refusal(sns.subscribe, TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
    assert subscribe("fax", "x") == parameter("Amazon SNS does not support this protocol string: fax")
    assert subscribe("sqs", "http://localhost/queue") == parameter("SQS endpoint ARN")
    assert subscribe("sms", "x")[2] == "Invalid SMS endpoint: x"
    assert refusal(sns.unsubscribe, SubscriptionArn=arn) == parameter("SubscriptionId")
    assert refusal(sns.confirm_subscription, TopicArn=arn, Token="no token")[2] == "Invalid token"
    assert refusal(sns.confirm_subscription, TopicArn=arn, Token="abc123") == parameter("Token")


def test_to_queues(cloud, name, tmp_path):
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=name, Attributes={"SignatureVersion": "2"})["TopicArn"]
    whole, raw = Queue(cloud, f"{name}-whole"), Queue(cloud, f"{name}-raw")
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=whole.arn)["SubscriptionArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=raw.arn, Attributes={"RawMessageDelivery": "TrUe"})
    assert sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=whole.arn)["SubscriptionArn"] == subscription
    different = dict(TopicArn=topic, Protocol="sqs", Endpoint=raw.arn, Attributes={"RawMessageDelivery": "false"})
    assert refusal(sns.subscribe, **different) == parameter(
        "Attributes Reason: Subscription already exists with different attributes"
    )

    attributes = {
        "color": {"DataType": "String", "StringValue": "blau"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"},
    }
    text = {"default": "everybody", "sqs": 'queues "ä"', "lambda": "functions"}
    sent = sns.publish(
        TopicArn=topic,
        Message=json.dumps(text),
        MessageStructure="json",
        Subject="about",
        MessageAttributes=attributes,
    )
    message = whole.receive()[0]
    document = json.loads(message["Body"])
    assert message["Body"].startswith('{\n  "Type" : "Notification",\n  "MessageId" : "')
    verify(tmp_path, document, sha256=True)
    assert list(document) == [
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
        "UnsubscribeURL",
        "MessageAttributes",
    ]
    assert (document["MessageId"], document["Message"]) == (sent["MessageId"], text["sqs"])
    assert document["UnsubscribeURL"] == f"{cloud.url}/?Action=Unsubscribe&SubscriptionArn={subscription}"
    assert document["MessageAttributes"] == {
        "color": {"Type": "String", "Value": "blau"},
        "bytes": {"Type": "Binary", "Value": "AgME"},
    }
    assert "MessageAttributes" not in message and "AWSTraceHeader" not in message["Attributes"]
    message = raw.receive()[0]
    assert message["Body"] == text["sqs"] and message["MessageAttributes"] == attributes

    batch = [{"Id": id, "Message": f"message {id}"} for id in "abc"]
    done = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=batch)
    assert [entry["Id"] for entry in done["Successful"]] == ["a", "b", "c"] and done["Failed"] == []
    assert sorted(message["Body"] for message in raw.receive(3)) == ["message a", "message b", "message c"]

    # The link does not let anybody unsubscribe a queue; its owner may.
    status, answer = fetch(document["UnsubscribeURL"])
    assert status == 403 and "AuthorizationError" in answer
    sns.unsubscribe(SubscriptionArn=subscription)
    sns.unsubscribe(SubscriptionArn=subscription)
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [entry["Endpoint"] for entry in listed] == [raw.arn]
    get = sns.get_subscription_attributes
    assert refusal(get, SubscriptionArn=subscription) == ("NotFound", 404, "Subscription does not exist")


def test_filters(cloud, name):
    sns = cloud.client("sns")
    topic, queue = sns.create_topic(Name=name)["TopicArn"], Queue(cloud, name)
    policy = {"price": [{"numeric": [">", 0, "<=", 100]}], "kind": [{"prefix": "a"}, "b"]}
    arn = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"FilterPolicy": json.dumps(policy)}
    )["SubscriptionArn"]

    def publish(message, **attributes):
        types = {str: "String", int: "Number", list: "String.Array"}
        print_value = lambda value: value if isinstance(value, str) else json.dumps(value)
        values = {
            name: {"DataType": types[type(value)], "StringValue": print_value(value)}
            for name, value in attributes.items()
        }
        sns.publish(TopicArn=topic, Message=message, MessageAttributes=values)

    publish("no: price", price=101, kind="b")
    publish("no: type", price="50", kind="b")
    publish("no: nothing")
    publish("yes", price=50, kind="apple")
    publish("yes: one of a list", price=50, kind=["x", "b"])
    assert sorted(body["Message"] for body in queue.bodies(2)) == ["yes", "yes: one of a list"]

    def attribute(attribute, value):
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=attribute, AttributeValue=value)

    nested = {"order": {"city": ["Oulu"]}}
    with pytest.raises(ClientError, match="does not support nested filter policy"):
        attribute("FilterPolicy", json.dumps(nested))
    attribute("FilterPolicy", "")
    assert "FilterPolicyScope" not in sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    attribute("FilterPolicyScope", "MessageBody")
    attribute("FilterPolicy", json.dumps(nested))
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (attributes["FilterPolicyScope"], json.loads(attributes["FilterPolicy"])) == ("MessageBody", nested)
    publish("no JSON")
    publish(json.dumps({"order": {"city": "Turku"}}))
    publish(json.dumps({"order": [{"city": "Oulu"}]}))
    assert json.loads(queue.bodies()[0]["Message"]) == {"order": [{"city": "Oulu"}]}
    assert queue.is_empty()


def test_fifo(own_cloud, name):
    cloud = own_cloud  # its clock is moved
    sns = cloud.client("sns")
    bad = refusal(sns.create_topic, Name=name, Attributes={"FifoTopic": "true"})
    assert bad[2].startswith("Invalid parameter: Fifo Topic names must end with .fifo")
    topic = sns.create_topic(
        Name=f"{name}.fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    )["TopicArn"]
    ordered, standard = Queue(cloud, f"{name}.fifo"), Queue(cloud, name)
    for queue in (ordered, standard):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    plain = sns.create_topic(Name=name)["TopicArn"]
    assert refusal(sns.subscribe, TopicArn=plain, Protocol="sqs", Endpoint=ordered.arn) == parameter(
        "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
    )
    assert refusal(sns.publish, TopicArn=topic, Message="m") == parameter(
        "The MessageGroupId parameter is required for FIFO topics"
    )
    sent = [
        sns.publish(TopicArn=topic, Message=f"{number:02}", MessageGroupId=f"g{number % 2}") for number in range(40)
    ]
    again = sns.publish(TopicArn=topic, Message="07", MessageGroupId="g1")
    for name in ("MessageId", "SequenceNumber"):
        assert again[name] == sent[7][name], "a duplicate is the message that it repeats"
    numbers = [entry["SequenceNumber"] for entry in sent]
    assert numbers == sorted(numbers) and len(set(numbers)) == 40 and len(numbers[0]) == 20

    messages = ordered.receive(40)
    for group in ("g0", "g1"):
        of_group = [message for message in messages if message["Attributes"]["MessageGroupId"] == group]
        texts = [json.loads(message["Body"])["Message"] for message in of_group]
        assert texts == sorted(texts) and len(texts) == 20
    document = json.loads(messages[0]["Body"])
    assert list(document)[:3] == ["Type", "MessageId", "SequenceNumber"] and "Signature" not in document
    messages = standard.receive(40)
    assert "MessageGroupId" not in messages[0]["Attributes"]
    assert ordered.is_empty() and standard.is_empty()

    # After five minutes it is another message.
    advance(cloud, "301s")
    assert sns.publish(TopicArn=topic, Message="07", MessageGroupId="g1")["MessageId"] != sent[7]["MessageId"]


def test_to_a_function(cloud, name, tmp_path):
    sns, functions = cloud.client("sns"), cloud.client("lambda")
    queue = Queue(cloud, name)
    send = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue.arn}
    code = f"""
import boto3, json
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl={queue.url!r}, MessageBody=json.dumps(event))
"""
    function = cloud.function(name, {"index.py": code}, cloud.role(name, send))["FunctionArn"]
    topic = sns.create_topic(Name=name)["TopicArn"]
    functions.add_permission(
        FunctionName=name,
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    subscription = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)["SubscriptionArn"]
    attributes = {"a": {"DataType": "Number", "StringValue": "1"}}
    sent = sns.publish(TopicArn=topic, Message="hello", MessageAttributes=attributes)["MessageId"]
    event = queue.bodies()[0]
    record = event["Records"][0]
    notification = record.pop("Sns")
    assert len(event["Records"]) == 1
    assert record == {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription}
    verify(tmp_path, notification)
    for name in ("Timestamp", "Signature", "SigningCertUrl"):
        assert notification.pop(name)
    assert notification == {
        "Type": "Notification",
        "MessageId": sent,
        "TopicArn": topic,
        "Subject": None,
        "Message": "hello",
        "SignatureVersion": "1",
        "UnsubscribeUrl": f"{cloud.url}/?Action=Unsubscribe&SubscriptionArn={subscription}",
        "MessageAttributes": {"a": {"Type": "Number", "Value": "1"}},
    }


def test_to_an_http_endpoint(own_cloud, name, endpoint, tmp_path):
    cloud = own_cloud  # its clock is moved
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    made = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    assert made["SubscriptionArn"] == "pending confirmation"
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed[0]["SubscriptionArn"] == "PendingConfirmation"
    headers, body = endpoint.next(0)
    confirmation = json.loads(body)
    verify(tmp_path, confirmation)
    assert confirmation["Type"] == headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    assert headers["user-agent"] == "Amazon Simple Notification Service Agent"
    assert headers["content-type"] == "text/plain; charset=UTF-8"
    assert headers["x-amz-sns-message-id"] == confirmation["MessageId"]
    assert "x-amz-sns-subscription-arn" not in headers

    # Nothing is sent before it is confirmed, by following the link.
    sns.publish(TopicArn=topic, Message="too early")
    wrong = confirmation["SubscribeURL"].replace(confirmation["Token"], "abc123")
    assert fetch(wrong)[0] == 400 and "<Message>Invalid parameter: Token</Message>" in fetch(wrong)[1]
    other_region = confirmation["SubscribeURL"].replace(REGION, "us-east-1")
    assert "<Message>Invalid parameter: Topic</Message>" in fetch(other_region)[1]
    status, answer = fetch(confirmation["SubscribeURL"])
    assert status == 200 and "<ConfirmSubscriptionResult>" in answer
    arn = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"]
    assert arn in answer

    sns.publish(TopicArn=topic, Message="hello", Subject="about")
    headers, body = endpoint.next(1)
    document = json.loads(body)
    verify(tmp_path, document)
    assert (document["Message"], document["Subject"]) == ("hello", "about")
    assert headers["x-amz-sns-message-type"] == "Notification" and headers["x-amz-sns-topic-arn"] == topic
    assert headers["x-amz-sns-subscription-arn"] == arn

    # Raw, with a content type of its own; failures are tried again as the policy says, on the cloud's clock.
    policy = {
        "healthyRetryPolicy": {"minDelayTarget": 60, "maxDelayTarget": 60, "numRetries": 1},
        "requestPolicy": {"headerContentType": "text/csv"},
    }
    for attribute, value in [("RawMessageDelivery", "true"), ("DeliveryPolicy", json.dumps(policy))]:
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=attribute, AttributeValue=value)
    endpoint.status = 503
    sns.publish(TopicArn=topic, Message="a,b")
    endpoint.next(2)
    endpoint.status = 200
    advance(cloud, "61s")
    headers, body = endpoint.next(3)
    assert body == "a,b" and headers["content-type"] == "text/csv" and headers["x-amz-sns-rawdelivery"] == "true"

    # The link unsubscribes, and the endpoint is told how to come back.
    status, answer = fetch(document["UnsubscribeURL"])
    assert status == 200 and "UnsubscribeResponse" in answer
    headers, body = endpoint.next(4)
    document = json.loads(body)
    verify(tmp_path, document)
    assert document["Type"] == headers["x-amz-sns-message-type"] == "UnsubscribeConfirmation"
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    sns.confirm_subscription(TopicArn=topic, Token=document["Token"])
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["RawMessageDelivery"] == "true"
    assert [body for _, body in endpoint.got].count("too early") == 0


def test_dead_letters(cloud, name, endpoint):
    sns = cloud.client("sns")
    topic, dead = sns.create_topic(Name=name)["TopicArn"], Queue(cloud, f"{name}-dead")
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.arn})}
    gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-gone"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=gone, Attributes=redrive)
    locked = cloud.client("sqs").create_queue(QueueName=f"{name}-locked")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-locked"
    raw = dict(redrive, RawMessageDelivery="true")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
    attributes = {"a": {"DataType": "String", "StringValue": "1"}}
    sns.publish(TopicArn=topic, Message="lost", MessageAttributes=attributes)
    messages = dead.receive(2)
    raw = [message for message in messages if message["Body"] == "lost"][0]
    assert raw["MessageAttributes"] == attributes
    whole = json.loads([message for message in messages if message["Body"] != "lost"][0]["Body"])
    assert whole["Message"] == "lost" and whole["MessageAttributes"]["a"]["Value"] == "1"
    assert "Messages" not in cloud.client("sqs").receive_message(QueueUrl=locked), "its policy does not let SNS in"

    # A request that the endpoint does not understand is not repeated.
    http = sns.subscribe(
        TopicArn=topic, Protocol="http", Endpoint=endpoint.url, Attributes=redrive, ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    sns.confirm_subscription(TopicArn=topic, Token=json.loads(endpoint.next(0)[1])["Token"])
    for entry in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
        if entry["SubscriptionArn"] != http:
            sns.unsubscribe(SubscriptionArn=entry["SubscriptionArn"])
    endpoint.status = 400
    sns.publish(TopicArn=topic, Message="bad")
    assert dead.bodies()[0]["Message"] == "bad" and len(endpoint.got) == 2


def test_the_outbox(cloud, name):
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    address, number = f"{name}@example.com", "+35840" + str(abs(hash(name)) % 10**7).zfill(7)
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint=number)
    asked = until(lambda: outbox(cloud, to=address))[0]
    assert asked["subject"] == "AWS Notification - Subscription Confirmation" and asked["token"] in asked["message"]
    sns.confirm_subscription(TopicArn=topic, Token=asked["token"])
    sns.publish(TopicArn=topic, Message="hei", Subject="about")
    mail = until(lambda: outbox(cloud, to=address)[1:])[0]
    assert (mail["protocol"], mail["subject"], mail["message"]) == ("email", "about", "hei")
    sms = until(lambda: outbox(cloud, protocol="sms", to=number))[0]
    assert sms["message"] == "hei" and sms["topicArn"] == topic
    sns.publish(PhoneNumber=number, Message="to one")
    assert outbox(cloud, to=number)[1]["message"] == "to one"
    command = [os.environ["PILVI_BIN"], "outbox", "--port", str(cloud.port), "--to", number]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [line.strip() for line in printed.splitlines()[1::2]] == ["hei", "to one"]

    # A mobile application: its endpoints get the text of their platform.
    application = sns.create_platform_application(Name=name, Platform="GCM", Attributes={"PlatformCredential": "k"})
    application = application["PlatformApplicationArn"]
    attributes = sns.get_platform_application_attributes(PlatformApplicationArn=application)["Attributes"]
    assert attributes == {"Enabled": "true"}
    create = lambda: sns.create_platform_endpoint(PlatformApplicationArn=application, Token="t")["EndpointArn"]
    device = create()
    assert create() == device
    sns.subscribe(TopicArn=topic, Protocol="application", Endpoint=device)
    text = {"default": "d", "GCM": '{"data": 1}'}
    sns.publish(TopicArn=topic, Message=json.dumps(text), MessageStructure="json")
    assert until(lambda: outbox(cloud, to=device))[0]["message"] == text["GCM"]
    sns.set_endpoint_attributes(EndpointArn=device, Attributes={"Enabled": "false"})
    assert refusal(sns.publish, TargetArn=device, Message="m")[0] == "EndpointDisabled"
    sns.delete_endpoint(EndpointArn=device)
    assert refusal(sns.publish, TargetArn=device, Message="m") == parameter(
        "TargetArn Reason: No endpoint found for the target arn specified"
    )

    # Numbers of the sandbox are verified with the password that they are sent.
    sns.create_sms_sandbox_phone_number(PhoneNumber=number)
    password = outbox(cloud, to=number)[-1]["message"].split()[-1]
    with pytest.raises(ClientError):
        sns.verify_sms_sandbox_phone_number(PhoneNumber=number, OneTimePassword="00000")
    sns.verify_sms_sandbox_phone_number(PhoneNumber=number, OneTimePassword=password)
    assert {"PhoneNumber": number, "Status": "Verified"} in sns.list_sms_sandbox_phone_numbers()["PhoneNumbers"]
    assert sns.check_if_phone_number_is_opted_out(phoneNumber=number)["isOptedOut"] is False
    assert sns.list_phone_numbers_opted_out()["phoneNumbers"] == []


def test_pages(cloud, name):
    sns = cloud.client("sns", region="eu-north-1")
    topics = [sns.create_topic(Name=f"{name}-{number:03}")["TopicArn"] for number in range(105)]
    first = sns.list_topics()
    assert len(first["Topics"]) == 100
    second = sns.list_topics(NextToken=first["NextToken"])
    assert [entry["TopicArn"] for entry in first["Topics"] + second["Topics"]] == topics
    assert "NextToken" not in second
    for number in range(101):
        sns.subscribe(TopicArn=topics[0], Protocol="sms", Endpoint=f"+3584000{number}")
    first = sns.list_subscriptions_by_topic(TopicArn=topics[0])
    second = sns.list_subscriptions(NextToken=first["NextToken"])
    assert (len(first["Subscriptions"]), len(second["Subscriptions"])) == (100, 1)


def test_notices_of_a_bucket(cloud, name):
    sns, s3, queue = cloud.client("sns"), cloud.client("s3"), Queue(cloud, name)
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    notify = lambda: s3.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]},
    )
    with pytest.raises(ClientError, match="Unable to validate the following destination configurations"):
        notify()
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{name}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    notify()
    test = queue.bodies()[0]
    assert test["Subject"] == "Amazon S3 Notification" and json.loads(test["Message"])["Event"] == "s3:TestEvent"
    s3.put_object(Bucket=name, Key="k", Body=b"1")
    document = queue.bodies()[0]
    assert json.loads(document["Message"])["Records"][0]["s3"]["object"]["key"] == "k"


def test_what_was_published_survives_a_crash(own_cloud, name):
    cloud = own_cloud
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=f"{name}.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    names = [f"{name}-{number}" for number in range(3)] + [f"{name}.fifo"]
    for queue in [Queue(cloud, queue) for queue in names]:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    for number in range(20):
        sns.publish(TopicArn=topic, Message=f"{number:02}", MessageGroupId="g", MessageDeduplicationId=f"{number}")
    cloud.kill()
    cloud.start()
    for queue in names:
        queue = Queue(cloud, queue)
        got = set()

        def complete():
            found = queue.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in found.get("Messages", []):
                got.add(json.loads(message["Body"])["Message"])
                queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
            return len(got) == 20

        until(complete)


TERRAFORM = """
provider "aws" {
  region                      = "eu-west-1"
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_credentials_validation = true
}

resource "aws_sns_topic" "all" {
  name            = "tf-all"
  display_name    = "All"
  delivery_policy = jsonencode({
    http = {
      defaultHealthyRetryPolicy = {
        minDelayTarget     = 20
        maxDelayTarget     = 20
        numRetries         = 3
        numMaxDelayRetries = 0
        numNoDelayRetries  = 0
        numMinDelayRetries = 0
        backoffFunction    = "linear"
      }
      disableSubscriptionOverrides = false
    }
  })
  tags = { team = "a" }
}

resource "aws_sns_topic" "ordered" {
  name                        = "tf-ordered.fifo"
  fifo_topic                  = true
  content_based_deduplication = var.content
}

variable "content" {
  default = true
}

locals {
  queue = "arn:aws:sqs:eu-west-1:000000000000:tf-queue"
}

resource "aws_sns_topic_policy" "all" {
  arn = aws_sns_topic.all.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "s3"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "SNS:Publish"
      Resource  = aws_sns_topic.all.arn
    }]
  })
}

resource "aws_sns_topic_subscription" "queue" {
  topic_arn            = aws_sns_topic.all.arn
  protocol             = "sqs"
  endpoint             = local.queue
  raw_message_delivery = true
  filter_policy        = var.content ? jsonencode({ kind = ["a", { prefix = "b" }] }) : null
  redrive_policy       = jsonencode({ deadLetterTargetArn = local.queue })
}

resource "aws_sns_topic_subscription" "phone" {
  topic_arn = aws_sns_topic.all.arn
  protocol  = "sms"
  endpoint  = "+358401234567"
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
    environment = dict(own_cloud.environment(), TF_CLI_CONFIG_FILE=str(settings))

    def terraform(*arguments):
        command = [program, f"-chdir={tmp_path}", *arguments, "-no-color"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}:\n{done.stdout}\n{done.stderr}"

    terraform("init")
    terraform("apply", "-auto-approve")
    terraform("plan", "-detailed-exitcode")
    terraform("apply", "-auto-approve", "-var", "content=false")
    terraform("plan", "-detailed-exitcode", "-var", "content=false")
    sns = own_cloud.client("sns")
    ordered = f"arn:aws:sns:{REGION}:{ACCOUNT}:tf-ordered.fifo"
    assert sns.get_topic_attributes(TopicArn=ordered)["Attributes"]["ContentBasedDeduplication"] == "false"
    terraform("destroy", "-auto-approve")
    assert sns.list_topics()["Topics"] == [] and sns.list_subscriptions()["Subscriptions"] == []


def test_other_accounts_and_users(cloud, name):
    sns, iam = cloud.client("sns"), cloud.client("iam")
    topic = sns.create_topic(Name=name)["TopicArn"]

    # A queue of another account is asked first; what its owner is sent confirms it.
    other = cloud.client("sqs", key="222222222222")
    arn = f"arn:aws:sqs:{REGION}:222222222222:{name}"
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    url = other.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]

    def receive():
        message = until(lambda: other.receive_message(QueueUrl=url, WaitTimeSeconds=2).get("Messages"))[0]
        other.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    assert sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"] == "pending confirmation"
    asked = receive()
    assert asked["Type"] == "SubscriptionConfirmation"
    cloud.client("sns", key="222222222222").confirm_subscription(TopicArn=topic, Token=asked["Token"])
    sns.publish(TopicArn=topic, Message="over there")
    assert receive()["Message"] == "over there"

    # A user may what its policies say.
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = cloud.client("sns", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    code, status, text = refusal(user.publish, TopicArn=topic, Message="m")
    assert (code, status) == ("AuthorizationError", 403)
    assert text.startswith(f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: SNS:Publish on")
    email = {"StringEquals": {"sns:Protocol": "email"}}
    statements = [
        {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic},
        {"Effect": "Allow", "Action": "sns:Subscribe", "Resource": topic, "Condition": email},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=document)
    assert user.publish(TopicArn=topic, Message="m")["MessageId"]
    user.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    assert refusal(user.subscribe, TopicArn=topic, Protocol="sms", Endpoint="+1234567")[0] == "AuthorizationError"


def test_deliveries_are_logged(cloud, name):
    sns, iam, logs = cloud.client("sns"), cloud.client("iam"), cloud.client("logs")
    trust = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = lambda statement: json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    may = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=document(may))
    attributes = {f"{protocol}{result}FeedbackRoleArn": role for protocol in ("SQS",) for result in ("Success", "Failure")}
    topic = sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
    queue, gone = Queue(cloud, name), f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-gone"
    for arn in (queue.arn, gone):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sent = sns.publish(TopicArn=topic, Message="m")["MessageId"]

    def logged(group):
        groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        if not any(found["logGroupName"] == group for found in groups):
            return []
        return logs.filter_log_events(logGroupName=group)["events"]

    group = f"sns/{REGION}/{ACCOUNT}/{name}"
    success = json.loads(until(lambda: logged(group))[0]["message"])
    assert (success["status"], success["notification"]["messageId"]) == ("SUCCESS", sent)
    assert success["delivery"]["destination"] == queue.arn
    failure = json.loads(until(lambda: logged(f"{group}/Failure"))[0]["message"])
    assert (failure["status"], failure["delivery"]["destination"]) == ("FAILURE", gone)
