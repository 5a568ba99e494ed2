//! Access keys and what they stand for, and roles taken on by services.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_bus::calls::{AssumedFor, IdentityCalls};
use pilvi_bus::identity::{Credential, KeyLookup, TemporaryCredentials};
use pilvi_bus::principal::{RoleSession, Session};
use pilvi_bus::{AccessRequest, ApiError, Arn, Ctx, IamMode, Principal};
use tracing::{info, warn};

use crate::core::{Identity, stamp};
use crate::errors::IamError;
use crate::ids;
use crate::state::{ENTITIES, Entity, KEYS, Kind, SESSIONS, SessionKey, SessionMore, SessionWho};

/// How long credentials of a service's role session hold.
const SERVICE_SESSION: i64 = 12 * 3600;
/// The account of keys that name none.
const DEFAULT_ACCOUNT: &str = "000000000000";

/// AWS's own form: `AKIA…` and `ASIA…` with sixteen more capitals and digits.
fn is_of_aws_form(key: &str) -> bool {
    (key.starts_with("AKIA") || key.starts_with("ASIA")) && key.len() >= 16
}

impl Identity {
    /// Makes temporary credentials; they are known at once and durable when this returns.
    pub(crate) async fn issue(&self, session: SessionKey, account: &str) -> Result<TemporaryCredentials, IamError> {
        let key = ids::access_key("ASIA", account);
        let credentials = credentials(&key, &session);
        self.platform
            .store
            .write(move |tx| {
                tx.put(&SESSIONS, &key, &session)?;
                Ok::<(), pilvi_store::StoreError>(())
            })
            .await?;
        Ok(credentials)
    }

    /// The same for a service's own sessions, which may be made again after a crash: nobody waits for the disk.
    fn issue_soft(&self, session: SessionKey, account: &str) -> TemporaryCredentials {
        let key = ids::access_key("ASIA", account);
        let credentials = credentials(&key, &session);
        self.own_sessions.write().insert(key.clone(), Arc::new(session.clone()));
        self.platform.store.write_behind(move |tx| tx.put(&SESSIONS, &key, &session));
        credentials
    }

    fn known_key(&self, access_key: &str) -> Result<Option<Credential>, IamError> {
        if let Some(credential) = self.root.credential(access_key) {
            return Ok(Some(credential));
        }
        let own = self.own_sessions.read().get(access_key).cloned();
        if let Some(session) = own {
            return Ok(Some(session_credential(&session)));
        }
        self.read(|tx| {
            if let Some(session) = tx.get(&SESSIONS, access_key)? {
                return Ok(Some(session_credential(&session)));
            }
            let Some(key) = tx.get(&KEYS, access_key)?.filter(|key| key.active) else { return Ok(None) };
            let Some(user) = tx.get(&ENTITIES, &(key.account.as_str(), Kind::User.key(), key.user.as_str()))? else {
                return Ok(None);
            };
            let principal = Principal::User { account: key.account, name: user.name, path: user.path, id: user.id };
            Ok(Some(Credential { secret: key.secret, session_token: None, expires: None, principal }))
        })
    }

    /// The role with this ARN.
    pub(crate) fn role_by_arn(&self, arn: &str) -> Result<Option<Entity>, IamError> {
        let Some(parsed) = Arn::parse(arn).filter(|arn| arn.service == "iam") else { return Ok(None) };
        let Some(name) = parsed.resource.strip_prefix("role/").and_then(|path| path.rsplit('/').next()) else {
            return Ok(None);
        };
        let found = self.read(|tx| {
            Ok(tx.get(&ENTITIES, &(parsed.account.as_str(), Kind::Role.key(), name.to_lowercase().as_str()))?)
        })?;
        Ok(found.filter(|role| role.arn == arn))
    }
}

fn credentials(key: &str, session: &SessionKey) -> TemporaryCredentials {
    TemporaryCredentials {
        access_key_id: key.to_owned(),
        secret_access_key: session.secret.clone(),
        session_token: session.token.clone(),
        expires: stamp(session.expires),
    }
}

/// The principal that temporary credentials stand for.
pub(crate) fn session_principal(session: &SessionKey) -> Principal {
    let facts = |issuer: Option<String>, unknown_role: bool| Session {
        policies: session.policies.clone(),
        tags: session.tags.clone(),
        issuer,
        issued: session.issued,
        unknown_role,
        source_identity: session.more.source_identity.clone(),
        mfa: session.more.mfa,
        provider: session.more.provider.clone(),
    };
    match &session.who {
        SessionWho::Root { account } => Principal::Root { account: account.clone() },
        SessionWho::User { account, name, path, id } => {
            Principal::User { account: account.clone(), name: name.clone(), path: path.clone(), id: id.clone() }
        }
        SessionWho::Role { account, name, path, id, session: session_name, unknown } => {
            Principal::Role(Arc::new(RoleSession {
                account: account.clone(),
                role: name.clone(),
                path: path.clone(),
                role_id: id.clone(),
                session_name: session_name.clone(),
                session: facts(None, *unknown),
            }))
        }
        SessionWho::Federated { account, name, issuer } => Principal::FederatedUser {
            account: account.clone(),
            name: name.clone(),
            session: Arc::new(facts(Some(issuer.clone()), false)),
        },
    }
}

