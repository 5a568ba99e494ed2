// A CSV of job offers was put into the bucket: a message for each of its rows.
const { S3Client, GetObjectCommand } = require('@aws-sdk/client-s3');
const { SQSClient, SendMessageBatchCommand } = require('@aws-sdk/client-sqs');

const s3 = new S3Client({});
const sqs = new SQSClient({});

exports.handler = async (event) => {
  let sent = 0;
  for (const record of event.Records) {
    const bucket = record.s3.bucket.name;
    const key = decodeURIComponent(record.s3.object.key.replace(/\+/g, ' '));
    const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const jobs = parse(await object.Body.transformToString());
    console.log(`${key}: ${jobs.length} job offers`);
    for (let start = 0; start < jobs.length; start += 10) {
      const entries = jobs.slice(start, start + 10).map((job, index) => ({
        Id: String(index),
        MessageBody: JSON.stringify(job),
      }));
      const answer = await sqs.send(new SendMessageBatchCommand({ QueueUrl: process.env.QUEUE_URL, Entries: entries }));
      if (answer.Failed && answer.Failed.length > 0) throw new Error(`not sent: ${JSON.stringify(answer.Failed)}`);
      sent += entries.length;
    }
  }
  return { sent };
};

// The first line names the columns; no value holds a comma.
function parse(text) {
  const [head, ...rows] = text.trim().split(/\r?\n/).map((line) => line.split(','));
  return rows.map((row) => Object.fromEntries(row.map((value, index) => [head[index], value])));
}
