//! AddPermission, RemovePermission, GetPolicy: a function's resource policy.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use serde_json::{Map, Value, json};

use super::get_function::FunctionInput;
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{POLICIES, Policy, VersionKey};

/// What AddPermission takes.
#[derive(Shape)]
pub(crate) struct AddPermissionInput {
    pub(crate) function_name: String,
    statement_id: String,
    action: String,
    principal: String,
    source_arn: Option<String>,
    source_account: Option<String>,
    event_source_token: Option<String>,
    qualifier: Option<String>,
    revision_id: Option<String>,
    #[shape(name = "PrincipalOrgID")]
    principal_org_id: Option<String>,
    function_url_auth_type: Option<String>,
}

/// The statement, as JSON.
#[derive(Shape)]
pub(crate) struct AddPermissionOutput {
    statement: Option<String>,
}

fn policy_key(named: &Named) -> VersionKey {
    let qualifier = named.qualifier.clone().unwrap_or_default();
    (named.account.clone(), named.region.clone(), named.name.clone(), qualifier)
}

/// The statement in the form in which Lambda keeps it.
fn statement(input: &AddPermissionInput, named: &Named) -> Value {
    let principal = if input.principal == "*" {
        json!("*")
    } else if input.principal.contains(".amazonaws.com") {
        json!({ "Service": input.principal })
    } else if input.principal.len() == 12 && input.principal.bytes().all(|digit| digit.is_ascii_digit()) {
        let partition = pilvi_bus::region::partition(&named.region);
        json!({ "AWS": format!("arn:{partition}:iam::{}:root", input.principal) })
    } else {
        json!({ "AWS": input.principal })
    };
    let mut conditions: Map<String, Value> = Map::new();
    let mut add = |operator: &str, key: &str, value: &Option<String>| {
        if let Some(value) = value {
            let entry = conditions.entry(operator.to_owned()).or_insert_with(|| json!({}));
            if let Some(entry) = entry.as_object_mut() {
                entry.insert(key.to_owned(), json!(value));
            }
        }
    };
    add("StringEquals", "AWS:SourceAccount", &input.source_account);
    add("StringEquals", "lambda:EventSourceToken", &input.event_source_token);
    add("StringEquals", "aws:PrincipalOrgID", &input.principal_org_id);
    add("StringEquals", "lambda:FunctionUrlAuthType", &input.function_url_auth_type);
    add("ArnLike", "AWS:SourceArn", &input.source_arn);
    let mut statement = json!({
        "Sid": input.statement_id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": input.action,
        "Resource": named.arn(),
    });
    if let (false, Some(statement)) = (conditions.is_empty(), statement.as_object_mut()) {
        statement.insert("Condition".to_owned(), Value::Object(conditions));
    }
    statement
}

pub(crate) async fn add_permission(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: AddPermissionInput,
) -> Result<AddPermissionOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let new = statement(&input, &named);
    let text = new.to_string();
    functions
        .store()
        .write(move |tx| {
            find(tx, &named)?;
            let key = policy_key(&named);
            let mut policy =
                tx.get(&POLICIES, &key)?.unwrap_or(Policy { statements: Vec::new(), revision: String::new() });
            if input.revision_id.as_ref().is_some_and(|revision| *revision != policy.revision) {
                return Err(FunctionError::Revision);
            }
            let sid = &input.statement_id;
            if policy.statements.iter().any(|(name, _)| name == sid) {
                let text = format!("The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing statement.");
                return Err(FunctionError::Conflict(text));
            }
            policy.statements.push((sid.clone(), new.clone()));
            policy.revision = uuid::Uuid::new_v4().to_string();
            tx.put(&POLICIES, &key, &policy)?;
            Ok(())
        })
        .await?;
    Ok(AddPermissionOutput { statement: Some(text) })
}

/// What RemovePermission takes.
#[derive(Shape)]
pub(crate) struct RemovePermissionInput {
    pub(crate) function_name: String,
    statement_id: String,
    qualifier: Option<String>,
    revision_id: Option<String>,
}

pub(crate) async fn remove_permission(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: RemovePermissionInput,
) -> Result<(), FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    functions
        .store()
        .write(move |tx| {
            find(tx, &named)?;
            let key = policy_key(&named);
            let missing = || {
                let text = format!("Statement {} is not found in resource policy.", input.statement_id);
                FunctionError::Missing(text)
            };
            let mut policy = tx.get(&POLICIES, &key)?.ok_or_else(no_policy)?;
            if input.revision_id.as_ref().is_some_and(|revision| *revision != policy.revision) {
                return Err(FunctionError::Revision);
            }
            let before = policy.statements.len();
            policy.statements.retain(|(sid, _)| *sid != input.statement_id);
            if policy.statements.len() == before {
                return Err(missing());
            }
            policy.revision = uuid::Uuid::new_v4().to_string();
            if policy.statements.is_empty() {
                tx.delete(&POLICIES, &key)?;
            } else {
                tx.put(&POLICIES, &key, &policy)?;
            }
            Ok(())
        })
        .await
}

fn no_policy() -> FunctionError {
    FunctionError::Missing("No policy is associated with the given resource.".to_owned())
}

/// A function's policy.
#[derive(Shape)]
pub(crate) struct GetPolicyOutput {
    policy: Option<String>,
    revision_id: Option<String>,
}

/// The policy's document.
pub(crate) fn document(policy: &Policy) -> String {
    let statements: Vec<&Value> = policy.statements.iter().map(|(_, statement)| statement).collect();
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements }).to_string()
}

pub(crate) async fn get_policy(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionInput,
) -> Result<GetPolicyOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let policy = functions.store().read(|tx| {
        find(tx, &named)?;
        tx.get(&POLICIES, &policy_key(&named))?.ok_or_else(no_policy)
    })?;
    Ok(GetPolicyOutput { policy: Some(document(&policy)), revision_id: Some(policy.revision) })
}

/// The policy document of the function with this ARN, qualified or not.
pub(crate) fn of_arn(functions: &Functions, arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    let (region, account, name, qualifier) = match parts.as_slice() {
        ["arn", _, "lambda", region, account, "function", name] => (*region, *account, *name, ""),
        ["arn", _, "lambda", region, account, "function", name, qualifier] => (*region, *account, *name, *qualifier),
        _ => return None,
    };
    let policy = functions.store().read(|tx| tx.get(&POLICIES, &(account, region, name, qualifier)));
    policy.ok().flatten().map(|policy| document(&policy))
}
