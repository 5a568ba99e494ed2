//! GetSubscriptionAttributes and SetSubscriptionAttributes.
//! <https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html>

use std::sync::Arc;

use pilvi_bus::{Arn, Ctx};
use pilvi_model::Shape;
use pilvi_model::shape::Entries;
use serde_json::Value;

use super::address;
use crate::errors::TopicError;
use crate::registry::{Subscription, Topic, Topics};
use crate::state::SubscriptionRecord;
use crate::topic::filter::Filter;
use crate::topic::{delivery_policy, json};

/// What GetSubscriptionAttributes takes.
#[derive(Shape)]
pub(crate) struct GetSubscriptionAttributesInput {
    pub(crate) subscription_arn: String,
}

/// What GetSubscriptionAttributes answers.
#[derive(Shape)]
pub(crate) struct GetSubscriptionAttributesOutput {
    pub(crate) attributes: Option<Entries<String>>,
}

/// What SetSubscriptionAttributes takes.
#[derive(Shape)]
pub(crate) struct SetSubscriptionAttributesInput {
    pub(crate) subscription_arn: String,
    pub(crate) attribute_name: String,
    pub(crate) attribute_value: Option<String>,
}

pub(crate) async fn get_subscription_attributes(
    topics: Arc<Topics>,
    _: Ctx,
    input: GetSubscriptionAttributesInput,
) -> Result<GetSubscriptionAttributesOutput, TopicError> {
    let (topic, subscription) = address::subscription(&topics, &input.subscription_arn)?;
    Ok(GetSubscriptionAttributesOutput { attributes: Some(Entries(print(&topic, &subscription))) })
}

pub(crate) async fn set_subscription_attributes(
    topics: Arc<Topics>,
    _: Ctx,
    input: SetSubscriptionAttributesInput,
) -> Result<(), TopicError> {
    let (topic, subscription) = address::subscription(&topics, &input.subscription_arn)?;
    let value = input.attribute_value.unwrap_or_default();
    let is_fifo = topic.record().fifo.is_some();
    let change = |known: Option<&SubscriptionRecord>| {
        let mut record = known.cloned().ok_or(TopicError::NoSubscription)?;
        apply(&mut record, is_fifo, &input.attribute_name, &value).map_err(TopicError::InvalidParameter)?;
        check(&record).map_err(TopicError::InvalidParameter)?;
        Ok(record)
    };
    topics.put_subscription(&topic, &subscription.id, change, |_| Ok(())).await.map(|_| ())
}

fn print(topic: &Topic, subscription: &Subscription) -> Vec<(String, String)> {
    let record = &subscription.record;
    let mut attributes = vec![
        ("SubscriptionArn", subscription.arn.clone()),
        ("TopicArn", topic.arn.clone()),
        ("Protocol", record.protocol.clone()),
        ("Endpoint", record.endpoint.clone()),
        ("Owner", record.owner.clone()),
        ("SubscriptionPrincipal", record.principal.clone()),
        ("PendingConfirmation", (!record.confirmed).to_string()),
        ("ConfirmationWasAuthenticated", record.authenticated.to_string()),
        ("RawMessageDelivery", record.raw.to_string()),
    ];
    if let Some(policy) = &record.filter_policy {
        // Recorded: the scope shows only next to a policy.
        attributes.push(("FilterPolicy", policy.clone()));
        attributes.push(("FilterPolicyScope", scope(record).to_owned()));
    }
    if record.is_http() {
        let of_topic = topic.record().delivery_policy.clone();
        let effective = delivery_policy::effective_subscription(record.delivery_policy.as_deref(), of_topic.as_deref());
        attributes.push(("EffectiveDeliveryPolicy", effective.to_string()));
    }
    let optional = [
        ("RedrivePolicy", &record.redrive_policy),
        ("DeliveryPolicy", &record.delivery_policy),
        ("SubscriptionRoleArn", &record.role),
        ("ReplayPolicy", &record.replay_policy),
    ];
    attributes.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn scope(record: &SubscriptionRecord) -> &'static str {
    if record.filters_body { "MessageBody" } else { "MessageAttributes" }
}

/// Sets an attribute; the reason follows `Invalid parameter: `.
pub(crate) fn apply(record: &mut SubscriptionRecord, fifo_topic: bool, name: &str, value: &str) -> Result<(), String> {
    let optional = || (!value.is_empty()).then(|| value.to_owned());
    match name {
        "RawMessageDelivery" => match value.to_ascii_lowercase().as_str() {
            "true" => record.raw = true,
            "false" => record.raw = false,
            _ => return Err(format!("RawMessageDelivery: Invalid value [{value}]. Must be true or false.")),
        },
        // One that filters nothing is none.
        "FilterPolicy" => record.filter_policy = optional().filter(|policy| policy.trim() != "{}"),
        "FilterPolicyScope" => match value {
            "MessageAttributes" => record.filters_body = false,
            "MessageBody" => record.filters_body = true,
            _ => {
                return Err(format!(
                    "FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
                ));
            }
        },
        "RedrivePolicy" if value.is_empty() => record.redrive_policy = None,
        "RedrivePolicy" => {
            check_redrive(record, fifo_topic, value).map_err(|reason| format!("RedrivePolicy: {reason}"))?;
            record.redrive_policy = Some(value.to_owned());
        }
        "DeliveryPolicy" => record.delivery_policy = delivery_policy::normalize_subscription(value)?,
        "SubscriptionRoleArn" => record.role = optional(),
        "ReplayPolicy" => {
            if !value.is_empty() {
                json::parse(value).map_err(|reason| format!("ReplayPolicy: {reason}"))?;
            }
            record.replay_policy = optional();
        }
        _ => return Err("AttributeName".to_owned()),
    }
    Ok(())
}

/// Checks the attributes that hold only together: the filter policy and its scope.
pub(crate) fn check(record: &SubscriptionRecord) -> Result<(), String> {
    match &record.filter_policy {
        Some(policy) => Filter::parse(policy, record.filters_body).map(|_| ()),
        None => Ok(()),
    }
}

fn check_redrive(record: &SubscriptionRecord, fifo_topic: bool, value: &str) -> Result<(), String> {
    let policy = json::parse(value)?;
    let target = policy.get("deadLetterTargetArn").and_then(Value::as_str).unwrap_or_default();
    if Arn::parse(target).is_none_or(|arn| arn.service != "sqs") {
        return Err("deadLetterTargetArn is an invalid arn".to_owned());
    }
    if fifo_topic && record.is_fifo_queue() && !target.ends_with(".fifo") {
        return Err("must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.".to_owned());
    }
    Ok(())
}
