//! The global condition keys of a request ("AWS global condition context keys" in the IAM user guide): those that are known.

use pilvi_bus::{AccessRequest, Principal, RequestContext, region};
use pilvi_model::Timestamp;
use pilvi_policy::Context;

use crate::cache::Attached;
use crate::core::Identity;
use crate::state::SESSIONS;

const ISO: &str = "%Y-%m-%dT%H:%M:%SZ";

impl Identity {
    /// The global condition keys that are known of a request, and its own.
    pub(crate) fn context(&self, ctx: &RequestContext, request: &AccessRequest, attached: &Attached) -> Context {
        let mut context = Context::default();
        let now = self.platform.clock.now();
        context.set("aws:CurrentTime", now.strftime(ISO).to_string());
        context.set("aws:EpochTime", now.as_second().to_string());
        context.set("aws:RequestedRegion", ctx.region.as_str());
        context.set("aws:SecureTransport", ctx.endpoint.starts_with("https").to_string());
        if let Some(address) = ctx.source_ip {
            context.set("aws:SourceIp", address.to_canonical().to_string());
        }
        if let Some(agent) = &ctx.user_agent {
            context.set("aws:UserAgent", agent.as_str());
        }
        of_principal(&mut context, &ctx.principal, &ctx.region);
        for (key, value) in &attached.tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        self.of_session(&mut context, ctx, now);
        if let Some(owner) = request.resource_account() {
            context.set("aws:ResourceAccount", owner);
        }
        for (key, values) in &request.context {
            match values.as_slice() {
                [one] if !is_multivalued(key) => context.set(key, one.as_str()),
                many => context.set_many(key, many.iter().map(String::as_str)),
            }
        }
        context
    }

    /// What temporary credentials say of themselves.
    fn of_session(&self, context: &mut Context, ctx: &RequestContext, now: Timestamp) {
        let session = match &ctx.principal {
            Principal::Role(role) => &role.session,
            Principal::FederatedUser { session, .. } => session,
            Principal::User { .. } | Principal::Root { .. } => {
                // The caller's own temporary credentials (GetSessionToken); long-term ones say nothing of MFA.
                let Some(key) = ctx.access_key.as_ref().filter(|key| key.starts_with("ASIA")) else { return };
                if let Ok(Some(session)) = self.read(|tx| Ok(tx.get(&SESSIONS, key)?)) {
                    mfa(context, session.more.mfa, now);
                    issue_time(context, session.issued);
                }
                return;
            }
            Principal::Service { .. } | Principal::Anonymous => return,
        };
        mfa(context, session.mfa, now);
        issue_time(context, session.issued);
        if let Some(source) = &session.source_identity {
            context.set("aws:SourceIdentity", source.as_str());
        }
        if let Some(provider) = &session.provider {
            context.set("aws:FederatedProvider", provider.as_str());
        }
        for (key, value) in &session.tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
    }
}

fn mfa(context: &mut Context, checked: Option<i64>, now: Timestamp) {
    context.set("aws:MultiFactorAuthPresent", checked.is_some().to_string());
    if let Some(checked) = checked {
        context.set("aws:MultiFactorAuthAge", (now.as_second() - checked).to_string());
    }
}

fn issue_time(context: &mut Context, issued: i64) {
    let issued = Timestamp::from_second(issued).unwrap_or_default();
    context.set("aws:TokenIssueTime", issued.strftime(ISO).to_string());
}

fn of_principal(context: &mut Context, principal: &Principal, region: &str) {
    context.set("aws:PrincipalIsAWSService", matches!(principal, Principal::Service { .. }).to_string());
    match principal {
        Principal::Service { name, source_arn, source_account } => {
            context.set("aws:SourceAccount", source_account.as_str());
            context.set("aws:PrincipalServiceName", *name);
            if let Some(arn) = source_arn {
                context.set("aws:SourceArn", arn.as_str());
            }
        }
        Principal::Anonymous => {
            context.set("aws:PrincipalType", "Anonymous");
            context.set("aws:userid", "anonymous");
        }
        _ => {
            context.set("aws:PrincipalAccount", principal.account());
            context.set("aws:PrincipalArn", policy_arn(principal, region));
            context.set("aws:userid", principal.id());
            context.set("aws:PrincipalType", principal_type(principal));
        }
    }
    if let Principal::User { name, .. } = principal {
        context.set("aws:username", name.as_str());
    }
}

/// Keys that may have several values, and stay lists when they have one ("Multivalued context keys").
fn is_multivalued(key: &str) -> bool {
    matches!(key, "aws:TagKeys" | "sts:TransitiveTagKeys" | "dynamodb:LeadingKeys" | "dynamodb:Attributes")
}

/// The ARN that `aws:PrincipalArn` holds: a session's role, not the session.
fn policy_arn(principal: &Principal, region: &str) -> String {
    match principal {
        Principal::Role(role) => role_arn(&role.account, &role.path, &role.role, region),
        other => other.arn(region),
    }
}

/// The ARN of a role.
pub(crate) fn role_arn(account: &str, path: &str, name: &str, region: &str) -> String {
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
