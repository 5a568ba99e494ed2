//! DeleteQueue. AWS lets no queue of the same name be made for a minute, while its machines forget the old one
//! (QueueDeletedRecently); here nothing has to be forgotten, and tests that start afresh need not wait.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::address;
use crate::errors::QueueError;
use crate::registry::Queues;

/// What DeleteQueue takes.
#[derive(Shape)]
pub(crate) struct DeleteQueueInput {
    pub(crate) queue_url: String,
}

pub(crate) async fn delete_queue(queues: Arc<Queues>, ctx: Ctx, input: DeleteQueueInput) -> Result<(), QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    queues.delete(&queue).await
}
