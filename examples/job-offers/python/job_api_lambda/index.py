"""The HTTP API: GET and POST /v1/jobs, GET and DELETE /v1/jobs/ID?city=CITY."""

import json
import os
from urllib.parse import unquote

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def everything():
    items, start = [], {}
    while True:
        page = table.scan(**start)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return items
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def handler(event, context):
    method = event["requestContext"]["http"]["method"]
    _, version, collection, *rest = event["rawPath"].split("/")
    if (version, collection) != ("v1", "jobs"):
        return answer(404, {"message": "There is no such page."})
    if not rest:
        if method == "GET":
            return answer(200, everything())
        if method != "POST":
            return answer(405, {"message": "Use GET or POST."})
        job = json.loads(event.get("body") or "{}")
        if not job.get("id") or not job.get("city"):
            return answer(400, {"message": "A job offer has an id and a city."})
        table.put_item(Item=job)
        return answer(201, job)
    city = event.get("queryStringParameters", {}).get("city")
    if not city:
        return answer(400, {"message": "Name the city: ?city=…"})
    key = {"id": unquote(rest[0]), "city": city}
    if method == "DELETE":
        table.delete_item(Key=key)
        return answer(200, key)
    item = table.get_item(Key=key).get("Item")
    return answer(200, item) if item else answer(404, {"message": "There is no such job offer."})
