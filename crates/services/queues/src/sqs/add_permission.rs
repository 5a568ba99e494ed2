//! AddPermission and RemovePermission: statements of the queue's policy, by label.

use std::sync::Arc;

use pilvi_bus::{Ctx, region};
use pilvi_model::Shape;
use serde_json::{Map, Value, json};

use super::address;
use crate::errors::QueueError;
use crate::registry::{Queue, Queues};
use crate::state::QueueRecord;

/// Actions that can be shared by AddPermission.
const ACTIONS: [&str; 8] = [
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
];

/// What AddPermission takes.
#[derive(Shape)]
pub(crate) struct AddPermissionInput {
    pub(crate) queue_url: String,
    pub(crate) label: String,
    #[shape(name = "AWSAccountIds")]
    pub(crate) accounts: Vec<String>,
    pub(crate) actions: Vec<String>,
}

/// What RemovePermission takes.
#[derive(Shape)]
pub(crate) struct RemovePermissionInput {
    pub(crate) queue_url: String,
    pub(crate) label: String,
}

pub(crate) async fn add_permission(queues: Arc<Queues>, ctx: Ctx, input: AddPermissionInput) -> Result<(), QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    check(&input)?;
    queues.update(&queue, |record| add(&queue, record, &input)).await
}

pub(crate) async fn remove_permission(
    queues: Arc<Queues>,
    ctx: Ctx,
    input: RemovePermissionInput,
) -> Result<(), QueueError> {
    let queue = address::queue(&queues, &ctx, &input.queue_url)?;
    queues.update(&queue, |record| remove(record, &input.label)).await
}

fn check(input: &AddPermissionInput) -> Result<(), QueueError> {
    let valid = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
    if input.label.is_empty() || input.label.len() > 80 || !input.label.bytes().all(valid) {
        let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(QueueError::invalid(&input.label, "Label", reason));
    }
    if input.actions.is_empty() {
        return Err(QueueError::MissingParameter("Actions"));
    }
    if input.accounts.is_empty() {
        return Err(QueueError::invalid("[]", "PrincipalId", "Unable to verify."));
    }
    if input.actions.len() > 7 {
        let text = format!("{} Actions were found, maximum allowed is 7.", input.actions.len());
        return Err(QueueError::TooManyPermissions(text));
    }
    for action in &input.actions {
        if !ACTIONS.contains(&action.as_str()) && action != "SendMessage" {
            let reason = "Only the queue owner is allowed to invoke this action.";
            return Err(QueueError::invalid(format!("SQS:{action}"), "ActionName", reason));
        }
    }
    for account in &input.accounts {
        if account.len() != 12 || !account.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(QueueError::invalid(format!("[{account}]"), "PrincipalId", "Unable to verify."));
        }
    }
    Ok(())
}

fn add(queue: &Queue, record: &mut QueueRecord, input: &AddPermissionInput) -> Result<(), QueueError> {
    let arn = queue.name.arn();
    let partition = region::partition(&queue.name.region);
    let principals = input.accounts.iter().map(|account| format!("arn:{partition}:iam::{account}:root")).collect();
    let actions = input.actions.iter().map(|action| format!("SQS:{action}")).collect();
    let mut policy = read(record).unwrap_or_else(|| {
        let mut policy = Map::new();
        policy.insert("Version".to_owned(), json!("2008-10-17"));
        policy.insert("Id".to_owned(), json!(format!("{arn}/SQSDefaultPolicy")));
        policy.insert("Statement".to_owned(), json!([]));
        policy
    });
    let statements = policy.entry("Statement").or_insert_with(|| json!([]));
    if let Value::Object(_) = statements {
        *statements = json!([statements.take()]);
    }
    let Value::Array(statements) = statements else { return Err(QueueError::attribute_value("Policy")) };
    if statements.iter().any(|statement| statement.get("Sid").is_some_and(|sid| *sid == input.label)) {
        return Err(QueueError::invalid(&input.label, "Label", "Already exists."));
    }
    statements.push(json!({
        "Sid": input.label,
        "Effect": "Allow",
        "Principal": {"AWS": one_or_many(principals)},
        "Action": one_or_many(actions),
        "Resource": arn,
    }));
    record.policy = Some(Value::Object(policy).to_string());
    Ok(())
}

fn remove(record: &mut QueueRecord, label: &str) -> Result<(), QueueError> {
    let missing = || QueueError::invalid(label, "Label", "can't find label.");
    let mut policy = read(record).ok_or_else(missing)?;
    let Some(Value::Array(statements)) = policy.get_mut("Statement") else { return Err(missing()) };
    let before = statements.len();
    statements.retain(|statement| statement.get("Sid").is_none_or(|sid| sid != label));
    if statements.len() == before {
        return Err(missing());
    }
    record.policy = if statements.is_empty() { None } else { Some(Value::Object(policy).to_string()) };
    Ok(())
}

fn read(record: &QueueRecord) -> Option<Map<String, Value>> {
    serde_json::from_str(record.policy.as_deref()?).ok()
}

fn one_or_many(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 { texts.pop().map_or(Value::Null, Value::String) } else { json!(texts) }
}
