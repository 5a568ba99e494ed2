//! AddPermission, RemovePermission, GetPolicy: a function's resource policy.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Shape;
use pilvi_store::{ReadTx, WriteTx};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::get_function::FunctionInput;
use crate::core::{Functions, alias, exists, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{ALIASES, Alias, FUNCTIONS, Function, LATEST, POLICIES, Policy, VersionKey};

/// "Lambda quotas": function resource-based policy.
const MOST_POLICY: usize = 20_480;

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
    invoked_via_function_url: Option<bool>,
}

/// The statement, as JSON.
#[derive(Shape)]
pub(crate) struct AddPermissionOutput {
    statement: Option<String>,
}

fn policy_key(named: &Named) -> VersionKey {
    named.key_at(named.qualifier.as_deref().unwrap_or_default())
}

/// Whom a permission is for, in the form in which Lambda keeps it.
fn principal(text: &str, region: &str) -> Result<Value, FunctionError> {
    let is_account = text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit());
    let is_service = ["amazonaws.com", "amazonaws.com.cn", "amazon.com"]
        .iter()
        .any(|ending| text.strip_suffix(ending).is_some_and(|name| name.ends_with('.') && !name.contains(':')));
    if text == "*" {
        Ok(json!("*"))
    } else if is_account {
        let partition = pilvi_bus::region::partition(region);
        Ok(json!({ "AWS": format!("arn:{partition}:iam::{text}:root") }))
    } else if text.starts_with("arn:") {
        Ok(json!({ "AWS": text }))
    } else if is_service {
        Ok(json!({ "Service": text }))
    } else {
        let text = "The provided principal was invalid. Please check the principal and try again.";
        Err(FunctionError::Invalid(text.to_owned()))
    }
}

/// The statement in the form in which Lambda keeps it.
fn statement(input: &AddPermissionInput, named: &Named) -> Result<Value, FunctionError> {
    let mut conditions: Map<String, Value> = Map::new();
    let mut add = |operator: &str, key: &str, value: Option<&str>| {
        if let Some(value) = value {
            let entry = conditions.entry(operator.to_owned()).or_insert_with(|| json!({}));
            if let Some(entry) = entry.as_object_mut() {
                entry.insert(key.to_owned(), json!(value));
            }
        }
    };
    add("StringEquals", "lambda:EventSourceToken", input.event_source_token.as_deref());
    add("StringEquals", "lambda:FunctionUrlAuthType", input.function_url_auth_type.as_deref());
    add("StringEquals", "aws:PrincipalOrgID", input.principal_org_id.as_deref());
    add("StringEquals", "AWS:SourceAccount", input.source_account.as_deref());
    add("ArnLike", "AWS:SourceArn", input.source_arn.as_deref());
    let via_url = input.invoked_via_function_url.map(|via| if via { "true" } else { "false" });
    add("Bool", "lambda:InvokedViaFunctionUrl", via_url);
    let mut statement = json!({
        "Sid": input.statement_id,
        "Effect": "Allow",
        "Principal": principal(&input.principal, &named.region)?,
        "Action": input.action,
        "Resource": named.arn(),
    });
    if let (false, Some(statement)) = (conditions.is_empty(), statement.as_object_mut()) {
        statement.insert("Condition".to_owned(), Value::Object(conditions));
    }
    Ok(statement)
}

/// What a policy belongs to, whose revision is the policy's too.
enum Owner {
    Function(Box<Function>),
    Alias(Alias),
}

impl Owner {
    fn find(tx: &ReadTx<'_>, named: &Named) -> Result<Owner, FunctionError> {
        find(tx, &named.clone().unqualified())?;
        exists(tx, named)?;
        match alias(tx, named)? {
            Some(alias) => Ok(Owner::Alias(alias)),
            None => Ok(Owner::Function(Box::new(find(tx, named)?))),
        }
    }

