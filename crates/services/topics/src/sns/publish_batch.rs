//! PublishBatch.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::address;
use crate::envelope::sequence_number;
use crate::errors::TopicError;
use crate::message::{AttributeValue, Checked, Draft, MAX_BYTES};
use crate::registry::Topics;

/// The most entries of a batch.
const MAX_ENTRIES: usize = 10;

/// What PublishBatch takes.
#[derive(Shape)]
pub(crate) struct PublishBatchInput {
    pub(crate) topic_arn: String,
    pub(crate) publish_batch_request_entries: Vec<PublishEntry>,
}

/// A message.
#[derive(Shape)]
pub(crate) struct PublishEntry {
    pub(crate) id: String,
    pub(crate) message: String,
    pub(crate) subject: Option<String>,
    pub(crate) message_structure: Option<String>,
    pub(crate) message_attributes: Option<Entries<AttributeValue>>,
    pub(crate) message_deduplication_id: Option<String>,
    pub(crate) message_group_id: Option<String>,
}

/// What PublishBatch answers.
#[derive(Shape)]
pub(crate) struct PublishBatchOutput {
    pub(crate) successful: Option<Vec<PublishedEntry>>,
    pub(crate) failed: Option<Vec<FailedEntry>>,
}

/// A message that was published.
#[derive(Shape)]
pub(crate) struct PublishedEntry {
    pub(crate) id: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) sequence_number: Option<String>,
}

/// A message that was not.
#[derive(Shape)]
pub(crate) struct FailedEntry {
    pub(crate) id: String,
    pub(crate) code: String,
    pub(crate) message: Option<String>,
    pub(crate) sender_fault: bool,
}

pub(crate) async fn publish_batch(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: PublishBatchInput,
) -> Result<PublishBatchOutput, TopicError> {
    let topic = address::topic(&topics, &ctx, &input.topic_arn)?;
    let entries = input.publish_batch_request_entries;
    check_ids(&entries)?;
    let record = topic.record();
    let mut ids = Vec::with_capacity(entries.len());
    let mut messages: Vec<Checked> = Vec::with_capacity(entries.len());
    for entry in entries {
        let draft = Draft {
            text: entry.message,
            subject: entry.subject,
            structure: entry.message_structure,
            attributes: Vec::new(),
            group: entry.message_group_id,
            dedup: entry.message_deduplication_id,
        };
        // Recorded: what is wrong with one message is wrong with the request.
        messages.push(draft.with(entry.message_attributes).check(record.fifo.as_ref())?);
        ids.push(entry.id);
    }
    if messages.iter().map(Checked::size).sum::<usize>() > MAX_BYTES {
        return Err(TopicError::BatchTooLong);
    }
    let published = topics.publish(&ctx, &topic, messages).await?;
    let successful = ids.into_iter().zip(published).map(|(id, published)| PublishedEntry {
        id: Some(id),
        message_id: Some(published.id),
        sequence_number: published.sequence.map(sequence_number),
    });
    Ok(PublishBatchOutput { successful: Some(successful.collect()), failed: Some(Vec::new()) })
}

fn check_ids(entries: &[PublishEntry]) -> Result<(), TopicError> {
    if entries.is_empty() {
        return Err(TopicError::EmptyBatch);
    }
    if entries.len() > MAX_ENTRIES {
        return Err(TopicError::TooManyEntries);
    }
    for (place, entry) in entries.iter().enumerate() {
        let valid = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
        if entry.id.is_empty() || entry.id.len() > 80 || !entry.id.bytes().all(valid) {
            return Err(TopicError::InvalidBatchEntryId);
        }
        if entries.iter().take(place).any(|other| other.id == entry.id) {
            return Err(TopicError::IdsNotDistinct);
        }
    }
    Ok(())
}
