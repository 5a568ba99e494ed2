//! A queue's attributes, as texts by name: read, checked and written here.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>

use serde_json::Value;

use super::redrive;
use crate::errors::QueueError;
use crate::queue::{Counts, DedupScope, Fifo, Millis, ThroughputLimit};
use crate::registry::Queues;
use crate::state::{QueueName, QueueRecord};

/// Everything that GetQueueAttributes can be asked for, in the order in which `All` answers.
pub(crate) const NAMES: [&str; 22] = [
    "QueueArn",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "Policy",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "All",
];

/// The value of an attribute; `None` when the queue does not have it, which is not the same as a default.
pub(crate) fn value(name: &str, queue: &QueueName, record: &QueueRecord, counts: Counts) -> Option<String> {
    let settings = &record.settings;
    let fifo = settings.fifo.as_ref();
    Some(match name {
        "QueueArn" => queue.arn(),
        "ApproximateNumberOfMessages" => counts.ready.to_string(),
        "ApproximateNumberOfMessagesNotVisible" => counts.in_flight.to_string(),
        "ApproximateNumberOfMessagesDelayed" => counts.delayed.to_string(),
        "CreatedTimestamp" => record.created.to_string(),
        "LastModifiedTimestamp" => record.modified.to_string(),
        "VisibilityTimeout" => settings.visibility_timeout.to_string(),
        "MaximumMessageSize" => settings.max_message_size.to_string(),
        "MessageRetentionPeriod" => settings.retention.to_string(),
        "DelaySeconds" => settings.delay.to_string(),
        "ReceiveMessageWaitTimeSeconds" => settings.wait.to_string(),
        "Policy" => record.policy.clone()?,
        "RedrivePolicy" => redrive::print(settings.redrive.as_ref()?),
        "RedriveAllowPolicy" => record.redrive_allow.clone()?,
        "KmsMasterKeyId" => record.kms_key.clone()?,
        "KmsDataKeyReusePeriodSeconds" if record.kms_key.is_some() => record.kms_reuse.unwrap_or(300).to_string(),
        "SqsManagedSseEnabled" => record.managed_sse.to_string(),
        "FifoQueue" => fifo.map(|_| "true".to_owned())?,
        "ContentBasedDeduplication" => fifo?.content_based_deduplication.to_string(),
        "DeduplicationScope" => match fifo?.dedup_scope {
            DedupScope::Queue => "queue".to_owned(),
            DedupScope::Group => "messageGroup".to_owned(),
        },
        "FifoThroughputLimit" => match fifo?.throughput_limit {
            ThroughputLimit::Queue => "perQueue".to_owned(),
            ThroughputLimit::Group => "perMessageGroupId".to_owned(),
        },
        _ => return None,
    })
}

/// Sets attributes on a record. All are checked before any counts, as the record is only kept when this succeeds.
pub(crate) fn apply(
    queues: &Queues,
    name: &QueueName,
    record: &mut QueueRecord,
    attributes: &[(String, String)],
) -> Result<(), QueueError> {
    let mut key_set = false;
    let mut managed = None;
    for (attribute, value) in attributes {
        match attribute.as_str() {
            "KmsMasterKeyId" => key_set = !value.is_empty(),
            "SqsManagedSseEnabled" => managed = Some(flag(attribute, value)?),
            _ => {}
        }
    }
    if managed == Some(true) && (key_set || record.kms_key.is_some()) {
        let text = "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.";
        return Err(QueueError::InvalidAttributeName(text.to_owned()));
    }
    for (attribute, value) in attributes {
        apply_one(queues, name, record, attribute, value)?;
    }
    if key_set {
        record.managed_sse = false;
    }
    let fifo = record.settings.fifo.as_ref();
    if fifo.is_some_and(|fifo| fifo.throughput_limit == ThroughputLimit::Group && fifo.dedup_scope == DedupScope::Queue)
    {
        let text = "Invalid value for the parameter FifoThroughputLimit. Reason: To set FifoThroughputLimit to perMessageGroupId, the DeduplicationScope must be messageGroup.";
        return Err(QueueError::InvalidAttributeValue(text.to_owned()));
    }
    Ok(())
}

