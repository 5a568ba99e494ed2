//! The policy simulator: what would be decided, without doing it.

use std::collections::BTreeSet;
use std::sync::Arc;

use pilvi_bus::{Arn, Ctx};
use pilvi_model::Shape;
use pilvi_policy::{Context, Decision, Policies, Policy, Principal, PrincipalKind, Request, StatementRef, evaluate};

use crate::core::{Identity, entity};
use crate::errors::IamError;
use crate::page::page;
use crate::state::Kind;

/// What SimulateCustomPolicy takes.
#[derive(Shape)]
pub(crate) struct CustomInput {
    policy_input_list: Vec<String>,
    permissions_boundary_policy_input_list: Option<Vec<String>>,
    action_names: Vec<String>,
    resource_arns: Option<Vec<String>>,
    resource_policy: Option<String>,
    resource_owner: Option<String>,
    caller_arn: Option<String>,
    context_entries: Option<Vec<ContextEntry>>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// What SimulatePrincipalPolicy takes.
#[derive(Shape)]
pub(crate) struct PrincipalInput {
    pub(crate) policy_source_arn: String,
    policy_input_list: Option<Vec<String>>,
    permissions_boundary_policy_input_list: Option<Vec<String>>,
    action_names: Vec<String>,
    resource_arns: Option<Vec<String>>,
    resource_policy: Option<String>,
    resource_owner: Option<String>,
    caller_arn: Option<String>,
    context_entries: Option<Vec<ContextEntry>>,
    marker: Option<String>,
    max_items: Option<i64>,
}

#[derive(Shape)]
struct ContextEntry {
    context_key_name: Option<String>,
    context_key_values: Option<Vec<String>>,
    context_key_type: Option<String>,
}

/// A page of decisions.
#[derive(Shape)]
pub(crate) struct SimulateOutput {
    evaluation_results: Vec<EvaluationResult>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Shape)]
struct EvaluationResult {
    eval_action_name: String,
    eval_resource_name: Option<String>,
    eval_decision: String,
    matched_statements: Option<Vec<MatchedStatement>>,
    missing_context_values: Option<Vec<String>>,
    permissions_boundary_decision_detail: Option<BoundaryDecision>,
}

#[derive(Shape)]
struct MatchedStatement {
    source_policy_id: Option<String>,
    source_policy_type: Option<String>,
}

#[derive(Shape)]
struct BoundaryDecision {
    allowed_by_permissions_boundary: Option<bool>,
}

/// Everything that one simulation needs.
struct Simulation {
    caller: Principal,
    identity: Vec<Arc<Policy>>,
    boundaries: Vec<Arc<Policy>>,
    resource_policy: Option<Policy>,
    resource_owner: String,
    context: Context,
}

fn compile(name: &str, texts: Option<Vec<String>>) -> Result<Vec<Arc<Policy>>, IamError> {
    let compiled = texts.unwrap_or_default().into_iter().enumerate().map(|(index, text)| {
        let policy = Policy::load(&format!("{name}.{}", index + 1), &text);
        policy.map(Arc::new).map_err(|error| IamError::InvalidInput(error.to_string()))
    });
    compiled.collect()
}

fn context(entries: Option<Vec<ContextEntry>>) -> Context {
    let mut context = Context::default();
    for entry in entries.unwrap_or_default() {
        let (Some(key), values) = (entry.context_key_name, entry.context_key_values.unwrap_or_default()) else {
            continue;
        };
        let list = entry.context_key_type.is_some_and(|kind| kind.ends_with("List"));
        match values.as_slice() {
            [one] if !list => context.set(&key, one.as_str()),
            many => context.set_many(&key, many.iter().map(String::as_str)),
        }
    }
    context
}

