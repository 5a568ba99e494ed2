//! SetQueueAttributes.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::{address, attributes};
use crate::errors::QueueError;
use crate::registry::Queues;

/// What SetQueueAttributes takes.
#[derive(Shape)]
pub(crate) struct SetQueueAttributesInput {
    pub(crate) queue_url: String,
    pub(crate) attributes: Entries<String>,
}

pub(crate) async fn set_queue_attributes(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: SetQueueAttributesInput,
) -> Result<(), QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    let now = queues.clock.now_s();
    // Checked on a copy first: a redrive policy looks at other queues, which must not happen while this one is being changed.
    let mut changed = crate::state::QueueRecord::clone(&queue.record());
    attributes::apply(&queues, &queue.name, &mut changed, &input.attributes.0)?;
    let update = |record: &mut crate::state::QueueRecord| {
        changed.tags = std::mem::take(&mut record.tags);
        changed.modified = now;
        *record = changed;
        Ok(())
    };
    queues.update(&queue, update).await
}
