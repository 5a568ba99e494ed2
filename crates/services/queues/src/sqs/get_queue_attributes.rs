//! GetQueueAttributes.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::{address, attributes};
use crate::errors::QueueError;
use crate::registry::Queues;

/// What GetQueueAttributes takes.
#[derive(Shape)]
pub(crate) struct GetQueueAttributesInput {
    pub(crate) queue_url: String,
    pub(crate) attribute_names: Option<Vec<String>>,
}

/// What GetQueueAttributes answers.
#[derive(Shape)]
pub(crate) struct GetQueueAttributesOutput {
    pub(crate) attributes: Option<Entries<String>>,
}

pub(crate) async fn get_queue_attributes(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: GetQueueAttributesInput,
) -> Result<GetQueueAttributesOutput, QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    let names = input.attribute_names.unwrap_or_default();
    if let Some(unknown) = names.iter().find(|name| !attributes::NAMES.contains(&name.as_str())) {
        return Err(QueueError::unknown_attribute(unknown));
    }
    let record = queue.record();
    let counts = {
        let mut live = queues.live(&queue).await?;
        queues.advance(&queue, &mut live, queues.now(), record.settings.retention_ms());
        live.backlog.counts()
    };
    let all = names.iter().any(|name| name == "All");
    let mut values = Vec::new();
    for name in attributes::NAMES {
        if !all && !names.iter().any(|asked| asked == name) {
            continue;
        }
        if let Some(value) = attributes::value(name, &queue.name, &record, counts) {
            values.push((name.to_owned(), value));
        }
    }
    Ok(GetQueueAttributesOutput { attributes: (!values.is_empty()).then_some(Entries(values)) })
}