/// The principal that an ARN of a user or role names.
fn caller(arn: &str) -> Result<Principal, IamError> {
    let invalid =
        || IamError::InvalidInput(format!("Invalid Entity Arn: {arn} does not clearly define entity type and name."));
    let parsed = Arn::parse(arn).ok_or_else(invalid)?;
    let account = parsed.account.as_str();
    match parsed.resource.split('/').next() {
        Some("user") => Ok(Principal::user(account, arn)),
        Some("role") => Ok(Principal { kind: PrincipalKind::RoleSession, ..Principal::user(account, arn) }),
        Some("group") => Ok(Principal::user(account, arn)),
        Some("assumed-role") => {
            let role = parsed.resource.split('/').nth(1).unwrap_or_default();
            let role_arn = format!("arn:{}:iam::{account}:role/{role}", parsed.partition);
            Ok(Principal::role_session(account, arn, &role_arn))
        }
        _ => Err(invalid()),
    }
}

impl Simulation {
    fn run(&self, action: &str, resource: &str) -> EvaluationResult {
        let request = Request {
            principal: &self.caller,
            action,
            resources: &[resource],
            resource_account: &self.resource_owner,
            context: &self.context,
        };
        let identity: Vec<&Policy> = self.identity.iter().map(|policy| &**policy).collect();
        let boundary = self.boundaries.first().map(|policy| &**policy);
        let policies =
            Policies { identity: &identity, resource: self.resource_policy.as_ref(), boundary, ..Policies::default() };
        let (decision, by) = match evaluate(&request, &policies) {
            Decision::Allowed { by } => ("allowed", by),
            Decision::ImplicitDeny { .. } => ("implicitDeny", None),
            Decision::ExplicitDeny { by, .. } => ("explicitDeny", Some(by)),
        };
        EvaluationResult {
            eval_action_name: action.to_owned(),
            eval_resource_name: Some(resource.to_owned()),
            eval_decision: decision.to_owned(),
            matched_statements: Some(by.iter().map(matched).collect()),
            missing_context_values: Some(self.missing()),
            permissions_boundary_decision_detail: boundary.map(|boundary| {
                let alone = Policies { identity: &[boundary], ..Policies::default() };
                let allowed = evaluate(&request, &alone).is_allowed();
                BoundaryDecision { allowed_by_permissions_boundary: Some(allowed) }
            }),
        }
    }

    /// Keys that the policies look at and the simulation does not know.
    fn missing(&self) -> Vec<String> {
        let policies = self.identity.iter().chain(&self.boundaries).map(|policy| &**policy);
        let keys: BTreeSet<&str> = policies.chain(&self.resource_policy).flat_map(Policy::condition_keys).collect();
        keys.into_iter().filter(|key| self.context.get(key).is_none()).map(str::to_owned).collect()
    }

    fn output(
        &self,
        actions: &[String],
        resources: Option<Vec<String>>,
        marker: Option<&str>,
        max: Option<i64>,
    ) -> Result<SimulateOutput, IamError> {
        let resources = resources.filter(|list| !list.is_empty()).unwrap_or_else(|| vec!["*".to_owned()]);
        let mut results = Vec::new();
        for action in actions {
            for resource in &resources {
                results.push((format!("{:08}", results.len()), self.run(action, resource)));
            }
        }
        let shown = page(results, marker, max)?;
        Ok(SimulateOutput {
            is_truncated: Some(shown.is_truncated()),
            evaluation_results: shown.items,
            marker: shown.marker,
        })
    }
}

fn matched(by: &StatementRef<'_>) -> MatchedStatement {
    let kind = match by.kind {
        pilvi_policy::PolicyKind::Resource => "Resource Policy",
        _ => "IAM Policy",
    };
    let id = by.policy.name().rsplit('/').next().unwrap_or_default();
    MatchedStatement { source_policy_id: Some(id.to_owned()), source_policy_type: Some(kind.to_owned()) }
}

fn resource_policy(text: Option<String>) -> Result<Option<Policy>, IamError> {
    let policy = text.map(|text| Policy::load("ResourcePolicy", &text)).transpose();
    policy.map_err(|error| IamError::InvalidInput(error.to_string()))
}

/// The account of an ARN, or the account itself where it is given so.
fn account_of(owner: Option<String>, default: &str) -> String {
    let Some(owner) = owner else { return default.to_owned() };
    Arn::parse(&owner).map_or(owner, |arn| arn.account)
}

