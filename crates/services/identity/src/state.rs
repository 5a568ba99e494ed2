//! What is kept of identities. IAM is global: keys start with the account, never with a region. Names are compared
//! without regard to case, so keys hold them in lower case and records as they were given.

use pilvi_store::Table;
use serde::{Deserialize, Serialize};

/// The three kinds of entity that policies are attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Kind {
    Role,
    User,
    Group,
}

impl Kind {
    /// The element of keys.
    pub(crate) fn key(self) -> u8 {
        match self {
            Kind::Role => 0,
            Kind::User => 1,
            Kind::Group => 2,
        }
    }

    /// The word in texts and ARNs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Role => "role",
            Kind::User => "user",
            Kind::Group => "group",
        }
    }

    /// What unique ids start with.
    pub(crate) fn id_prefix(self) -> &'static str {
        match self {
            Kind::Role => "AROA",
            Kind::User => "AIDA",
            Kind::Group => "AGPA",
        }
    }
}

/// Tags, in the order of their keys.
pub(crate) type Tags = Vec<(String, String)>;

/// A role, user or group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entity {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) arn: String,
    /// Seconds since 1970, as all times here.
    pub(crate) created: i64,
    pub(crate) tags: Tags,
    /// Inline policies by name, sorted.
    pub(crate) inline: Vec<(String, String)>,
    /// ARNs of attached policies, in the order of attachment.
    pub(crate) attached: Vec<String>,
    pub(crate) boundary: Option<String>,
    pub(crate) role: RoleFacts,
    pub(crate) user: UserFacts,
}

/// What only roles have.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RoleFacts {
    pub(crate) trust: String,
    pub(crate) description: Option<String>,
    pub(crate) max_session: i64,
    pub(crate) last_used: Option<(i64, String)>,
    /// The service that a service-linked role belongs to.
    pub(crate) linked_to: Option<String>,
}

/// What only users have.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct UserFacts {
    /// Names of groups, in lower case, sorted.
    pub(crate) groups: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) login: Option<Login>,
    pub(crate) ssh_keys: Vec<SshKey>,
    pub(crate) certificates: Vec<SigningCertificate>,
    pub(crate) service_credentials: Vec<ServiceCredential>,
    /// Serial numbers of MFA devices, in the order in which they were enabled.
    pub(crate) mfa: Vec<String>,
}

/// A public key that a user may use with CodeCommit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SshKey {
    pub(crate) id: String,
    /// As it was uploaded: of SSH's form or PEM.
    pub(crate) body: String,
    pub(crate) fingerprint: String,
    pub(crate) active: bool,
    pub(crate) uploaded: i64,
}

/// An X.509 certificate of a user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SigningCertificate {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) active: bool,
    pub(crate) uploaded: i64,
}

/// A user name and password for one service. The password is shown once and not kept: no service here asks for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServiceCredential {
    pub(crate) id: String,
    pub(crate) service: String,
    /// `user-at-account`, as it was when this was made.
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) created: i64,
    pub(crate) expires: Option<i64>,
}

/// A virtual MFA device.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct MfaDevice {
    pub(crate) serial: String,
    /// The shared secret.
    pub(crate) seed: Vec<u8>,
    pub(crate) tags: Tags,
    /// The user's name in lower case, and since when.
    pub(crate) enabled: Option<(String, i64)>,
}

/// A certificate for servers, with its private key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ServerCertificate {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) uploaded: i64,
    pub(crate) expires: i64,
    pub(crate) body: String,
    pub(crate) chain: Option<String>,
    pub(crate) private_key: String,
    pub(crate) tags: Tags,
}

/// A user's password; only its salted hash is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) created: i64,
    pub(crate) changed: i64,
    pub(crate) reset_required: bool,
    pub(crate) salt: String,
    pub(crate) hash: String,
}

/// A customer managed policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ManagedPolicy {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) description: Option<String>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) tags: Tags,
    pub(crate) versions: Vec<Version>,
    pub(crate) default: u32,
    /// The number of the next version; numbers are never used again.
    pub(crate) next: u32,
}

/// A version of a managed policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) document: String,
    pub(crate) created: i64,
}

/// An instance profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) created: i64,
    pub(crate) tags: Tags,
    /// The role's name, in lower case.
    pub(crate) role: Option<String>,
}

/// A user's access key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AccessKey {
    pub(crate) account: String,
    /// The user's name in lower case.
    pub(crate) user: String,
    pub(crate) secret: String,
    pub(crate) active: bool,
    pub(crate) created: i64,
}

