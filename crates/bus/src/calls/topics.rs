//! Publish to topics.

use async_trait::async_trait;

use super::MessageAttribute;
use crate::{ApiError, Ctx};

/// A message to be published.
#[derive(Clone, Debug, Default)]
pub struct PublishMessage {
    /// The topic's ARN.
    pub topic_arn: String,
    /// The text.
    pub message: String,
    /// The subject, for emails and in the envelope.
    pub subject: Option<String>,
    /// `json` where the text holds a message for each protocol.
    pub structure: Option<String>,
    /// Attributes, by name.
    pub attributes: Vec<(String, MessageAttribute)>,
    /// FIFO only.
    pub group_id: Option<String>,
    /// FIFO only.
    pub deduplication_id: Option<String>,
}

/// The typed calls of topics.
#[async_trait]
pub trait TopicCalls: Send + Sync {
    /// Publishes a message as the caller of `ctx` (`sns:Publish` on the topic, whose policy counts), and gives its id. It is
    /// durable when this returns.
    async fn publish(&self, ctx: &Ctx, message: PublishMessage) -> Result<String, ApiError>;
    /// Whether the caller could publish: the topic exists, and its policy allows it.
    async fn may_publish(&self, ctx: &Ctx, topic_arn: &str) -> Result<(), ApiError>;
}
