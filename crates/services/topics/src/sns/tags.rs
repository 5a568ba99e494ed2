//! TagResource, UntagResource and ListTagsForResource.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::address;
use crate::errors::TopicError;
use crate::registry::{Topic, Topics};
use crate::state::TopicRecord;

/// The most tags that a topic can have.
const MAX_TAGS: usize = 50;

/// A tag.
#[derive(Clone, Debug, Shape)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// What TagResource takes.
#[derive(Shape)]
pub(crate) struct TagResourceInput {
    pub(crate) resource_arn: String,
    pub(crate) tags: Vec<Tag>,
}

/// What UntagResource takes.
#[derive(Shape)]
pub(crate) struct UntagResourceInput {
    pub(crate) resource_arn: String,
    pub(crate) tag_keys: Vec<String>,
}

/// What ListTagsForResource takes.
#[derive(Shape)]
pub(crate) struct ListTagsForResourceInput {
    pub(crate) resource_arn: String,
}

/// What ListTagsForResource answers.
#[derive(Shape)]
pub(crate) struct ListTagsForResourceOutput {
    pub(crate) tags: Option<Vec<Tag>>,
}

fn topic(topics: &Topics, ctx: &Ctx, arn: &str) -> Result<Arc<Topic>, TopicError> {
    address::topic(topics, ctx, arn).map_err(|error| match error {
        TopicError::NoTopic => TopicError::NoResource,
        other => other,
    })
}

pub(crate) async fn tag_resource(topics: Arc<Topics>, ctx: Ctx, input: TagResourceInput) -> Result<(), TopicError> {
    let topic = topic(&topics, &ctx, &input.resource_arn)?;
    topics.update(&topic, |record| add(record, &input.tags)).await
}

pub(crate) async fn untag_resource(topics: Arc<Topics>, ctx: Ctx, input: UntagResourceInput) -> Result<(), TopicError> {
    let topic = topic(&topics, &ctx, &input.resource_arn)?;
    let remove = |record: &mut TopicRecord| {
        record.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    topics.update(&topic, remove).await
}

pub(crate) async fn list_tags_for_resource(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, TopicError> {
    let topic = topic(&topics, &ctx, &input.resource_arn)?;
    let record = topic.record();
    let tags = record.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() });
    Ok(ListTagsForResourceOutput { tags: Some(tags.collect()) })
}

/// Checks tags by themselves.
pub(crate) fn check(tags: &[Tag]) -> Result<(), TopicError> {
    for (place, tag) in tags.iter().enumerate() {
        if tags.iter().take(place).any(|other| other.key == tag.key) {
            return Err(TopicError::parameter("Duplicated keys are not allowed."));
        }
        if tag.key.is_empty() || tag.key.chars().count() > 128 || tag.value.chars().count() > 256 {
            return Err(TopicError::parameter(
                "Tags Reason: Tag keys must be between 1 and 128 characters in length, and tag values at most 256.",
            ));
        }
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(TopicError::parameter("Tags Reason: System tags cannot be added/updated by requester"));
        }
    }
    Ok(())
}

/// Adds tags to a topic's record.
pub(crate) fn add(record: &mut TopicRecord, tags: &[Tag]) -> Result<(), TopicError> {
    check(tags)?;
    record.tags.extend(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())));
    if record.tags.len() > MAX_TAGS {
        return Err(TopicError::TagLimit);
    }
    Ok(())
}
