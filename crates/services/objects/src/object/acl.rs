//! Access control lists: grants, canned lists, and who an owner is.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::errors::{Code, Result, S3Error};

/// Everyone.
pub const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
/// Everyone with an account.
pub const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
/// Who writes server access logs.
pub const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

/// Who gets a permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grantee {
    /// An account, by its canonical user id.
    User(String),
    /// A predefined group, by its URI.
    Group(String),
}

/// What is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the wire's own words
pub enum Permission {
    FullControl,
    Write,
    WriteAcp,
    Read,
    ReadAcp,
}

impl Permission {
    /// The wire's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullControl => "FULL_CONTROL",
            Self::Write => "WRITE",
            Self::WriteAcp => "WRITE_ACP",
            Self::Read => "READ",
            Self::ReadAcp => "READ_ACP",
        }
    }

    /// Reads the wire's word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::FullControl, Self::Write, Self::WriteAcp, Self::Read, Self::ReadAcp]
            .into_iter()
            .find(|p| p.name() == text)
    }
}

/// One grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// To whom.
    pub grantee: Grantee,
    /// What.
    pub permission: Permission,
}

/// The canonical user id of an account: 64 hex digits that are always the same for it.
pub fn canonical_id(account: &str) -> String {
    hex::encode(Sha256::digest(format!("canonical user {account}")))
}

/// The list that a canned name stands for ("Canned ACL" in the S3 user guide); `bucket_owner` is the canonical id of the bucket's owner.
pub fn canned(name: &str, owner: &str, bucket_owner: &str) -> Result<Vec<Grant>> {
    let user = |id: &str, permission| Grant { grantee: Grantee::User(id.to_owned()), permission };
    let group = |uri: &str, permission| Grant { grantee: Grantee::Group(uri.to_owned()), permission };
    let mut grants = vec![user(owner, Permission::FullControl)];
    match name {
        "private" | "aws-exec-read" => {}
        "public-read" => grants.push(group(ALL_USERS, Permission::Read)),
        "public-read-write" => {
            grants.push(group(ALL_USERS, Permission::Read));
            grants.push(group(ALL_USERS, Permission::Write));
        }
        "authenticated-read" => grants.push(group(AUTHENTICATED_USERS, Permission::Read)),
        "bucket-owner-read" if owner != bucket_owner => grants.push(user(bucket_owner, Permission::Read)),
        "bucket-owner-full-control" if owner != bucket_owner => {
            grants.push(user(bucket_owner, Permission::FullControl))
        }
        "bucket-owner-read" | "bucket-owner-full-control" => {}
        "log-delivery-write" => {
            grants.push(group(LOG_DELIVERY, Permission::Write));
            grants.push(group(LOG_DELIVERY, Permission::ReadAcp));
        }
        other => return Err(S3Error::argument("", "x-amz-acl", other)),
    }
    Ok(grants)
}

/// Whether a list lets everybody do something.
pub fn is_public(grants: &[Grant]) -> bool {
    grants.iter().any(|g| matches!(&g.grantee, Grantee::Group(uri) if uri == ALL_USERS || uri == AUTHENTICATED_USERS))
}

/// Whether the list is what an owner has without asking: full control, for the owner alone.
pub fn is_owner_only(grants: &[Grant], owner: &str) -> bool {
    grants.iter().all(|g| g.grantee == Grantee::User(owner.to_owned()) && g.permission == Permission::FullControl)
}

/// Reads a value of an `x-amz-grant-…` header: `id="…", uri="…"`.
pub fn from_grant_header(header: &str, value: &str, permission: Permission) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    for item in value.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let (kind, who) =
            item.split_once('=').ok_or_else(|| S3Error::argument("Argument format not recognized", header, value))?;
        let who = who.trim().trim_matches('"').to_owned();
        let grantee = match kind.trim().to_ascii_lowercase().as_str() {
            "id" => Grantee::User(check_user(who, "id")?),
            "uri" => Grantee::Group(check_group(who, "uri")?),
            "emailaddress" => {
                return Err(S3Error::new(
                    Code::NotImplemented,
                    "Grants by email address are not supported; name the canonical user id.",
                ));
            }
            _ => return Err(S3Error::argument("Argument format not recognized", header, value)),
        };
        grants.push(Grant { grantee, permission });
    }
    Ok(grants)
}

/// Refuses what cannot be a canonical user id; `name` is what errors call it.
pub fn check_user(id: String, name: &str) -> Result<String> {
    if id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(id);
    }
    Err(S3Error::argument("Invalid id", name, id))
}

/// Refuses what is not a predefined group; `name` is what errors call it.
pub fn check_group(uri: String, name: &str) -> Result<String> {
    if [ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY].contains(&uri.as_str()) {
        return Ok(uri);
    }
    Err(S3Error::argument("Invalid group uri", name, uri))
}
