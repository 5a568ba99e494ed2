//! awsQuery answers as JSON, for clients that ask for it (`Accept: application/json`), as STS and SQS were seen to give it: the same
//! tree as in XML, a list under its own name, an absent member as null, a time as seconds since 1970.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use pilvi_bus::ApiError;
use pilvi_model::Val;
use pilvi_model::api::{Api, Kind, Operation, ShapeId};
use serde_json::{Map, Value, json};

/// Whether a client asks for JSON.
pub fn is_asked_for(parts: &Parts) -> bool {
    let accept = parts.headers.get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split([',', ';']).next().is_some_and(|first| first.trim() == "application/json")
}

/// The answer of an operation.
pub fn answer(api: &Api, operation: &Operation, output: &Val, request_id: &str) -> Vec<u8> {
    let mut response = Map::new();
    response.insert("ResponseMetadata".to_owned(), json!({ "RequestId": request_id }));
    if let Some(shape) = operation.output {
        let wrapper = operation.output_wrapper.map_or_else(|| format!("{}Result", operation.name), str::to_owned);
        response.insert(wrapper, value(api, shape, output));
    }
    json!({ format!("{}Response", operation.name): response }).to_string().into_bytes()
}

/// An error.
pub fn error(error: &ApiError, request_id: &str) -> Vec<u8> {
    let fault = if error.is_client_fault() { "Sender" } else { "Receiver" };
    let code = error.query_code.unwrap_or(&error.code);
    let message = error.query_message.unwrap_or(&error.message);
    json!({ "Error": { "Code": code, "Message": message, "Type": fault }, "RequestId": request_id })
        .to_string()
        .into_bytes()
}

fn value(api: &Api, shape: ShapeId, val: &Val) -> Value {
    match (&api.shape(shape).kind, val) {
        (Kind::Structure(structure), Val::Struct(_)) => {
            let member = |member: &pilvi_model::Member| {
                let found = val.get(member.name).map_or(Value::Null, |found| value(api, member.shape, found));
                (name(api, member.name), found)
            };
            Value::Object(structure.members.iter().map(member).collect())
        }
        (Kind::List { member, .. }, Val::List(items)) => {
            Value::Array(items.iter().map(|item| value(api, *member, item)).collect())
        }
        (Kind::Map { value: inner, key_name, value_name, .. }, Val::Map(entries)) => {
            let entry =
                |(key, found): &(String, Val)| json!({ *key_name: key, *value_name: value(api, *inner, found) });
            Value::Array(entries.iter().map(entry).collect())
        }
        (_, Val::Bool(value)) => json!(value),
        (_, Val::Int(number)) => json!(number),
        (_, Val::Float(number)) => json!(number),
        (_, Val::Str(text)) => json!(text),
        (_, Val::Blob(bytes)) => json!(STANDARD.encode(bytes)),
        #[allow(clippy::cast_precision_loss, reason = "as AWS does")]
        (_, Val::Time(time)) => json!(time.as_millisecond() as f64 / 1000.0),
        (_, Val::Document(document)) => document.clone(),
        (_, Val::List(_) | Val::Map(_) | Val::Struct(_)) => Value::Null,
    }
}

/// SQS writes these lists' names in its own way.
fn name(api: &Api, member: &str) -> String {
    match (api.name, member) {
        ("sqs", "Messages") => "messages".to_owned(),
        ("sqs", "QueueUrls") => "queueUrls".to_owned(),
        (_, name) => name.to_owned(),
    }
}
