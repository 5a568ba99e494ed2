"""A CSV of job offers was put into the bucket: a message for each of its rows."""

import csv
import json
import os
from urllib.parse import unquote_plus

import boto3

s3 = boto3.client("s3")
sqs = boto3.client("sqs")


def handler(event, context):
    sent = 0
    for record in event["Records"]:
        bucket, key = record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        jobs = list(csv.DictReader(text.splitlines()))
        print(f"{key}: {len(jobs)} job offers")
        for start in range(0, len(jobs), 10):
            entries = [
                {"Id": str(index), "MessageBody": json.dumps(job)} for index, job in enumerate(jobs[start : start + 10])
            ]
            answer = sqs.send_message_batch(QueueUrl=os.environ["QUEUE_URL"], Entries=entries)
            if answer.get("Failed"):
                raise RuntimeError(f"not sent: {answer['Failed']}")
            sent += len(entries)
    return {"sent": sent}
