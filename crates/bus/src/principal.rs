//! Who makes a call.

use std::sync::Arc;

use crate::{Arn, region};

/// The identity that a call is made as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The account itself: may do everything in it, unless a resource's policy denies it.
    Root {
        /// Twelve digits.
        account: String,
    },
    /// An IAM user.
    User {
        /// The user's account.
        account: String,
        /// The user's name.
        name: String,
        /// The user's path, `/` by default.
        path: String,
        /// The user's unique id, `AIDA…`.
        id: String,
    },
    /// A role, in a session.
    Role(Arc<RoleSession>),
    /// A federated user (GetFederationToken).
    FederatedUser {
        /// The account.
        account: String,
        /// The name given by whoever asked for the token.
        name: String,
        /// The session: its policies limit what the issuing user may do.
        session: Arc<Session>,
    },
    /// A service of the cloud acting for a resource: `s3.amazonaws.com` on behalf of a bucket.
    Service {
        /// The service principal: `s3.amazonaws.com`.
        name: &'static str,
        /// The resource on whose behalf (`aws:SourceArn`).
        source_arn: Option<String>,
        /// That resource's account (`aws:SourceAccount`).
        source_account: String,
    },
    /// Nobody: an unsigned request.
    Anonymous,
}

/// An assumed role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSession {
    /// The role's account.
    pub account: String,
    /// The role's name.
    pub role: String,
    /// The role's path, `/` by default.
    pub path: String,
    /// The role's unique id, `AROA…`.
    pub role_id: String,
    /// The session's name.
    pub session_name: String,
    /// What the session was given.
    pub session: Session,
}

/// What temporary credentials were given when they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Session policies, as JSON.
    pub policies: Vec<String>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// The user whose permissions a federated or session token carries on, as an ARN.
    pub issuer: Option<String>,
    /// When the credentials were issued, in seconds since 1970 (`aws:TokenIssueTime`).
    pub issued: i64,
    /// A role that does not exist: its functions act as root, with a warning (`--iam enforce`).
    pub unknown_role: bool,
    /// The source identity that the session was given (`aws:SourceIdentity`).
    pub source_identity: Option<String>,
    /// When a one-time password was checked for the session, in seconds since 1970 (`aws:MultiFactorAuthAge`).
    pub mfa: Option<i64>,
    /// The identity provider that vouched for the session (`aws:FederatedProvider`).
    pub provider: Option<String>,
}

impl Principal {
    /// The account of the caller; empty for an unsigned request.
    pub fn account(&self) -> &str {
        match self {
            Principal::Root { account }
            | Principal::User { account, .. }
            | Principal::FederatedUser { account, .. } => account,
            Principal::Role(role) => &role.account,
            Principal::Service { source_account, .. } => source_account,
            Principal::Anonymous => "",
        }
    }

    /// The caller's ARN, as GetCallerIdentity gives it; a service's is its name.
    pub fn arn(&self, region: &str) -> String {
        let partition = region::partition(region);
        match self {
            Principal::Root { account } => format!("arn:{partition}:iam::{account}:root"),
            Principal::User { account, name, path, .. } => format!("arn:{partition}:iam::{account}:user{path}{name}"),
            Principal::Role(role) => {
                format!("arn:{partition}:sts::{}:assumed-role/{}/{}", role.account, role.role, role.session_name)
            }
            Principal::FederatedUser { account, name, .. } => {
                format!("arn:{partition}:sts::{account}:federated-user/{name}")
            }
            Principal::Service { name, .. } => (*name).to_owned(),
            Principal::Anonymous => "anonymous".to_owned(),
        }
    }

    /// The unique id: what GetCallerIdentity calls `UserId` and events call `principalId`.
    pub fn id(&self) -> String {
        match self {
            Principal::Root { account } => account.clone(),
            Principal::User { id, .. } => id.clone(),
            Principal::Role(role) => format!("{}:{}", role.role_id, role.session_name),
            Principal::FederatedUser { account, name, .. } => format!("{account}:{name}"),
            Principal::Service { name, .. } => (*name).to_owned(),
            Principal::Anonymous => "Anonymous".to_owned(),
        }
    }

    /// True for the root of `account`.
    pub fn is_root_of(&self, account: &str) -> bool {
        matches!(self, Principal::Root { account: own } if own == account)
    }

    /// A service of the cloud, acting for the resource with this ARN.
    pub fn service(name: &'static str, source: &Arn, account: &str) -> Principal {
        Principal::Service { name, source_arn: Some(source.to_string()), source_account: account.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_named_as_get_caller_identity_names_them() {
        let root = Principal::Root { account: "000000000000".into() };
        assert_eq!(root.arn("us-east-1"), "arn:aws:iam::000000000000:root");
        let role = Principal::Role(Arc::new(RoleSession {
            account: "1".into(),
            role: "r".into(),
            path: "/".into(),
            role_id: "AROAX".into(),
            session_name: "s".into(),
            session: Session::default(),
        }));
        assert_eq!(role.arn("cn-north-1"), "arn:aws-cn:sts::1:assumed-role/r/s");
        assert_eq!(role.id(), "AROAX:s");
    }
}
