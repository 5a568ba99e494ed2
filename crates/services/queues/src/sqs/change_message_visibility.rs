//! ChangeMessageVisibility and ChangeMessageVisibilityBatch.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::delete_message::BatchOutput;
use super::{address, batch};
use crate::errors::QueueError;
use crate::registry::Queues;

/// What ChangeMessageVisibility takes.
#[derive(Shape)]
pub(crate) struct ChangeMessageVisibilityInput {
    pub(crate) queue_url: String,
    pub(crate) receipt_handle: String,
    pub(crate) visibility_timeout: i32,
}

/// What ChangeMessageVisibilityBatch takes.
#[derive(Shape)]
pub(crate) struct ChangeMessageVisibilityBatchInput {
    pub(crate) queue_url: String,
    pub(crate) entries: Vec<ChangeEntry>,
}

/// A message and its new timeout.
#[derive(Shape)]
pub(crate) struct ChangeEntry {
    pub(crate) id: String,
    pub(crate) receipt_handle: String,
    pub(crate) visibility_timeout: Option<i32>,
}

pub(crate) async fn change_message_visibility(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: ChangeMessageVisibilityInput,
) -> Result<(), QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    let seconds = seconds(input.visibility_timeout)?;
    let mut outcomes = queues.change_visibility(&queue, &[(&input.receipt_handle, seconds)]).await?;
    outcomes.pop().unwrap_or(Ok(()))
}

pub(crate) async fn change_message_visibility_batch(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: ChangeMessageVisibilityBatchInput,
) -> Result<BatchOutput, QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    let entries = input.entries;
    batch::check(entries.iter().map(|entry| entry.id.as_str()), "ChangeMessageVisibilityBatchRequestEntry")?;
    let mut checked = Vec::with_capacity(entries.len());
    let mut changes = Vec::with_capacity(entries.len());
    for entry in &entries {
        let seconds = seconds(entry.visibility_timeout.unwrap_or(0));
        if let Ok(seconds) = &seconds {
            changes.push((entry.receipt_handle.as_str(), *seconds));
        }
        checked.push(seconds.map(|_| ()));
    }
    let mut outcomes = queues.change_visibility(&queue, &changes).await?.into_iter();
    for checked in &mut checked {
        if checked.is_ok() {
            *checked = outcomes.next().unwrap_or(Ok(()));
        }
    }
    Ok(BatchOutput::new(entries.into_iter().map(|entry| entry.id), checked))
}

fn seconds(value: i32) -> Result<u32, QueueError> {
    match u32::try_from(value) {
        Ok(seconds) if seconds <= 43_200 => Ok(seconds),
        _ => {
            let reason = "VisibilityTimeout must be an integer between 0 and 43200.";
            Err(QueueError::invalid(value, "VisibilityTimeout", reason))
        }
    }
}
