//! How a queued invocation ended, as destinations and dead-letter queues are told.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>

use bytes::Bytes;
use pilvi_bus::calls::FunctionResult;
use pilvi_delivery::{NewDelivery, Origin};
use pilvi_model::Timestamp;
use serde_json::{Value, json};

use super::destinations::{self, Message};
use super::{QueueSettings, QueuedEvent};

/// The end of a queued invocation.
pub(super) struct Ending {
    pub(super) event: QueuedEvent,
    pub(super) settings: QueueSettings,
    pub(super) origin: Origin,
    pub(super) now: Timestamp,
    pub(super) attempts: u32,
    /// `Success`, `RetriesExhausted`, `EventAgeExceeded` or `ZeroReservedConcurrency`.
    pub(super) condition: &'static str,
    /// What the last attempt answered, if the function ran.
    pub(super) result: Option<FunctionResult>,
    pub(super) error: String,
}

impl Ending {
    /// Who is told.
    pub(super) fn follow_ups(&self) -> Vec<NewDelivery> {
        let success = self.condition == "Success";
        let destination = if success { &self.settings.on_success } else { &self.settings.on_failure };
        let mut told = Vec::new();
        if let Some(arn) = destination {
            let outcome = if success { "Success" } else { "Failure" };
            let detail_type = format!("Lambda Function Invocation Result - {outcome}");
            told.extend(self.message(arn, self.record().to_string(), Vec::new(), detail_type));
        }
        let letters = self.settings.dead_letter.as_ref().filter(|arn| !arn.is_empty());
        if let (false, Some(arn)) = (success, letters) {
            let attributes = vec![
                ("RequestID".to_owned(), "String".to_owned(), self.event.request_id.clone()),
                ("ErrorCode".to_owned(), "Number".to_owned(), "200".to_owned()),
                // At most 1 KB of the error is kept.
                ("ErrorMessage".to_owned(), "String".to_owned(), self.error.chars().take(1024).collect()),
            ];
            told.extend(self.message(arn, self.event.payload.clone(), attributes, String::new()));
        }
        told
    }

    fn message(
        &self,
        arn: &str,
        body: String,
        attributes: Vec<(String, String, String)>,
        detail_type: String,
    ) -> Option<NewDelivery> {
        let role = self.settings.role.clone();
        let message = Message { role, body, attributes, detail_type, function: self.function() };
        let payload = Bytes::from(serde_json::to_vec(&message).ok()?);
        let kind = destinations::KIND.to_owned();
        Some(NewDelivery { kind, target: arn.to_owned(), payload, origin: self.origin.clone(), due: 0 })
    }

    fn function(&self) -> String {
        let qualifier = self.event.qualifier.as_deref().unwrap_or("$LATEST");
        format!("{}:{qualifier}", self.event.function_arn)
    }

    fn record(&self) -> Value {
        let mut record = json!({
            "version": "1.0",
            "timestamp": format!("{:.3}", self.now),
            "requestContext": {
                "requestId": self.event.request_id,
                "functionArn": self.function(),
                "condition": self.condition,
                "approximateInvokeCount": self.attempts,
            },
            "requestPayload": document(self.event.payload.as_bytes()),
        });
        if let (Some(result), Some(members)) = (&self.result, record.as_object_mut()) {
            let mut context = json!({"statusCode": 200, "executedVersion": result.executed_version});
            if let (Some(error), Some(context)) = (&result.error, context.as_object_mut()) {
                context.insert("functionError".to_owned(), json!(error));
            }
            members.insert("responseContext".to_owned(), context);
            members.insert("responsePayload".to_owned(), document(&result.payload));
        }
        record
    }
}

/// The `errorMessage` of a function's error, or all of it.
pub(super) fn error_message(payload: &[u8]) -> String {
    match document(payload).get("errorMessage").and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => String::from_utf8_lossy(payload).into_owned(),
    }
}

fn document(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(payload).into_owned()))
}
