//! Tells destinations and dead-letter queues, with the permissions of the function's role.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pilvi_bus::calls::{InvocationMode, InvokeFunction, MessageAttribute, SendMessage};
use pilvi_bus::{ApiError, Arn, Ctx, Platform, RequestContext};
use pilvi_delivery::{Deliverer, Delivery, Outcome, Schedule};
use serde::{Deserialize, Serialize};

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
                let attributes = message.attributes.into_iter().map(|(name, data_type, value)| {
                    (name, MessageAttribute { data_type, string_value: Some(value), binary_value: None })
                });
                let send = SendMessage {
                    queue_arn: target,
                    body: message.body,
                    attributes: attributes.collect(),
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
                let resources = vec![target, source.source_arn.clone()];
                bus.events()?.put(&ctx, "lambda", &message.detail_type, resources, message.body).await
            }
            Some("sns") => Err(ApiError::not_implemented("sns", "Publish")),
            _ => Err(ApiError::new("InvalidTarget", 400, format!("Nothing can be delivered to {target}."))),
        }
    }
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
