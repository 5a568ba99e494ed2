//! Messages with job offers: each becomes an item. What could not be written comes back, and ends in the dead-letter queue.

use std::env;

use lambda_runtime::Error;
use pilvi_client::Client;
use serde_json::{Map, Value, json};

use crate::{records, text};

pub(crate) async fn handle(aws: &Client, event: &Value) -> Result<Value, Error> {
    let table = env::var("TABLE_NAME")?;
    let mut written = 0;
    for record in records(event) {
        let job: Map<String, Value> = serde_json::from_str(text(record, "/body"))?;
        let input = json!({"TableName": table, "Item": item(&job)});
        aws.json("dynamodb", "1.0", "DynamoDB_20120810.PutItem", &input).await?;
        written += 1;
    }
    println!("{written} job offers written");
    Ok(Value::Null)
}

/// A document as an item of DynamoDB; all of its values are texts.
pub(crate) fn item(job: &Map<String, Value>) -> Value {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields: Map<String, Value> =
        job.iter().map(|(name, value)| (name.clone(), json!({"S": text(value)}))).collect();
    Value::Object(fields)
}
