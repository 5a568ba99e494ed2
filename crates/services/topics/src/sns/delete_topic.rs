//! DeleteTopic.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::address;
use crate::errors::TopicError;
use crate::registry::Topics;

/// What DeleteTopic takes.
#[derive(Shape)]
pub(crate) struct DeleteTopicInput {
    pub(crate) topic_arn: String,
}

pub(crate) async fn delete_topic(topics: Arc<Topics>, ctx: Ctx, input: DeleteTopicInput) -> Result<(), TopicError> {
    // "Deleting a topic that does not exist does not result in an error."
    match topics.find(&address::name(&ctx, &input.topic_arn)?) {
        Some(topic) => topics.delete(&topic).await,
        None => Ok(()),
    }
}
