//! What is told of an invocation that failed for good.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html>

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pilvi_bus::calls::{MessageAttribute, SendMessage};
use pilvi_bus::{ApiError, Platform};
use pilvi_delivery::{Deliverer, Delivery, NewDelivery, Outcome};
use serde::{Deserialize, Serialize};

use super::invoke::{Invocation, as_role};
use super::request::instant;

/// The kind of these deliveries.
pub(crate) const KIND: &str = "scheduler.dead-letter";
/// The most bytes of a letter's text.
const LONGEST: usize = 256 * 1024;

/// A letter.
#[derive(Debug, Serialize, Deserialize)]
struct Letter {
    role: String,
    body: String,
    attributes: Vec<(String, String)>,
}

/// The letter about a failure, where the target has a queue for it. `exhausted` is the limit that ended the retries.
pub(super) fn letter(
    delivery: &Delivery,
    invocation: &Invocation,
    problem: &ApiError,
    exhausted: Option<&str>,
    mut body: String,
) -> Option<NewDelivery> {
    let queue = invocation.target.dead_letter_config.as_ref()?.arn.clone()?;
    let truncated = body.len() > LONGEST;
    if truncated {
        let end = (0..=LONGEST).rev().find(|end| body.is_char_boundary(*end)).unwrap_or(0);
        body.truncate(end);
    }
    let code = problem.query_code.unwrap_or(&problem.code).to_owned();
    let mut attributes = vec![
        ("ERROR_CODE", code),
        ("ERROR_MESSAGE", problem.message.clone()),
        ("EXECUTION_ID", invocation.execution_id.clone()),
        ("IS_PAYLOAD_TRUNCATED", truncated.to_string()),
        ("RETRY_ATTEMPTS", delivery.attempt.to_string()),
        ("SCHEDULED_TIME", instant(invocation.scheduled)),
        ("SCHEDULE_ARN", delivery.origin.source_arn.clone()),
        ("TARGET_ARN", invocation.target.arn.clone()),
    ];
    attributes.extend(exhausted.map(|condition| ("EXHAUSTED_RETRY_CONDITION", condition.to_owned())));
    // An attribute's value may not be empty, and no message's text may.
    attributes.retain(|(_, value)| !value.is_empty());
    if body.is_empty() {
        body.push_str("{}");
    }
    let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let letter = Letter { role: invocation.target.role_arn.clone(), body, attributes };
    let payload = Bytes::from(serde_json::to_vec(&letter).ok()?);
    Some(NewDelivery { kind: KIND.to_owned(), target: queue, payload, origin: delivery.origin.clone(), due: 0 })
}

/// Delivers the letters, as the schedule's role.
pub(crate) struct DeadLetters {
    platform: Platform,
}

impl DeadLetters {
    pub(crate) fn new(platform: &Platform) -> Arc<Self> {
        Arc::new(Self { platform: platform.clone() })
    }

    async fn send(&self, delivery: &Delivery) -> Result<(), ApiError> {
        let letter: Letter = serde_json::from_slice(delivery.payload()).map_err(ApiError::internal)?;
        let ctx = as_role(&self.platform, delivery, &letter.role).await?;
        let attribute = |(name, value)| {
            (name, MessageAttribute { data_type: "String".to_owned(), string_value: Some(value), binary_value: None })
        };
        let message = SendMessage {
            queue_arn: delivery.target.clone(),
            body: letter.body,
            attributes: letter.attributes.into_iter().map(attribute).collect(),
            ..SendMessage::default()
        };
        self.platform.bus.queues()?.send(&ctx, message).await.map(|_| ())
    }
}

#[async_trait]
impl Deliverer for DeadLetters {
    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        match self.send(delivery).await {
            Ok(()) => Outcome::done(),
            Err(problem) => Outcome::retry(delivery, problem.to_string()),
        }
    }
}
