//! GetDataProtectionPolicy and PutDataProtectionPolicy: the policy is kept.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use serde_json::Value;

use super::address;
use crate::errors::TopicError;
use crate::registry::Topics;

/// What GetDataProtectionPolicy takes.
#[derive(Shape)]
pub(crate) struct GetDataProtectionPolicyInput {
    pub(crate) resource_arn: String,
}

/// What GetDataProtectionPolicy answers.
#[derive(Shape)]
pub(crate) struct GetDataProtectionPolicyOutput {
    pub(crate) data_protection_policy: Option<String>,
}

/// What PutDataProtectionPolicy takes.
#[derive(Shape)]
pub(crate) struct PutDataProtectionPolicyInput {
    pub(crate) resource_arn: String,
    pub(crate) data_protection_policy: String,
}

pub(crate) async fn get_data_protection_policy(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: GetDataProtectionPolicyInput,
) -> Result<GetDataProtectionPolicyOutput, TopicError> {
    let topic = address::topic(&topics, &ctx, &input.resource_arn)?;
    Ok(GetDataProtectionPolicyOutput { data_protection_policy: topic.record().data_protection.clone() })
}

pub(crate) async fn put_data_protection_policy(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: PutDataProtectionPolicyInput,
) -> Result<(), TopicError> {
    let topic = address::topic(&topics, &ctx, &input.resource_arn)?;
    let policy = input.data_protection_policy;
    if !policy.is_empty() && !serde_json::from_str::<Value>(&policy).is_ok_and(|policy| policy.is_object()) {
        return Err(TopicError::parameter("DataProtectionPolicy"));
    }
    topics
        .update(&topic, |record| {
            record.data_protection = (!policy.is_empty()).then_some(policy);
            Ok(())
        })
        .await
}
