//! TagQueue, UntagQueue and ListQueueTags.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::address;
use crate::errors::QueueError;
use crate::registry::Queues;
use crate::state::QueueRecord;

/// The most tags that a queue can have.
const MAX_TAGS: usize = 50;

/// What TagQueue takes.
#[derive(Shape)]
pub(crate) struct TagQueueInput {
    pub(crate) queue_url: String,
    pub(crate) tags: Entries<String>,
}

/// What UntagQueue takes.
#[derive(Shape)]
pub(crate) struct UntagQueueInput {
    pub(crate) queue_url: String,
    pub(crate) tag_keys: Vec<String>,
}

/// What ListQueueTags takes.
#[derive(Shape)]
pub(crate) struct ListQueueTagsInput {
    pub(crate) queue_url: String,
}

/// What ListQueueTags answers.
#[derive(Shape)]
pub(crate) struct ListQueueTagsOutput {
    pub(crate) tags: Option<Entries<String>>,
}

pub(crate) async fn tag_queue(queues: Arc<Queues>, ctx: Ctx, input: TagQueueInput) -> Result<(), QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    queues.update(&queue, |record| add(record, input.tags.0)).await
}

pub(crate) async fn untag_queue(queues: Arc<Queues>, ctx: Ctx, input: UntagQueueInput) -> Result<(), QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    let remove = |record: &mut QueueRecord| {
        record.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    queues.update(&queue, remove).await
}

pub(crate) async fn list_queue_tags(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: ListQueueTagsInput,
) -> Result<ListQueueTagsOutput, QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    let tags: Vec<(String, String)> = queue.record().tags.clone().into_iter().collect();
    Ok(ListQueueTagsOutput { tags: (!tags.is_empty()).then_some(Entries(tags)) })
}

/// Adds tags to a queue's record.
pub(crate) fn add(record: &mut QueueRecord, tags: Vec<(String, String)>) -> Result<(), QueueError> {
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            let text = "Tag keys must be between 1 and 128 characters in length, and tag values at most 256.";
            return Err(QueueError::InvalidParameter(text.to_owned()));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            let text = "System tags cannot be added/updated by requester";
            return Err(QueueError::InvalidParameter(text.to_owned()));
        }
        record.tags.insert(key, value);
    }
    if record.tags.len() > MAX_TAGS {
        return Err(QueueError::InvalidParameter(format!("Too many tags added for queue {MAX_TAGS}")));
    }
    Ok(())
}
