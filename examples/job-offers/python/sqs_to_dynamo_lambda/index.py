"""Messages with job offers: each becomes an item. What could not be written comes back, and ends in the dead-letter queue."""

import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    for record in event["Records"]:
        table.put_item(Item=json.loads(record["body"]))
    print(f"{len(event['Records'])} job offers written")
