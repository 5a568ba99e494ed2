//! AddPermission and RemovePermission: statements of the topic's policy, by label.

use std::sync::Arc;

use pilvi_bus::{Ctx, region};
use pilvi_model::Shape;
use serde_json::{Map, Value, json};

use super::{address, topic_attributes};
use crate::errors::TopicError;
use crate::registry::{Topic, Topics};
use crate::state::TopicRecord;

/// "Valid values: Any Amazon SNS action name": those that are about a topic.
const ACTIONS: [&str; 9] = [
    "AddPermission",
    "DeleteTopic",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "Publish",
    "Receive",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
];

/// What AddPermission takes.
#[derive(Shape)]
pub(crate) struct AddPermissionInput {
    pub(crate) topic_arn: String,
    pub(crate) label: String,
    #[shape(name = "AWSAccountId")]
    pub(crate) accounts: Vec<String>,
    pub(crate) action_name: Vec<String>,
}

/// What RemovePermission takes.
#[derive(Shape)]
pub(crate) struct RemovePermissionInput {
    pub(crate) topic_arn: String,
    pub(crate) label: String,
}

pub(crate) async fn add_permission(topics: Arc<Topics>, ctx: Ctx, input: AddPermissionInput) -> Result<(), TopicError> {
    let topic = address::topic(&topics, &ctx, &input.topic_arn)?;
    if let Some(action) = input.action_name.iter().find(|action| *action != "*" && !ACTIONS.contains(&action.as_str()))
    {
        tracing::debug!(action, "not an action on topics");
        return Err(TopicError::parameter("Policy statement action out of service scope!"));
    }
    let partition = region::partition(&ctx.region);
    let principal = |account: &String| match account.starts_with("arn:") {
        true => account.clone(),
        false => format!("arn:{partition}:iam::{account}:root"),
    };
    let principals = input.accounts.iter().map(principal).collect();
    let actions = input.action_name.iter().map(|action| format!("SNS:{action}")).collect();
    let statement = json!({
        "Sid": input.label,
        "Effect": "Allow",
        "Principal": {"AWS": one_or_many(principals)},
        "Action": one_or_many(actions),
        "Resource": topic.arn,
    });
    topics
        .update(&topic, |record| {
            edit(&topic, record, |statements| {
                if statements.iter().any(|statement| is_labelled(statement, &input.label)) {
                    return Err(TopicError::parameter("Statement already exists"));
                }
                statements.push(statement);
                Ok(())
            })
        })
        .await
}

pub(crate) async fn remove_permission(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: RemovePermissionInput,
) -> Result<(), TopicError> {
    let topic = address::topic(&topics, &ctx, &input.topic_arn)?;
    topics
        .update(&topic, |record| {
            edit(&topic, record, |statements| {
                statements.retain(|statement| !is_labelled(statement, &input.label));
                Ok(())
            })
        })
        .await
}

fn is_labelled(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

fn edit(
    topic: &Topic,
    record: &mut TopicRecord,
    change: impl FnOnce(&mut Vec<Value>) -> Result<(), TopicError>,
) -> Result<(), TopicError> {
    let policy = record.policy.as_deref().and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    let policy = policy.map_or_else(|| topic_attributes::default_policy(topic), Value::Object);
    let Value::Object(mut policy) = policy else { return Err(TopicError::parameter("Policy")) };
    let mut statements = match policy.remove("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    change(&mut statements)?;
    policy.insert("Statement".to_owned(), Value::Array(statements));
    record.policy = Some(Value::Object(policy).to_string());
    Ok(())
}

fn one_or_many(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 { texts.pop().map_or(Value::Null, Value::String) } else { json!(texts) }
}
