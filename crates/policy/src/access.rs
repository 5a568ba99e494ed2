//! Who asks, and how a `Principal` element sees them.

use crate::principal::PrincipalName;

/// What sort of principal makes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// The root user of an account.
    Root,
    /// An IAM user.
    User,
    /// A session of a role.
    RoleSession,
    /// A session that a user or root made with `GetFederationToken`.
    FederatedUser,
    /// An AWS service acting on its own behalf.
    Service,
    /// Someone whom an identity provider vouches for (`AssumeRoleWithWebIdentity`, `AssumeRoleWithSAML`).
    Federated,
    /// Nobody: an unsigned request.
    Anonymous,
}

/// The principal of a request.
#[derive(Debug, Clone)]
pub struct Principal {
    /// What sort it is.
    pub kind: PrincipalKind,
    /// The 12-digit account; empty for services and anonymous callers.
    pub account: Box<str>,
    /// The ARN as it stands in messages: of the user, of the role session (`arn:aws:sts::…:assumed-role/R/S`), of the
    /// root user; a service's name (`s3.amazonaws.com`); a provider's ARN or domain; empty for anonymous callers.
    pub arn: Box<str>,
    /// For a role session its role's ARN, for a federated user the ARN of the user who made the session.
    pub issuer_arn: Option<Box<str>>,
    /// The unique id of the user or role (`AIDA…`, `AROA…`).
    pub unique_id: Option<Box<str>>,
}

/// Whether a service is meant by its name in a region: `logs.eu-west-1.amazonaws.com` is `logs.amazonaws.com`.
fn is_regional(name: &str, service: &str) -> bool {
    let parts = name.split_once('.').and_then(|(first, rest)| Some((first, rest.split_once('.')?.1)));
    parts.is_some_and(|(first, domain)| {
        service.split_once('.') == Some((first, domain)) && domain.starts_with("amazonaws.")
    })
}

impl Principal {
    /// An unsigned caller.
    pub fn anonymous() -> Principal {
        let none: Box<str> = "".into();
        Principal {
            kind: PrincipalKind::Anonymous,
            account: none.clone(),
            arn: none,
            issuer_arn: None,
            unique_id: None,
        }
    }

    /// A service that acts on its own behalf, by its name (`s3.amazonaws.com`).
    pub fn service(name: &str) -> Principal {
        Principal { kind: PrincipalKind::Service, arn: name.into(), ..Principal::anonymous() }
    }

    /// The root user of `account` in `partition`.
    pub fn root(partition: &str, account: &str) -> Principal {
        Principal {
            kind: PrincipalKind::Root,
            account: account.into(),
            arn: format!("arn:{partition}:iam::{account}:root").into(),
            issuer_arn: None,
            unique_id: Some(account.into()),
        }
    }

    /// A user by ARN.
    pub fn user(account: &str, arn: &str) -> Principal {
        Principal {
            kind: PrincipalKind::User,
            account: account.into(),
            arn: arn.into(),
            issuer_arn: None,
            unique_id: None,
        }
    }

    /// A session of the role `role_arn`.
    pub fn role_session(account: &str, session_arn: &str, role_arn: &str) -> Principal {
        Principal {
            kind: PrincipalKind::RoleSession,
            account: account.into(),
            arn: session_arn.into(),
            issuer_arn: Some(role_arn.into()),
            unique_id: None,
        }
    }

    /// How closely `name` means this principal; `None` when it does not.
    pub(crate) fn named_by(&self, name: &PrincipalName) -> Option<Closeness> {
        match name {
            PrincipalName::Everyone => Some(Closeness::Direct),
            PrincipalName::Account(account) => {
                let in_account = !self.account.is_empty() && *account == self.account;
                match self.kind {
                    PrincipalKind::Service | PrincipalKind::Federated | PrincipalKind::Anonymous => None,
                    PrincipalKind::Root => in_account.then_some(Closeness::Direct),
                    _ => in_account.then_some(Closeness::Account),
                }
            }
            PrincipalName::Arn(arn) if *arn == self.arn => Some(Closeness::Direct),
            PrincipalName::Arn(arn) if self.issuer_arn.as_ref() == Some(arn) => Some(Closeness::Issuer),
            PrincipalName::Arn(_) => None,
            PrincipalName::UniqueId(id) if self.unique_id.as_ref() == Some(id) => match self.kind {
                PrincipalKind::RoleSession | PrincipalKind::FederatedUser => Some(Closeness::Issuer),
                _ => Some(Closeness::Direct),
            },
            PrincipalName::UniqueId(_) | PrincipalName::CanonicalUser(_) => None,
            PrincipalName::Service(service) => {
                let same = self.kind == PrincipalKind::Service
                    && (**service == *self.arn || &**service == "*" || is_regional(service, &self.arn));
                same.then_some(Closeness::Direct)
            }
            PrincipalName::Federated(provider) => {
                let same = self.kind == PrincipalKind::Federated && (**provider == *self.arn || &**provider == "*");
                same.then_some(Closeness::Direct)
            }
        }
    }

    /// Whether a `Deny` with `NotPrincipal` leaves this principal alone. As documented, naming the account alone
    /// exempts only its root: a user must be named with their account, a session with its role and account.
    pub(crate) fn exempted_by(&self, names: &[PrincipalName]) -> bool {
        let named = |wanted: Closeness| names.iter().any(|name| self.named_by(name) == Some(wanted));
        if named(Closeness::Direct) {
            return match self.kind {
                PrincipalKind::User => names.contains(&PrincipalName::Everyone) || named(Closeness::Account),
                PrincipalKind::RoleSession | PrincipalKind::FederatedUser => {
                    names.contains(&PrincipalName::Everyone) || (named(Closeness::Account) && named(Closeness::Issuer))
                }
                _ => true,
            };
        }
        false
    }
}

/// How closely a statement names a principal; it decides which other policies still have a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closeness {
    /// Through its account, which delegates to that account's own policies.
    Account,
    /// Through its role (or the user behind a federated session): boundaries and session policies still limit it.
    Issuer,
    /// Itself: in the same account nothing but a deny limits it.
    Direct,
}
