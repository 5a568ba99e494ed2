//! Plain JSON into a [`Val`], for calls that are written down as JSON: a scheduler's universal targets, for one. Member names are
//! matched whatever their case, since SDKs differ in it; a blob is the text itself, not base64.

use serde_json::Value;

use crate::api::{Api, Kind, ShapeId};
use crate::shape::ShapeError;
use crate::val::{Timestamp, Val};

/// Reads a value of this shape. Members that the model does not have are left out, as on the wire.
///
/// # Errors
/// A value is of another type than the model asks for, or a required member is missing.
pub fn read(api: &'static Api, shape: ShapeId, value: &Value) -> Result<Val, ShapeError> {
    let mismatch =
        |expected: &str| ShapeError { path: String::new(), problem: format!("expected {expected}, found {value}") };
    Ok(match (&api.shape(shape).kind, value) {
        (Kind::Structure(structure), Value::Object(entries)) => {
            let mut members = Vec::with_capacity(entries.len());
            for (name, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
                let member = structure
                    .members
                    .iter()
                    .find(|member| member.name.eq_ignore_ascii_case(name) || member.wire_name == name);
                if let Some(member) = member {
                    let read = read(api, member.shape, value).map_err(|error| error.inside(member.name))?;
                    members.push((member.name, read));
                }
            }
            let missing = structure.members.iter().find(|member| {
                member.required && !member.idempotency_token && !members.iter().any(|(name, _)| *name == member.name)
            });
            if let Some(member) = missing {
                return Err(ShapeError::missing(member.name));
            }
            Val::Struct(members)
        }
        (Kind::Structure(_), _) => return Err(mismatch("a structure")),
        (Kind::List { member, .. }, Value::Array(items)) => {
            Val::List(items.iter().map(|item| read(api, *member, item)).collect::<Result<_, _>>()?)
        }
        (Kind::List { .. }, _) => return Err(mismatch("a list")),
        (Kind::Map { value: shape, .. }, Value::Object(entries)) => {
            let entry = |(key, value): (&String, &Value)| {
                read(api, *shape, value).map(|read| (key.clone(), read)).map_err(|error| error.inside(key))
            };
            Val::Map(entries.iter().map(entry).collect::<Result<_, _>>()?)
        }
        (Kind::Map { .. }, _) => return Err(mismatch("a map")),
        (Kind::String, value) => Val::Str(scalar(value).ok_or_else(|| mismatch("a string"))?),
        (Kind::Blob, Value::String(text)) => Val::Blob(bytes::Bytes::copy_from_slice(text.as_bytes())),
        (Kind::Blob, value) => Val::Blob(bytes::Bytes::from(value.to_string())),
        (Kind::Boolean, Value::Bool(value)) => Val::Bool(*value),
        (Kind::Boolean, value) => match scalar(value).as_deref() {
            Some("true") => Val::Bool(true),
            Some("false") => Val::Bool(false),
            _ => return Err(mismatch("a boolean")),
        },
        (Kind::Integer | Kind::Long, value) => {
            let number = scalar(value).and_then(|text| text.parse().ok());
            Val::Int(number.ok_or_else(|| mismatch("an integer"))?)
        }
        (Kind::Float | Kind::Double, value) => {
            let number = scalar(value).and_then(|text| text.parse().ok());
            Val::Float(number.ok_or_else(|| mismatch("a number"))?)
        }
        (Kind::Timestamp(_), value) => Val::Time(time(value).ok_or_else(|| mismatch("a time"))?),
        (Kind::Document, value) => Val::Document(value.clone()),
    })
}

/// A text, a number or a truth value, as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a time out of range is none")]
fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => Timestamp::from_millisecond((number.as_f64()? * 1000.0) as i64).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api;

    #[test]
    fn a_call_written_as_json() {
        let sqs = api("sqs").unwrap();
        let shape = sqs.operation("SendMessage").unwrap().input.unwrap();
        let document = json!({
            "queueUrl": "u", "MessageBody": 5, "DelaySeconds": "3", "Unknown": {}, "MessageGroupId": null,
            "MessageAttributes": { "a": { "DataType": "Binary", "BinaryValue": "bytes" } },
        });
        let val = read(sqs, shape, &document).unwrap();
        assert_eq!(val.get("QueueUrl"), Some(&Val::from("u")));
        assert_eq!(val.get("MessageBody"), Some(&Val::from("5")));
        assert_eq!(val.get("DelaySeconds"), Some(&Val::Int(3)));
        assert_eq!(val.get("MessageGroupId"), None);
        let attribute = val.get("MessageAttributes").and_then(|attributes| attributes.get("a")).unwrap();
        assert_eq!(attribute.get("BinaryValue"), Some(&Val::Blob(bytes::Bytes::from("bytes"))));
        assert_eq!(read(sqs, shape, &json!({ "QueueUrl": "u" })), Err(ShapeError::missing("MessageBody")));
        assert!(read(sqs, shape, &json!([])).is_err());
    }
}
