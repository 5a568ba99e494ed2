//! SendMessage.

use std::sync::Arc;

use pilvi_bus::{Ctx, RequestContext};
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::address;
use super::message_attributes::{self, AttributeValue};
use crate::errors::QueueError;
use crate::queue::{MessageAttribute, Settings, attributes_md5};
use crate::registry::Queues;
use crate::send::Outgoing;

/// What SendMessage takes.
#[derive(Shape)]
pub(crate) struct SendMessageInput {
    pub(crate) queue_url: String,
    pub(crate) message_body: String,
    pub(crate) delay_seconds: Option<i32>,
    pub(crate) message_attributes: Option<Entries<AttributeValue>>,
    pub(crate) message_system_attributes: Option<Entries<AttributeValue>>,
    pub(crate) message_deduplication_id: Option<String>,
    pub(crate) message_group_id: Option<String>,
}

/// What SendMessage answers.
#[derive(Shape)]
pub(crate) struct SendMessageOutput {
    #[shape(name = "MD5OfMessageBody")]
    pub(crate) md5_of_body: Option<String>,
    #[shape(name = "MD5OfMessageAttributes")]
    pub(crate) md5_of_attributes: Option<String>,
    #[shape(name = "MD5OfMessageSystemAttributes")]
    pub(crate) md5_of_system_attributes: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) sequence_number: Option<String>,
}

/// A message, alone or of a batch.
pub(crate) struct Draft {
    pub(crate) body: String,
    pub(crate) delay: Option<i32>,
    pub(crate) attributes: Option<Entries<AttributeValue>>,
    pub(crate) system_attributes: Option<Entries<AttributeValue>>,
    pub(crate) dedup: Option<String>,
    pub(crate) group: Option<String>,
}

/// A message that may be sent, and the digests of its attributes.
pub(crate) struct Checked {
    pub(crate) outgoing: Outgoing,
    pub(crate) md5_of_attributes: Option<String>,
    pub(crate) md5_of_system_attributes: Option<String>,
}

pub(crate) async fn send_message(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: SendMessageInput,
) -> Result<SendMessageOutput, QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    let record = queue.record();
    let draft = Draft {
        body: input.message_body,
        delay: input.delay_seconds,
        attributes: input.message_attributes,
        system_attributes: input.message_system_attributes,
        dedup: input.message_deduplication_id,
        group: input.message_group_id,
    };
    let checked = check(draft, &record.settings, &ctx)?;
    check_size(&checked.outgoing, &record.settings, "are invalid")?;
    let sent = queues.send(&queue, vec![checked.outgoing]).await?;
    let sent = sent.first().ok_or(QueueError::QueueDoesNotExist)?;
    Ok(SendMessageOutput {
        md5_of_body: Some(hex::encode(sent.body_md5)),
        md5_of_attributes: checked.md5_of_attributes,
        md5_of_system_attributes: checked.md5_of_system_attributes,
        message_id: Some(sent.id.to_string()),
        sequence_number: sent.sequence.map(sequence_number),
    })
}

/// A message's place in a FIFO queue as SQS writes it: twenty digits, growing.
pub(crate) fn sequence_number(seq: u64) -> String {
    format!("{:020}", 18_000_000_000_000_000_000_u128 + u128::from(seq))
}

/// Checks everything about a message except its size. The trace of a request that came with one goes with its message.
pub(crate) fn check(draft: Draft, settings: &Settings, ctx: &RequestContext) -> Result<Checked, QueueError> {
    if draft.body.is_empty() {
        return Err(QueueError::MissingParameter("MessageBody"));
    }
    if let Some(letter) = draft.body.chars().find(|letter| !message_attributes::is_valid(*letter)) {
        return Err(QueueError::InvalidMessageContents(letter.into()));
    }
    check_fifo(&draft, settings)?;
    let delay = match draft.delay {
        None => None,
        Some(delay) => match u32::try_from(delay) {
            Ok(delay) if delay <= 900 => Some(delay),
            _ => return Err(QueueError::invalid(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")),
        },
    };
    let attributes = message_attributes::read(draft.attributes)?;
    let trace = message_attributes::read_system(draft.system_attributes)?;
    let md5 = |attributes: &[MessageAttribute]| attributes_md5(attributes).map(hex::encode);
    let md5_of_attributes = md5(&attributes);
    let md5_of_system_attributes = md5(trace.as_slice());
    let trace_header = trace.and_then(|trace| match trace.value {
        crate::queue::AttributeData::Text(text) => Some(text),
        crate::queue::AttributeData::Binary(_) => None,
    });
    let outgoing = Outgoing {
        body: draft.body,
        attributes,
        // Who names a trace for the message means that one.
        trace: trace_header.clone().unwrap_or_else(|| ctx.trace.clone()),
        trace_header: trace_header.or_else(|| ctx.trace_sent.clone()),
        sender: ctx.principal.id(),
        delay,
        group: draft.group,
        dedup: draft.dedup,
    };
    Ok(Checked { outgoing, md5_of_attributes, md5_of_system_attributes })
}

fn check_fifo(draft: &Draft, settings: &Settings) -> Result<(), QueueError> {
    const OTHER_TYPE: &str = "The request include parameter that is not valid for this queue type.";
    for (name, id) in [("MessageGroupId", &draft.group), ("MessageDeduplicationId", &draft.dedup)] {
        let Some(id) = id else { continue };
        if id.is_empty() || id.len() > 128 || !id.bytes().all(|letter| letter.is_ascii_graphic()) {
            let reason =
                format!("{name} can only include alphanumeric and punctuation characters. 1 to 128 in length.");
            return Err(QueueError::invalid(id, name, &reason));
        }
    }
    let Some(fifo) = &settings.fifo else {
        // A group on a standard queue makes it a fair one and is only passed on.
        return match &draft.dedup {
            Some(id) => Err(QueueError::invalid(id, "MessageDeduplicationId", OTHER_TYPE)),
            None => Ok(()),
        };
    };
    if draft.group.is_none() {
        return Err(QueueError::MissingParameter("MessageGroupId"));
    }
    if draft.dedup.is_none() && !fifo.content_based_deduplication {
        let text = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";
        return Err(QueueError::InvalidParameter(text.to_owned()));
    }
    // Zero is taken, and means the queue's own delay.
    match draft.delay {
        None | Some(0) => Ok(()),
        Some(delay) => Err(QueueError::invalid(delay, "DelaySeconds", OTHER_TYPE)),
    }
}

/// Checks a message's size. `what` is how the sentence begins in this call.
pub(crate) fn check_size(outgoing: &Outgoing, settings: &Settings, what: &str) -> Result<(), QueueError> {
    let most = settings.max_message_size;
    if outgoing.size() > most as usize {
        let text = format!("One or more parameters {what}. Reason: Message must be shorter than {most} bytes.");
        return Err(QueueError::InvalidParameter(text));
    }
    Ok(())
}