fn apply_one(
    queues: &Queues,
    name: &QueueName,
    record: &mut QueueRecord,
    attribute: &str,
    value: &str,
) -> Result<(), QueueError> {
    let settings = &mut record.settings;
    let optional = || (!value.is_empty()).then(|| value.to_owned());
    match attribute {
        "VisibilityTimeout" => settings.visibility_timeout = number(attribute, value, 0, 43_200)?,
        "MaximumMessageSize" => settings.max_message_size = number(attribute, value, 1024, 1_048_576)?,
        "MessageRetentionPeriod" => settings.retention = number(attribute, value, 60, 1_209_600)?,
        "DelaySeconds" => settings.delay = number(attribute, value, 0, 900)?,
        "ReceiveMessageWaitTimeSeconds" => settings.wait = number(attribute, value, 0, 20)?,
        "Policy" => {
            let is_policy = |text: &str| serde_json::from_str::<Value>(text).is_ok_and(|policy| policy.is_object());
            if !value.is_empty() && !is_policy(value) {
                return Err(QueueError::attribute_value(attribute));
            }
            record.policy = optional();
        }
        "RedrivePolicy" if value.is_empty() => settings.redrive = None,
        "RedrivePolicy" => settings.redrive = Some(redrive::parse(queues, name, settings.fifo.is_some(), value)?),
        "RedriveAllowPolicy" if value.is_empty() => record.redrive_allow = None,
        "RedriveAllowPolicy" => record.redrive_allow = Some(redrive::parse_allow(value)?),
        "KmsMasterKeyId" => {
            record.kms_key = optional();
            if record.kms_key.is_none() {
                record.kms_reuse = None;
            }
        }
        "KmsDataKeyReusePeriodSeconds" => record.kms_reuse = Some(number(attribute, value, 60, 86_400)?),
        "SqsManagedSseEnabled" => record.managed_sse = flag(attribute, value)?,
        "FifoQueue" | "ContentBasedDeduplication" | "DeduplicationScope" | "FifoThroughputLimit" => {
            apply_fifo(settings.fifo.as_mut(), attribute, value, queues.now())?;
        }
        _ => return Err(QueueError::unknown_attribute(attribute)),
    }
    Ok(())
}

fn apply_fifo(fifo: Option<&mut Fifo>, attribute: &str, value: &str, now: Millis) -> Result<(), QueueError> {
    let Some(fifo) = fifo else {
        return Err(match attribute {
            "DeduplicationScope" | "FifoThroughputLimit" => QueueError::InvalidAttributeName(format!(
                "You can specify the {attribute} only when FifoQueue is set to true."
            )),
            _ => QueueError::unknown_attribute(attribute),
        });
    };
    match (attribute, value) {
        ("FifoQueue", _) if flag(attribute, value)? => {}
        ("FifoQueue", _) => {
            let text = "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.";
            return Err(QueueError::InvalidAttributeValue(text.to_owned()));
        }
        ("ContentBasedDeduplication", _) => fifo.content_based_deduplication = flag(attribute, value)?,
        ("DeduplicationScope", "queue") => fifo.set_scope(DedupScope::Queue, now),
        ("DeduplicationScope", "messageGroup") => fifo.set_scope(DedupScope::Group, now),
        ("FifoThroughputLimit", "perQueue") => fifo.throughput_limit = ThroughputLimit::Queue,
        ("FifoThroughputLimit", "perMessageGroupId") => fifo.throughput_limit = ThroughputLimit::Group,
        _ => return Err(QueueError::attribute_value(attribute)),
    }
    Ok(())
}

fn number(attribute: &str, value: &str, least: u32, most: u32) -> Result<u32, QueueError> {
    let number = value.parse::<u32>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| QueueError::attribute_value(attribute))
}

fn flag(attribute: &str, value: &str) -> Result<bool, QueueError> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(QueueError::attribute_value(attribute)),
    }
}
