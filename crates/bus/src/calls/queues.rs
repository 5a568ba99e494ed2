//! Send, receive and delete messages.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ApiError, Ctx};

/// A message attribute: `StringValue` or `BinaryValue` with its data type.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageAttribute {
    /// `String`, `Number`, `Binary`, each with an optional `.custom` ending.
    pub data_type: String,
    /// For strings and numbers.
    pub string_value: Option<String>,
    /// For binaries.
    pub binary_value: Option<Bytes>,
}

/// A message to be sent.
#[derive(Clone, Debug, Default)]
pub struct SendMessage {
    /// The queue's ARN.
    pub queue_arn: String,
    /// The text.
    pub body: String,
    /// The delay, where it is not the queue's.
    pub delay: Option<Duration>,
    /// Attributes, by name.
    pub attributes: Vec<(String, MessageAttribute)>,
    /// FIFO only.
    pub group_id: Option<String>,
    /// FIFO only.
    pub deduplication_id: Option<String>,
    /// The X-Ray header to pass on (system attribute `AWSTraceHeader`).
    pub trace: Option<String>,
}

/// What a sent message became.
#[derive(Clone, Debug)]
pub struct SentMessage {
    /// The message's id.
    pub message_id: String,
    /// FIFO only.
    pub sequence_number: Option<String>,
}

/// A receive.
#[derive(Clone, Debug)]
pub struct ReceiveMessages {
    /// The queue's ARN.
    pub queue_arn: String,
    /// At most this many; a caller from inside may ask for more than ten.
    pub max: usize,
    /// How long to wait for the first one.
    pub wait: Duration,
    /// The visibility timeout, where it is not the queue's.
    pub visibility: Option<Duration>,
}

/// A message received.
#[derive(Clone, Debug)]
pub struct ReceivedMessage {
    /// The message's id.
    pub message_id: String,
    /// For deleting it or changing its visibility.
    pub receipt_handle: String,
    /// The text.
    pub body: String,
    /// MD5 of the text, in hex.
    pub md5_of_body: String,
    /// MD5 of the attributes, in hex, where there are any.
    pub md5_of_attributes: Option<String>,
    /// All system attributes by their API names: `SentTimestamp`, `ApproximateReceiveCount`, …
    pub system_attributes: Vec<(String, String)>,
    /// Attributes, by name.
    pub attributes: Vec<(String, MessageAttribute)>,
    /// The trace that it was sent in.
    pub trace: String,
}

/// What others need to know of a queue.
#[derive(Clone, Debug)]
pub struct QueueFacts {
    /// The visibility timeout.
    pub visibility: Duration,
    /// True for a FIFO queue.
    pub fifo: bool,
}

/// The typed calls of queues. Each is authorized as the caller of `ctx` (`sqs:SendMessage` and so on).
#[async_trait]
pub trait QueueCalls: Send + Sync {
    /// Sends a message; durable when it returns.
    async fn send(&self, ctx: &Ctx, message: SendMessage) -> Result<SentMessage, ApiError>;
    /// Receives messages, waiting for the first as long as asked.
    async fn receive(&self, ctx: &Ctx, request: ReceiveMessages) -> Result<Vec<ReceivedMessage>, ApiError>;
    /// Deletes received messages.
    async fn delete(&self, ctx: &Ctx, queue_arn: &str, receipt_handles: &[String]) -> Result<(), ApiError>;
    /// Makes received messages visible again after `visibility`.
    async fn change_visibility(
        &self,
        ctx: &Ctx,
        queue_arn: &str,
        receipt_handles: &[String],
        visibility: Duration,
    ) -> Result<(), ApiError>;
    /// What others need to know of a queue (`sqs:GetQueueAttributes`).
    async fn facts(&self, ctx: &Ctx, queue_arn: &str) -> Result<QueueFacts, ApiError>;
}
