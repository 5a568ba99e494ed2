//! The credentials that a function's environments get: its role's.

use async_trait::async_trait;
use pilvi_bus::Platform;
use pilvi_executor::{Credentials, CredentialsSource};

use crate::state::Function;

/// Takes on the role of a function, for each environment that starts.
pub(crate) struct RoleCredentials {
    platform: Platform,
    role: String,
    session: String,
}

impl RoleCredentials {
    pub(crate) fn new(platform: &Platform, function: &Function) -> RoleCredentials {
        RoleCredentials { platform: platform.clone(), role: function.role.clone(), session: function.name.clone() }
    }
}

#[async_trait]
impl CredentialsSource for RoleCredentials {
    async fn credentials(&self) -> Result<Option<Credentials>, String> {
        let identity = self.platform.bus.identity().map_err(|error| error.message)?;
        let assumed = identity.assume_for("lambda.amazonaws.com", &self.role, &self.session).await;
        let credentials = assumed.map_err(|error| error.message)?.credentials;
        Ok(Some(Credentials {
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: credentials.session_token,
            expires: Some(credentials.expires.as_second()),
        }))
    }

    fn now(&self) -> i64 {
        self.platform.clock.now_s()
    }
}
