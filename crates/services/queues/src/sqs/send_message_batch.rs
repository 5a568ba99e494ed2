//! SendMessageBatch.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::address;
use super::batch::{self, FailedEntry};
use super::message_attributes::AttributeValue;
use super::send_message::{Draft, check, check_size, sequence_number};
use crate::errors::QueueError;
use crate::registry::Queues;

/// The most bytes of a batch.
const MAX_BYTES: usize = 1_048_576;

/// What SendMessageBatch takes.
#[derive(Shape)]
pub(crate) struct SendMessageBatchInput {
    pub(crate) queue_url: String,
    pub(crate) entries: Vec<SendEntry>,
}

/// A message.
#[derive(Shape)]
pub(crate) struct SendEntry {
    pub(crate) id: String,
    pub(crate) message_body: String,
    pub(crate) delay_seconds: Option<i32>,
    pub(crate) message_attributes: Option<Entries<AttributeValue>>,
    pub(crate) message_system_attributes: Option<Entries<AttributeValue>>,
    pub(crate) message_deduplication_id: Option<String>,
    pub(crate) message_group_id: Option<String>,
}

/// What SendMessageBatch answers.
#[derive(Shape)]
pub(crate) struct SendMessageBatchOutput {
    pub(crate) successful: Option<Vec<SentEntry>>,
    pub(crate) failed: Option<Vec<FailedEntry>>,
}

/// A message that was sent.
#[derive(Shape)]
pub(crate) struct SentEntry {
    pub(crate) id: String,
    pub(crate) message_id: String,
    #[shape(name = "MD5OfMessageBody")]
    pub(crate) md5_of_body: String,
    #[shape(name = "MD5OfMessageAttributes")]
    pub(crate) md5_of_attributes: Option<String>,
    #[shape(name = "MD5OfMessageSystemAttributes")]
    pub(crate) md5_of_system_attributes: Option<String>,
    pub(crate) sequence_number: Option<String>,
}

pub(crate) async fn send_message_batch(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: SendMessageBatchInput,
) -> Result<SendMessageBatchOutput, QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    batch::check(input.entries.iter().map(|entry| entry.id.as_str()), "SendMessageBatchRequestEntry")?;
    let record = queue.record();
    let settings = &record.settings;
    let mut failed = Vec::new();
    let mut outgoing = Vec::with_capacity(input.entries.len());
    let mut entries = Vec::with_capacity(input.entries.len());
    let mut total = 0;
    for entry in input.entries {
        total += entry.message_body.len();
        let draft = Draft {
            body: entry.message_body,
            delay: entry.delay_seconds,
            attributes: entry.message_attributes,
            system_attributes: entry.message_system_attributes,
            dedup: entry.message_deduplication_id,
            group: entry.message_group_id,
        };
        // Missing ids of a FIFO queue fail the whole call; anything else fails its entry.
        let fifo_problem = settings.fifo.as_ref().and_then(|fifo| {
            if draft.group.is_none() {
                return Some("The request must contain the parameter MessageGroupId.");
            }
            let lacks_id = draft.dedup.is_none() && !fifo.content_based_deduplication;
            lacks_id.then_some(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
            )
        });
        if let Some(text) = fifo_problem {
            return Err(QueueError::InvalidParameter(text.to_owned()));
        }
        let checked = match check(draft, settings, &ctx) {
            Ok(checked) => checked,
            Err(error) => {
                failed.push(FailedEntry::new(entry.id, &error));
                continue;
            }
        };
        total += checked.outgoing.size() - checked.outgoing.body.len();
        if let Err(error) = check_size(&checked.outgoing, settings, "cannot be validated") {
            failed.push(FailedEntry::new(entry.id, &error));
            continue;
        }
        outgoing.push(checked.outgoing);
        entries.push((entry.id, checked.md5_of_attributes, checked.md5_of_system_attributes));
    }
    if total > MAX_BYTES {
        return Err(QueueError::BatchTooLong(total));
    }
    let sent = if outgoing.is_empty() { Vec::new() } else { queues.send(&queue, outgoing).await? };
    let mut successful = Vec::with_capacity(sent.len());
    for ((id, md5_of_attributes, md5_of_system_attributes), sent) in entries.into_iter().zip(sent) {
        successful.push(SentEntry {
            id,
            message_id: sent.id.to_string(),
            md5_of_body: hex::encode(sent.body_md5),
            md5_of_attributes,
            md5_of_system_attributes,
            sequence_number: sent.sequence.map(sequence_number),
        });
    }
    Ok(SendMessageBatchOutput { successful: batch::present(successful), failed: batch::present(failed) })
}
