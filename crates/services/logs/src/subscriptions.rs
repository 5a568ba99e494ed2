//! Subscriptions: a group's events, as they come, to a function or a stream.
//!
//! What a batch of events becomes is enqueued in the transaction that stores it. "Real-time processing of log data with
//! subscriptions" of the CloudWatch Logs user guide has the form of the messages.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use pilvi_bus::calls::{InvocationMode, InvokeFunction};
use pilvi_bus::{ApiError, Arn, Ctx, RequestContext};
use pilvi_delivery::{Deliverer, Delivery, NewDelivery, Origin, Outcome, Schedule};
use pilvi_model::Val;
use pilvi_store::{Range, WriteTx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::core::Logs;
use crate::errors::LogsError;
use crate::state::{DESTINATIONS, SUBSCRIPTIONS, event_id};

/// The kind of these deliveries.
pub(crate) const KIND: &str = "logs.subscription";
/// Who makes them.
pub(crate) const PRINCIPAL: &str = "logs.amazonaws.com";
/// The most bytes of events in a message: what becomes of them has to fit into an asynchronous invocation, compressed or not.
const MOST_BYTES: usize = 180_000;

/// What is delivered.
#[derive(Serialize, Deserialize)]
struct Told {
    role: Option<String>,
    message: Value,
}

impl Logs {
    /// Enqueues what subscriptions are told of events. `first` is the number of the first one in its stream.
    pub(crate) fn tell_subscriptions(
        &self,
        tx: &mut WriteTx<'_>,
        (account, region, group, stream): (&str, &str, &str, &str),
        first: u64,
        events: &[(i64, String)],
    ) -> Result<(), LogsError> {
        let mut subscriptions = Vec::new();
        for entry in tx.range(&SUBSCRIPTIONS, Range::prefix(&(account, region, group))) {
            let ((_, _, _, name), subscription) = entry?;
            subscriptions.push((name, subscription));
        }
        for (name, subscription) in subscriptions {
            let Some(pattern) = self.patterns.get(&subscription.pattern) else { continue };
            let mut matching = Vec::new();
            for ((timestamp, message), number) in events.iter().zip(first..) {
                if !pattern.matches(message) {
                    continue;
                }
                let mut event =
                    json!({"id": event_id(*timestamp, stream, number), "timestamp": timestamp, "message": message});
                if pattern.has_columns() {
                    let values = pattern.extract(message).into_iter();
                    let values: serde_json::Map<String, Value> =
                        values.map(|(name, value)| (name.trim_start_matches('$').to_owned(), value.into())).collect();
                    event.as_object_mut().map(|event| event.insert("extractedFields".to_owned(), values.into()));
                }
                matching.push(event);
            }
            for chunk in chunks(matching) {
                let message = message("DATA_MESSAGE", account, group, stream, &name, chunk);
                let payload = serde_json::to_vec(&Told { role: subscription.role.clone(), message });
                let delivery = NewDelivery {
                    kind: KIND.to_owned(),
                    target: subscription.destination.clone(),
                    payload: payload.unwrap_or_default().into(),
                    origin: origin(account, region, group),
                    due: 0,
                };
                self.deliveries.enqueue(tx, delivery)?;
            }
        }
        Ok(())
    }

    /// Whether a subscription's destination takes what it will get: a function is asked, a stream gets a control message.
    pub(crate) async fn probe(
        &self,
        ctx: &Ctx,
        group: &str,
        filter: &str,
        destination: &str,
        role: Option<&str>,
    ) -> Result<(), LogsError> {
        let acting = Arc::new(origin(&ctx.account, &ctx.region, group).ctx(PRINCIPAL, &ctx.endpoint));
        let service = Arn::parse(destination).map(|arn| arn.service).unwrap_or_default();
        if service == "lambda" {
            let text = "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute \
                        your function.";
            let allowed = self.platform.bus.functions()?.may_invoke(&acting, destination).await;
            return allowed.map_err(|_| LogsError::Invalid(text.to_owned()));
        }
        let health = json!({"id": "", "timestamp": self.now(), "message": "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."});
        let control = message("CONTROL_MESSAGE", "CloudwatchLogs", "", "", filter, vec![health]);
        match self.send(&acting, destination, role, &control).await {
            Ok(()) => Ok(()),
            Err(problem) if problem.status == 501 => Err(LogsError::Api(problem)),
            Err(problem) => {
                tracing::info!(reason = problem.message, "a subscription's destination took no control message");
                let text = "Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in \
                            ACTIVE state.";
                Err(LogsError::Invalid(text.to_owned()))
            }
        }
    }

    async fn send(&self, ctx: &Ctx, destination: &str, role: Option<&str>, message: &Value) -> Result<(), ApiError> {
        let unknown =
            || ApiError::new("NotImplemented", 501, format!("Pilvi cannot deliver logs to {destination} yet."));
        let arn = Arn::parse(destination).ok_or_else(unknown)?;
        let zipped = zip(message.to_string().as_bytes()).map_err(ApiError::internal)?;
        match (&*arn.service, role) {
            ("lambda", _) => {
                let request = InvokeFunction {
                    function: destination.to_owned(),
                    qualifier: None,
                    mode: InvocationMode::Queue,
                    payload: json!({"awslogs": {"data": STANDARD.encode(&zipped)}}).to_string().into(),
                    client_context: None,
                    tail: false,
                };
                self.platform.bus.functions()?.invoke(ctx, request).await.map(|_| ())
            }
            ("kinesis", Some(role)) => {
                let taken = self.platform.bus.identity()?.assume_for(PRINCIPAL, role, "CloudWatchLogs").await?;
                let ctx = RequestContext {
                    account: arn.account.clone(),
                    region: arn.region.clone(),
                    ..ctx.acting_as(taken.principal)
                };
                let stream = arn.resource.strip_prefix("stream/").unwrap_or(&arn.resource);
                let input = Val::Struct(vec![
                    ("StreamName", Val::from(stream)),
                    ("Data", Val::Blob(Bytes::from(zipped))),
                    ("PartitionKey", Val::Str(uuid::Uuid::new_v4().to_string())),
                ]);
                self.platform.bus.call(Arc::new(ctx), "kinesis", "PutRecord", input).await.map(|_| ())
            }
            _ => Err(unknown()),
        }
    }

    /// The stream behind a destination, and the role that writes to it.
    fn resolved(&self, destination: &str) -> Option<(String, Option<String>)> {
        let arn = Arn::parse(destination).filter(|arn| arn.service == "logs")?;
        let name = arn.resource.strip_prefix("destination:")?;
        let key = (arn.account.as_str(), arn.region.as_str(), name);
        let found = self.store().read(|tx| tx.get(&DESTINATIONS, &key)).ok().flatten()?;
        Some((found.target, Some(found.role)))
    }
}

/// On whose behalf a group's events are delivered: what functions' policies name is the group's ARN with `:*`.
fn origin(account: &str, region: &str, group: &str) -> Origin {
    let source_arn = Arn::new("logs", region, account, format!("log-group:{group}:*")).to_string();
    Origin { source_arn, account: account.to_owned(), region: region.to_owned(), trace: String::new() }
}

fn message(kind: &str, owner: &str, group: &str, stream: &str, filter: &str, events: Vec<Value>) -> Value {
    let filters = if kind == "CONTROL_MESSAGE" { Vec::new() } else { vec![filter] };
    json!({
        "messageType": kind, "owner": owner, "logGroup": group, "logStream": stream,
        "subscriptionFilters": filters, "logEvents": events,
    })
}

/// Events in pieces that fit into a message; an event that is larger goes alone.
fn chunks(events: Vec<Value>) -> Vec<Vec<Value>> {
    let mut chunks: Vec<Vec<Value>> = Vec::new();
    let mut room = 0;
    for event in events {
        let size = event.to_string().len();
        match chunks.last_mut().filter(|_| size <= room) {
            Some(chunk) => {
                room -= size;
                chunk.push(event);
            }
            None => {
                room = MOST_BYTES.saturating_sub(size);
                chunks.push(vec![event]);
            }
        }
    }
    chunks
}

fn zip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Delivers to subscriptions' destinations.
pub(crate) struct Subscriber(pub(crate) Arc<Logs>);

#[async_trait]
impl Deliverer for Subscriber {
    /// "CloudWatch Logs … retries for up to 24 hours".
    fn schedule(&self) -> Schedule {
        Schedule { age: Duration::from_secs(24 * 3600), ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Ok(Told { role, message }) = serde_json::from_slice(delivery.payload()) else {
            return Outcome::Dead { reason: "unreadable".to_owned() };
        };
        let ctx = Arc::new(delivery.origin.ctx(PRINCIPAL, &self.0.platform.settings.endpoint()));
        let (target, role) = self.0.resolved(&delivery.target).unwrap_or_else(|| (delivery.target.clone(), role));
        match self.0.send(&ctx, &target, role.as_deref(), &message).await {
            Ok(()) => Outcome::done(),
            Err(problem) if problem.status == 501 => Outcome::Dead { reason: problem.to_string() },
            Err(problem) => Outcome::retry(delivery, problem.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_small_and_keep_every_event() {
        let events: Vec<Value> = (0..100).map(|number| json!({"id": number, "message": "x".repeat(9_000)})).collect();
        let chunks = chunks(events.clone());
        assert!(
            chunks.iter().all(|chunk| chunk.iter().map(|event| event.to_string().len()).sum::<usize>() <= MOST_BYTES)
        );
        assert_eq!(chunks.concat(), events);
    }
}
