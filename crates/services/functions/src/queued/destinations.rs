//! Tells destinations and dead-letter queues, with the permissions of the function's role.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pilvi_bus::calls::{
    InvocationMode, InvokeFunction, MessageAttribute, ObjectName, PublishMessage, PutEvent, SendMessage,
};
use pilvi_bus::{ApiError, Arn, Ctx, Platform, RequestContext};
use pilvi_delivery::{Deliverer, Delivery, Outcome, Schedule};
use pilvi_model::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The kind of these deliveries.
pub(super) const KIND: &str = "lambda.destination";

/// What is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) role: String,
    pub(super) body: String,
    /// Name, data type, value.
    pub(super) attributes: Vec<(String, String, String)>,
    /// For an event bus.
    pub(super) detail_type: String,
    /// The function's ARN, with the version or alias.
    #[serde(default)]
    pub(super) function: String,
}

/// Delivers to destinations.
pub(super) struct Destinations {
    platform: Platform,
}

impl Destinations {
    pub(super) fn new(platform: &Platform) -> Self {
        Self { platform: platform.clone() }
    }

    async fn tell(&self, delivery: &Delivery, message: Message) -> Result<(), ApiError> {
        let bus = &self.platform.bus;
        let source = &delivery.origin;
        let name = source.source_arn.rsplit(':').next().unwrap_or("lambda");
        let role = bus.identity()?.assume_for("lambda.amazonaws.com", &message.role, name).await?;
        let endpoint = self.platform.settings.endpoint();
        let mut ctx = RequestContext::internal(role.principal, &source.account, &source.region, &endpoint);
        ctx.trace.clone_from(&source.trace);
        let ctx: Ctx = Arc::new(ctx);
        let target = delivery.target.clone();
        match Arn::parse(&target).map(|arn| arn.service).as_deref() {
            Some("sqs") => {
                let send = SendMessage {
                    queue_arn: target,
                    body: message.body,
                    attributes: attributes(message.attributes),
                    trace: Some(ctx.trace.clone()),
                    ..SendMessage::default()
                };
                bus.queues()?.send(&ctx, send).await.map(|_| ())
            }
            Some("lambda") => {
                let request = InvokeFunction {
                    function: target,
                    qualifier: None,
                    mode: InvocationMode::Queue,
                    payload: Bytes::from(message.body),
                    client_context: None,
                    tail: false,
                };
                bus.functions()?.invoke(&ctx, request).await.map(|_| ())
            }
            Some("events") => {
                let event = PutEvent {
                    resources: vec![target.clone(), message.function],
                    bus_arn: target,
                    source: "lambda".to_owned(),
                    detail_type: message.detail_type,
                    detail: message.body,
                };
                bus.events()?.put_on(&ctx, event).await
            }
            Some("sns") => {
                let publish = PublishMessage {
                    topic_arn: target,
                    message: message.body,
                    attributes: attributes(message.attributes),
                    ..PublishMessage::default()
                };
                bus.topics()?.publish(&ctx, publish).await.map(|_| ())
            }
            Some("s3") => {
                let bucket = target.rsplit(':').next().unwrap_or_default().to_owned();
                let object = ObjectName { bucket, key: object_key(name, self.platform.clock.now()), version: None };
                bus.objects()?.put(&ctx, &object, Bytes::from(message.body)).await
            }
            _ => Err(ApiError::new("InvalidTarget", 400, format!("Nothing can be delivered to {target}."))),
        }
    }
}

fn attributes(all: Vec<(String, String, String)>) -> Vec<(String, MessageAttribute)> {
    let attribute = |(name, data_type, value)| {
        (name, MessageAttribute { data_type, string_value: Some(value), binary_value: None })
    };
    all.into_iter().map(attribute).collect()
}

/// `aws/lambda/async/FUNCTION/2026/11/21/2026-11-21T03.14.07-UUID`
fn object_key(function: &str, now: Timestamp) -> String {
    let (day, time) = (now.strftime("%Y/%m/%d"), now.strftime("%Y-%m-%dT%H.%M.%S"));
    format!("aws/lambda/async/{function}/{day}/{time}-{}", Uuid::new_v4())
}

#[async_trait]
impl Deliverer for Destinations {
    fn schedule(&self) -> Schedule {
        Schedule { attempts: Some(12), age: Duration::from_secs(3600), ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Ok(message) = serde_json::from_slice::<Message>(delivery.payload()) else {
            return Outcome::Dead { reason: "The record cannot be read.".to_owned() };
        };
        match self.tell(delivery, message).await {
            Ok(()) => Outcome::done(),
            Err(problem) if problem.status == 501 => Outcome::Dead { reason: problem.to_string() },
            Err(problem) => Outcome::retry(delivery, problem.to_string()),
        }
    }
}
