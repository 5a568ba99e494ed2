//! The HTTP API: GET and POST /v1/jobs, GET and DELETE /v1/jobs/ID?city=CITY.

use std::env;

use lambda_runtime::Error;
use percent_encoding::percent_decode_str;
use pilvi_client::Client;
use serde_json::{Map, Value, json};

use crate::consumer::item;
use crate::text;

pub(crate) async fn handle(aws: &Client, event: &Value) -> Result<Value, Error> {
    let table = env::var("TABLE_NAME")?;
    let call = async |operation: &str, mut input: Value| {
        if let Some(input) = input.as_object_mut() {
            input.insert("TableName".to_owned(), json!(table));
        }
        aws.json("dynamodb", "1.0", &format!("DynamoDB_20120810.{operation}"), &input).await
    };
    let path: Vec<&str> = text(event, "/rawPath").split('/').collect();
    let (id, method) = match (path.as_slice(), text(event, "/requestContext/http/method")) {
        ([_, "v1", "jobs"], method) => ("", method),
        ([_, "v1", "jobs", id], method) => (*id, method),
        _ => return Ok(answer(404, &json!({"message": "There is no such page."}))),
    };
    if id.is_empty() {
        return match method {
            "GET" => {
                let mut jobs = Vec::new();
                let mut input = json!({});
                loop {
                    let page = call("Scan", input).await?;
                    jobs.extend(page.get("Items").and_then(Value::as_array).into_iter().flatten().map(plain));
                    let Some(last) = page.get("LastEvaluatedKey") else { break };
                    input = json!({ "ExclusiveStartKey": last });
                }
                Ok(answer(200, &Value::Array(jobs)))
            }
            "POST" => {
                let job: Map<String, Value> = serde_json::from_str(text(event, "/body")).unwrap_or_default();
                if !job.contains_key("id") || !job.contains_key("city") {
                    return Ok(answer(400, &json!({"message": "A job offer has an id and a city."})));
                }
                call("PutItem", json!({ "Item": item(&job) })).await?;
                Ok(answer(201, &Value::Object(job)))
            }
            _ => Ok(answer(405, &json!({"message": "Use GET or POST."}))),
        };
    }
    let city = text(event, "/queryStringParameters/city");
    if city.is_empty() {
        return Ok(answer(400, &json!({"message": "Name the city: ?city=…"})));
    }
    let id = percent_decode_str(id).decode_utf8_lossy();
    let key = json!({"id": {"S": id}, "city": {"S": city}});
    if method == "DELETE" {
        call("DeleteItem", json!({ "Key": key })).await?;
        return Ok(answer(200, &json!({"id": id, "city": city})));
    }
    let found = call("GetItem", json!({ "Key": key })).await?;
    Ok(match found.get("Item") {
        Some(item) => answer(200, &plain(item)),
        None => answer(404, &json!({"message": "There is no such job offer."})),
    })
}

/// An item whose values are texts, as a document.
fn plain(item: &Value) -> Value {
    let fields = item.as_object().into_iter().flatten();
    Value::Object(fields.map(|(name, value)| (name.clone(), value.get("S").cloned().unwrap_or_default())).collect())
}

fn answer(status: u16, body: &Value) -> Value {
    json!({"statusCode": status, "headers": {"content-type": "application/json"}, "body": body.to_string()})
}
