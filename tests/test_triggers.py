"""The triggers example, deployed by Terraform as its README says: timers, objects, messages, and time that is moved."""

import json
import subprocess

from conftest import ROOT, until

EXAMPLE = ROOT / "examples" / "triggers"


def test_the_whole_application(own_cloud, terraform, tmp_path):
    cloud = own_cloud
    region = "ap-south-1"
    packages = tmp_path / "packages"
    subprocess.run([str(EXAMPLE / "package.sh"), str(packages)], check=True)
    cloud.clock(set="2026-03-27T10:01:00Z")  # a Friday
    terraform = terraform(EXAMPLE / "terraform", packages=packages)
    terraform("apply")
    terraform.plans_nothing()
    logs = cloud.client("logs", region=region)

    def events(function):
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}", filterPattern='"Event: "')["events"]
        return [json.loads(event["message"].split("Event: ", 1)[1]) for event in found]

    # The timer: five minutes take no time.
    seen = len(events("timer"))
    cloud.clock(advance="5m")
    event = until(lambda: events("timer")[seen:])[-1]
    assert set(event) == {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
    assert (event["version"], event["detail-type"], event["source"]) == ("0", "Scheduled Event", "aws.events")
    assert (event["account"], event["region"], event["detail"]) == ("000000000000", region, {})
    assert event["resources"] == [f"arn:aws:events:{region}:000000000000:rule/timer_event_rule"]

    # The cron: minute 16 of each hour, but not on Saturday.
    cloud.clock(set="2026-03-27T22:15:30Z")
    cloud.clock(advance="1m")
    until(lambda: "2026-03-27T22:16:00Z" in [event["time"] for event in events("cron")])
    cloud.clock(set="2026-03-28T12:15:30Z")
    cloud.clock(advance="10m")
    until(lambda: any(event["time"].startswith("2026-03-28T12:2") for event in events("timer")))
    assert [event["time"] for event in events("cron") if event["time"].startswith("2026-03-28")] == []

    # An object.
    bucket = terraform.output()["bucket"]
    cloud.client("s3", region=region).put_object(Bucket=bucket, Key="test file.txt", Body=b"Sample content.")
    [record] = until(lambda: events("storage"))[0]["Records"]
    assert (record["eventVersion"], record["eventSource"], record["awsRegion"]) == ("2.1", "aws:s3", region)
    assert record["eventName"] == "ObjectCreated:Put"
    assert set(record["responseElements"]) == {"x-amz-request-id", "x-amz-id-2"}
    assert record["s3"]["s3SchemaVersion"] == "1.0" and record["s3"]["configurationId"].startswith("tf-s3-lambda-")
    assert record["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{bucket}"
    assert record["s3"]["object"] | {"sequencer": ""} == {
        "key": "test+file.txt",
        "size": 15,
        "eTag": "b58e1d0a86521415d25b85b89f6ad6cd",
        "sequencer": "",
    }

    # A message, sent by a function that calls AWS's own host over TLS, ten seconds from now.
    answer = cloud.client("lambda", region=region).invoke(FunctionName="output")
    sent = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, sent
    said = logs.filter_log_events(logGroupName="/aws/lambda/output", filterPattern="Sent")["events"][0]["message"]
    assert said.rstrip().endswith(f"Sent {sent} by sqs.{region}.amazonaws.com")
    assert events("notification") == []
    cloud.clock(advance="10s")
    [record] = until(lambda: events("notification"))[0]["Records"]
    assert record["messageId"] == sent and record["body"] == "Sample content"
    assert set(record["attributes"]) >= {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    }
    assert record["messageAttributes"] == {
        "sample-attribute": {
            "stringValue": "sample-value",
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "String",
        }
    }
    assert record["md5OfMessageAttributes"] == "7c815262be77a62f56671125069ca888"
    assert record["eventSource"] == "aws:sqs" and record["awsRegion"] == region
    assert record["eventSourceARN"] == f"arn:aws:sqs:{region}:000000000000:notification-queue"

    terraform("destroy")
    assert cloud.client("events", region=region).list_rules()["Rules"] == []
    assert cloud.client("lambda", region=region).list_functions()["Functions"] == []
