//! The words for a refusal.

use std::borrow::Cow;

use crate::access::PrincipalKind;
use crate::evaluate::{Decision, PolicyKind, Request};

/// The message of `AccessDenied` as AWS writes it; `None` when the request was allowed.
///
/// See "Troubleshoot access denied error messages" in the IAM user guide.
pub fn denial_text(request: &Request<'_>, decision: &Decision<'_>) -> Option<String> {
    let action = shown(request.action);
    let (resource, why) = match decision {
        Decision::Allowed { .. } => return None,
        Decision::ImplicitDeny { missing, resource } => {
            (*resource, format!("because no {} allows the {action} action", policy_name(*missing)))
        }
        Decision::ExplicitDeny { by, resource } => {
            let article = if by.kind == PolicyKind::Identity { "an" } else { "a" };
            (*resource, format!("with an explicit deny in {article} {}", policy_name(by.kind)))
        }
    };
    let who = match request.principal.kind {
        PrincipalKind::Anonymous => "anonymous",
        _ => &request.principal.arn,
    };
    let resource = request.resources.get(resource).copied().unwrap_or("*");
    Some(format!("User: {who} is not authorized to perform: {action} on resource: {resource} {why}"))
}

/// An action as its service writes it in refusals: SQS's are in lower case, SNS's have its name in capitals.
fn shown(action: &str) -> Cow<'_, str> {
    match action.split_once(':') {
        Some(("sqs", _)) => action.to_ascii_lowercase().into(),
        Some(("sns", name)) => format!("SNS:{name}").into(),
        _ => action.into(),
    }
}

fn policy_name(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Identity => "identity-based policy",
        PolicyKind::Resource => "resource-based policy",
        PolicyKind::Boundary => "permissions boundary",
        PolicyKind::Session => "session policy",
    }
}
