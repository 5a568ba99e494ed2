//! AssumeRole.

use std::sync::Arc;

use pilvi_bus::{AccessRequest, ApiError, Ctx, Principal};
use pilvi_model::Shape;

use super::Credentials;
use crate::core::Identity;
use crate::documents;
use crate::errors::IamError;
use crate::iam::shapes::{Tag, tags_in};
use crate::ids;
use crate::managed;
use crate::state::{SESSIONS, SessionKey, SessionWho, Tags};

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
    source_identity: Option<String>,
}

/// A managed policy that limits the session.
#[derive(Shape)]
pub(crate) struct PolicyDescriptor {
    #[shape(name = "arn")]
    pub(crate) arn: Option<String>,
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
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

/// The longest session of a role that was assumed by another role's session ("Role chaining").
const CHAINED: i64 = 3600;

/// The caller's transitive session tags, which its next role inherits ("Passing session tags", Chaining roles).
fn inherited_tags(identity: &Identity, ctx: &Ctx) -> Result<Tags, IamError> {
    let Some(key) = &ctx.access_key else { return Ok(Tags::new()) };
    let Some(session) = identity.read(|tx| Ok(tx.get(&SESSIONS, key)?))? else { return Ok(Tags::new()) };
    let passed_on = |key: &String| session.transitive.iter().any(|transitive| transitive.eq_ignore_ascii_case(key));
    Ok(session.tags.iter().filter(|(key, _)| passed_on(key)).cloned().collect())
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
    let inherited = inherited_tags(&identity, &ctx)?;
    check_tags(&asked, &transitive, &inherited)?;
    let mut request =
        AccessRequest::new("sts:AssumeRole", role.arn.clone()).with("sts:RoleSessionName", &input.role_session_name);
    if let Some(id) = &input.external_id {
        request = request.with("sts:ExternalId", id);
    }
    if let Some(source) = &input.source_identity {
        request = request.with("sts:SourceIdentity", source);
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
    transitive.extend(inherited.iter().map(|(key, _)| key.clone()));
    let tags: Tags = asked.into_iter().chain(inherited).collect();

    let duration = input.duration_seconds.unwrap_or(3600);
    if duration > role.role.max_session {
        let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(IamError::Validation(text.into()));
    }
    if matches!(ctx.principal, Principal::Role(_)) && duration > CHAINED {
        let text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
        return Err(IamError::Validation(text.into()));
    }
    let mut policies = Vec::new();
    if let Some(text) = &input.policy {
        documents::check_identity(text)?;
        policies.push(text.clone());
    }
    for descriptor in input.policy_arns.unwrap_or_default() {
        let arn = descriptor.arn.unwrap_or_default();
        let found = identity.read(|tx| managed::find(tx, &arn))?.ok_or_else(|| IamError::no_policy(&arn))?;
        policies.push(found.document().to_owned());
    }
    let packed =
        policies.iter().map(String::len).sum::<usize>() + tags.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
    let account = role.arn.split(':').nth(4).unwrap_or_default().to_owned();
    let session = SessionKey {
        secret: ids::secret(),
        token: ids::session_token(),
        expires: identity.now() + duration,
        who: SessionWho::Role {
            account: account.clone(),
            name: role.name.clone(),
            path: role.path.clone(),
            id: role.id.clone(),
            session: input.role_session_name.clone(),
            unknown: false,
        },
        policies,
        tags,
        transitive,
        issued: identity.now(),
    };
    let principal = crate::keys::session_principal(&session);
    let credentials = identity.issue(session, &account).await?;
    Ok(AssumeRoleOutput {
        credentials: Some(credentials.into()),
        assumed_role_user: Some(AssumedRoleUser { assumed_role_id: principal.id(), arn: principal.arn(&ctx.region) }),
        // In percent of the 4,096 bytes that a session may pack.
        packed_policy_size: (packed > 0).then(|| i64::try_from(packed * 100 / 4096).unwrap_or(100).max(1)),
        source_identity: input.source_identity,
    })
}
