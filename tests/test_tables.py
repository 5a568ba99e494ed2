"""DynamoDB beyond single items: streams, the command line, and Terraform's cycle over tables and buckets."""

import json

import pytest

STREAMED = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def make(tables, name, **more):
    tables.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        **more,
    )
    return tables.describe_table(TableName=name)["Table"]


def read(streams, arn, kind="TRIM_HORIZON"):
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType=kind)["ShardIterator"]
    return streams.get_records(ShardIterator=iterator)


def test_a_stream_survives_the_server(own_cloud, name):
    cloud = own_cloud
    arn = make(cloud.client("dynamodb"), name, StreamSpecification=STREAMED)["LatestStreamArn"]
    tables = cloud.client("dynamodb")
    for version in ["1", "2"]:
        tables.put_item(TableName=name, Item={"id": {"S": "a"}, "v": {"N": version}})
    cloud.kill()
    cloud.start()
    tables, streams = cloud.client("dynamodb"), cloud.client("dynamodbstreams")
    tables.delete_item(TableName=name, Key={"id": {"S": "a"}})
    listed = streams.list_streams(TableName=name)["Streams"]
    assert [stream["StreamArn"] for stream in listed] == [arn]
    records = read(streams, arn)["Records"]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    image = lambda version: {"id": {"S": "a"}, "v": {"N": version}}
    assert records[1]["dynamodb"]["OldImage"] == image("1") and records[1]["dynamodb"]["NewImage"] == image("2")
    assert records[1]["dynamodb"]["SizeBytes"] == 3 + 6 + 6
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
    assert numbers == sorted(set(numbers)) and all(record["eventSource"] == "aws:dynamodb" for record in records)


def test_encryption_and_recovery_are_told(cloud, name):
    tables = cloud.client("dynamodb")
    described = make(tables, name, SSESpecification={"Enabled": True})
    assert described["SSEDescription"]["Status"] == "ENABLED" and ":key/" in described["SSEDescription"]["KMSMasterKeyArn"]
    updated = tables.update_table(TableName=name, SSESpecification={"Enabled": False})["TableDescription"]
    assert updated["SSEDescription"] == {**described["SSEDescription"], "Status": "UPDATING"}
    assert "SSEDescription" not in tables.describe_table(TableName=name)["Table"]
    tables.put_item(TableName=name, Item={"id": {"S": "abc"}, "v": {"N": "1"}})
    counted = tables.describe_table(TableName=name)["Table"]
    assert (counted["ItemCount"], counted["TableSizeBytes"]) == (1, 8)


def test_the_command_line(cloud, name):
    run = lambda *arguments: cloud.aws("dynamodb", *arguments)
    run("create-table", "--table-name", name, "--billing-mode", "PAY_PER_REQUEST", "--key-schema",
        "AttributeName=id,KeyType=HASH", "AttributeName=n,KeyType=RANGE", "--attribute-definitions",
        "AttributeName=id,AttributeType=S", "AttributeName=n,AttributeType=N")  # fmt: skip
    run("wait", "table-exists", "--table-name", name)
    for number in range(3):
        item = {"id": {"S": "a"}, "n": {"N": str(number)}, "text": {"S": f"t{number}"}}
        run("put-item", "--table-name", name, "--item", json.dumps(item))
    condition = {":a": {"S": "a"}, ":n": {"N": "1"}}
    found = run("query", "--table-name", name, "--key-condition-expression", "id = :a AND n >= :n",
                "--expression-attribute-values", json.dumps(condition), "--projection-expression", "#t",
                "--expression-attribute-names", '{"#t": "text"}', "--query", "Items[].text.S")  # fmt: skip
    assert json.loads(found) == ["t1", "t2"]
    key = json.dumps({"id": {"S": "a"}, "n": {"N": "0"}})
    run("update-item", "--table-name", name, "--key", key, "--update-expression", "SET c = if_not_exists(c, :z) + :o",
        "--expression-attribute-values", '{":z": {"N": "0"}, ":o": {"N": "1"}}')  # fmt: skip
    got = run("get-item", "--table-name", name, "--key", key, "--consistent-read", "--query", "Item.c.N", "--output", "text")
    assert got.strip() == "1"
    assert json.loads(run("scan", "--table-name", name, "--select", "COUNT"))["Count"] == 3
    run("delete-table", "--table-name", name)
    run("wait", "table-not-exists", "--table-name", name)


