//! Batches: which messages a function gets, as what event, and which of them it has handled. Pure.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pilvi_bus::calls::ReceivedMessage;
use pilvi_patterns::Pattern;
use serde_json::{Map, Value, json};

/// Whether one of the patterns fits a message; its body counts as JSON where it is JSON.
pub(super) fn fits(patterns: &[Pattern], message: &ReceivedMessage, source: &str, region: &str) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let mut record = record(message, source, region);
    if let (Ok(body), Some(members)) = (serde_json::from_str(&message.body), record.as_object_mut()) {
        members.insert("body".to_owned(), body);
    }
    patterns.iter().any(|pattern| pattern.matches(&record))
}

/// The event that a function gets.
pub(super) fn event(messages: &[ReceivedMessage], source: &str, region: &str) -> Value {
    json!({"Records": messages.iter().map(|message| record(message, source, region)).collect::<Vec<_>>()})
}

fn record(message: &ReceivedMessage, source: &str, region: &str) -> Value {
    let system: Map<String, Value> =
        message.system_attributes.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let attributes: Map<String, Value> = message
        .attributes
        .iter()
        .map(|(name, attribute)| {
            let mut value = json!({
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": attribute.data_type,
            });
            if let Some(members) = value.as_object_mut() {
                if let Some(text) = &attribute.string_value {
                    members.insert("stringValue".to_owned(), json!(text));
                }
                if let Some(bytes) = &attribute.binary_value {
                    members.insert("binaryValue".to_owned(), json!(BASE64.encode(bytes)));
                }
            }
            (name.clone(), value)
        })
        .collect();
    let mut record = json!({
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": system,
        "messageAttributes": attributes,
        "md5OfBody": message.md5_of_body,
        "eventSource": "aws:sqs",
        "eventSourceARN": source,
        "awsRegion": region,
    });
    if let (Some(md5), Some(members)) = (&message.md5_of_attributes, record.as_object_mut()) {
        members.insert("md5OfMessageAttributes".to_owned(), json!(md5));
    }
    record
}

/// Which messages failed, as a function reported; `None`: the report is malformed, and all of them failed.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
pub(super) fn failures(payload: &[u8], messages: &[ReceivedMessage]) -> Option<BTreeSet<String>> {
    if payload.is_empty() {
        return Some(BTreeSet::new());
    }
    let report: Value = serde_json::from_slice(payload).ok()?;
    let report = match &report {
        Value::Null => return Some(BTreeSet::new()),
        Value::Object(members) => members.get("batchItemFailures"),
        _ => return None,
    };
    let items = match report {
        None | Some(Value::Null) => return Some(BTreeSet::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return None,
    };
    let mut failed = BTreeSet::new();
    for item in items {
        let id = item.get("itemIdentifier")?.as_str()?;
        if !messages.iter().any(|message| message.message_id == id) {
            return None;
        }
        failed.insert(id.to_owned());
    }
    Some(failed)
}
