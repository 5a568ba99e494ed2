//! Notices: a service's messages to a function, a queue, a topic or an event bus, as S3's notifications are.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pilvi_bus::calls::{InvocationMode, InvokeFunction, PublishMessage, SendMessage};
use pilvi_bus::{ApiError, Arn, Bus, Ctx, Platform};
use pilvi_store::{StoreError, WriteTx};

use crate::{Deliverer, Deliveries, Delivery, NewDelivery, Origin, Outcome, Schedule};

/// How a target on the account's default event bus starts; the event's type follows.
const EVENT_BUS: &str = "event-bus:";

/// Delivers one service's notices.
pub struct Notices {
    service: &'static str,
    source: &'static str,
    bus: Arc<Bus>,
    endpoint: String,
}

impl Notices {
    /// Registers the deliverer of notices of a service: its principal (`s3.amazonaws.com`), which is also their kind, and
    /// what its events name as their source (`aws.s3`).
    pub fn register(deliveries: &Deliveries, platform: &Platform, service: &'static str, source: &'static str) {
        let (bus, endpoint) = (platform.bus.clone(), platform.settings.endpoint());
        deliveries.register(service, Arc::new(Self { service, source, bus, endpoint }));
    }

    async fn send(&self, delivery: &Delivery) -> Result<(), ApiError> {
        let ctx: Ctx = Arc::new(delivery.origin.ctx(self.service, &self.endpoint));
        let text = String::from_utf8_lossy(delivery.payload()).into_owned();
        if let Some(detail_type) = delivery.target.strip_prefix(EVENT_BUS) {
            let resources = vec![delivery.origin.source_arn.clone()];
            return self.bus.events()?.put(&ctx, self.source, detail_type, resources, text).await;
        }
        let service = Arn::parse(&delivery.target).map(|arn| arn.service).unwrap_or_default();
        match &*service {
            "lambda" => {
                let request = InvokeFunction {
                    function: delivery.target.clone(),
                    qualifier: None,
                    mode: InvocationMode::Queue,
                    payload: Bytes::copy_from_slice(delivery.payload()),
                    client_context: None,
                    tail: false,
                };
                self.bus.functions()?.invoke(&ctx, request).await.map(|_| ())
            }
            "sqs" => {
                let trace = Some(ctx.trace.clone());
                let message =
                    SendMessage { queue_arn: delivery.target.clone(), body: text, trace, ..Default::default() };
                self.bus.queues()?.send(&ctx, message).await.map(|_| ())
            }
            "sns" => {
                // "S3 event notifications": those to topics have a subject.
                let subject = (self.service == "s3.amazonaws.com").then(|| "Amazon S3 Notification".to_owned());
                let topic_arn = delivery.target.clone();
                let message = PublishMessage { topic_arn, message: text, subject, ..PublishMessage::default() };
                self.bus.topics()?.publish(&ctx, message).await.map(|_| ())
            }
            _ => Err(ApiError::new("InvalidTarget", 400, format!("Nothing can be delivered to {}.", delivery.target))),
        }
    }
}

#[async_trait]
impl Deliverer for Notices {
    fn schedule(&self) -> Schedule {
        let second = Duration::from_secs(1);
        Schedule { first: second, longest: second * 300, attempts: Some(16), age: second * 3600, ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        match self.send(delivery).await {
            Ok(()) => Outcome::done(),
            Err(problem) if problem.status == 501 => Outcome::Dead { reason: problem.to_string() },
            Err(problem) => Outcome::retry(delivery, problem.to_string()),
        }
    }
}

impl Deliveries {
    /// Enqueues a service's notice to an ARN in the transaction that causes it.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn notify(
        &self,
        tx: &mut WriteTx<'_>,
        service: &'static str,
        origin: Origin,
        target_arn: &str,
        message: &str,
    ) -> Result<(), StoreError> {
        let payload = Bytes::copy_from_slice(message.as_bytes());
        let new = NewDelivery { kind: service.to_owned(), target: target_arn.to_owned(), payload, origin, due: 0 };
        self.enqueue(tx, new)
    }

    /// Enqueues an event of a service for the account's default event bus. `detail` is JSON.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn put_event(
        &self,
        tx: &mut WriteTx<'_>,
        service: &'static str,
        origin: Origin,
        detail_type: &str,
        detail: &str,
    ) -> Result<(), StoreError> {
        self.notify(tx, service, origin, &format!("{EVENT_BUS}{detail_type}"), detail)
    }
}
