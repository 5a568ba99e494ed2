//! GetTopicAttributes and SetTopicAttributes.
//! <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;
use serde_json::{Value, json};

use super::address;
use crate::errors::TopicError;
use crate::registry::{Topic, Topics};
use crate::state::TopicRecord;
use crate::topic::delivery_policy;

/// Protocols whose deliveries can be logged; see [`crate::report`].
const FEEDBACK: [&str; 5] = ["HTTP", "Firehose", "Lambda", "Application", "SQS"];

/// What GetTopicAttributes takes.
#[derive(Shape)]
pub(crate) struct GetTopicAttributesInput {
    pub(crate) topic_arn: String,
}

/// What GetTopicAttributes answers.
#[derive(Shape)]
pub(crate) struct GetTopicAttributesOutput {
    pub(crate) attributes: Option<Entries<String>>,
}

/// What SetTopicAttributes takes.
#[derive(Shape)]
pub(crate) struct SetTopicAttributesInput {
    pub(crate) topic_arn: String,
    pub(crate) attribute_name: String,
    pub(crate) attribute_value: Option<String>,
}

pub(crate) async fn get_topic_attributes(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: GetTopicAttributesInput,
) -> Result<GetTopicAttributesOutput, TopicError> {
    let topic = address::topic(&topics, &ctx, &input.topic_arn)?;
    Ok(GetTopicAttributesOutput { attributes: Some(Entries(print(&topic))) })
}

pub(crate) async fn set_topic_attributes(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: SetTopicAttributesInput,
) -> Result<(), TopicError> {
    let topic = address::topic(&topics, &ctx, &input.topic_arn)?;
    let value = input.attribute_value.unwrap_or_default();
    topics.update(&topic, |record| apply(record, &input.attribute_name, &value)).await
}

fn print(topic: &Topic) -> Vec<(String, String)> {
    let record = topic.record();
    let subscriptions = topic.subscriptions();
    let confirmed = subscriptions.values().filter(|subscription| subscription.record.confirmed).count();
    let policy = record.policy.clone().unwrap_or_else(|| default_policy(topic).to_string());
    let mut attributes = vec![
        ("Policy", policy),
        ("Owner", topic.name.account.clone()),
        ("SubscriptionsPending", (subscriptions.len() - confirmed).to_string()),
        ("TopicArn", topic.arn.clone()),
        ("EffectiveDeliveryPolicy", delivery_policy::effective_topic(record.delivery_policy.as_deref()).to_string()),
        ("SubscriptionsConfirmed", confirmed.to_string()),
        ("DisplayName", record.display_name.clone()),
        ("SubscriptionsDeleted", record.deleted.to_string()),
    ];
    if let Some(policy) = &record.delivery_policy {
        attributes.push(("DeliveryPolicy", policy.clone()));
    }
    if let Some(fifo) = &record.fifo {
        attributes.push(("FifoTopic", "true".to_owned()));
        attributes.push(("ContentBasedDeduplication", fifo.content_based_deduplication.to_string()));
        if let Some(scope) = &fifo.scope {
            attributes.push(("FifoThroughputScope", scope.clone()));
        }
    }
    let kept = record.attributes.iter().map(|(name, value)| (name.clone(), value.clone()));
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(kept).collect()
}

/// The policy of a topic that was given none: only its owner may use it.
pub(crate) fn default_policy(topic: &Topic) -> Value {
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "SNS:GetTopicAttributes",
                "SNS:SetTopicAttributes",
                "SNS:AddPermission",
                "SNS:RemovePermission",
                "SNS:DeleteTopic",
                "SNS:Subscribe",
                "SNS:ListSubscriptionsByTopic",
                "SNS:Publish",
            ],
            "Resource": topic.arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": topic.name.account}},
        }],
    })
}

/// Sets an attribute of a topic.
pub(crate) fn apply(record: &mut TopicRecord, name: &str, value: &str) -> Result<(), TopicError> {
    match name {
        "DisplayName" => {
            if value.chars().count() > 100 || value.chars().any(char::is_control) {
                return Err(TopicError::parameter("DisplayName"));
            }
            record.display_name = value.to_owned();
        }
        "Policy" => record.policy = check_policy(value)?,
        "DeliveryPolicy" => {
            record.delivery_policy = delivery_policy::normalize_topic(value).map_err(TopicError::InvalidParameter)?;
        }
        "ContentBasedDeduplication" | "FifoThroughputScope" => apply_fifo(record, name, value)?,
        "SignatureVersion" => keep(record, name, value, |value| matches!(value, "1" | "2"))?,
        "TracingConfig" => keep(record, name, value, |value| matches!(value, "PassThrough" | "Active"))?,
        "KmsMasterKeyId" => keep(record, name, value, |_| true)?,
        "ArchivePolicy" => {
            if record.fifo.is_none() {
                return Err(TopicError::parameter("ArchivePolicy: Archive is supported on FIFO topics only"));
            }
            keep(record, name, value, |value| {
                serde_json::from_str::<Value>(value).is_ok_and(|value| value.is_object())
            })?;
        }
        _ => match FEEDBACK.iter().find_map(|protocol| name.strip_prefix(protocol)) {
            Some("SuccessFeedbackRoleArn" | "FailureFeedbackRoleArn") => {
                keep(record, name, value, |value| value.starts_with("arn:") && value.contains(":role/"))?;
            }
            Some("SuccessFeedbackSampleRate") => {
                keep(record, name, value, |value| value.parse::<u8>().is_ok_and(|rate| rate <= 100))?;
            }
            _ => return Err(TopicError::parameter("AttributeName")),
        },
    }
    Ok(())
}

fn apply_fifo(record: &mut TopicRecord, name: &str, value: &str) -> Result<(), TopicError> {
    let Some(fifo) = &mut record.fifo else { return Err(TopicError::parameter("AttributeName")) };
    match (name, value.to_ascii_lowercase().as_str()) {
        ("ContentBasedDeduplication", flag @ ("true" | "false")) => fifo.content_based_deduplication = flag == "true",
        ("FifoThroughputScope", _) if matches!(value, "Topic" | "MessageGroup") => fifo.scope = Some(value.to_owned()),
        _ => return Err(TopicError::parameter(name)),
    }
    Ok(())
}

/// An attribute that is only kept; an empty value takes it away.
fn keep(record: &mut TopicRecord, name: &str, value: &str, valid: fn(&str) -> bool) -> Result<(), TopicError> {
    if value.is_empty() {
        record.attributes.remove(name);
        return Ok(());
    }
    if !valid(value) {
        return Err(TopicError::parameter(name));
    }
    record.attributes.insert(name.to_owned(), value.to_owned());
    Ok(())
}

fn check_policy(value: &str) -> Result<Option<String>, TopicError> {
    if value.is_empty() {
        return Ok(None);
    }
    let policy: Value = serde_json::from_str(value).map_err(|_| TopicError::parameter("Policy Error: null"))?;
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        _ => return Err(TopicError::parameter("Policy Error: null")),
    };
    for statement in &statements {
        let actions = match statement.get("Action") {
            Some(Value::String(action)) => vec![action.as_str()],
            Some(Value::Array(actions)) => actions.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let ours = |action: &&str| *action == "*" || action.to_ascii_lowercase().starts_with("sns:");
        if !actions.iter().all(ours) {
            return Err(TopicError::parameter("Policy statement action out of service scope!"));
        }
    }
    Ok(Some(value.to_owned()))
}
