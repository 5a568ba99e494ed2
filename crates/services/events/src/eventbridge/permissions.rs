//! PutPermission, RemovePermission: a bus's policy, statement by statement or whole.

use std::sync::Arc;

use pilvi_bus::{Ctx, region};
use pilvi_model::Shape;
use serde_json::{Value, json};

use crate::core::{Events, change_bus};
use crate::errors::EventsError;
use crate::names::BusName;

/// The longest policy: "Amazon EventBridge quotas", size of event bus policy.
const LONGEST: usize = 10_240;

/// What PutPermission takes.
#[derive(Shape)]
pub(crate) struct PutPermissionInput {
    pub(crate) event_bus_name: Option<String>,
    action: Option<String>,
    principal: Option<String>,
    statement_id: Option<String>,
    condition: Option<Condition>,
    policy: Option<String>,
}

/// A condition: of an organization.
#[derive(Shape)]
pub(crate) struct Condition {
    #[shape(name = "Type")]
    kind: String,
    key: String,
    value: String,
}

pub(crate) async fn put_permission(
    events: Arc<Events>,
    ctx: Ctx,
    input: PutPermissionInput,
) -> Result<(), EventsError> {
    let name = BusName::of(&ctx, input.event_bus_name.as_deref());
    let now = events.now();
    if let Some(policy) = input.policy {
        if input.action.is_some() || input.principal.is_some() || input.statement_id.is_some() {
            let text =
                "If Policy is specified, then Action, Principal, StatementId and Condition must not be specified.";
            return Err(EventsError::Invalid(text.to_owned()));
        }
        let document: Value = serde_json::from_str(&policy).unwrap_or_default();
        if !document.is_object() {
            return Err(EventsError::parameter("Policy", "Policy document is not valid JSON."));
        }
        return set(&events, name, now, move |_| Ok(document.clone())).await;
    }
    let required = |value: Option<String>, name: &str| {
        value.ok_or_else(|| EventsError::Invalid(format!("Parameter {name} must be specified.")))
    };
    let action = required(input.action, "Action")?;
    if action != "events:PutEvents" {
        return Err(EventsError::Invalid("Provided value in parameter 'action' is not supported.".to_owned()));
    }
    let principal = required(input.principal, "Principal")?;
    let sid = required(input.statement_id, "StatementId")?;
    let principal = match principal.as_str() {
        "*" => json!("*"),
        account => json!({"AWS": format!("arn:{}:iam::{account}:root", region::partition(&name.region))}),
    };
    let mut statement =
        json!({"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": name.arn()});
    if let (Some(condition), Value::Object(members)) = (input.condition, &mut statement) {
        let condition = json!({ condition.kind: { condition.key: condition.value } });
        members.insert("Condition".to_owned(), condition);
    }
    set(&events, name, now, move |policy| {
        let mut policy = policy.unwrap_or_else(|| json!({"Version": "2012-10-17", "Statement": []}));
        with_statements(&mut policy, |statements| {
            match statements.iter_mut().find(|own| own.get("Sid") == statement.get("Sid")) {
                Some(own) => *own = statement.clone(),
                None => statements.push(statement.clone()),
            }
        });
        Ok(policy)
    })
    .await
}

/// What RemovePermission takes.
#[derive(Shape)]
pub(crate) struct RemovePermissionInput {
    pub(crate) event_bus_name: Option<String>,
    statement_id: Option<String>,
    remove_all_permissions: Option<bool>,
}

pub(crate) async fn remove_permission(
    events: Arc<Events>,
    ctx: Ctx,
    input: RemovePermissionInput,
) -> Result<(), EventsError> {
    let name = BusName::of(&ctx, input.event_bus_name.as_deref());
    let (now, all) = (events.now(), input.remove_all_permissions.unwrap_or(false));
    if !all && input.statement_id.is_none() {
        return Err(EventsError::Invalid("Parameter StatementId must be specified.".to_owned()));
    }
    let sid = input.statement_id.map(Value::from);
    set(&events, name, now, move |policy| {
        if all {
            return Ok(Value::Null);
        }
        let missing = || EventsError::NotFound("Statement with the provided id does not exist.".to_owned());
        let mut policy = policy.ok_or_else(missing)?;
        let (before, after) = with_statements(&mut policy, |statements| {
            let before = statements.len();
            statements.retain(|own| own.get("Sid") != sid.as_ref());
            (before, statements.len())
        });
        match after {
            0 if before > 0 => Ok(Value::Null),
            _ if before == after => Err(missing()),
            _ => Ok(policy),
        }
    })
    .await
}

/// Sets a bus's policy to what becomes of the one that it has; null: none.
async fn set(
    events: &Events,
    name: BusName,
    now: i64,
    change: impl Fn(Option<Value>) -> Result<Value, EventsError> + Send + 'static,
) -> Result<(), EventsError> {
    change_bus(events, name, move |bus| {
        let policy = bus.policy.as_deref().and_then(|policy| serde_json::from_str(policy).ok());
        let policy = change(policy)?;
        let text = (!policy.is_null()).then(|| policy.to_string());
        if text.as_ref().is_some_and(|text| text.len() > LONGEST) {
            return Err(EventsError::PolicyTooLong);
        }
        bus.policy = text;
        bus.modified = now;
        Ok(())
    })
    .await
    .map(|_| ())
}

/// Changes the statements of a policy, of which a single one may stand without a list.
fn with_statements<T>(policy: &mut Value, change: impl FnOnce(&mut Vec<Value>) -> T) -> T {
    let mut statements = match policy.get_mut("Statement").map(Value::take) {
        Some(Value::Array(statements)) => statements,
        Some(single @ Value::Object(_)) => vec![single],
        _ => Vec::new(),
    };
    let result = change(&mut statements);
    if let Value::Object(members) = policy {
        members.insert("Statement".to_owned(), Value::Array(statements));
    }
    result
}
