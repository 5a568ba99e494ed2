//! GetQueueUrl.

use std::sync::Arc;

use pilvi_bus::{Ctx, RequestContext};
use pilvi_model::Shape;

use super::address;
use crate::errors::QueueError;
use crate::registry::Queues;
use crate::state::QueueName;

/// What GetQueueUrl takes.
#[derive(Shape)]
pub(crate) struct GetQueueUrlInput {
    pub(crate) queue_name: String,
    #[shape(name = "QueueOwnerAWSAccountId")]
    pub(crate) owner: Option<String>,
}

/// What GetQueueUrl answers.
#[derive(Shape)]
pub(crate) struct GetQueueUrlOutput {
    pub(crate) queue_url: Option<String>,
}

/// The queue that is asked for.
pub(crate) fn name(ctx: &RequestContext, input: &GetQueueUrlInput) -> QueueName {
    let account = input.owner.as_deref().filter(|owner| !owner.is_empty()).unwrap_or(&ctx.account);
    QueueName { account: account.to_owned(), region: ctx.region.clone(), name: input.queue_name.clone() }
}

pub(crate) async fn get_queue_url(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: GetQueueUrlInput,
) -> Result<GetQueueUrlOutput, QueueError> {
    let queue = queues.find(&name(&ctx, &input))?;
    Ok(GetQueueUrlOutput { queue_url: Some(address::url(&ctx, &queue.name)) })
}
