//! The names that a `Principal` or `NotPrincipal` element holds.

/// One entry of a `Principal` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalName {
    /// `"*"` or `{"AWS": "*"}`: everyone, anonymous callers too.
    Everyone,
    /// A 12-digit account or its root ARN: delegates to that account.
    Account(Box<str>),
    /// The ARN of a user, role, role session or federated user.
    Arn(Box<str>),
    /// The unique id (`AROA…`, `AIDA…`) of a principal, as AWS shows the ARN of a deleted one.
    UniqueId(Box<str>),
    /// A service, `lambda.amazonaws.com`.
    Service(Box<str>),
    /// An identity provider: a domain name or the ARN of a SAML or OIDC provider.
    Federated(Box<str>),
    /// The canonical user id of an account (S3).
    CanonicalUser(Box<str>),
}

impl PrincipalName {
    /// Reads one value of a `Principal` map; `None` when the kind is unknown or the value has no form of its kind.
    pub fn parse(kind: &str, value: &str) -> Option<PrincipalName> {
        match kind {
            "AWS" => parse_aws(value),
            "Service" if value == "*" => Some(PrincipalName::Service("*".into())),
            "Service" => {
                let fine = value.contains('.') && !value.contains(['*', '/', ':', ' ']);
                fine.then(|| PrincipalName::Service(value.into()))
            }
            "Federated" => {
                let provider = value.contains(":saml-provider/") || value.contains(":oidc-provider/");
                let fine = if value.starts_with("arn:") { provider } else { value.contains('.') || value == "*" };
                fine.then(|| PrincipalName::Federated(value.into()))
            }
            "CanonicalUser" => {
                let fine = value == "*" || (value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit()));
                fine.then(|| PrincipalName::CanonicalUser(value.into()))
            }
            _ => None,
        }
    }

    /// The account that an `AWS` entry belongs to, where its name says it.
    pub fn account(&self) -> Option<&str> {
        match self {
            PrincipalName::Account(account) => Some(account),
            PrincipalName::Arn(arn) => arn.split(':').nth(4),
            _ => None,
        }
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn parse_aws(value: &str) -> Option<PrincipalName> {
    if value == "*" {
        return Some(PrincipalName::Everyone);
    }
    if is_account(value) {
        return Some(PrincipalName::Account(value.into()));
    }
    if let Some(rest) = value.strip_prefix("arn:") {
        let mut parts = rest.splitn(5, ':');
        let (partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
        let (account, resource) = (parts.next()?, parts.next()?);
        let known = partition.starts_with("aws") && region.is_empty() && is_account(account);
        if !known || resource.contains(['*', '?']) && resource != "*" {
            return None;
        }
        return match (service, resource) {
            ("iam", "root") => Some(PrincipalName::Account(account.into())),
            ("iam", name) if name.starts_with("user/") || name.starts_with("role/") => {
                Some(PrincipalName::Arn(value.into()))
            }
            ("sts", name) if name.starts_with("assumed-role/") || name.starts_with("federated-user/") => {
                Some(PrincipalName::Arn(value.into()))
            }
            ("sts", "self") => Some(PrincipalName::Arn(value.into())),
            ("cloudfront", name) if name.starts_with("user/") => Some(PrincipalName::Arn(value.into())),
            _ => None,
        };
    }
    let unique = value.len() >= 16
        && (value.starts_with("AIDA") || value.starts_with("AROA"))
        && value.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    unique.then(|| PrincipalName::UniqueId(value.into()))
}