/// Temporary credentials.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SessionKey {
    pub(crate) secret: String,
    pub(crate) token: String,
    pub(crate) expires: i64,
    pub(crate) who: SessionWho,
    pub(crate) policies: Vec<String>,
    pub(crate) tags: Tags,
    /// Keys of the tags that roles assumed from this session inherit.
    pub(crate) transitive: Vec<String>,
    pub(crate) issued: i64,
    #[serde(default)]
    pub(crate) more: SessionMore,
}

/// What some sessions have besides.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SessionMore {
    pub(crate) source_identity: Option<String>,
    /// When a one-time password was checked.
    pub(crate) mfa: Option<i64>,
    /// The identity provider that vouched for whoever asked.
    pub(crate) provider: Option<String>,
}

/// Whom temporary credentials stand for.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum SessionWho {
    Root { account: String },
    User { account: String, name: String, path: String, id: String },
    Role { account: String, name: String, path: String, id: String, session: String, unknown: bool },
    Federated { account: String, name: String, issuer: String },
}

impl SessionWho {
    /// A session of a role that exists.
    pub(crate) fn of_role(role: &Entity, session: &str) -> SessionWho {
        SessionWho::Role {
            account: role.arn.split(':').nth(4).unwrap_or_default().to_owned(),
            name: role.name.clone(),
            path: role.path.clone(),
            id: role.id.clone(),
            session: session.to_owned(),
            unknown: false,
        }
    }
}

/// What an account has once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) alias: Option<String>,
    pub(crate) password_policy: Option<PasswordPolicy>,
    /// When the credential report was generated, and its text.
    pub(crate) report: Option<(i64, String)>,
}

/// The account's password policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PasswordPolicy {
    pub(crate) min_length: i64,
    pub(crate) symbols: bool,
    pub(crate) numbers: bool,
    pub(crate) uppercase: bool,
    pub(crate) lowercase: bool,
    pub(crate) users_may_change: bool,
    pub(crate) max_age: Option<i64>,
    pub(crate) reuse_prevention: Option<i64>,
    pub(crate) hard_expiry: Option<bool>,
}

/// An OpenID Connect or SAML provider: a record that trust policies name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Provider {
    pub(crate) arn: String,
    pub(crate) created: i64,
    pub(crate) tags: Tags,
    /// OIDC: the URL without its scheme.
    pub(crate) url: String,
    pub(crate) clients: Vec<String>,
    pub(crate) thumbprints: Vec<String>,
    /// SAML: the metadata document.
    pub(crate) metadata: String,
    pub(crate) uuid: String,
}

/// (account, kind, name) → role, user or group.
pub(crate) const ENTITIES: Table<(String, u8, String), Entity> = Table::new("identity.entity");
/// (account, name) → customer managed policy.
pub(crate) const POLICIES: Table<(String, String), ManagedPolicy> = Table::new("identity.policy");
/// (account, policy ARN, use: 0 attached or 1 boundary, kind, name): who uses a policy.
pub(crate) const USES: Table<(String, String, u8, u8, String), ()> = Table::new("identity.use");
/// (account, name) → instance profile.
pub(crate) const PROFILES: Table<(String, String), Profile> = Table::new("identity.profile");
/// access key id → key of a user.
pub(crate) const KEYS: Table<String, AccessKey> = Table::new("identity.key");
/// access key id → temporary credentials.
pub(crate) const SESSIONS: Table<String, SessionKey> = Table::new("identity.session");
/// An OIDC provider's issuer → its public keys, as a JWK set; given by whoever runs the cloud.
pub(crate) const ISSUER_KEYS: Table<String, String> = Table::new("identity.issuer_keys");
/// (role ARN, action, resource) that a session of the role was seen asking for.
pub(crate) const SEEN: Table<(String, String, String), ()> = Table::new("identity.seen");
/// access key id → (seconds, service, region) of the last use.
pub(crate) const LAST_USED: Table<String, (i64, String, String)> = Table::new("identity.last_used");
/// account → what it has once.
pub(crate) const ACCOUNTS: Table<String, Account> = Table::new("identity.account");
/// (account, serial number) → virtual MFA device.
pub(crate) const MFA: Table<(String, String), MfaDevice> = Table::new("identity.mfa");
/// (account, name) → server certificate.
pub(crate) const SERVER_CERTIFICATES: Table<(String, String), ServerCertificate> = Table::new("identity.server");
/// (account, ARN) → identity provider.
pub(crate) const PROVIDERS: Table<(String, String), Provider> = Table::new("identity.provider");

/// How an entity uses a policy, as the element of keys.
pub(crate) const ATTACHED: u8 = 0;
/// See [`ATTACHED`].
pub(crate) const BOUNDARY: u8 = 1;
