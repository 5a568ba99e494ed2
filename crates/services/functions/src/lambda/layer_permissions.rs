//! AddLayerVersionPermission, RemoveLayerVersionPermission, GetLayerVersionPolicy.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::ReadTx;
use serde_json::json;
use uuid::Uuid;

use super::layers::{self, LayerVersionInput};
use super::permissions::{document, no_policy, statement_exists, statement_missing};
use crate::core::Functions;
use crate::errors::FunctionError;
use crate::state::{LAYER_POLICIES, LAYERS, Policy};

/// What AddLayerVersionPermission takes.
#[derive(Shape)]
pub(crate) struct AddLayerPermissionInput {
    pub(crate) layer_name: String,
    pub(crate) version_number: i64,
    statement_id: String,
    action: String,
    principal: String,
    organization_id: Option<String>,
    revision_id: Option<String>,
}

/// The statement, as JSON.
#[derive(Shape)]
pub(crate) struct AddLayerPermissionOutput {
    statement: Option<String>,
    revision_id: Option<String>,
}

type Key = (String, String, String, u64);

/// The key and ARN of a version.
fn locate(ctx: &Ctx, name: &str, number: i64) -> (Key, String) {
    let arn = layers::version_arn(ctx, name, number);
    let (account, region, name) = layers::owner(ctx, name);
    ((account, region, name, u64::try_from(number).unwrap_or(0)), arn)
}

fn check_version(tx: &ReadTx<'_>, key: &Key, arn: &str) -> Result<(), FunctionError> {
    if tx.contains(&LAYERS, key)? {
        return Ok(());
    }
    Err(FunctionError::Missing(format!("Layer version {arn} does not exist.")))
}

fn check_revision(policy: &Policy, wanted: Option<&String>) -> Result<(), FunctionError> {
    if wanted.is_some_and(|revision| *revision != policy.revision) {
        return Err(FunctionError::LayerRevision);
    }
    Ok(())
}

pub(crate) async fn add(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: AddLayerPermissionInput,
) -> Result<AddLayerPermissionOutput, FunctionError> {
    let (key, arn) = locate(&ctx, &input.layer_name, input.version_number);
    let partition = pilvi_bus::region::partition(&ctx.region);
    let principal = match input.principal.as_str() {
        "*" => json!("*"),
        account if account.len() == 12 => json!({"AWS": format!("arn:{partition}:iam::{account}:root")}),
        other => json!({"AWS": other}),
    };
    let mut statement = json!({
        "Sid": input.statement_id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": input.action,
        "Resource": arn,
    });
    if let (Some(organization), Some(members)) = (&input.organization_id, statement.as_object_mut()) {
        let condition = json!({"StringEquals": {"aws:PrincipalOrgID": organization}});
        members.insert("Condition".to_owned(), condition);
    }
    functions
        .store()
        .write(move |tx| {
            check_version(tx, &key, &arn)?;
            let empty = || Policy { statements: Vec::new(), revision: String::new() };
            let mut policy = tx.get(&LAYER_POLICIES, &key)?.unwrap_or_else(empty);
            if policy.statements.iter().any(|(sid, _)| *sid == input.statement_id) {
                return Err(statement_exists(&input.statement_id));
            }
            check_revision(&policy, input.revision_id.as_ref())?;
            policy.statements.push((input.statement_id.clone(), statement.clone()));
            policy.revision = Uuid::new_v4().to_string();
            tx.put(&LAYER_POLICIES, &key, &policy)?;
            Ok(AddLayerPermissionOutput { statement: Some(statement.to_string()), revision_id: Some(policy.revision) })
        })
        .await
}

/// What RemoveLayerVersionPermission takes.
#[derive(Shape)]
pub(crate) struct RemoveLayerPermissionInput {
    pub(crate) layer_name: String,
    pub(crate) version_number: i64,
    statement_id: String,
    revision_id: Option<String>,
}

pub(crate) async fn remove(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: RemoveLayerPermissionInput,
) -> Result<(), FunctionError> {
    let (key, arn) = locate(&ctx, &input.layer_name, input.version_number);
    functions
        .store()
        .write(move |tx| {
            check_version(tx, &key, &arn)?;
            let mut policy = tx.get(&LAYER_POLICIES, &key)?.ok_or_else(no_policy)?;
            check_revision(&policy, input.revision_id.as_ref())?;
            let before = policy.statements.len();
            policy.statements.retain(|(sid, _)| *sid != input.statement_id);
            if policy.statements.len() == before {
                return Err(statement_missing(&input.statement_id));
            }
            policy.revision = Uuid::new_v4().to_string();
            if policy.statements.is_empty() {
                tx.delete(&LAYER_POLICIES, &key)?;
            } else {
                tx.put(&LAYER_POLICIES, &key, &policy)?;
            }
            Ok(())
        })
        .await
}

/// A version's policy.
#[derive(Shape)]
pub(crate) struct LayerPolicyOutput {
    policy: Option<String>,
    revision_id: Option<String>,
}

pub(crate) async fn get(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: LayerVersionInput,
) -> Result<LayerPolicyOutput, FunctionError> {
    let (key, arn) = locate(&ctx, &input.layer_name, input.version_number);
    let policy = functions.store().read(|tx| {
        check_version(tx, &key, &arn)?;
        tx.get(&LAYER_POLICIES, &key)?.ok_or_else(no_policy)
    })?;
    Ok(LayerPolicyOutput { policy: Some(document(&policy)), revision_id: Some(policy.revision) })
}
