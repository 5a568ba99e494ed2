// Messages with job offers: each becomes an item. What could not be written comes back, and ends in the dead-letter queue.
const { DynamoDBClient } = require('@aws-sdk/client-dynamodb');
const { DynamoDBDocumentClient, PutCommand } = require('@aws-sdk/lib-dynamodb');

const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

exports.handler = async (event) => {
  for (const record of event.Records) {
    const job = JSON.parse(record.body);
    await table.send(new PutCommand({ TableName: process.env.TABLE_NAME, Item: job }));
  }
  console.log(`${event.Records.length} job offers written`);
};
