//! Why a call is allowed or not: the statement that decided, or the one that is missing.

use std::sync::Arc;

use pilvi_bus::principal::{RoleSession, Session};
use pilvi_bus::{AccessRequest, ApiError, Arn, Principal, RequestContext};
use pilvi_policy::{Decision, PolicyKind, Request, denial_text};

use crate::core::Identity;
use crate::state::{ENTITIES, Kind};

/// A decision in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the call may go on.
    pub allowed: bool,
    /// The policy that decided by its name, or the kind of policy that would have had to allow.
    pub decided_by: String,
    /// The deciding statement: its Sid, or its place in the policy from one on; empty where there is none.
    pub statement: String,
    /// AWS's text of the refusal; empty when it is allowed.
    pub text: String,
    /// A statement that would allow it; empty unless nothing but such a statement is missing.
    pub missing: String,
}

impl Explanation {
    pub(crate) fn of(asked: &Request<'_>, decision: &Decision<'_>) -> Explanation {
        let (allowed, by) = match decision {
            Decision::Allowed { by } => (true, *by),
            Decision::ExplicitDeny { by, .. } => (false, Some(*by)),
            Decision::ImplicitDeny { .. } => (false, None),
        };
        let statement = by.map(|by| match by.statement().and_then(|statement| statement.sid()) {
            Some(sid) => sid.to_owned(),
            None => format!("#{}", by.index + 1),
        });
        let mut missing = String::new();
        let decided_by = match (by, decision) {
            (Some(by), _) => format!("{} {}", kind(by.kind), by.policy.name()),
            (None, Decision::ImplicitDeny { missing: wanted, resource }) => {
                let resource = asked.resources.get(*resource).copied().unwrap_or("*");
                missing = format!(r#"{{"Effect":"Allow","Action":"{}","Resource":"{resource}"}}"#, asked.action);
                format!("no {} allows it", kind(*wanted))
            }
            (None, _) => "root may do everything in its account".to_owned(),
        };
        let text = denial_text(asked, decision).unwrap_or_default();
        Explanation { allowed, decided_by, statement: statement.unwrap_or_default(), text, missing }
    }
}

fn kind(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Identity => "identity-based policy",
        PolicyKind::Resource => "resource-based policy",
        PolicyKind::Boundary => "permissions boundary",
        PolicyKind::Session => "session policy",
    }
}

/// A question for [`Identity::explain`].
#[derive(Debug, Clone)]
pub struct Question {
    /// The ARN of a user, role or root.
    pub who: String,
    /// The IAM action.
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// The resource's own policy, if it counts.
    pub resource_policy: Option<String>,
    /// Condition keys of the request.
    pub context: Vec<(String, String)>,
}

impl Identity {
    /// Says what would be decided about a call, and why.
    ///
    /// # Errors
    /// There is nobody of this ARN.
    pub fn explain(&self, question: &Question) -> Result<Explanation, ApiError> {
        let (principal, region) = self.principal_by_arn(&question.who)?;
        let account = principal.account().to_owned();
        let region = Arn::parse(&question.resource).map(|arn| arn.region).filter(|r| !r.is_empty()).unwrap_or(region);
        let ctx = RequestContext::internal(principal, &account, &region, "http://localhost");
        let mut request = AccessRequest::new(question.action.clone(), question.resource.clone());
        for (key, value) in &question.context {
            request = request.with(key.clone(), value.clone());
        }
        self.explanation(&ctx, &request, question.resource_policy.as_deref())
    }

    /// The user, role (in a session) or root of this ARN, and a region of its partition.
    fn principal_by_arn(&self, arn: &str) -> Result<(Principal, String), ApiError> {
        let nobody = || ApiError::new("NoSuchEntity", 404, format!("There is nobody with the ARN {arn}."));
        let parsed = Arn::parse(arn).filter(|arn| arn.service == "iam").ok_or_else(nobody)?;
        let region = match &*parsed.partition {
            "aws-cn" => "cn-north-1",
            "aws-us-gov" => "us-gov-west-1",
            _ => pilvi_bus::region::DEFAULT,
        };
        let account = parsed.account.clone();
        if parsed.resource == "root" {
            return Ok((Principal::Root { account }, region.to_owned()));
        }
        let kind = match parsed.resource.split('/').next() {
            Some("user") => Kind::User,
            Some("role") => Kind::Role,
            _ => return Err(nobody()),
        };
        let name = parsed.resource.rsplit('/').next().unwrap_or_default().to_lowercase();
        let found = self.read(|tx| Ok(tx.get(&ENTITIES, &(account.as_str(), kind.key(), name.as_str()))?))?;
        let found = found.filter(|entity| entity.arn == arn).ok_or_else(nobody)?;
        let principal = match kind {
            Kind::User => Principal::User { account, name: found.name, path: found.path, id: found.id },
            _ => Principal::Role(Arc::new(RoleSession {
                account,
                role: found.name,
                path: found.path,
                role_id: found.id,
                session_name: "explain".to_owned(),
                session: Session { issued: self.now(), ..Session::default() },
            })),
        };
        Ok((principal, region.to_owned()))
    }
}
