//! Policy documents: checked before they are stored, percent-encoded when they are shown.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pilvi_policy::{Kind as Grammar, Policy, PrincipalName};
use pilvi_store::ReadTx;

use crate::errors::IamError;
use crate::state::{ENTITIES, Kind};

/// RFC 3986: everything but the unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A document as IAM shows it.
pub(crate) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, ENCODED).to_string()
}

/// The size that quotas count: white space does not.
pub(crate) fn size(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

/// Checks the document of an identity-based policy.
pub(crate) fn check_identity(document: &str) -> Result<(), IamError> {
    Policy::parse("", document, Grammar::Identity)?;
    Ok(())
}

/// Checks a trust policy, except for whether its principals exist.
pub(crate) fn check_trust(document: &str) -> Result<Policy, IamError> {
    let policy = Policy::parse("", document, Grammar::Trust)?;
    if size(document) > 2048 {
        return Err(IamError::quota("ACLSizePerRole", 2048));
    }
    Ok(policy)
}

/// Refuses users and roles of this account that do not exist. Those of other accounts are taken on trust: they may
/// be accounts that are not simulated here.
pub(crate) fn check_principals(tx: &ReadTx<'_>, account: &str, policy: &Policy) -> Result<(), IamError> {
    for name in policy.principals() {
        let PrincipalName::Arn(arn) = name else { continue };
        let mut parts = arn.splitn(6, ':').skip(2);
        let (service, owner, resource) = (parts.next(), parts.nth(1), parts.next().unwrap_or(""));
        if service != Some("iam") || owner != Some(account) {
            continue;
        }
        let (kind, path) = match resource.split_once('/') {
            Some(("user", path)) => (Kind::User, path),
            Some(("role", path)) => (Kind::Role, path),
            _ => continue,
        };
        let short = path.rsplit('/').next().unwrap_or(path).to_lowercase();
        let found = tx.get(&ENTITIES, &(account, kind.key(), short.as_str()))?;
        if found.is_none_or(|entity| entity.arn != **arn) {
            return Err(IamError::Malformed(format!("Invalid principal in policy: \"AWS\":\"{arn}\"")));
        }
    }
    Ok(())
}
