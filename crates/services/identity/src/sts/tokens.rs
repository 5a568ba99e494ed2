//! GetSessionToken, GetFederationToken.

use std::sync::Arc;

use pilvi_bus::{Ctx, Principal};
use pilvi_model::Shape;

use super::Credentials;
use super::session::{PolicyDescriptor, check_mfa, packed_percent, policies};
use crate::core::Identity;
use crate::errors::IamError;
use crate::iam::shapes::{Tag, tags_in};
use crate::ids;
use crate::state::{SessionKey, SessionMore, SessionWho};

/// The default life of these tokens; a root user's holds an hour.
const TWELVE_HOURS: i64 = 12 * 3600;
const ROOT_LIMIT: i64 = 3600;

/// What GetSessionToken takes.
#[derive(Shape)]
pub(crate) struct GetSessionTokenInput {
    duration_seconds: Option<i64>,
    serial_number: Option<String>,
    token_code: Option<String>,
}

/// The caller's own temporary credentials.
#[derive(Shape)]
pub(crate) struct GetSessionTokenOutput {
    credentials: Option<Credentials>,
}

fn session(identity: &Identity, who: SessionWho, duration: i64) -> SessionKey {
    SessionKey {
        secret: ids::secret(),
        token: ids::session_token(),
        expires: identity.now() + duration,
        who,
        policies: Vec::new(),
        tags: Vec::new(),
        transitive: Vec::new(),
        issued: identity.now(),
        more: SessionMore::default(),
    }
}

fn duration(ctx: &Ctx, asked: Option<i64>) -> i64 {
    match ctx.principal {
        Principal::Root { .. } => asked.unwrap_or(ROOT_LIMIT).min(ROOT_LIMIT),
        _ => asked.unwrap_or(TWELVE_HOURS),
    }
}

pub(crate) async fn get_session_token(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: GetSessionTokenInput,
) -> Result<GetSessionTokenOutput, IamError> {
    let who = match &ctx.principal {
        Principal::Root { account } => SessionWho::Root { account: account.clone() },
        Principal::User { account, name, path, id } => {
            SessionWho::User { account: account.clone(), name: name.clone(), path: path.clone(), id: id.clone() }
        }
        _ => return Err(IamError::AccessDenied("Cannot call GetSessionToken with session credentials".into())),
    };
    let mut session = session(&identity, who, duration(&ctx, input.duration_seconds));
    session.more.mfa = check_mfa(&identity, &ctx, input.serial_number.as_deref(), input.token_code.as_deref())?;
    let credentials = identity.issue(session, &ctx.account).await?;
    Ok(GetSessionTokenOutput { credentials: Some(credentials.into()) })
}

/// What GetFederationToken takes.
#[derive(Shape)]
pub(crate) struct GetFederationTokenInput {
    pub(crate) name: String,
    policy: Option<String>,
    policy_arns: Option<Vec<PolicyDescriptor>>,
    duration_seconds: Option<i64>,
    tags: Option<Vec<Tag>>,
}

/// Credentials for a federated user.
#[derive(Shape)]
pub(crate) struct GetFederationTokenOutput {
    credentials: Option<Credentials>,
    federated_user: Option<FederatedUser>,
    packed_policy_size: Option<i64>,
}

#[derive(Shape)]
struct FederatedUser {
    federated_user_id: String,
    arn: String,
}

pub(crate) async fn get_federation_token(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: GetFederationTokenInput,
) -> Result<GetFederationTokenOutput, IamError> {
    if !matches!(ctx.principal, Principal::Root { .. } | Principal::User { .. }) {
        return Err(IamError::AccessDenied("Cannot call GetFederationToken with session credentials".into()));
    }
    let who = SessionWho::Federated {
        account: ctx.account.clone(),
        name: input.name,
        issuer: ctx.principal.arn(&ctx.region),
    };
    let mut session = session(&identity, who, duration(&ctx, input.duration_seconds));
    session.policies = policies(&identity, input.policy, input.policy_arns)?;
    session.tags = tags_in(input.tags);
    crate::tags::check(&session.tags, true).map_err(|error| IamError::InvalidParameter(error.to_string()))?;
    let packed = packed_percent(&session.policies, &session.tags);
    // Without session policies a federated user may do nothing ("GetFederationToken", Permissions).
    if session.policies.is_empty() {
        session.policies.push(r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned());
    }
    let principal = crate::keys::session_principal(&session);
    let credentials = identity.issue(session, &ctx.account).await?;
    Ok(GetFederationTokenOutput {
        credentials: Some(credentials.into()),
        federated_user: Some(FederatedUser { federated_user_id: principal.id(), arn: principal.arn(&ctx.region) }),
        packed_policy_size: Some(packed),
    })
}
