//! May they: gathers the policies that have a say and asks the policy engine.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_bus::{AccessRequest, ApiError, Authorizer, IamMode, Principal, RequestContext, region};
use pilvi_policy::{
    Context, Decision, Policies, Policy, Principal as Asking, PrincipalKind, Request, denial_text, evaluate,
};
use pilvi_store::ReadTx;
use tracing::{info, warn};

use crate::cache::Attached;
use crate::context::role_arn;
use crate::core::Identity;
use crate::errors::IamError;
use crate::explain::Explanation;
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

/// Everything that one decision rests on.
struct Question<'a> {
    asking: Asking,
    context: Context,
    owner: &'a str,
    attached: Arc<Attached>,
    session: Option<Vec<Arc<Policy>>>,
    resource: Option<Arc<Policy>>,
    resource_must_allow: bool,
}

impl Question<'_> {
    fn ask<T>(&self, request: &AccessRequest, then: impl FnOnce(&Request<'_>, &Decision<'_>) -> T) -> T {
        let identity: Vec<&Policy> = self.attached.policies.iter().map(|policy| &**policy).collect();
        let session: Option<Vec<&Policy>> =
            self.session.as_ref().map(|policies| policies.iter().map(|policy| &**policy).collect());
        let resources = [&*request.resource];
        let asked = Request {
            principal: &self.asking,
            action: &request.action,
            resources: &resources,
            resource_account: self.owner,
            context: &self.context,
        };
        let policies = Policies {
            identity: &identity,
            resource: self.resource.as_deref(),
            boundary: self.attached.boundary.as_deref(),
            session: session.as_deref(),
            resource_must_allow: self.resource_must_allow,
        };
        then(&asked, &evaluate(&asked, &policies))
    }
}

impl Identity {
    fn question<'a>(&self, ctx: &'a RequestContext, request: &'a AccessRequest) -> Result<Question<'a>, ApiError> {
        let attached = self.attached_to(&ctx.principal)?;
        Ok(Question {
            asking: asking(&ctx.principal, &ctx.region),
            context: self.context(ctx, request, &attached),
            owner: owner(ctx, request),
            attached,
            session: self.session_policies(&ctx.principal),
            resource: None,
            resource_must_allow: false,
        })
    }

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
        self.seen.note(ctx, request);
        if self.mode() == IamMode::Off {
            return Ok(());
        }
        if resource_policy.is_none() && ctx.principal.is_root_of(owner(ctx, request)) {
            return Ok(());
        }
        if let Principal::Role(role) = &ctx.principal
            && role.session.unknown_role
            && self.mode() == IamMode::Enforce
        {
            // Said when the role was taken on; from there on it is root.
            return Ok(());
        }
        let mut question = self.question(ctx, request)?;
        question.resource = resource_policy.and_then(|text| self.compiled(&request.resource, text));
        question.ask(request, |asked, decision| match denial_text(asked, decision) {
            None => Ok(()),
            Some(text) => {
                let Explanation { decided_by, statement, .. } = Explanation::of(asked, decision);
                let (who, action, resource) = (ctx.principal.arn(&ctx.region), &*request.action, &*request.resource);
                info!(who, action, resource, decided_by, statement, "denied");
                Err(ApiError::new("AccessDenied", 403, text))
            }
        })
    }

    /// What would be decided and why, with these condition keys besides the known ones.
    pub(crate) fn explanation(
        &self,
        ctx: &RequestContext,
        request: &AccessRequest,
        resource_policy: Option<&str>,
    ) -> Result<Explanation, ApiError> {
        let mut question = self.question(ctx, request)?;
        question.resource = resource_policy.and_then(|text| self.compiled(&request.resource, text));
        Ok(question.ask(request, Explanation::of))
    }

    /// The trust policy's decision: may this caller take on the role? The policy itself has to allow it, unless the caller's
    /// own account does (the caller is root or has an identity policy, and the trust names the account).
    pub(crate) fn trusts(&self, ctx: &RequestContext, request: &AccessRequest, role: &Entity) -> Result<(), ApiError> {
        if self.mode() == IamMode::Off {
            return Ok(());
        }
        let mut question = self.question(ctx, request)?;
        question.resource = self.compiled(&role.arn, &role.role.trust);
        question.resource_must_allow = true;
        if question.ask(request, |_, decision| decision.is_allowed()) {
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

    /// The trust policy's decision about somebody whom this identity provider vouches for.
    pub(crate) fn trusts_federated(
        &self,
        ctx: &RequestContext,
        request: &AccessRequest,
        role: &Entity,
        provider: &str,
    ) -> bool {
        let question = Question {
            asking: Asking { kind: PrincipalKind::Federated, arn: provider.into(), ..Asking::anonymous() },
            context: self.context(ctx, request, &Attached::default()),
            owner: owner(ctx, request),
            attached: Arc::default(),
            session: None,
            resource: self.compiled(&role.arn, &role.role.trust),
            resource_must_allow: true,
        };
        self.mode() == IamMode::Off || question.ask(request, |_, decision| decision.is_allowed())
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
