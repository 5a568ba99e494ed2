//! May they: the question that every call is asked before it runs.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{ApiError, Principal, RequestContext};

/// One action on one resource, with what is known of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRequest {
    /// The IAM action: `sqs:SendMessage`.
    pub action: Cow<'static, str>,
    /// The resource's ARN, or `*` for actions without resource-level permissions.
    pub resource: String,
    /// Condition keys of this request (`s3:prefix`, `lambda:FunctionArn`). The global ones are added by the authorizer.
    pub context: Vec<(Cow<'static, str>, Vec<String>)>,
}

impl AccessRequest {
    /// `action` on `resource`.
    pub fn new(action: impl Into<Cow<'static, str>>, resource: impl Into<String>) -> AccessRequest {
        AccessRequest { action: action.into(), resource: resource.into(), context: Vec::new() }
    }

    /// The same with a condition key.
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> AccessRequest {
        self.context.push((key.into(), vec![value.into()]));
        self
    }

    /// The account that owns the resource, where its ARN tells.
    pub fn resource_account(&self) -> Option<&str> {
        self.resource.split(':').nth(4).filter(|account| !account.is_empty())
    }
}

/// Decides. Implemented by the identity service; the bus asks.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// `Err` is AWS's AccessDenied (403) with the text that says why. `resource_policy` is the resource's own policy.
    async fn authorize(
        &self,
        ctx: &RequestContext,
        request: &AccessRequest,
        resource_policy: Option<Arc<str>>,
    ) -> Result<(), ApiError>;
}

/// Says who signed a request that comes to a front. Implemented by the edge, which does the same for the operations' requests.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// The caller of a request with this body and the access key that it names; nobody ([`Principal::Anonymous`]) where it is not
    /// signed. `service` is the name that such requests are signed for, `peer` where it comes from.
    ///
    /// # Errors
    /// What is wrong with the signature.
    async fn authenticate(
        &self,
        parts: &::http::request::Parts,
        body: &[u8],
        service: &str,
        peer: std::net::IpAddr,
    ) -> Result<(Principal, Option<String>), ApiError>;
}

/// Lets everything pass: for tests and `--iam off`.
pub struct AllowAll;

#[async_trait]
impl Authorizer for AllowAll {
    async fn authorize(&self, _: &RequestContext, _: &AccessRequest, _: Option<Arc<str>>) -> Result<(), ApiError> {
        Ok(())
    }
}