pub(crate) async fn custom(_: Arc<Identity>, ctx: Ctx, input: CustomInput) -> Result<SimulateOutput, IamError> {
    let caller = match &input.caller_arn {
        Some(arn) => caller(arn)?,
        None => Principal::user(&ctx.account, &ctx.principal.arn(&ctx.region)),
    };
    let simulation = Simulation {
        resource_owner: account_of(input.resource_owner, &caller.account),
        caller,
        identity: compile("PolicyInputList", Some(input.policy_input_list))?,
        boundaries: compile("PermissionsBoundaryPolicyInputList", input.permissions_boundary_policy_input_list)?,
        resource_policy: resource_policy(input.resource_policy)?,
        context: context(input.context_entries),
    };
    simulation.output(&input.action_names, input.resource_arns, input.marker.as_deref(), input.max_items)
}

pub(crate) async fn principal(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: PrincipalInput,
) -> Result<SimulateOutput, IamError> {
    let (kind, name) = source(&input.policy_source_arn)?;
    identity.read(|tx| entity(tx, &ctx.account, kind, &name))?;
    let attached = identity.attached(&ctx.account, kind, &name)?;
    let caller = caller(input.caller_arn.as_ref().unwrap_or(&input.policy_source_arn))?;
    let mut policies = attached.policies.clone();
    policies.extend(compile("PolicyInputList", input.policy_input_list)?);
    let mut boundaries = compile("PermissionsBoundaryPolicyInputList", input.permissions_boundary_policy_input_list)?;
    if boundaries.is_empty() {
        boundaries.extend(attached.boundary.clone());
    }
    let mut context = context(input.context_entries);
    if kind == Kind::User && context.get("aws:username").is_none() {
        context.set("aws:username", name);
    }
    let simulation = Simulation {
        resource_owner: account_of(input.resource_owner, &caller.account),
        caller,
        identity: policies,
        boundaries,
        resource_policy: resource_policy(input.resource_policy)?,
        context,
    };
    simulation.output(&input.action_names, input.resource_arns, input.marker.as_deref(), input.max_items)
}

/// The entity whose policies are simulated.
fn source(arn: &str) -> Result<(Kind, String), IamError> {
    let parsed = Arn::parse(arn);
    let parts = parsed.as_ref().and_then(|arn| arn.resource.split_once('/'));
    let kind = match parts {
        Some(("user", _)) => Kind::User,
        Some(("role", _)) => Kind::Role,
        Some(("group", _)) => Kind::Group,
        _ => {
            let text = format!("Invalid Entity Arn: {arn} does not clearly define entity type and name.");
            return Err(IamError::InvalidInput(text));
        }
    };
    let path = parts.map_or("", |(_, path)| path);
    Ok((kind, path.rsplit('/').next().unwrap_or(path).to_owned()))
}

/// What GetContextKeysForCustomPolicy takes.
#[derive(Shape)]
pub(crate) struct CustomKeysInput {
    policy_input_list: Vec<String>,
}

/// What GetContextKeysForPrincipalPolicy takes.
#[derive(Shape)]
pub(crate) struct PrincipalKeysInput {
    pub(crate) policy_source_arn: String,
    policy_input_list: Option<Vec<String>>,
}

/// The condition keys that policies look at.
#[derive(Shape)]
pub(crate) struct KeysOutput {
    context_key_names: Vec<String>,
}

fn keys(policies: &[Arc<Policy>]) -> KeysOutput {
    let keys: BTreeSet<&str> = policies.iter().flat_map(|policy| policy.condition_keys()).collect();
    KeysOutput { context_key_names: keys.into_iter().map(str::to_owned).collect() }
}

pub(crate) async fn custom_keys(_: Arc<Identity>, _: Ctx, input: CustomKeysInput) -> Result<KeysOutput, IamError> {
    Ok(keys(&compile("PolicyInputList", Some(input.policy_input_list))?))
}

pub(crate) async fn principal_keys(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: PrincipalKeysInput,
) -> Result<KeysOutput, IamError> {
    let (kind, name) = source(&input.policy_source_arn)?;
    identity.read(|tx| entity(tx, &ctx.account, kind, &name))?;
    let mut policies = identity.attached(&ctx.account, kind, &name)?.policies.clone();
    policies.extend(compile("PolicyInputList", input.policy_input_list)?);
    Ok(keys(&policies))
}
