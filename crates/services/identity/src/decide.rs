//! May they: gathers the policies that have a say and asks the policy engine.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_bus::{AccessRequest, ApiError, Authorizer, IamMode, Principal, RequestContext, region};
use pilvi_policy::{Context, Decision, Policies, Policy, Principal as Asking, Request, denial_text, evaluate};
use pilvi_store::ReadTx;
use tracing::warn;

use crate::cache::Attached;
use crate::core::Identity;
use crate::errors::IamError;
use crate::managed;
use crate::state::{ENTITIES, Entity, Kind};

#[async_trait]
impl Authorizer for Identity {
    async fn authorize(
        &self,
        ctx: &RequestContext,
        request: &AccessRequest,
        resource_policy: Option<Arc<str>>,
    ) -> Result<(), ApiError> {
        self.decide(ctx, request, resource_policy.as_deref())
    }
}

impl Identity {
    fn decide(
        &self,
        ctx: &RequestContext,
        request: &AccessRequest,
        resource_policy: Option<&str>,
    ) -> Result<(), ApiError> {
        if let Some(key) = &ctx.access_key {
            let service = request.action.split(':').next().unwrap_or_default();
            self.note_use(key, service, &ctx.region);
        }
        if self.mode() == IamMode::Off {
            return Ok(());
        }
        let owner = owner(ctx, request);
        if resource_policy.is_none() && ctx.principal.is_root_of(owner) {
            return Ok(());
        }
        let attached = self.attached_to(&ctx.principal)?;
        if let Principal::Role(role) = &ctx.principal
            && role.session.unknown_role
            && self.mode() == IamMode::Enforce
        {
            // Said when the role was taken on; from there on it is root.
            return Ok(());
        }
        let asking = asking(&ctx.principal, &ctx.region);
        let context = self.context(ctx, request, &attached);
        let resource_policy = resource_policy.and_then(|text| self.compiled(&request.resource, text));
        let session_policies = self.session_policies(&ctx.principal);
        let identity: Vec<&Policy> = attached.policies.iter().map(|policy| &**policy).collect();
        let session: Option<Vec<&Policy>> =
            session_policies.as_ref().map(|policies| policies.iter().map(|policy| &**policy).collect());
        let resources = [&*request.resource];
        let asked = Request {
            principal: &asking,
            action: &request.action,
            resources: &resources,
            resource_account: owner,
            context: &context,
        };
        let policies = Policies {
            identity: &identity,
            resource: resource_policy.as_deref(),
            boundary: attached.boundary.as_deref(),
            session: session.as_deref(),
            resource_must_allow: false,
        };
        let decision = evaluate(&asked, &policies);
        if let Decision::ExplicitDeny { by, .. } = &decision {
            let statement = by.statement().and_then(|statement| statement.sid()).unwrap_or("without a Sid");
            tracing::info!(policy = by.policy.name(), statement, action = &*request.action, "denied by this statement");
        }
        match denial_text(&asked, &decision) {
            None => Ok(()),
            Some(text) => Err(ApiError::new("AccessDenied", 403, text)),
        }
    }

    /// The trust policy's decision: may this caller take on the role? The policy itself has to allow it, unless the caller's
    /// own account does (the caller is root or has an identity policy, and the trust names the account).
    pub(crate) fn trusts(&self, ctx: &RequestContext, request: &AccessRequest, role: &Entity) -> Result<(), ApiError> {
        if self.mode() == IamMode::Off {
            return Ok(());
        }
        let attached = self.attached_to(&ctx.principal)?;
        let asking = asking(&ctx.principal, &ctx.region);
        let context = self.context(ctx, request, &attached);
        let trust = self.compiled(&role.arn, &role.role.trust);
        let identity: Vec<&Policy> = attached.policies.iter().map(|policy| &**policy).collect();
        let session_policies = self.session_policies(&ctx.principal);
        let session: Option<Vec<&Policy>> =
            session_policies.as_ref().map(|policies| policies.iter().map(|policy| &**policy).collect());
        let resources = [&*request.resource];
        let asked = Request {
            principal: &asking,
            action: &request.action,
            resources: &resources,
            resource_account: owner(ctx, request),
            context: &context,
        };
        let policies = Policies {
            identity: &identity,
            resource: trust.as_deref(),
            boundary: attached.boundary.as_deref(),
            session: session.as_deref(),
            resource_must_allow: true,
        };
        let decision = evaluate(&asked, &policies);
        if decision.is_allowed() {
            return Ok(());
        }
        // STS does not say which kind of policy is missing.
        let text = format!(
            "User: {} is not authorized to perform: {} on resource: {}",
            ctx.principal.arn(&ctx.region),
            request.action,
            request.resource
        );
        Err(ApiError::new("AccessDenied", 403, text))
    }

