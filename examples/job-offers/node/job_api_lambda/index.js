// The HTTP API: GET and POST /v1/jobs, GET and DELETE /v1/jobs/ID?city=CITY.
const { DynamoDBClient } = require('@aws-sdk/client-dynamodb');
const { DynamoDBDocumentClient, ScanCommand, GetCommand, PutCommand, DeleteCommand } = require('@aws-sdk/lib-dynamodb');

const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const TableName = process.env.TABLE_NAME;

const answer = (statusCode, body) => ({
  statusCode,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

async function everything() {
  const items = [];
  let ExclusiveStartKey;
  do {
    const page = await table.send(new ScanCommand({ TableName, ExclusiveStartKey }));
    items.push(...page.Items);
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
  return items;
}

exports.handler = async (event) => {
  const { method } = event.requestContext.http;
  const [, version, collection, id] = event.rawPath.split('/');
  if (version !== 'v1' || collection !== 'jobs') return answer(404, { message: 'There is no such page.' });
  if (!id) {
    if (method === 'GET') return answer(200, await everything());
    if (method !== 'POST') return answer(405, { message: 'Use GET or POST.' });
    const job = JSON.parse(event.body || '{}');
    if (!job.id || !job.city) return answer(400, { message: 'A job offer has an id and a city.' });
    await table.send(new PutCommand({ TableName, Item: job }));
    return answer(201, job);
  }
  const Key = { id: decodeURIComponent(id), city: (event.queryStringParameters || {}).city || '' };
  if (!Key.city) return answer(400, { message: 'Name the city: ?city=…' });
  if (method === 'DELETE') {
    await table.send(new DeleteCommand({ TableName, Key }));
    return answer(200, Key);
  }
  const { Item } = await table.send(new GetCommand({ TableName, Key }));
  return Item ? answer(200, Item) : answer(404, { message: 'There is no such job offer.' });
};
