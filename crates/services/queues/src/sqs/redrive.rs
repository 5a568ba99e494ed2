//! `RedrivePolicy` and `RedriveAllowPolicy`.

use serde_json::{Map, Value, json};

use crate::errors::QueueError;
use crate::queue::Redrive;
use crate::registry::Queues;
use crate::state::QueueName;

/// The policy as AWS prints it.
pub(crate) fn print(redrive: &Redrive) -> String {
    let policy = json!({"deadLetterTargetArn": redrive.target, "maxReceiveCount": redrive.max_receive_count});
    policy.to_string()
}

/// Reads and checks `RedrivePolicy` of the queue `name`.
pub(crate) fn parse(queues: &Queues, name: &QueueName, fifo: bool, text: &str) -> Result<Redrive, QueueError> {
    let invalid = |reason: &str| QueueError::invalid(text, "RedrivePolicy", reason);
    let Ok(Value::Object(policy)) = serde_json::from_str::<Value>(text) else {
        return Err(invalid("Redrive policy is not a valid JSON map."));
    };
    let needed = |key: &str| {
        policy.get(key).ok_or_else(|| invalid(&format!("Redrive policy does not contain mandatory attribute: {key}.")))
    };
    let count = needed("maxReceiveCount")?;
    let target = needed("deadLetterTargetArn")?;
    if policy.len() > 2 {
        return Err(invalid("Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]."));
    }
    let shown = count.as_str().map_or_else(|| count.to_string(), str::to_owned);
    let max_receive_count = shown.parse::<u32>().ok().filter(|count| (1..=1000).contains(count));
    let Some(max_receive_count) = max_receive_count else {
        let reason =
            format!("Invalid value for maxReceiveCount: {shown}, valid values are from 1 to 1000 both inclusive.");
        return Err(invalid(&reason));
    };
    let target = target.as_str().unwrap_or_default();
    if pilvi_bus::Arn::parse(target).is_some_and(|arn| arn.service != "sqs") {
        return Err(invalid("Only SQS queues are valid resources for deadLetterTargetArn."));
    }
    let Some(target_name) = QueueName::from_arn(target) else {
        return Err(invalid("Invalid value for deadLetterTargetArn."));
    };
    if target_name.account != name.account || target_name.region != name.region {
        return Err(invalid("Dead-letter target owner should be same as the source."));
    }
    let Ok(dead_letters) = queues.find(&target_name) else {
        return Err(invalid("Dead letter target does not exist."));
    };
    let record = dead_letters.record();
    if record.settings.fifo.is_some() != fifo {
        return Err(invalid("Dead-letter queue must be same type of queue as the source."));
    }
    if !allows(record.redrive_allow.as_deref(), &name.arn()) {
        return Err(invalid("Queue does not have permission to access the dead-letter queue."));
    }
    Ok(Redrive { target: target.to_owned(), max_receive_count })
}

/// Checks `RedriveAllowPolicy`, and gives it back without spaces.
pub(crate) fn parse_allow(text: &str) -> Result<String, QueueError> {
    let invalid = |reason: &str| QueueError::invalid(text, "RedriveAllowPolicy", reason);
    let Ok(Value::Object(policy)) = serde_json::from_str::<Value>(text) else {
        return Err(invalid("Amazon SQS can't create the redrive allow policy, as it isn't a valid JSON map."));
    };
    let sources = policy.get("sourceQueueArns");
    let by_queue = match policy.get("redrivePermission").and_then(Value::as_str) {
        Some("allowAll" | "denyAll") => false,
        Some("byQueue") => true,
        _ => {
            return Err(invalid("Amazon SQS can't create the redrive allow policy, as it's in an unsupported format."));
        }
    };
    if !by_queue && sources.is_some() {
        return Err(invalid(
            "Amazon SQS can't create the redrive allow policy. You can specify source queue ARNs only when the permission type is byQueue.",
        ));
    }
    if by_queue {
        let arns = sources.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let valid = |arn: &Value| arn.as_str().and_then(QueueName::from_arn).is_some();
        if arns.is_empty() || arns.len() > 10 || !arns.iter().all(valid) {
            return Err(invalid(
                "Amazon SQS can't create the redrive allow policy. When you specify the byQueue permission type, you must also specify between 1 and 10 source queue ARNs.",
            ));
        }
    }
    Ok(Value::Object(policy).to_string())
}

fn allows(policy: Option<&str>, source: &str) -> bool {
    let Some(policy) = policy.and_then(|policy| serde_json::from_str::<Map<String, Value>>(policy).ok()) else {
        return true;
    };
    match policy.get("redrivePermission").and_then(Value::as_str) {
        Some("denyAll") => false,
        Some("byQueue") => {
            let sources = policy.get("sourceQueueArns").and_then(Value::as_array);
            sources.is_some_and(|sources| sources.iter().any(|arn| arn == source))
        }
        _ => true,
    }
}
