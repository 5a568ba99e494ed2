//! What is known of a call besides its input.

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use crate::trace::Begun;
use crate::{Arn, Principal};

/// A call's context, shared by everything that happens on its behalf.
pub type Ctx = Arc<RequestContext>;

/// Who calls, where, and how they reached us.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The account that the call is about: the caller's own, or the owner's for a call made by a service.
    pub account: String,
    /// The region that the call is about.
    pub region: String,
    /// Who calls.
    pub principal: Principal,
    /// The access key that signed the request.
    pub access_key: Option<String>,
    /// The id that the answer carries.
    pub request_id: String,
    /// The X-Ray trace that this call belongs to: `Root=1-…;Parent=…;Sampled=…`.
    pub trace: String,
    /// The trace as the client sent it (`X-Amzn-Trace-Id`), where it did.
    pub trace_sent: Option<String>,
    /// Where the request came from; none for a call from inside.
    pub source_ip: Option<IpAddr>,
    /// The client's own name.
    pub user_agent: Option<String>,
    /// The address that the client used, without a path: `http://localhost:4566`. Answers that contain URLs are built on it.
    pub endpoint: String,
}

impl RequestContext {
    /// A call from inside, made as `principal` about `account` and `region`.
    pub fn internal(principal: Principal, account: &str, region: &str, endpoint: &str) -> RequestContext {
        RequestContext {
            account: account.to_owned(),
            region: region.to_owned(),
            principal,
            access_key: None,
            request_id: Uuid::new_v4().to_string(),
            trace: new_trace(),
            trace_sent: None,
            source_ip: None,
            user_agent: None,
            endpoint: endpoint.to_owned(),
        }
    }

    /// The same call's continuation as somebody else: a service that acts because of this call. The trace goes on.
    pub fn acting_as(&self, principal: Principal) -> RequestContext {
        RequestContext {
            principal,
            access_key: None,
            request_id: Uuid::new_v4().to_string(),
            source_ip: None,
            user_agent: None,
            ..self.clone()
        }
    }

    /// The same call within a span of its trace: what it causes is the span's child.
    pub fn within(&self, span: &Begun) -> RequestContext {
        RequestContext { trace: span.header(&self.trace), ..self.clone() }
    }

    /// The ARN of a resource of this call's account and region.
    pub fn arn(&self, service: &str, resource: impl Into<String>) -> Arn {
        Arn::new(service, &self.region, &self.account, resource)
    }
}

/// A new trace header, unsampled, in the form of the X-Ray developer guide ("Tracing header").
pub fn new_trace() -> String {
    let id = Uuid::new_v4().simple().to_string();
    // The first eight digits are meant to be the time in hex; any eight are accepted, and random ones need no clock.
    let (time, rest) = id.split_at(8);
    let parent = Uuid::new_v4().simple().to_string();
    format!("Root=1-{time}-{};Parent={};Sampled=0", rest, parent.get(..16).unwrap_or(&parent))
}
