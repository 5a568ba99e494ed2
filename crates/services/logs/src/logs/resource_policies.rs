//! Resource policies: what services may write logs.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::Range;
use serde_json::{Map, Value};

use crate::core::{Logs, page};
use crate::errors::LogsError;
use crate::state::{self, RESOURCE_POLICIES};

/// "CloudWatch Logs quotas": resource policies of an account in a region.
const MOST: usize = 10;

/// What PutResourcePolicy takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutResourcePolicyInput {
    policy_name: Option<String>,
    policy_document: Option<String>,
}

/// A policy.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct ResourcePolicy {
    policy_name: Option<String>,
    policy_document: Option<String>,
    last_updated_time: Option<i64>,
    policy_scope: Option<String>,
}

/// The policy as it was put.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutResourcePolicyOutput {
    resource_policy: Option<ResourcePolicy>,
}

fn shown(name: String, document: String, updated: i64) -> ResourcePolicy {
    ResourcePolicy {
        policy_name: Some(name),
        policy_document: Some(document),
        last_updated_time: Some(updated),
        policy_scope: Some("ACCOUNT".to_owned()),
    }
}

pub(crate) async fn put_resource_policy(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: PutResourcePolicyInput,
) -> Result<PutResourcePolicyOutput, LogsError> {
    let (Some(name), Some(document)) = (input.policy_name, input.policy_document) else {
        return Err(LogsError::Invalid("policyName and policyDocument are required.".to_owned()));
    };
    let updated = logs.now();
    let kept = canonical(&document).ok_or_else(|| LogsError::Invalid("Invalid policy document".to_owned()))?;
    let key = (ctx.account.clone(), ctx.region.clone(), name.clone());
    logs.store()
        .write(move |tx| {
            let all = Range::prefix(&(key.0.as_str(), key.1.as_str()));
            if !tx.contains(&RESOURCE_POLICIES, &key)? && tx.keys(&RESOURCE_POLICIES, all).count() >= MOST {
                return Err(LogsError::LimitExceeded);
            }
            tx.put(&RESOURCE_POLICIES, &key, &state::ResourcePolicy { document: kept.clone(), updated })?;
            Ok(())
        })
        .await?;
    Ok(PutResourcePolicyOutput { resource_policy: Some(shown(name, document, updated)) })
}

/// A document as it is described: members in their usual order, lists of one as the one, and the version that counts where none
/// is given.
fn canonical(document: &str) -> Option<String> {
    let document: Map<String, Value> = serde_json::from_str(document).ok()?;
    let mut kept = Map::new();
    kept.insert("Version".to_owned(), document.get("Version").cloned().unwrap_or_else(|| "2008-10-17".into()));
    kept.extend(document.get("Id").map(|id| ("Id".to_owned(), id.clone())));
    let statements = match document.get("Statement")? {
        Value::Array(statements) => statements.clone(),
        one @ Value::Object(_) => vec![one.clone()],
        _ => return None,
    };
    let statements = statements.iter().map(statement).collect::<Option<Vec<_>>>()?;
    kept.insert("Statement".to_owned(), Value::Array(statements));
    Some(Value::Object(kept).to_string())
}

fn statement(statement: &Value) -> Option<Value> {
    const ORDER: [&str; 9] =
        ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    let members = statement.as_object()?;
    members.get("Effect").filter(|effect| matches!(effect.as_str(), Some("Allow" | "Deny")))?;
    let known = ORDER.iter().filter_map(|name| Some(((*name).to_owned(), flat(members.get(*name)?))));
    Some(Value::Object(known.collect()))
}

fn flat(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => items.first().cloned().unwrap_or_default(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), flat(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// What DeleteResourcePolicy takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DeleteResourcePolicyInput {
    policy_name: Option<String>,
}

pub(crate) async fn delete_resource_policy(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DeleteResourcePolicyInput,
) -> Result<(), LogsError> {
    let key = (ctx.account.clone(), ctx.region.clone(), input.policy_name.unwrap_or_default());
    logs.store()
        .write(move |tx| {
            if !tx.delete(&RESOURCE_POLICIES, &key)? {
                return Err(LogsError::NotFound(format!("Policy with name [{}] does not exist.", key.2)));
            }
            Ok(())
        })
        .await
}

/// What DescribeResourcePolicies takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeResourcePoliciesInput {
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A page of policies.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeResourcePoliciesOutput {
    resource_policies: Option<Vec<ResourcePolicy>>,
    next_token: Option<String>,
}

pub(crate) async fn describe_resource_policies(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DescribeResourcePoliciesInput,
) -> Result<DescribeResourcePoliciesOutput, LogsError> {
    let policies = logs.store().read(|tx| {
        let range = Range::prefix(&(ctx.account.as_str(), ctx.region.as_str()));
        let policies = tx.range(&RESOURCE_POLICIES, range);
        policies
            .map(|entry| entry.map(|((_, _, name), policy)| shown(name, policy.document, policy.updated)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(LogsError::from)
    })?;
    let (policies, next_token) = page(policies, input.next_token.as_ref(), input.limit)?;
    Ok(DescribeResourcePoliciesOutput { resource_policies: Some(policies), next_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_described_in_their_usual_form() {
        let document = r#"{"Statement":[{"Action":"logs:*","Effect":"Allow","Principal":{"Service":["a.amazonaws.com"]},"Resource":"*"}]}"#;
        let kept = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"a.amazonaws.com"},"Action":"logs:*","Resource":"*"}]}"#;
        assert_eq!(canonical(document).as_deref(), Some(kept));
        for document in ["", "[]", "{}", r#"{"Statement": 1}"#, r#"{"Statement": [{"Effect": "Maybe"}]}"#] {
            assert_eq!(canonical(document), None, "{document}");
        }
    }
}
