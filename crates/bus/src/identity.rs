//! Access keys and what they stand for.

use pilvi_model::Timestamp;

use crate::Principal;

/// An access key that exists.
#[derive(Clone)]
pub struct Credential {
    /// The secret access key that requests are signed with.
    pub secret: String,
    /// Temporary credentials only: the token that must come with every request.
    pub session_token: Option<String>,
    /// Temporary credentials only: when they end.
    pub expires: Option<Timestamp>,
    /// Who they stand for.
    pub principal: Principal,
}

/// What an access key is.
#[derive(Clone)]
pub enum KeyLookup {
    /// It exists: the signature is verified with its secret.
    Known(Credential),
    /// It is not of AWS's own form (`test`, `123456789012`) and stands for its account's root without verification.
    Trusted(Principal),
    /// It does not exist, or is inactive: the request is refused.
    Unknown,
}

/// Credentials handed out to a function or a client.
#[derive(Clone, Debug)]
pub struct TemporaryCredentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The token that must come with every request.
    pub session_token: String,
    /// When they end.
    pub expires: Timestamp,
}
