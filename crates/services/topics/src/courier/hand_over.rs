//! Handing a message over to its subscriber, by protocol.

use std::sync::Arc;

use bytes::Bytes;
use pilvi_bus::calls::{InvocationMode, InvokeFunction, SendMessage};
use pilvi_bus::{ApiError, Ctx};
use pilvi_delivery::targets::Failed;
use pilvi_delivery::{NewDelivery, Origin};
use serde::{Deserialize, Serialize};

use super::{ConfirmationParcel, DEAD, PRINCIPAL};
use crate::envelope::{self, Confirmation};
use crate::message::{Attribute, Message};
use crate::registry::{Subscription, Topic, Topics};
use crate::state::OutboxRecord;

/// A message for a queue: what a queue's subscription or a dead-letter queue gets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) body: String,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) group: Option<String>,
    pub(crate) dedup: Option<String>,
    pub(crate) trace: Option<String>,
}

impl Topics {
    pub(super) fn service_ctx(&self, origin: &Origin) -> Ctx {
        Arc::new(origin.ctx(PRINCIPAL, &self.endpoint))
    }

    /// Hands a message to a subscriber that is no HTTP endpoint.
    pub(super) async fn hand_over(
        &self,
        origin: &Origin,
        topic: &Topic,
        subscription: &Subscription,
        message: &Message,
    ) -> Result<(), Failed> {
        let ctx = self.service_ctx(origin);
        let record = &subscription.record;
        match record.protocol.as_str() {
            "sqs" => {
                let letter = self.letter(topic, subscription, message, record.is_fifo_queue()).await?;
                self.post(&ctx, &record.endpoint, letter).await
            }
            "lambda" => {
                let event = self.event(topic, subscription, message).await.map_err(ApiError::internal)?;
                let request = InvokeFunction {
                    function: record.endpoint.clone(),
                    qualifier: None,
                    mode: InvocationMode::Queue,
                    payload: Bytes::from(event.to_string()),
                    client_context: None,
                    tail: false,
                };
                self.bus.functions()?.invoke(&ctx, request).await?;
                Ok(())
            }
            "email" | "email-json" | "sms" | "application" => {
                self.keep(self.outbox_record(topic, subscription, message).await?).await.map_err(ApiError::from)?;
                Ok(())
            }
            other => Err(ApiError::not_implemented("sns", &format!("delivery to {other}")).into()),
        }
    }

    /// What a queue gets of a message. `fifo`: it is for a FIFO queue.
    pub(super) async fn letter(
        &self,
        topic: &Topic,
        subscription: &Subscription,
        message: &Message,
        fifo: bool,
    ) -> Result<Letter, Failed> {
        let raw = subscription.record.raw;
        let body = if raw {
            message.text.clone()
        } else {
            self.notification(topic, subscription, message).await.map_err(ApiError::internal)?
        };
        // Recorded: a group goes along to a FIFO queue, and from a standard topic to a standard queue.
        let keeps_group = fifo || message.sequence.is_none();
        Ok(Letter {
            body,
            attributes: if raw { message.attributes.clone() } else { Vec::new() },
            group: message.group.clone().filter(|_| keeps_group),
            dedup: message.dedup.clone().filter(|_| fifo),
            trace: Some(message.trace.clone()).filter(|trace| !trace.is_empty()),
        })
    }

    /// Sends a letter to a queue.
    pub(super) async fn post(&self, ctx: &Ctx, queue_arn: &str, letter: Letter) -> Result<(), Failed> {
        let message = SendMessage {
            queue_arn: queue_arn.to_owned(),
            body: letter.body,
            delay: None,
            attributes: letter.attributes.iter().map(Attribute::for_queue).collect(),
            group_id: letter.group,
            deduplication_id: letter.dedup,
            trace: letter.trace,
        };
        self.bus.queues()?.send(ctx, message).await?;
        Ok(())
    }

