//! Targets: a payload for whatever an ARN names, with the permissions of a role or of the service that sends it.
//!
//! EventBridge's rules and EventBridge Scheduler deliver to the same kinds of targets. What is the same of both is here: which call it
//! is, who makes it, and what its failure means. What differs (how the payload is made, how often it is tried, what a dead letter
//! looks like) is each service's own [`crate::Deliverer`]:
//!
//! ```ignore
//! let target = Target { arn: "arn:aws:sqs:…".into(), role_arn: Some("arn:aws:iam::…".into()), ..Target::default() };
//! match self.targets.send("scheduler.amazonaws.com", &delivery.origin, &target, payload).await {
//!     Ok(()) => Outcome::done(),
//!     Err(failed) if failed.is_final() => Outcome::Dead { reason: failed.to_string() },
//!     Err(failed) => Outcome::retry(delivery, failed.to_string()),
//! }
//! ```

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use pilvi_bus::calls::{
    AppendLogs, InvocationMode, InvokeFunction, LogLine, MessageAttribute, PublishMessage, PutEvent, SendMessage,
};
use pilvi_bus::{ApiError, Arn, Bus, Clock, Ctx, Platform, Principal, RequestContext};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Origin;

/// What is told, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// The ARN of a function (perhaps with a version or alias), queue, topic, log group or event bus.
    pub arn: String,
    /// The role that is taken on for it; without one the service itself calls, and the target's own policy decides.
    pub role_arn: Option<String>,
    /// For a queue: the message group (`SqsParameters`).
    pub group_id: Option<String>,
    /// For an event bus: source and detail type of the event whose detail the payload is (`EventBridgeParameters`). Without them the
    /// payload is a whole event, which is passed on as it is.
    pub event: Option<(String, String)>,
}

/// Why nothing was delivered.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The kind of failure.
    pub kind: Failure,
    /// What the target, or whoever stood before it, answered.
    pub error: Box<ApiError>,
}

impl Failed {
    /// A failure of this kind.
    pub fn new(kind: Failure, error: ApiError) -> Self {
        Self { kind, error: Box::new(error) }
    }
}

/// The kinds of failures that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The target does not let the caller in.
    NoPermissions,
    /// There is no such target.
    NoResource,
    /// The role does not exist or does not trust the service.
    Role,
    /// The target does not understand the request.
    Invalid,
    /// Too much at once.
    Throttled,
    /// Pilvi does not deliver to this kind of target.
    NotBuilt,
    /// The target failed.
    Target,
    /// The target refused, and will again.
    Refused,
    /// The target cannot be reached.
    Connection,
    /// Events from another account would go on to a third one.
    ThirdAccount,
}

impl Failure {
    /// What EventBridge's dead letters call it: "Using dead-letter queues to process undelivered events", `ERROR_CODE`.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoPermissions => "NO_PERMISSIONS",
            Self::NoResource => "NO_RESOURCE",
            Self::Role => "FAILED_TO_ASSUME_ROLE",
            Self::Invalid => "INVALID_PARAMETER",
            Self::Throttled => "THROTTLING",
            Self::NotBuilt => "NOT_IMPLEMENTED",
            Self::Target | Self::Refused => "ERROR_FROM_TARGET",
            Self::Connection => "CONNECTION_FAILURE",
            Self::ThirdAccount => "THIRD_ACCOUNT_HOP_DETECTED",
        }
    }

    fn of(error: &ApiError) -> Self {
        let missing = error.code.contains("NotFound")
            || error.code.contains("NonExistentQueue")
            || error.code.contains("DoesNotExist")
            || error.status == 404;
        match error.status {
            501 => Self::NotBuilt,
            429 => Self::Throttled,
            400.. if missing && error.status < 500 => Self::NoResource,
            403 => Self::NoPermissions,
            _ if error.code.contains("AccessDenied") || error.code == "AuthorizationError" => Self::NoPermissions,
            _ if error.code.contains("Throttl") || error.code.contains("TooManyRequests") => Self::Throttled,
            400..500 => Self::Invalid,
            _ => Self::Target,
        }
    }
}

impl Failed {
    /// Trying again would change nothing until somebody does something about it: "Some events are dropped or sent to a DLQ without
    /// any retry attempts" (the same page).
    pub fn is_final(&self) -> bool {
        !matches!(self.kind, Failure::Throttled | Failure::Target | Failure::Connection)
    }
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::new(Failure::of(&error), error)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for Failed {}

/// Sends to targets.
#[derive(Clone)]
pub struct Targets {
    bus: Arc<Bus>,
    clock: Clock,
    endpoint: String,
}

impl Targets {
    /// Over a platform's bus.
    pub fn new(platform: &Platform) -> Self {
        Self { bus: platform.bus.clone(), clock: platform.clock.clone(), endpoint: platform.settings.endpoint() }
    }

