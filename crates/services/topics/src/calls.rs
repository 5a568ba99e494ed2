//! The typed calls that other services make: publish.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_bus::calls::{MessageAttribute, PublishMessage, TopicCalls};
use pilvi_bus::service::ResourcePolicies;
use pilvi_bus::{AccessRequest, ApiError, Ctx};

use crate::errors::TopicError;
use crate::message::{AttributeValue, Draft};
use crate::registry::{Topic, Topics};

/// [`Topics`] as the bus calls it.
pub(crate) struct Calls(pub(crate) Arc<Topics>);

impl Calls {
    /// The topic, if the caller may publish to it.
    async fn topic(&self, ctx: &Ctx, arn: &str) -> Result<Arc<Topic>, ApiError> {
        let policy = self.0.resource_policy(arn).await;
        self.0.bus.authorize(ctx, &AccessRequest::new("SNS:Publish", arn), policy).await?;
        match self.0.find_arn(arn) {
            Some((topic, None)) => Ok(topic),
            _ => Err(TopicError::NoTopic.into()),
        }
    }
}

#[async_trait]
impl TopicCalls for Calls {
    async fn publish(&self, ctx: &Ctx, message: PublishMessage) -> Result<String, ApiError> {
        let topic = self.topic(ctx, &message.topic_arn).await?;
        let attributes = message.attributes.into_iter().map(|(name, attribute)| {
            let MessageAttribute { data_type, string_value, binary_value } = attribute;
            (name, AttributeValue { data_type, string_value, binary_value })
        });
        let draft = Draft {
            text: message.message,
            subject: message.subject,
            structure: message.structure,
            attributes: attributes.collect(),
            group: message.group_id,
            dedup: message.deduplication_id,
        };
        let checked = draft.check(topic.record().fifo.as_ref())?.check_size()?;
        let published = self.0.publish(ctx, &topic, vec![checked]).await?;
        Ok(published.into_iter().next().map(|published| published.id).unwrap_or_default())
    }

    async fn may_publish(&self, ctx: &Ctx, topic_arn: &str) -> Result<(), ApiError> {
        self.topic(ctx, topic_arn).await.map(|_| ())
    }
}