    /// Whether a role's trust policy lets this service take it on, for the resource `source` where it acts for one.
    pub(crate) fn trusts_service(
        &self,
        role: &Entity,
        service: &'static str,
        region: &str,
        source: Option<&str>,
    ) -> bool {
        let account = role.arn.split(':').nth(4).unwrap_or_default().to_owned();
        let source_arn = source.map(str::to_owned);
        let principal = Principal::Service { name: service, source_arn, source_account: account.clone() };
        let ctx = RequestContext::internal(principal, &account, region, "");
        self.trusts(&ctx, &AccessRequest::new("sts:AssumeRole", role.arn.clone()), role).is_ok()
    }

    fn compiled(&self, name: &str, text: &str) -> Option<Arc<Policy>> {
        if let Some(found) = self.cache.read().document(name, text) {
            return found;
        }
        self.cache.write().keep_document(name, text)
    }

    fn session_policies(&self, principal: &Principal) -> Option<Vec<Arc<Policy>>> {
        let texts = match principal {
            Principal::Role(role) => &role.session.policies,
            Principal::FederatedUser { session, .. } => &session.policies,
            _ => return None,
        };
        (!texts.is_empty()).then(|| texts.iter().filter_map(|text| self.compiled("session", text)).collect())
    }

    /// What decides for a caller, compiled once per change of the identities.
    fn attached_to(&self, principal: &Principal) -> Result<Arc<Attached>, ApiError> {
        let (account, kind, name, id) = match principal {
            Principal::User { account, name, id, .. } => (account, Kind::User, name, id),
            Principal::Role(role) => (&role.account, Kind::Role, &role.role, &role.role_id),
            Principal::FederatedUser { account, session, .. } => {
                let issuer = session.issuer.as_deref().unwrap_or_default();
                if issuer.ends_with(":root") {
                    // Root may do everything, so only the session's policies limit what it federates.
                    let everything = self.compiled("root", EVERYTHING).into_iter().collect();
                    return Ok(Arc::new(Attached { policies: everything, ..Attached::default() }));
                }
                return self.attached(account, Kind::User, issuer.rsplit('/').next().unwrap_or_default());
            }
            _ => return Ok(Arc::default()),
        };
        let attached = self.attached(account, kind, name)?;
        // Another one of the same name was made meanwhile: old sessions have no part in what it may do.
        if attached.id != *id {
            return Ok(Arc::default());
        }
        Ok(attached)
    }

    pub(crate) fn attached(&self, account: &str, kind: Kind, name: &str) -> Result<Arc<Attached>, ApiError> {
        let key = (account.to_owned(), kind.key(), name.to_lowercase());
        let generation = self.generation();
        if let Some(attached) = self.cache.read().attached(&key, generation) {
            return Ok(attached);
        }
        let attached = Arc::new(self.read(|tx| self.gather(tx, account, kind, &key.2))?);
        self.cache.write().keep_attached(key, generation, attached.clone());
        Ok(attached)
    }

    fn gather(&self, tx: &ReadTx<'_>, account: &str, kind: Kind, name: &str) -> Result<Attached, IamError> {
        let Some(entity) = tx.get(&ENTITIES, &(account, kind.key(), name))? else { return Ok(Attached::default()) };
        let mut attached = Attached { id: entity.id.clone(), tags: entity.tags.clone(), ..Attached::default() };
        self.add_policies(tx, &entity, &mut attached.policies)?;
        for group in &entity.user.groups {
            if let Some(group) = tx.get(&ENTITIES, &(account, Kind::Group.key(), group.as_str()))? {
                self.add_policies(tx, &group, &mut attached.policies)?;
            }
        }
        if let Some(arn) = &entity.boundary {
            let text = managed::find(tx, arn)?.map(|policy| policy.document().to_owned());
            // A boundary that is gone allows nothing, as an empty policy does.
            let text = text.unwrap_or_else(|| r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned());
            attached.boundary = self.compiled(arn, &text);
        }
        Ok(attached)
    }

    fn add_policies(&self, tx: &ReadTx<'_>, entity: &Entity, policies: &mut Vec<Arc<Policy>>) -> Result<(), IamError> {
        for (name, text) in &entity.inline {
            policies.extend(self.compiled(&format!("{}/{name}", entity.arn), text));
        }
        for arn in &entity.attached {
            match managed::find(tx, arn)? {
                Some(policy) => policies.extend(self.compiled(arn, policy.document())),
                // AWS's documents for service-linked roles are not all known here; nobody acts as those roles.
                None if entity.role.linked_to.is_some() => {}
                None => warn!(arn, "an attached policy does not exist"),
            }
        }
        Ok(())
    }