    /// The context in which `service` (`events.amazonaws.com`) calls a target for `origin`: as the target's role, or as itself. It is
    /// about the target's account and region.
    ///
    /// # Errors
    /// The role cannot be taken on.
    pub async fn ctx(&self, service: &'static str, origin: &Origin, target: &Target) -> Result<Ctx, Failed> {
        let principal = match &target.role_arn {
            Some(role) => {
                let identity = self.bus.identity()?;
                let session = Uuid::new_v4().simple().to_string();
                let assumed = identity.assume_for(service, role, &session).await;
                assumed.map_err(|error| Failed::new(Failure::Role, error))?.principal
            }
            None => Principal::Service {
                name: service,
                source_arn: (!origin.source_arn.is_empty()).then(|| origin.source_arn.clone()),
                source_account: origin.account.clone(),
            },
        };
        let arn = Arn::parse(&target.arn);
        let own = |part: fn(&Arn) -> &String, other: &String| {
            arn.as_ref().map(part).filter(|part| !part.is_empty()).unwrap_or(other).clone()
        };
        let (account, region) = (own(|arn| &arn.account, &origin.account), own(|arn| &arn.region, &origin.region));
        let mut ctx = RequestContext::internal(principal, &account, &region, &self.endpoint);
        if !origin.trace.is_empty() {
            ctx.trace.clone_from(&origin.trace);
        }
        Ok(Arc::new(ctx))
    }

    /// Sends a payload to a target, as `service` (`events.amazonaws.com`) or the target's role, for `origin`. Functions are invoked
    /// asynchronously; what is accepted is durable when this returns.
    ///
    /// # Errors
    /// Why nothing was delivered.
    pub async fn send(
        &self,
        service: &'static str,
        origin: &Origin,
        target: &Target,
        payload: String,
    ) -> Result<(), Failed> {
        let ctx = self.ctx(service, origin, target).await?;
        let arn = Arn::parse(&target.arn);
        let (kind, resource) = arn.as_ref().map_or(("", ""), |arn| (&*arn.service, &*arn.resource));
        match kind {
            "lambda" => self.invoke(&ctx, target, payload).await?,
            "sqs" => self.send_message(&ctx, target, payload, Vec::new()).await?,
            "sns" => {
                let message = PublishMessage { topic_arn: target.arn.clone(), message: payload, ..Default::default() };
                self.bus.topics()?.publish(&ctx, message).await?;
            }
            "logs" => self.log(&ctx, resource, payload).await?,
            "events" if resource.starts_with("event-bus/") => self.put(&ctx, target, payload).await?,
            _ => {
                let what = if kind.is_empty() { &*target.arn } else { kind };
                let text = format!("Pilvi does not deliver to {what} yet.");
                return Err(ApiError::new("NotImplemented", 501, text).into());
            }
        }
        Ok(())
    }

    /// Sends a dead letter to a queue, as the service itself: the queue's policy decides.
    ///
    /// # Errors
    /// The queue does not take it.
    pub async fn dead_letter(
        &self,
        service: &'static str,
        origin: &Origin,
        queue_arn: &str,
        body: String,
        attributes: Vec<(String, MessageAttribute)>,
    ) -> Result<(), Failed> {
        let queue = Target { arn: queue_arn.to_owned(), ..Target::default() };
        let ctx = self.ctx(service, origin, &queue).await?;
        Ok(self.send_message(&ctx, &queue, body, attributes).await?)
    }

    async fn invoke(&self, ctx: &Ctx, target: &Target, payload: String) -> Result<(), ApiError> {
        let request = InvokeFunction {
            function: target.arn.clone(),
            qualifier: None,
            mode: InvocationMode::Queue,
            payload: Bytes::from(payload),
            client_context: None,
            tail: false,
        };
        self.bus.functions()?.invoke(ctx, request).await.map(|_| ())
    }

    async fn send_message(
        &self,
        ctx: &Ctx,
        target: &Target,
        body: String,
        attributes: Vec<(String, MessageAttribute)>,
    ) -> Result<(), ApiError> {
        let message = SendMessage {
            queue_arn: target.arn.clone(),
            body,
            attributes,
            group_id: target.group_id.clone(),
            trace: Some(ctx.trace.clone()),
            ..SendMessage::default()
        };
        self.bus.queues()?.send(ctx, message).await.map(|_| ())
    }

    /// A line in a stream of its own, as EventBridge makes them.
    async fn log(&self, ctx: &Ctx, resource: &str, message: String) -> Result<(), ApiError> {
        let group = resource.trim_start_matches("log-group:").trim_end_matches(":*").to_owned();
        let line = LogLine { timestamp: self.clock.now_ms(), message };
        let request = AppendLogs { group, stream: Uuid::new_v4().to_string(), lines: vec![line] };
        self.bus.logs()?.append(ctx, request).await
    }

    async fn put(&self, ctx: &Ctx, target: &Target, payload: String) -> Result<(), ApiError> {
        let events = self.bus.events()?;
        let Some((source, detail_type)) = target.event.clone() else {
            return events.forward(ctx, &target.arn, &payload).await;
        };
        let bus_arn = target.arn.clone();
        events.put_on(ctx, PutEvent { bus_arn, source, detail_type, resources: Vec::new(), detail: payload }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart() {
        let kind = |code: &'static str, status| Failed::from(ApiError::new(code, status, "")).kind;
        assert_eq!(kind("AccessDenied", 403), Failure::NoPermissions);
        assert_eq!(kind("AccessDeniedException", 400), Failure::NoPermissions);
        assert_eq!(kind("QueueDoesNotExist", 400), Failure::NoResource);
        assert_eq!(kind("ResourceNotFoundException", 404), Failure::NoResource);
        assert_eq!(kind("TooManyRequestsException", 429), Failure::Throttled);
        assert_eq!(kind("InvalidParameterValue", 400), Failure::Invalid);
        assert_eq!(kind("NotImplemented", 501), Failure::NotBuilt);
        assert_eq!(kind("InternalFailure", 500), Failure::Target);
        assert!(!Failed::from(ApiError::new("InternalFailure", 500, "")).is_final());
        assert!(Failed::from(ApiError::new("AccessDenied", 403, "")).is_final());
    }
}
