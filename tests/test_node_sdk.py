"""The AWS SDK for JavaScript, version 3, from Node.js."""

import os
import subprocess

import pytest

SCRIPT = """
const { SQSClient, CreateQueueCommand, SendMessageCommand, ReceiveMessageCommand } = require('@aws-sdk/client-sqs');
const { S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand } = require('@aws-sdk/client-s3');
const { DynamoDBClient, ListTablesCommand } = require('@aws-sdk/client-dynamodb');
(async () => {
  const name = process.argv[1];
  const sqs = new SQSClient({});
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hei' }));
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
  const s3 = new S3Client({ forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: name }));
  await s3.send(new PutObjectCommand({ Bucket: name, Key: 'k', Body: 'body' }));
  const object = await s3.send(new GetObjectCommand({ Bucket: name, Key: 'k' }));
  const { TableNames } = await new DynamoDBClient({}).send(new ListTablesCommand({}));
  console.log(Messages[0].Body, await object.Body.transformToString(), Array.isArray(TableNames));
})();
"""


def test_clients(cloud, name):
    folder = os.environ.get("PILVI_NODE_DIR")
    if not folder:
        pytest.skip("npm is not installed")
    done = subprocess.run(
        ["node", "-e", SCRIPT, name], cwd=folder, env=cloud.environment(), capture_output=True, text=True
    )
    assert done.stdout == "hei body true\n", done.stderr