    /// The global condition keys that are known of a request, and its own.
    fn context(&self, ctx: &RequestContext, request: &AccessRequest, attached: &Attached) -> Context {
        let mut context = Context::default();
        let now = self.platform.clock.now();
        context.set("aws:CurrentTime", now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        context.set("aws:EpochTime", now.as_second().to_string());
        context.set("aws:RequestedRegion", ctx.region.as_str());
        context.set("aws:SecureTransport", ctx.endpoint.starts_with("https").to_string());
        if let Some(address) = ctx.source_ip {
            context.set("aws:SourceIp", address.to_string());
        }
        if let Some(agent) = &ctx.user_agent {
            context.set("aws:UserAgent", agent.as_str());
        }
        let principal = &ctx.principal;
        context.set("aws:PrincipalIsAWSService", matches!(principal, Principal::Service { .. }).to_string());
        match principal {
            Principal::Service { name, source_arn, source_account } => {
                context.set("aws:SourceAccount", source_account.as_str());
                context.set("aws:PrincipalServiceName", *name);
                if let Some(arn) = source_arn {
                    context.set("aws:SourceArn", arn.as_str());
                }
            }
            Principal::Anonymous => {}
            _ => {
                context.set("aws:PrincipalAccount", principal.account());
                context.set("aws:PrincipalArn", policy_arn(principal, &ctx.region));
                context.set("aws:userid", principal.id());
                context.set("aws:PrincipalType", principal_type(principal));
            }
        }
        if let Principal::User { name, .. } = principal {
            context.set("aws:username", name.as_str());
        }
        for (key, value) in &attached.tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        if let Principal::Role(role) = principal {
            let issued = pilvi_model::Timestamp::from_second(role.session.issued).unwrap_or_default();
            context.set("aws:TokenIssueTime", issued.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            for (key, value) in &role.session.tags {
                context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
            }
        }
        if let Some(owner) = request.resource_account() {
            context.set("aws:ResourceAccount", owner);
        }
        for (key, values) in &request.context {
            match values.as_slice() {
                [one] => context.set(key, one.as_str()),
                many => context.set_many(key, many.iter().map(String::as_str)),
            }
        }
        context
    }
}

/// The policy of whom nothing limits.
const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// The account that owns what is asked for. AWS's own resources (`arn:aws:iam::aws:policy/…`) are everybody's.
fn owner<'a>(ctx: &'a RequestContext, request: &'a AccessRequest) -> &'a str {
    let named = request.resource_account().filter(|account| account.bytes().all(|byte| byte.is_ascii_digit()));
    match named {
        Some(account) => account,
        None if request.resource_account() == Some("aws") => ctx.principal.account(),
        None => &ctx.account,
    }
}

/// The ARN that `aws:PrincipalArn` holds: a session's role, not the session.
fn policy_arn(principal: &Principal, region: &str) -> String {
    match principal {
        Principal::Role(role) => role_arn(&role.account, &role.path, &role.role, region),
        other => other.arn(region),
    }
}

fn role_arn(account: &str, path: &str, name: &str, region: &str) -> String {
    format!("arn:{}:iam::{account}:role{path}{name}", region::partition(region))
}

fn principal_type(principal: &Principal) -> &'static str {
    match principal {
        Principal::Root { .. } => "Account",
        Principal::User { .. } => "User",
        Principal::Role(_) => "AssumedRole",
        Principal::FederatedUser { .. } => "FederatedUser",
        Principal::Service { .. } => "Service",
        Principal::Anonymous => "Anonymous",
    }
}

/// The caller as the policy engine knows it.
fn asking(principal: &Principal, region: &str) -> Asking {
    let mut asking = match principal {
        Principal::Root { account } => Asking::root(region::partition(region), account),
        Principal::User { account, .. } => Asking::user(account, &principal.arn(region)),
        Principal::Role(role) => {
            let role_arn = role_arn(&role.account, &role.path, &role.role, region);
            Asking::role_session(&role.account, &principal.arn(region), &role_arn)
        }
        Principal::FederatedUser { account, session, .. } => Asking {
            kind: pilvi_policy::PrincipalKind::FederatedUser,
            account: account.as_str().into(),
            arn: principal.arn(region).into(),
            issuer_arn: session.issuer.as_deref().map(Into::into),
            unique_id: None,
        },
        Principal::Service { name, .. } => return Asking::service(name),
        Principal::Anonymous => return Asking::anonymous(),
    };
    asking.unique_id = match principal {
        Principal::User { id, .. } => Some(id.as_str().into()),
        Principal::Role(role) => Some(role.role_id.as_str().into()),
        _ => asking.unique_id,
    };
    asking
}
