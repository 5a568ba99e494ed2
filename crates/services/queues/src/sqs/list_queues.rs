//! ListQueues and ListDeadLetterSourceQueues.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::address;
use crate::errors::QueueError;
use crate::registry::{Queue, Queues};

/// The most that one answer lists.
const MAX_RESULTS: usize = 1000;

/// What ListQueues takes.
#[derive(Shape)]
pub(crate) struct ListQueuesInput {
    pub(crate) queue_name_prefix: Option<String>,
    pub(crate) next_token: Option<String>,
    pub(crate) max_results: Option<i32>,
}

/// What ListQueues answers.
#[derive(Shape)]
pub(crate) struct ListQueuesOutput {
    pub(crate) queue_urls: Option<Vec<String>>,
    pub(crate) next_token: Option<String>,
}

/// What ListDeadLetterSourceQueues takes.
#[derive(Shape)]
pub(crate) struct ListDeadLetterSourceQueuesInput {
    pub(crate) queue_url: String,
    pub(crate) next_token: Option<String>,
    pub(crate) max_results: Option<i32>,
}

/// What ListDeadLetterSourceQueues answers.
#[derive(Shape)]
pub(crate) struct ListDeadLetterSourceQueuesOutput {
    #[shape(name = "queueUrls")]
    pub(crate) queue_urls: Vec<String>,
    pub(crate) next_token: Option<String>,
}

pub(crate) async fn list_queues(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: ListQueuesInput,
) -> Result<ListQueuesOutput, QueueError> {
    let prefix = input.queue_name_prefix.unwrap_or_default();
    let mut found = queues.list(&ctx.account, &ctx.region);
    found.retain(|queue| queue.name.name.starts_with(&prefix));
    let (urls, next_token) = page(&ctx, found, input.next_token, input.max_results)?;
    Ok(ListQueuesOutput { queue_urls: (!urls.is_empty()).then_some(urls), next_token })
}

pub(crate) async fn list_dead_letter_source_queues(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: ListDeadLetterSourceQueuesInput,
) -> Result<ListDeadLetterSourceQueuesOutput, QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    let found = queues.sources_of(&queue.name.arn());
    let (queue_urls, next_token) = page(&ctx, found, input.next_token, input.max_results)?;
    Ok(ListDeadLetterSourceQueuesOutput { queue_urls, next_token })
}

/// One page of queues, which are in the order of their names. A token names the last queue of the page before.
fn page(
    ctx: &Ctx,
    mut found: Vec<Arc<Queue>>,
    token: Option<String>,
    max: Option<i32>,
) -> Result<(Vec<String>, Option<String>), QueueError> {
    let size = match max.map(usize::try_from) {
        None => MAX_RESULTS,
        Some(Ok(size)) if (1..=MAX_RESULTS).contains(&size) => size,
        Some(_) => {
            let reason = "Value for parameter MaxResults is invalid. Reason: Must be an integer between 1 and 1000.";
            return Err(QueueError::InvalidParameter(reason.to_owned()));
        }
    };
    if let Some(token) = token {
        let last = BASE64.decode(&token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(last) = last else {
            return Err(QueueError::invalid(&token, "NextToken", "Invalid or expired NextToken."));
        };
        found.retain(|queue| queue.name.name > last);
    }
    let more = found.len() > size;
    found.truncate(size);
    // Without MaxResults, AWS answers with what fits and no token.
    let next = (more && max.is_some()).then(|| found.last().map(|queue| BASE64.encode(&queue.name.name))).flatten();
    Ok((found.iter().map(|queue| address::url(ctx, &queue.name)).collect(), next))
}