    /// What becomes of a message that cannot be delivered: a letter to the dead-letter queue, if the subscription has one.
    pub(super) async fn bury(
        &self,
        origin: &Origin,
        topic: &Topic,
        subscription: &Subscription,
        message: &Message,
    ) -> Vec<NewDelivery> {
        let policy = subscription.record.redrive_policy.as_deref();
        let policy: serde_json::Value = policy.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let Some(queue) = policy.get("deadLetterTargetArn").and_then(serde_json::Value::as_str) else {
            return Vec::new();
        };
        let letter = match self.letter(topic, subscription, message, queue.ends_with(".fifo")).await {
            Ok(letter) => letter,
            Err(problem) => {
                tracing::error!(%problem, subscription = subscription.arn, "a dead letter cannot be written");
                return Vec::new();
            }
        };
        let Ok(payload) = rmp_serde::to_vec(&letter) else { return Vec::new() };
        vec![NewDelivery {
            kind: DEAD.to_owned(),
            target: queue.to_owned(),
            payload: Bytes::from(payload),
            origin: origin.clone(),
            due: 0,
        }]
    }

    /// Hands a request to confirm to an endpoint that is no HTTP endpoint.
    pub(super) async fn ask(&self, origin: &Origin, parcel: &ConfirmationParcel) -> Result<(), Failed> {
        let document = self.confirmation(&parcel.confirmation()).await.map_err(ApiError::internal)?;
        let record = &parcel.subscription;
        if record.protocol == "sqs" {
            let letter = Letter { body: document, ..Letter::default() };
            return self.post(&self.service_ctx(origin), &record.endpoint, letter).await;
        }
        let text = match record.protocol.as_str() {
            "email-json" => document,
            _ => format!(
                "{}\n{}",
                parcel.confirmation().text(),
                envelope::subscribe_url(&parcel.endpoint, &parcel.topic_arn, &parcel.token)
            ),
        };
        let record = OutboxRecord {
            account: origin.account.clone(),
            region: origin.region.clone(),
            time: parcel.time,
            protocol: record.protocol.clone(),
            to: record.endpoint.clone(),
            topic_arn: Some(parcel.topic_arn.clone()),
            subscription_arn: Some(parcel.subscription_arn.clone()),
            message_id: parcel.id.clone(),
            subject: Some("AWS Notification - Subscription Confirmation".to_owned()),
            text,
            attributes: Vec::new(),
            token: Some(parcel.token.clone()),
        };
        self.keep(record).await.map_err(ApiError::from)?;
        Ok(())
    }

    async fn outbox_record(
        &self,
        topic: &Topic,
        subscription: &Subscription,
        message: &Message,
    ) -> Result<OutboxRecord, Failed> {
        let record = &subscription.record;
        let text = match record.protocol.as_str() {
            "email-json" => self.notification(topic, subscription, message).await.map_err(ApiError::internal)?,
            _ => message.text.clone(),
        };
        let subject = message
            .subject
            .clone()
            .or_else(|| record.protocol.starts_with("email").then(|| "AWS Notification Message".to_owned()));
        Ok(OutboxRecord {
            account: topic.name.account.clone(),
            region: topic.name.region.clone(),
            time: message.time,
            protocol: record.protocol.clone(),
            to: record.endpoint.clone(),
            topic_arn: Some(topic.arn.clone()),
            subscription_arn: Some(subscription.arn.clone()),
            message_id: message.id.clone(),
            subject,
            text,
            attributes: message.attributes.clone(),
            token: None,
        })
    }
}

impl ConfirmationParcel {
    pub(super) fn confirmation(&self) -> Confirmation<'_> {
        Confirmation {
            id: &self.id,
            topic_arn: &self.topic_arn,
            token: &self.token,
            deleted: self.deleted.then_some(&*self.subscription_arn),
            endpoint: &self.endpoint,
            time: self.time,
        }
    }
}
