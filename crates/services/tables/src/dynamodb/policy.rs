//! PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_bus::Ctx;
use pilvi_bus::service::ResourcePolicies;
use pilvi_model::Shape;

use super::params::parse_arn;
use super::tags::{arn_key, change};
use crate::errors::TableError;
use crate::state::Tables;

/// What PutResourcePolicy takes.
#[derive(Shape)]
pub struct PutResourcePolicyInput {
    pub resource_arn: String,
    pub policy: String,
    pub expected_revision_id: Option<String>,
}

/// What GetResourcePolicy takes.
#[derive(Shape)]
pub struct GetResourcePolicyInput {
    pub resource_arn: String,
}

/// What DeleteResourcePolicy takes.
#[derive(Shape)]
pub struct DeleteResourcePolicyInput {
    pub resource_arn: String,
    pub expected_revision_id: Option<String>,
}

/// What PutResourcePolicy and DeleteResourcePolicy answer.
#[derive(Shape)]
pub struct RevisionOutput {
    pub revision_id: Option<String>,
}

/// What GetResourcePolicy answers.
#[derive(Shape)]
pub struct GetResourcePolicyOutput {
    pub policy: String,
    pub revision_id: String,
}

fn no_policy(arn: &str) -> TableError {
    TableError::PolicyNotFound(format!("Resource-based policy not found for the provided ResourceArn: {arn}"))
}

fn not_found(arn: &str) -> String {
    format!("Requested resource not found: ResourceArn: {arn} not found")
}

fn check_revision(expected: Option<&str>, policy: Option<&(String, String)>, arn: &str) -> Result<(), TableError> {
    match (expected, policy) {
        (None, _) | (Some("NO_POLICY"), None) => Ok(()),
        (Some(expected), Some((_, revision))) if expected == revision => Ok(()),
        _ => Err(TableError::PolicyNotFound(format!(
            "Resource-based policy not found for the provided ResourceArn: {arn}: the revision is another one"
        ))),
    }
}

/// Attaches a policy to a table.
pub async fn put_resource_policy(
    tables: Arc<Tables>,
    _: Ctx,
    input: PutResourcePolicyInput,
) -> Result<RevisionOutput, TableError> {
    if serde_json::from_str::<serde_json::Value>(&input.policy).is_err() {
        return Err(TableError::invalid("The provided policy document is not valid JSON"));
    }
    let key = arn_key(&input.resource_arn)?;
    let now = tables.clock.now_ms();
    let record = change(&tables, key, not_found(&input.resource_arn), move |record| {
        check_revision(input.expected_revision_id.as_deref(), record.policy.as_ref(), &input.resource_arn)?;
        // The same policy keeps its revision.
        if record.policy.as_ref().is_none_or(|(policy, _)| *policy != input.policy) {
            record.policy = Some((input.policy.clone(), now.to_string()));
        }
        Ok(())
    })
    .await?;
    Ok(RevisionOutput { revision_id: record.policy.map(|(_, revision)| revision) })
}

/// A table's policy.
pub async fn get_resource_policy(
    tables: Arc<Tables>,
    _: Ctx,
    input: GetResourcePolicyInput,
) -> Result<GetResourcePolicyOutput, TableError> {
    let key = arn_key(&input.resource_arn)?;
    let Some(definition) = tables.table(&key)? else {
        return Err(TableError::NotFound(not_found(&input.resource_arn)));
    };
    let (policy, revision_id) = definition.record.policy.clone().ok_or_else(|| no_policy(&input.resource_arn))?;
    Ok(GetResourcePolicyOutput { policy, revision_id })
}

/// Detaches a table's policy.
pub async fn delete_resource_policy(
    tables: Arc<Tables>,
    _: Ctx,
    input: DeleteResourcePolicyInput,
) -> Result<RevisionOutput, TableError> {
    let key = arn_key(&input.resource_arn)?;
    let before = tables.table(&key)?.and_then(|definition| definition.record.policy.clone());
    change(&tables, key, not_found(&input.resource_arn), move |record| {
        check_revision(input.expected_revision_id.as_deref(), record.policy.as_ref(), &input.resource_arn)?;
        record.policy = None;
        Ok(())
    })
    .await?;
    Ok(RevisionOutput { revision_id: before.map(|(_, revision)| revision) })
}

/// Finds a table's policy for the authorizer.
pub struct Policies(pub Arc<Tables>);

#[async_trait]
impl ResourcePolicies for Policies {
    async fn resource_policy(&self, resource: &str) -> Option<Arc<str>> {
        let (region, account, name) = parse_arn(resource)?;
        let key = (account.to_owned(), region.to_owned(), name.to_owned());
        let definition = self.0.table(&key).ok()??;
        definition.record.policy.as_ref().map(|(policy, _)| Arc::from(policy.as_str()))
    }
}
