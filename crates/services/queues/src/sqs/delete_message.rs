//! DeleteMessage and DeleteMessageBatch.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::address;
use super::batch::{self, FailedEntry};
use crate::errors::QueueError;
use crate::registry::Queues;

/// What DeleteMessage takes.
#[derive(Shape)]
pub(crate) struct DeleteMessageInput {
    pub(crate) queue_url: String,
    pub(crate) receipt_handle: String,
}

/// What DeleteMessageBatch takes.
#[derive(Shape)]
pub(crate) struct DeleteMessageBatchInput {
    pub(crate) queue_url: String,
    pub(crate) entries: Vec<DeleteEntry>,
}

/// A message to be deleted.
#[derive(Shape)]
pub(crate) struct DeleteEntry {
    pub(crate) id: String,
    pub(crate) receipt_handle: String,
}

/// An entry that succeeded.
#[derive(Shape)]
pub(crate) struct DoneEntry {
    pub(crate) id: String,
}

/// What DeleteMessageBatch and ChangeMessageVisibilityBatch answer.
#[derive(Shape)]
pub(crate) struct BatchOutput {
    pub(crate) successful: Option<Vec<DoneEntry>>,
    pub(crate) failed: Option<Vec<FailedEntry>>,
}

impl BatchOutput {
    /// Puts each entry where its outcome belongs.
    pub(crate) fn new(ids: impl Iterator<Item = String>, outcomes: Vec<Result<(), QueueError>>) -> Self {
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (id, outcome) in ids.zip(outcomes) {
            match outcome {
                Ok(()) => successful.push(DoneEntry { id }),
                Err(error) => failed.push(FailedEntry::new(id, &error)),
            }
        }
        Self { successful: batch::present(successful), failed: batch::present(failed) }
    }
}

pub(crate) async fn delete_message(queues: Arc<Queues>, ctx: Ctx, input: DeleteMessageInput) -> Result<(), QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    let mut outcomes = queues.delete_messages(&queue, &[&input.receipt_handle]).await?;
    outcomes.pop().unwrap_or(Ok(()))
}

pub(crate) async fn delete_message_batch(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: DeleteMessageBatchInput,
) -> Result<BatchOutput, QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    batch::check(input.entries.iter().map(|entry| entry.id.as_str()), "DeleteMessageBatchRequestEntry")?;
    let handles: Vec<&str> = input.entries.iter().map(|entry| entry.receipt_handle.as_str()).collect();
    let outcomes = queues.delete_messages(&queue, &handles).await?;
    Ok(BatchOutput::new(input.entries.into_iter().map(|entry| entry.id), outcomes))
}