fn session_credential(session: &SessionKey) -> Credential {
    Credential {
        secret: session.secret.clone(),
        session_token: Some(session.token.clone()),
        expires: Some(stamp(session.expires)),
        principal: session_principal(session),
    }
}

/// The typed calls of identities.
pub(crate) struct Calls(pub(crate) Arc<Identity>);

impl Calls {
    fn take_on(
        &self,
        service: &'static str,
        role_arn: &str,
        session_name: &str,
        source: Option<&str>,
    ) -> Result<AssumedFor, ApiError> {
        let identity = &self.0;
        let parsed = Arn::parse(role_arn).ok_or_else(|| denied(role_arn))?;
        let role = identity.role_by_arn(role_arn)?;
        let unknown = role.is_none();
        match &role {
            Some(role) if !identity.trusts_service(role, service, "us-east-1", source) => return Err(denied(role_arn)),
            None if identity.mode() == IamMode::Strict => return Err(denied(role_arn)),
            None if identity.mode() == IamMode::Enforce => {
                info!(role_arn, "this role does not exist: whoever runs under it may do everything");
            }
            _ => {}
        }
        let name = parsed.resource.rsplit('/').next().unwrap_or_default().to_owned();
        let session = SessionKey {
            secret: ids::secret(),
            token: ids::session_token(),
            expires: identity.now() + SERVICE_SESSION,
            who: SessionWho::Role {
                account: parsed.account.clone(),
                name: role.as_ref().map_or(name, |role| role.name.clone()),
                path: role.as_ref().map_or_else(|| "/".to_owned(), |role| role.path.clone()),
                id: role.as_ref().map_or_else(|| ids::derived("AROA", role_arn), |role| role.id.clone()),
                session: session_name.to_owned(),
                unknown,
            },
            policies: Vec::new(),
            tags: Vec::new(),
            transitive: Vec::new(),
            issued: identity.now(),
            more: SessionMore::default(),
        };
        let principal = session_principal(&session);
        Ok(AssumedFor { credentials: identity.issue_soft(session, &parsed.account), principal })
    }

    async fn may_pass(
        &self,
        ctx: &Ctx,
        role_arn: &str,
        service: &'static str,
        source: Option<&str>,
    ) -> Result<bool, ApiError> {
        let request = AccessRequest::new("iam:PassRole", role_arn).with("iam:PassedToService", service);
        self.0.platform.bus.authorize(ctx, &request, None).await?;
        match self.0.role_by_arn(role_arn)? {
            Some(role) => Ok(self.0.trusts_service(&role, service, &ctx.region, source)),
            None => Ok(self.0.mode() != IamMode::Strict),
        }
    }
}

#[async_trait]
impl IdentityCalls for Calls {
    async fn look_up_key(&self, access_key: &str) -> KeyLookup {
        match self.0.known_key(access_key) {
            Ok(Some(credential)) => return KeyLookup::Known(credential),
            Ok(None) => {}
            Err(problem) => {
                warn!(%problem, "an access key could not be looked up");
                return KeyLookup::Unknown;
            }
        }
        if self.0.mode() == IamMode::Strict || is_of_aws_form(access_key) {
            return KeyLookup::Unknown;
        }
        let is_account = access_key.len() == 12 && access_key.bytes().all(|digit| digit.is_ascii_digit());
        let account = if is_account { access_key } else { DEFAULT_ACCOUNT };
        KeyLookup::Trusted(Principal::Root { account: account.to_owned() })
    }

    async fn assume_for(
        &self,
        service: &'static str,
        role_arn: &str,
        session_name: &str,
    ) -> Result<AssumedFor, ApiError> {
        self.take_on(service, role_arn, session_name, None)
    }

    async fn assume_on_behalf(
        &self,
        service: &'static str,
        role_arn: &str,
        session_name: &str,
        source_arn: &str,
    ) -> Result<AssumedFor, ApiError> {
        self.take_on(service, role_arn, session_name, Some(source_arn))
    }

    async fn may_pass_role(&self, ctx: &Ctx, role_arn: &str, service: &'static str) -> Result<bool, ApiError> {
        self.may_pass(ctx, role_arn, service, None).await
    }

    async fn may_pass_role_on_behalf(
        &self,
        ctx: &Ctx,
        role_arn: &str,
        service: &'static str,
        source_arn: &str,
    ) -> Result<bool, ApiError> {
        self.may_pass(ctx, role_arn, service, Some(source_arn)).await
    }
}

fn denied(role_arn: &str) -> ApiError {
    ApiError::new("AccessDenied", 403, format!("The role {role_arn} does not exist or does not trust this service."))
}
