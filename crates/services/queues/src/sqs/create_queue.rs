//! CreateQueue.

use std::sync::Arc;

use pilvi_bus::{Ctx, RequestContext};
use pilvi_model::Shape;
use pilvi_model::shape::Entries;
use serde_json::Value;
use uuid::Uuid;

use super::{address, attributes, tags};
use crate::errors::QueueError;
use crate::queue::{Counts, Fifo, Settings};
use crate::registry::{Queue, Queues};
use crate::state::{QueueName, QueueRecord};

/// What CreateQueue takes.
#[derive(Shape)]
pub(crate) struct CreateQueueInput {
    pub(crate) queue_name: String,
    pub(crate) attributes: Option<Entries<String>>,
    #[shape(name = "tags")]
    pub(crate) tags: Option<Entries<String>>,
}

/// What CreateQueue answers.
#[derive(Shape)]
pub(crate) struct CreateQueueOutput {
    pub(crate) queue_url: Option<String>,
}

/// The queue that is asked for.
pub(crate) fn name(ctx: &RequestContext, name: &str) -> QueueName {
    QueueName { account: ctx.account.clone(), region: ctx.region.clone(), name: name.to_owned() }
}

pub(crate) async fn create_queue(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: CreateQueueInput,
) -> Result<CreateQueueOutput, QueueError> {
    let attributes = input.attributes.unwrap_or_default().0;
    let fifo = attributes.iter().any(|(name, value)| name == "FifoQueue" && value.eq_ignore_ascii_case("true"));
    check_name(&input.queue_name, fifo)?;
    let name = name(&ctx, &input.queue_name);
    if let Ok(queue) = queues.find(&name) {
        return existing(&queues, &ctx, &queue, &attributes);
    }
    let now = queues.clock.now_s();
    let mut record = QueueRecord {
        number: Uuid::new_v4().as_u64_pair().0,
        created: now,
        modified: now,
        settings: Settings { fifo: fifo.then(Fifo::default), ..Settings::default() },
        policy: None,
        redrive_allow: None,
        kms_key: None,
        kms_reuse: None,
        managed_sse: true,
        tags: Default::default(),
    };
    attributes::apply(&queues, &name, &mut record, &attributes)?;
    if let Some(fifo) = &mut record.settings.fifo {
        fifo.scope_before = None;
    }
    tags::add(&mut record, input.tags.unwrap_or_default().0)?;
    match queues.create(name, record).await? {
        Ok(queue) => Ok(CreateQueueOutput { queue_url: Some(address::url(&ctx, &queue.name)) }),
        Err(queue) => existing(&queues, &ctx, &queue, &attributes),
    }
}

/// Creating a queue again is no error, as long as nothing else is asked for than what is there.
fn existing(
    queues: &Queues,
    ctx: &RequestContext,
    queue: &Queue,
    attributes: &[(String, String)],
) -> Result<CreateQueueOutput, QueueError> {
    let record = queue.record();
    let mut wanted = QueueRecord::clone(&record);
    attributes::apply(queues, &queue.name, &mut wanted, attributes)?;
    for (attribute, _) in attributes {
        // What is asked for is compared as it would be kept, so that `True` is `true`.
        let value = |record| attributes::value(attribute, &queue.name, record, Counts::default()).unwrap_or_default();
        let (current, wanted) = (value(&record), value(&wanted));
        let as_json = |text: &str| serde_json::from_str::<Value>(text).ok();
        let same = current == wanted || (as_json(&current).is_some() && as_json(&current) == as_json(&wanted));
        if !same {
            return Err(QueueError::QueueNameExists(attribute.clone()));
        }
    }
    Ok(CreateQueueOutput { queue_url: Some(address::url(ctx, &queue.name)) })
}

fn check_name(name: &str, fifo: bool) -> Result<(), QueueError> {
    if name.is_empty() {
        return Err(QueueError::InvalidParameter("Queue name cannot be empty".to_owned()));
    }
    let stem = match (fifo, name.strip_suffix(".fifo")) {
        (true, Some(stem)) => stem,
        (true, None) => {
            let text = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length";
            return Err(QueueError::InvalidParameter(text.to_owned()));
        }
        (false, _) => name,
    };
    let valid = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
    if name.len() > 80 || stem.is_empty() || !stem.bytes().all(valid) {
        let text = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(QueueError::InvalidParameter(text.to_owned()));
    }
    Ok(())
}