STACK = """
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
provider "aws" {
  s3_use_path_style = true
  skip_requesting_account_id = true
}
variable "capacity" { default = 5 }
variable "view" { default = "NEW_IMAGE" }

resource "aws_dynamodb_table" "provisioned" {
  name             = "provisioned"
  billing_mode     = "PROVISIONED"
  read_capacity    = var.capacity
  write_capacity   = 5
  hash_key         = "id"
  range_key        = "at"
  stream_enabled   = true
  stream_view_type = var.view
  attribute {
    name = "id"
    type = "S"
  }
  attribute {
    name = "at"
    type = "N"
  }
  attribute {
    name = "city"
    type = "S"
  }
  attribute {
    name = "size"
    type = "N"
  }
  global_secondary_index {
    name               = "by-city"
    hash_key           = "city"
    range_key          = "at"
    projection_type    = "INCLUDE"
    non_key_attributes = ["title"]
    read_capacity      = var.capacity
    write_capacity     = 5
  }
  local_secondary_index {
    name            = "by-size"
    range_key       = "size"
    projection_type = "KEYS_ONLY"
  }
  ttl {
    attribute_name = "until"
    enabled        = true
  }
  point_in_time_recovery { enabled = true }
  server_side_encryption { enabled = true }
  tags = { team = "a" }
}

resource "aws_dynamodb_table" "on_demand" {
  name                        = "on-demand"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  deletion_protection_enabled = var.capacity == 5
  table_class                 = "STANDARD_INFREQUENT_ACCESS"
  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_s3_bucket" "main" {
  bucket        = "stack-main"
  force_destroy = true
  tags          = { team = "a" }
}
resource "aws_s3_bucket_versioning" "main" {
  bucket = aws_s3_bucket.main.id
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket_server_side_encryption_configuration" "main" {
  bucket = aws_s3_bucket.main.id
  rule {
    apply_server_side_encryption_by_default { sse_algorithm = "AES256" }
    bucket_key_enabled = true
  }
}
resource "aws_s3_bucket_public_access_block" "main" {
  bucket                  = aws_s3_bucket.main.id
  block_public_acls       = true
  block_public_policy     = false
  ignore_public_acls      = true
  restrict_public_buckets = false
}
resource "aws_s3_bucket_ownership_controls" "main" {
  bucket = aws_s3_bucket.main.id
  rule { object_ownership = "BucketOwnerPreferred" }
}
resource "aws_s3_bucket_cors_configuration" "main" {
  bucket = aws_s3_bucket.main.id
  cors_rule {
    allowed_headers = ["*"]
    allowed_methods = ["GET", "PUT"]
    allowed_origins = ["https://example.com"]
    expose_headers  = ["ETag"]
    max_age_seconds = 3000
  }
}
resource "aws_s3_bucket_website_configuration" "main" {
  bucket = aws_s3_bucket.main.id
  index_document { suffix = "index.html" }
  error_document { key = "error.html" }
}
resource "aws_s3_bucket_policy" "main" {
  bucket     = aws_s3_bucket.main.id
  depends_on = [aws_s3_bucket_public_access_block.main]
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:GetObject", Resource = "${aws_s3_bucket.main.arn}/*" }]
  })
}
resource "aws_s3_bucket_notification" "main" {
  bucket      = aws_s3_bucket.main.id
  eventbridge = true
}
resource "aws_s3_object" "page" {
  bucket       = aws_s3_bucket.main.id
  key          = "index.html"
  content      = "<h1>${var.capacity}</h1>"
  content_type = "text/html"
}
"""


@pytest.fixture
def terraform(terraform, tmp_path):
    """Terraform on this file's resources."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.tf").write_text(STACK)
    return terraform(source)


def test_terraform_over_tables_and_buckets(own_cloud, terraform):
    changed = ["-var", "capacity=7", "-var", "view=KEYS_ONLY"]
    terraform("apply")
    terraform("plan", "-detailed-exitcode")
    tables, s3 = own_cloud.client("dynamodb"), own_cloud.client("s3")
    before = tables.describe_table(TableName="provisioned")["Table"]
    assert before["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"
    assert [index["IndexName"] for index in before["LocalSecondaryIndexes"]] == ["by-size"]

    terraform("apply", *changed)
    terraform("plan", "-detailed-exitcode", *changed)
    after = tables.describe_table(TableName="provisioned")["Table"]
    assert (after["ProvisionedThroughput"]["ReadCapacityUnits"], after["TableId"]) == (7, before["TableId"])
    assert after["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    assert len(s3.list_object_versions(Bucket="stack-main", Prefix="index.html")["Versions"]) == 2

    for address, identity in [
        ("aws_dynamodb_table.provisioned", "provisioned"),
        ("aws_s3_bucket_notification.main", "stack-main"),
        ("aws_s3_bucket_website_configuration.main", "stack-main"),
    ]:
        terraform("state", "rm", address)
        terraform("import", *changed, address, identity)
    terraform("plan", "-detailed-exitcode", *changed)

    terraform("destroy", *changed)
    assert tables.list_tables()["TableNames"] == [] and s3.list_buckets()["Buckets"] == []
