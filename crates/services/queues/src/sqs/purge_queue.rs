//! PurgeQueue.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::address;
use crate::errors::QueueError;
use crate::registry::Queues;

/// What PurgeQueue takes.
#[derive(Shape)]
pub(crate) struct PurgeQueueInput {
    pub(crate) queue_url: String,
}

pub(crate) async fn purge_queue(queues: Arc<Queues>, ctx: Ctx, input: PurgeQueueInput) -> Result<(), QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    queues.purge(&queue).await
}
