// Sends a message, with the SDK that this runtime brings: version 2, which knows no AWS_ENDPOINT_URL and calls AWS's own host.
const AWS = require('aws-sdk');

exports.handler = function (event, context, callback) {
  const sqs = new AWS.SQS({ apiVersion: '2012-11-05' });
  const message = {
    QueueUrl: process.env.QUEUE_URL,
    DelaySeconds: 10,
    MessageAttributes: { 'sample-attribute': { DataType: 'String', StringValue: 'sample-value' } },
    MessageBody: 'Sample content',
  };
  console.log('Sending a message…');
  sqs.sendMessage(message, (error, sent) => {
    if (error) {
      console.log('Cannot send the message.', error);
      return callback(error);
    }
    console.log(`Sent ${sent.MessageId} by ${sqs.endpoint.host}`);
    callback(null, sent.MessageId);
  });
};
