//! The typed calls that other services make: send, receive, delete.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pilvi_bus::calls::{self, QueueCalls, QueueFacts, ReceiveMessages, ReceivedMessage, SendMessage, SentMessage};
use pilvi_bus::{AccessRequest, ApiError, Ctx};
use pilvi_model::shape::Entries;

use crate::errors::QueueError;
use crate::queue::attributes_md5;
use crate::receive::{Receive, Received};
use crate::registry::{Queue, Queues};
use crate::sqs::message_attributes::{self, AttributeValue};
use crate::sqs::receive_message::system_attributes;
use crate::sqs::send_message::{Draft, check, check_size, sequence_number};

/// [`Queues`] as the bus calls it.
pub(crate) struct Calls(pub(crate) Arc<Queues>);

impl Calls {
    /// The queue, if the caller may do that to it.
    async fn queue(&self, ctx: &Ctx, action: &'static str, arn: &str) -> Result<Arc<Queue>, ApiError> {
        let policy = self.0.find_arn(arn).ok().and_then(|queue| queue.record().policy.as_deref().map(Arc::from));
        self.0.bus.authorize(ctx, &AccessRequest::new(action, arn), policy).await?;
        Ok(self.0.find_arn(arn)?)
    }
}

#[async_trait]
impl QueueCalls for Calls {
    async fn send(&self, ctx: &Ctx, message: SendMessage) -> Result<SentMessage, ApiError> {
        let queue = self.queue(ctx, "sqs:SendMessage", &message.queue_arn).await?;
        let record = queue.record();
        let attributes = message.attributes.into_iter().map(|(name, attribute)| {
            let calls::MessageAttribute { data_type, string_value, binary_value } = attribute;
            (name, AttributeValue { data_type, string_value, binary_value, ..AttributeValue::default() })
        });
        let trace = message.trace.filter(|trace| !trace.is_empty()).map(|trace| {
            let value = AttributeValue {
                data_type: "String".to_owned(),
                string_value: Some(trace),
                ..AttributeValue::default()
            };
            Entries(vec![("AWSTraceHeader".to_owned(), value)])
        });
        let draft = Draft {
            body: message.body,
            delay: message.delay.map(|delay| i32::try_from(delay.as_secs()).unwrap_or(i32::MAX)),
            attributes: Some(Entries(attributes.collect())),
            system_attributes: trace,
            dedup: message.deduplication_id,
            group: message.group_id,
        };
        let checked = check(draft, &record.settings, ctx)?;
        check_size(&checked.outgoing, &record.settings, "are invalid")?;
        let sent = self.0.send(&queue, vec![checked.outgoing]).await?;
        let sent = sent.first().ok_or(QueueError::QueueDoesNotExist)?;
        Ok(SentMessage { message_id: sent.id.to_string(), sequence_number: sent.sequence.map(sequence_number) })
    }

    async fn receive(&self, ctx: &Ctx, request: ReceiveMessages) -> Result<Vec<ReceivedMessage>, ApiError> {
        let queue = self.queue(ctx, "sqs:ReceiveMessage", &request.queue_arn).await?;
        let receive = Receive {
            max: request.max,
            wait: millis(request.wait),
            visibility: request.visibility.map(millis),
            attempt: None,
        };
        let received = self.0.receive(&queue, &receive).await?;
        Ok(received.into_iter().map(print).collect())
    }

    async fn delete(&self, ctx: &Ctx, queue_arn: &str, receipt_handles: &[String]) -> Result<(), ApiError> {
        let queue = self.queue(ctx, "sqs:DeleteMessage", queue_arn).await?;
        let handles: Vec<&str> = receipt_handles.iter().map(String::as_str).collect();
        let outcomes = self.0.delete_messages(&queue, &handles).await?;
        Ok(outcomes.into_iter().collect::<Result<(), QueueError>>()?)
    }

    async fn change_visibility(
        &self,
        ctx: &Ctx,
        queue_arn: &str,
        receipt_handles: &[String],
        visibility: Duration,
    ) -> Result<(), ApiError> {
        let queue = self.queue(ctx, "sqs:ChangeMessageVisibility", queue_arn).await?;
        let seconds = u32::try_from(visibility.as_secs()).unwrap_or(u32::MAX);
        let changes: Vec<(&str, u32)> = receipt_handles.iter().map(|handle| (handle.as_str(), seconds)).collect();
        let outcomes = self.0.change_visibility(&queue, &changes).await?;
        Ok(outcomes.into_iter().collect::<Result<(), QueueError>>()?)
    }

    async fn facts(&self, ctx: &Ctx, queue_arn: &str) -> Result<QueueFacts, ApiError> {
        let queue = self.queue(ctx, "sqs:GetQueueAttributes", queue_arn).await?;
        let record = queue.record();
        let visibility = Duration::from_secs(u64::from(record.settings.visibility_timeout));
        Ok(QueueFacts { visibility, fifo: record.settings.fifo.is_some() })
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn print(received: Received) -> ReceivedMessage {
    let message = &received.message;
    let attributes = message.attributes.iter().map(|attribute| {
        let value = message_attributes::print(attribute);
        let attribute_value = calls::MessageAttribute {
            data_type: value.data_type,
            string_value: value.string_value,
            binary_value: value.binary_value,
        };
        (attribute.name.clone(), attribute_value)
    });
    let system = system_attributes(&received).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ReceivedMessage {
        message_id: message.id.to_string(),
        body: message.body.clone(),
        md5_of_body: hex::encode(message.body_md5),
        md5_of_attributes: attributes_md5(&message.attributes).map(hex::encode),
        system_attributes: system,
        attributes: attributes.collect(),
        receipt_handle: received.handle,
        trace: message.trace.clone(),
    }
}