    fn check(&self, revision: Option<&String>) -> Result<(), FunctionError> {
        let Some(revision) = revision else { return Ok(()) };
        let same = match self {
            Owner::Function(function) => function.is_revision(revision),
            Owner::Alias(alias) => alias.revision == *revision,
        };
        if same { Ok(()) } else { Err(FunctionError::Revision) }
    }

    /// Gives it another revision.
    fn touch(self, tx: &mut WriteTx<'_>, named: &Named) -> Result<(), FunctionError> {
        match self {
            Owner::Function(mut function) => {
                function.touch();
                tx.put(&FUNCTIONS, &function.key(), &*function)?;
            }
            Owner::Alias(mut alias) => {
                alias.revision = Uuid::new_v4().to_string();
                tx.put(&ALIASES, &policy_key(named), &alias)?;
            }
        }
        Ok(())
    }
}

/// The refusal of a second statement of this id.
pub(crate) fn statement_exists(sid: &str) -> FunctionError {
    FunctionError::Conflict(format!(
        "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing statement."
    ))
}

/// There is no statement of this id.
pub(crate) fn statement_missing(sid: &str) -> FunctionError {
    FunctionError::Missing(format!("Statement {sid} is not found in resource policy."))
}

pub(crate) async fn add_permission(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: AddPermissionInput,
) -> Result<AddPermissionOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    if named.qualifier.as_deref() == Some(LATEST) {
        let text = "We currently do not support adding policies for $LATEST.";
        return Err(FunctionError::Invalid(text.to_owned()));
    }
    let new = statement(&input, &named)?;
    let text = new.to_string();
    functions
        .store()
        .write(move |tx| {
            let owner = Owner::find(tx, &named)?;
            let key = policy_key(&named);
            let empty = || Policy { statements: Vec::new(), revision: String::new() };
            let mut policy = tx.get(&POLICIES, &key)?.unwrap_or_else(empty);
            owner.check(input.revision_id.as_ref())?;
            if policy.statements.iter().any(|(sid, _)| *sid == input.statement_id) {
                return Err(statement_exists(&input.statement_id));
            }
            policy.statements.push((input.statement_id.clone(), new.clone()));
            let size = document(&policy).len();
            if size > MOST_POLICY {
                let text = format!("The final policy size ({size}) is bigger than the limit ({MOST_POLICY}).");
                return Err(FunctionError::Api(ApiError::new("PolicyLengthExceededException", 400, text)));
            }
            owner.touch(tx, &named)?;
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
            let unqualified = named.clone().unqualified();
            let none = |_| FunctionError::Missing(format!("No policy found for: {}", unqualified.arn()));
            find(tx, &unqualified).map_err(none)?;
            let owner = Owner::find(tx, &named)?;
            let key = policy_key(&named);
            let mut policy = tx.get(&POLICIES, &key)?.ok_or_else(no_policy)?;
            let before = policy.statements.len();
            policy.statements.retain(|(sid, _)| *sid != input.statement_id);
            if policy.statements.len() == before {
                return Err(statement_missing(&input.statement_id));
            }
            owner.check(input.revision_id.as_ref())?;
            owner.touch(tx, &named)?;
            if policy.statements.is_empty() {
                tx.delete(&POLICIES, &key)?;
            } else {
                tx.put(&POLICIES, &key, &policy)?;
            }
            Ok(())
        })
        .await
}

/// There is no policy to change.
pub(crate) fn no_policy() -> FunctionError {
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
    let now = functions.platform.clock.now_ms();
    let (policy, revision) = functions.store().read(|tx| {
        let missing = || FunctionError::Missing("The resource you requested does not exist.".to_owned());
        find(tx, &named.clone().unqualified())?;
        let revision = match Owner::find(tx, &named).map_err(|_| missing())? {
            Owner::Function(function) => function.revision(now).to_owned(),
            Owner::Alias(alias) => alias.revision,
        };
        Ok::<_, FunctionError>((tx.get(&POLICIES, &policy_key(&named))?.ok_or_else(missing)?, revision))
    })?;
    Ok(GetPolicyOutput { policy: Some(document(&policy)), revision_id: Some(revision) })
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
