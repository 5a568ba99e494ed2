//! Access keys, roles and their credentials.

use async_trait::async_trait;

use crate::identity::{KeyLookup, TemporaryCredentials};
use crate::{ApiError, Ctx, Principal};

/// A role in a session, taken on by a service for a resource (a function, an API).
#[derive(Clone)]
pub struct AssumedFor {
    /// What to sign with.
    pub credentials: TemporaryCredentials,
    /// Who it is.
    pub principal: Principal,
}

/// The typed calls of identities.
#[async_trait]
pub trait IdentityCalls: Send + Sync {
    /// What an access key is. In memory where it can be: every request asks.
    async fn look_up_key(&self, access_key: &str) -> KeyLookup;
    /// Takes on a role as the service `service` (`lambda.amazonaws.com`), which the role's trust policy must allow.
    /// A role that does not exist is root with a warning in `--iam enforce`.
    async fn assume_for(
        &self,
        service: &'static str,
        role_arn: &str,
        session_name: &str,
    ) -> Result<AssumedFor, ApiError>;
    /// The same on behalf of a resource: the trust policy may ask for its ARN (`aws:SourceArn`).
    async fn assume_on_behalf(
        &self,
        service: &'static str,
        role_arn: &str,
        session_name: &str,
        source_arn: &str,
    ) -> Result<AssumedFor, ApiError> {
        let _ = source_arn;
        self.assume_for(service, role_arn, session_name).await
    }
    /// Whether the caller may pass this role to `service` (`iam:PassRole`) and the role exists and trusts it.
    ///
    /// # Errors
    /// AccessDenied where the caller may not; `Ok(false)` where the role does not exist or does not trust the service,
    /// which each service words differently.
    async fn may_pass_role(&self, ctx: &Ctx, role_arn: &str, service: &'static str) -> Result<bool, ApiError>;
    /// The same on behalf of a resource: the trust policy may ask for its ARN (`aws:SourceArn`).
    ///
    /// # Errors
    /// As [`IdentityCalls::may_pass_role`].
    async fn may_pass_role_on_behalf(
        &self,
        ctx: &Ctx,
        role_arn: &str,
        service: &'static str,
        source_arn: &str,
    ) -> Result<bool, ApiError> {
        let _ = source_arn;
        self.may_pass_role(ctx, role_arn, service).await
    }
}
