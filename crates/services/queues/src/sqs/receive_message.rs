//! ReceiveMessage.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::message_attributes::{self, AttributeValue};
use super::send_message::sequence_number;
use super::{address, batch};
use crate::errors::QueueError;
use crate::queue::attributes_md5;
use crate::receive::{Receive, Received};
use crate::registry::Queues;

/// The system attributes, besides `All`.
const SYSTEM_ATTRIBUTES: [&str; 9] = [
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

/// What ReceiveMessage takes.
#[derive(Shape)]
pub(crate) struct ReceiveMessageInput {
    pub(crate) queue_url: String,
    pub(crate) attribute_names: Option<Vec<String>>,
    pub(crate) message_system_attribute_names: Option<Vec<String>>,
    pub(crate) message_attribute_names: Option<Vec<String>>,
    pub(crate) max_number_of_messages: Option<i32>,
    pub(crate) visibility_timeout: Option<i32>,
    pub(crate) wait_time_seconds: Option<i32>,
    pub(crate) receive_request_attempt_id: Option<String>,
}

/// What ReceiveMessage answers.
#[derive(Shape)]
pub(crate) struct ReceiveMessageOutput {
    pub(crate) messages: Option<Vec<MessageOutput>>,
}

/// A message received.
#[derive(Shape)]
pub(crate) struct MessageOutput {
    pub(crate) message_id: Option<String>,
    pub(crate) receipt_handle: Option<String>,
    #[shape(name = "MD5OfBody")]
    pub(crate) md5_of_body: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) attributes: Option<Entries<String>>,
    #[shape(name = "MD5OfMessageAttributes")]
    pub(crate) md5_of_attributes: Option<String>,
    pub(crate) message_attributes: Option<Entries<AttributeValue>>,
}

pub(crate) async fn receive_message(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: ReceiveMessageInput,
) -> Result<ReceiveMessageOutput, QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    let settings = &queue.record().settings;
    let wait_reason = "Must be >= 0 and <= 20, if provided.";
    let max =
        ranged(input.max_number_of_messages, "MaxNumberOfMessages", 1, 10, "Must be between 1 and 10, if provided.")?;
    let wait = ranged(input.wait_time_seconds, "WaitTimeSeconds", 0, 20, wait_reason)?.unwrap_or(settings.wait);
    let visibility_reason = "Must be >= 0 and <= 43200, if provided.";
    let visibility = ranged(input.visibility_timeout, "VisibilityTimeout", 0, 43_200, visibility_reason)?;
    let attempt = input.receive_request_attempt_id.as_deref();
    if let Some(attempt) = attempt {
        check_attempt(attempt, settings.fifo.is_some())?;
    }
    let mut system = input.attribute_names.unwrap_or_default();
    system.extend(input.message_system_attribute_names.unwrap_or_default());
    if let Some(unknown) = system.iter().find(|name| *name != "All" && !SYSTEM_ATTRIBUTES.contains(&name.as_str())) {
        return Err(QueueError::unknown_attribute(unknown));
    }
    let names = input.message_attribute_names.unwrap_or_default();
    let request = Receive {
        max: max.unwrap_or(1) as usize,
        wait: u64::from(wait) * 1000,
        visibility: visibility.map(|seconds| u64::from(seconds) * 1000),
        attempt,
    };
    let received = queues.receive(&queue, &request).await?;
    let messages = received.into_iter().map(|received| print(received, &system, &names)).collect();
    Ok(ReceiveMessageOutput { messages: batch::present(messages) })
}

fn ranged(value: Option<i32>, name: &str, least: u32, most: u32, reason: &str) -> Result<Option<u32>, QueueError> {
    let Some(value) = value else { return Ok(None) };
    match u32::try_from(value) {
        Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => Err(QueueError::invalid(value, name, reason)),
    }
}

fn check_attempt(attempt: &str, fifo: bool) -> Result<(), QueueError> {
    const NAME: &str = "ReceiveRequestAttemptId";
    if !fifo {
        let reason = "The request include parameter that is not valid for this queue type.";
        return Err(QueueError::invalid(attempt, NAME, reason));
    }
    if attempt.is_empty() || attempt.len() > 128 || !attempt.bytes().all(|letter| letter.is_ascii_graphic()) {
        let reason = format!("{NAME} can only include alphanumeric and punctuation characters. 1 to 128 in length.");
        return Err(QueueError::invalid(attempt, NAME, &reason));
    }
    Ok(())
}

fn print(received: Received, system: &[String], names: &[String]) -> MessageOutput {
    let message = &received.message;
    let all = system.iter().any(|name| name == "All");
    let mut attributes = Vec::new();
    if !system.is_empty() {
        for (name, value) in system_attributes(&received) {
            if all || system.iter().any(|asked| asked == name) {
                attributes.push((name.to_owned(), value));
            }
        }
    }
    let asked: Vec<_> =
        message.attributes.iter().filter(|one| message_attributes::is_asked_for(names, &one.name)).collect();
    let md5_of_attributes = attributes_md5(asked.iter().copied()).map(hex::encode);
    let message_attributes: Vec<_> =
        asked.into_iter().map(|one| (one.name.clone(), message_attributes::print(one))).collect();
    MessageOutput {
        message_id: Some(message.id.to_string()),
        md5_of_body: Some(hex::encode(message.body_md5)),
        body: Some(message.body.clone()),
        attributes: (!attributes.is_empty()).then_some(Entries(attributes)),
        md5_of_attributes,
        message_attributes: (!message_attributes.is_empty()).then_some(Entries(message_attributes)),
        receipt_handle: Some(received.handle),
    }
}

/// All system attributes that a message has, by their API names.
pub(crate) fn system_attributes(received: &Received) -> Vec<(&'static str, String)> {
    let (message, delivery) = (&received.message, &received.delivery);
    let mut attributes = vec![
        ("SenderId", message.sender.clone()),
        ("SentTimestamp", message.sent.to_string()),
        ("ApproximateReceiveCount", delivery.count.to_string()),
        ("ApproximateFirstReceiveTimestamp", delivery.first_received.to_string()),
    ];
    if let Some(dedup) = &message.dedup {
        attributes.push(("SequenceNumber", sequence_number(delivery.seq)));
        attributes.push(("MessageDeduplicationId", dedup.clone()));
    }
    if let Some(group) = &message.group {
        attributes.push(("MessageGroupId", group.clone()));
    }
    if let Some(trace) = &message.trace_header {
        attributes.push(("AWSTraceHeader", trace.clone()));
    }
    if let Some(source) = &message.dead_letter_source {
        attributes.push(("DeadLetterQueueSourceArn", source.clone()));
    }
    attributes
}
