//! AWS Security Token Service.

pub(crate) mod assume_role;
pub(crate) mod caller;
pub(crate) mod decode;
mod issuer_keys;
pub(crate) mod jwt;
mod session;
pub(crate) mod tokens;
pub(crate) mod web_identity;

use pilvi_bus::identity::TemporaryCredentials;
use pilvi_model::{Shape, Timestamp};

/// Temporary credentials.
#[derive(Shape)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) expiration: Timestamp,
}

impl From<TemporaryCredentials> for Credentials {
    fn from(credentials: TemporaryCredentials) -> Credentials {
        Credentials {
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: credentials.session_token,
            expiration: credentials.expires,
        }
    }
}
