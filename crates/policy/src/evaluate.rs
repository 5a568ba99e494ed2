//! The decision: "Policy evaluation logic" of the IAM user guide.

use crate::access::{Closeness, Principal, PrincipalKind};
use crate::context::Context;
use crate::document::{Effect, Policy, Statement};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// The IAM action, `s3:GetObject`.
    pub action: &'a str,
    /// The ARNs that the action touches; every one must be allowed. Empty means `*`.
    pub resources: &'a [&'a str],
    /// The account that owns the resources; empty when it is the principal's own.
    pub resource_account: &'a str,
    /// The condition keys of the request.
    pub context: &'a Context,
}

/// Every policy that has a say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policies<'a> {
    /// Those attached to the principal: inline and managed, its own and its groups'.
    pub identity: &'a [&'a Policy],
    /// The resource's own.
    pub resource: Option<&'a Policy>,
    /// The principal's permissions boundary.
    pub boundary: Option<&'a Policy>,
    /// The session policies given when the session was made; `None` when there were none. They limit as one.
    pub session: Option<&'a [&'a Policy]>,
    /// The resource's policy must allow even in the same account, as a role's trust policy must.
    pub resource_must_allow: bool,
}

/// The kinds of policy that a decision can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// Attached to the principal.
    Identity,
    /// Attached to the resource.
    Resource,
    /// The permissions boundary.
    Boundary,
    /// Given when the session was made.
    Session,
}

/// A statement and the policy it stands in.
#[derive(Debug, Clone, Copy)]
pub struct StatementRef<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The statement's place in it.
    pub index: usize,
    /// What kind of policy it is in this decision.
    pub kind: PolicyKind,
}

impl<'a> StatementRef<'a> {
    /// The statement itself.
    pub fn statement(&self) -> Option<&'a Statement> {
        self.policy.statements().get(self.index)
    }
}

/// What was decided. For several resources it is the first refusal, or the grant of the last.
#[derive(Debug, Clone, Copy)]
pub enum Decision<'a> {
    /// Granted.
    Allowed {
        /// The statement that granted; `None` for an account's root, whom no identity policy limits.
        by: Option<StatementRef<'a>>,
    },
    /// Nothing granted it.
    ImplicitDeny {
        /// The kind of policy that would have had to allow.
        missing: PolicyKind,
        /// The resource that was refused, by its place in the request.
        resource: usize,
    },
    /// A statement took it away.
    ExplicitDeny {
        /// That statement.
        by: StatementRef<'a>,
        /// The resource that was refused, by its place in the request.
        resource: usize,
    },
}

impl Decision<'_> {
    /// Whether the request may go on.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Decision::Allowed { .. })
    }
}

/// Decides `request` under `policies`.
pub fn evaluate<'a>(request: &Request<'_>, policies: &Policies<'a>) -> Decision<'a> {
    let everything: &[&str] = &["*"];
    let resources = if request.resources.is_empty() { everything } else { request.resources };
    let mut granted = Decision::ImplicitDeny { missing: PolicyKind::Identity, resource: 0 };
    for (index, resource) in resources.iter().enumerate() {
        let decision = Single { request, policies, resource, index }.decide();
        if !decision.is_allowed() {
            return decision;
        }
        granted = decision;
    }
    granted
}

/// The decision about one resource.
struct Single<'r, 'a> {
    request: &'r Request<'r>,
    policies: &'r Policies<'a>,
    resource: &'r str,
    index: usize,
}

/// What a group of policies of one kind says.
#[derive(Clone, Copy)]
struct Verdict<'a> {
    allow: Option<(StatementRef<'a>, Closeness)>,
    deny: Option<StatementRef<'a>>,
}

impl<'a> Single<'_, 'a> {
    fn decide(&self) -> Decision<'a> {
        let policies = self.policies;
        let principal = self.request.principal;
        let identity = self.ask(policies.identity.iter().copied(), PolicyKind::Identity);
        let boundary = self.ask(policies.boundary, PolicyKind::Boundary);
        let session = self.ask(policies.session.unwrap_or_default().iter().copied(), PolicyKind::Session);
        let resource = self.ask(policies.resource, PolicyKind::Resource);
        for verdict in [&identity, &boundary, &session, &resource] {
            if let Some(by) = verdict.deny {
                return Decision::ExplicitDeny { by, resource: self.index };
            }
        }

        let own_policies_count =
            !matches!(principal.kind, PrincipalKind::Service | PrincipalKind::Federated | PrincipalKind::Anonymous);
        if !own_policies_count {
            return self.granted_by(resource, PolicyKind::Resource);
        }
        let closeness = resource.allow.map(|(_, closeness)| closeness);
        let owner = self.request.resource_account;
        let same_account = owner.is_empty() || *owner == *principal.account;
        if (!same_account || policies.resource_must_allow) && closeness.is_none() {
            return self.missing(PolicyKind::Resource);
        }
        let limits = [
            (PolicyKind::Boundary, policies.boundary.is_some(), boundary.allow.is_some()),
            (PolicyKind::Session, policies.session.is_some(), session.allow.is_some()),
        ];
        let limited_by = limits.into_iter().find(|(_, present, allows)| *present && !*allows).map(|(kind, ..)| kind);

        if same_account {
            // Named itself by the resource: neither its own policies nor their limits are asked.
            if closeness == Some(Closeness::Direct) {
                return self.granted_by(resource, PolicyKind::Resource);
            }
            // Named through its role: the role's policies need not allow, but its limits count.
            if closeness == Some(Closeness::Issuer) {
                return match limited_by {
                    Some(kind) => self.missing(kind),
                    None => self.granted_by(resource, PolicyKind::Resource),
                };
            }
        }
        if principal.kind == PrincipalKind::Root {
            return Decision::Allowed { by: resource.allow.map(|(by, _)| by) };
        }
        let Some((by, _)) = identity.allow else { return self.missing(PolicyKind::Identity) };
        match limited_by {
            Some(kind) => self.missing(kind),
            None => Decision::Allowed { by: Some(by) },
        }
    }

    fn missing(&self, kind: PolicyKind) -> Decision<'a> {
        Decision::ImplicitDeny { missing: kind, resource: self.index }
    }

    fn granted_by(&self, verdict: Verdict<'a>, kind: PolicyKind) -> Decision<'a> {
        match verdict.allow {
            Some((by, _)) => Decision::Allowed { by: Some(by) },
            None => self.missing(kind),
        }
    }

    /// The first deny, and the allow that names the principal most closely.
    fn ask(&self, policies: impl IntoIterator<Item = &'a Policy>, kind: PolicyKind) -> Verdict<'a> {
        let mut verdict = Verdict { allow: None, deny: None };
        for policy in policies {
            for (index, statement) in policy.statements().iter().enumerate() {
                let wanted = match statement.effect() {
                    Effect::Deny => true,
                    Effect::Allow => verdict.allow.is_none_or(|(_, closeness)| closeness < Closeness::Direct),
                };
                if !wanted {
                    continue;
                }
                let Some(closeness) = statement.means(self.request.principal) else { continue };
                if !statement.applies(self.request.action, self.resource, self.request.context) {
                    continue;
                }
                let by = StatementRef { policy, index, kind };
                match statement.effect() {
                    Effect::Deny => return Verdict { deny: Some(by), ..verdict },
                    Effect::Allow if verdict.allow.is_none_or(|(_, before)| before < closeness) => {
                        verdict.allow = Some((by, closeness));
                    }
                    Effect::Allow => {}
                }
            }
        }
        verdict
    }
}
