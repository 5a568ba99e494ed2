//! AssumeRole.

use std::sync::Arc;

use pilvi_bus::{AccessRequest, ApiError, Ctx, Principal};
use pilvi_model::Shape;

use super::Credentials;
use super::session::{PolicyDescriptor, check_mfa, packed_percent, policies};
use crate::core::Identity;
use crate::errors::IamError;
use crate::iam::shapes::{Tag, tags_in};
use crate::ids;
use crate::state::{Entity, SESSIONS, SessionKey, SessionMore, SessionWho, Tags};

/// What AssumeRole takes.
#[derive(Shape)]
pub(crate) struct AssumeRoleInput {
    pub(crate) role_arn: String,
    role_session_name: String,
    policy_arns: Option<Vec<PolicyDescriptor>>,
    policy: Option<String>,
    duration_seconds: Option<i64>,
    tags: Option<Vec<Tag>>,
    transitive_tag_keys: Option<Vec<String>>,
    external_id: Option<String>,
    serial_number: Option<String>,
    token_code: Option<String>,
    source_identity: Option<String>,
}

/// The session.
#[derive(Shape)]
pub(crate) struct AssumeRoleOutput {
    credentials: Option<Credentials>,
    assumed_role_user: Option<AssumedRoleUser>,
    packed_policy_size: Option<i64>,
    source_identity: Option<String>,
}

#[derive(Shape)]
pub(crate) struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

impl AssumedRoleUser {
    /// Whom a session's credentials stand for.
    pub(crate) fn of(session: &SessionKey, ctx: &Ctx) -> AssumedRoleUser {
        let principal = crate::keys::session_principal(session);
        AssumedRoleUser { assumed_role_id: principal.id(), arn: principal.arn(&ctx.region) }
    }
}

/// How long the session lasts, in seconds.
pub(crate) fn check_duration(role: &Entity, asked: Option<i64>) -> Result<i64, IamError> {
    let duration = asked.unwrap_or(3600);
    if duration > role.role.max_session {
        let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(IamError::Validation(text.into()));
    }
    Ok(duration)
}

/// The longest session of a role that was assumed by another role's session ("Role chaining").
const CHAINED: i64 = 3600;

/// What the caller's own session passes on: its transitive tags ("Passing session tags", Chaining roles) and its source
/// identity, which cannot be changed any more.
fn inherited(identity: &Identity, ctx: &Ctx) -> Result<(Tags, Option<String>), IamError> {
    let none = (Tags::new(), None);
    let Some(key) = &ctx.access_key else { return Ok(none) };
    let Some(session) = identity.read(|tx| Ok(tx.get(&SESSIONS, key)?))? else { return Ok(none) };
    let passed_on = |key: &String| session.transitive.iter().any(|transitive| transitive.eq_ignore_ascii_case(key));
    let tags = session.tags.iter().filter(|(key, _)| passed_on(key)).cloned().collect();
    Ok((tags, session.more.source_identity))
}

fn check_tags(asked: &Tags, transitive: &[String], inherited: &Tags) -> Result<(), IamError> {
    let named = |tags: &Tags, key: &str| tags.iter().any(|(known, _)| known.eq_ignore_ascii_case(key));
    if crate::tags::check(asked, true).is_err() {
        let text = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
        return Err(IamError::InvalidParameter(text.into()));
    }
    if !transitive.iter().all(|key| named(asked, key)) {
        let text = "The specified transitive tag key must be included in the requested tags.";
        return Err(IamError::InvalidParameter(text.into()));
    }
    if asked.iter().any(|(key, _)| named(inherited, key)) {
        let text = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag \
                    key from the calling session.";
        return Err(IamError::InvalidParameter(text.into()));
    }
    Ok(())
}

pub(crate) async fn assume_role(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: AssumeRoleInput,
) -> Result<AssumeRoleOutput, IamError> {
    let denied = || {
        let who = ctx.principal.arn(&ctx.region);
        let text = format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {}", input.role_arn);
        IamError::Api(ApiError::new("AccessDenied", 403, text))
    };
    if pilvi_bus::Arn::parse(&input.role_arn).is_none() {
        return Err(IamError::Validation(format!("{} is invalid", input.role_arn)));
    }
    let role = identity.role_by_arn(&input.role_arn)?.ok_or_else(denied)?;
    let asked = tags_in(input.tags);
    let mut transitive = input.transitive_tag_keys.unwrap_or_default();
    let (inherited, source) = inherited(&identity, &ctx)?;
    check_tags(&asked, &transitive, &inherited)?;
    let mut request =
        AccessRequest::new("sts:AssumeRole", role.arn.clone()).with("sts:RoleSessionName", &input.role_session_name);
    if let Some(id) = &input.external_id {
        request = request.with("sts:ExternalId", id);
    }
    if let (Some(own), Some(asked)) = (&source, &input.source_identity)
        && own != asked
    {
        return Err(denied());
    }
    let source_identity = input.source_identity.or(source);
    if let Some(source) = &source_identity {
        request = request.with("sts:SourceIdentity", source);
    }
    let mfa = check_mfa(&identity, &ctx, input.serial_number.as_deref(), input.token_code.as_deref())?;
    if let Some(checked) = mfa {
        request = request.with("aws:MultiFactorAuthPresent", "true");
        request = request.with("aws:MultiFactorAuthAge", (identity.now() - checked).to_string());
    }
    for (key, value) in &asked {
        request = request.with(format!("aws:RequestTag/{key}"), value);
    }
    if !asked.is_empty() {
        request.context.push(("aws:TagKeys".into(), asked.iter().map(|(key, _)| key.clone()).collect()));
        request.context.push(("sts:TransitiveTagKeys".into(), transitive.clone()));
    }
    identity.trusts(&ctx, &request, &role)?;
    if !asked.is_empty() {
        // Passing tags is an action of its own, which the trust policy has to allow too.
        let tagging = AccessRequest { action: "sts:TagSession".into(), ..request.clone() };
        identity.trusts(&ctx, &tagging, &role)?;
    }
    if source_identity.is_some() {
        let naming = AccessRequest { action: "sts:SetSourceIdentity".into(), ..request.clone() };
        identity.trusts(&ctx, &naming, &role)?;
    }
    transitive.extend(inherited.iter().map(|(key, _)| key.clone()));
    let tags: Tags = asked.into_iter().chain(inherited).collect();

    let duration = check_duration(&role, input.duration_seconds)?;
    if matches!(ctx.principal, Principal::Role(_)) && duration > CHAINED {
        let text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
        return Err(IamError::Validation(text.into()));
    }
    let policies = policies(&identity, input.policy, input.policy_arns)?;
    let packed = packed_percent(&policies, &tags);
    let account = role.arn.split(':').nth(4).unwrap_or_default().to_owned();
    let session = SessionKey {
        secret: ids::secret(),
        token: ids::session_token(),
        expires: identity.now() + duration,
        who: SessionWho::of_role(&role, &input.role_session_name),
        policies,
        tags,
        transitive,
        issued: identity.now(),
        more: SessionMore { source_identity: source_identity.clone(), mfa, provider: None },
    };
    let user = AssumedRoleUser::of(&session, &ctx);
    let credentials = identity.issue(session, &account).await?;
    Ok(AssumeRoleOutput {
        credentials: Some(credentials.into()),
        assumed_role_user: Some(user),
        packed_policy_size: (packed > 0).then_some(packed),
        source_identity,
    })
}
