//! The bus itself: finds the service, hands it the call, logs what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use pilvi_model::Val;
use tracing::{debug, error};

use crate::authorize::{AccessRequest, Authenticate, Authorizer};
use crate::calls::{EventCalls, FunctionCalls, IdentityCalls, LogCalls, ObjectCalls, QueueCalls, TopicCalls};
use crate::identity::Failures;
use crate::service::Service;
use crate::trace::Traces;
use crate::{ApiError, Ctx, RequestContext};

/// All services, reachable by name and by typed call. Wired once at start; see `cloud.rs` of the binary.
#[derive(Default)]
pub struct Bus {
    services: OnceLock<BTreeMap<&'static str, Arc<dyn Service>>>,
    authorizer: OnceLock<Arc<dyn Authorizer>>,
    authenticator: OnceLock<Arc<dyn Authenticate>>,
    functions: OnceLock<Arc<dyn FunctionCalls>>,
    queues: OnceLock<Arc<dyn QueueCalls>>,
    logs: OnceLock<Arc<dyn LogCalls>>,
    objects: OnceLock<Arc<dyn ObjectCalls>>,
    identity: OnceLock<Arc<dyn IdentityCalls>>,
    events: OnceLock<Arc<dyn EventCalls>>,
    topics: OnceLock<Arc<dyn TopicCalls>>,
    /// What happened.
    pub traces: Traces,
    /// Wrong signatures, of all fronts together.
    pub failures: Failures,
}

macro_rules! typed_calls {
    ($($name:ident, $wire:ident, $calls:ident, $what:literal;)*) => {$(
        #[doc = concat!("The typed calls of ", $what, ".")]
        ///
        /// # Errors
        /// An internal error where the service is not part of this cloud.
        pub fn $name(&self) -> Result<&Arc<dyn $calls>, ApiError> {
            self.$name.get().ok_or_else(|| ApiError::new("InternalFailure", 500, concat!("There are no ", $what, " here.")))
        }

        #[doc = concat!("Wires the typed calls of ", $what, "; the first wiring stands.")]
        pub fn $wire(&self, calls: Arc<dyn $calls>) {
            let _ = self.$name.set(calls);
        }
    )*};
}

impl Bus {
    /// A bus that still has to be wired.
    pub fn new() -> Arc<Bus> {
        Arc::new(Bus::default())
    }

    /// Wires the services; the first wiring stands.
    pub fn wire_services(&self, services: Vec<Arc<dyn Service>>) {
        let _ = self.services.set(services.into_iter().map(|service| (service.name(), service)).collect());
    }

    /// Wires the authorizer; the first wiring stands.
    pub fn wire_authorizer(&self, authorizer: Arc<dyn Authorizer>) {
        let _ = self.authorizer.set(authorizer);
    }

    /// Wires the authenticator of fronts; the first wiring stands.
    pub fn wire_authenticator(&self, authenticator: Arc<dyn Authenticate>) {
        let _ = self.authenticator.set(authenticator);
    }

    /// Who signs requests, for fronts that take them whole.
    ///
    /// # Errors
    /// An internal error where nothing listens.
    pub fn authenticator(&self) -> Result<&Arc<dyn Authenticate>, ApiError> {
        self.authenticator.get().ok_or_else(|| ApiError::new("InternalFailure", 500, "There is no authenticator."))
    }

    typed_calls! {
        functions, wire_functions, FunctionCalls, "functions";
        queues, wire_queues, QueueCalls, "queues";
        logs, wire_logs, LogCalls, "logs";
        objects, wire_objects, ObjectCalls, "objects";
        identity, wire_identity, IdentityCalls, "identities";
        events, wire_events, EventCalls, "events";
        topics, wire_topics, TopicCalls, "topics";
    }

    /// The services, by name.
    pub fn services(&self) -> impl Iterator<Item = &Arc<dyn Service>> {
        self.services.get().into_iter().flat_map(BTreeMap::values)
    }

    /// The service that speaks the model `name`.
    pub fn service(&self, name: &str) -> Option<&Arc<dyn Service>> {
        self.services.get()?.get(name)
    }

    /// Calls any operation by service, name and input. The input is of the model's shape.
    ///
    /// # Errors
    /// What the operation answers; NotImplemented where it is not built.
    pub async fn call(&self, ctx: Ctx, service: &str, operation: &str, input: Val) -> Result<Val, ApiError> {
        let Some(target) = self.service(service) else {
            return Err(ApiError::not_implemented(service, operation));
        };
        let authorizer = self.authorizer()?.clone();
        let request_id = ctx.request_id.clone();
        let span = self.traces.begin(&ctx, format!("{service} {operation}"), target_of(&input));
        let ctx = Arc::new(ctx.within(&span));
        let result = target.call(ctx, operation, input, authorizer).await;
        self.traces.end_with(span, &result);
        match &result {
            Ok(_) => debug!(service, operation, request_id, "ok"),
            Err(problem) => log_problem(service, operation, &request_id, problem),
        }
        result
    }

    /// Whether the caller may do this; for calls that do not come through [`Bus::call`].
    ///
    /// # Errors
    /// AccessDenied, with AWS's text.
    pub async fn authorize(
        &self,
        ctx: &RequestContext,
        request: &AccessRequest,
        resource_policy: Option<Arc<str>>,
    ) -> Result<(), ApiError> {
        self.authorizer()?.authorize(ctx, request, resource_policy).await
    }

    fn authorizer(&self) -> Result<&Arc<dyn Authorizer>, ApiError> {
        // Without an authorizer nothing is allowed: a wiring mistake must not open the door.
        self.authorizer.get().ok_or_else(|| ApiError::new("InternalFailure", 500, "There is no authorizer."))
    }
}

/// What a call is about, by the members that services commonly name it with.
fn target_of(input: &Val) -> &str {
    const NAMES: [&str; 13] = [
        "TableName",
        "QueueUrl",
        "FunctionName",
        "TopicArn",
        "logGroupName",
        "QueueName",
        "RoleName",
        "PolicyArn",
        "UserName",
        "Name",
        "EventBusName",
        "ApiId",
        "TargetArn",
    ];
    NAMES.iter().find_map(|name| input.get(name)?.as_str()).unwrap_or_default()
}

/// Logs what a call failed with: the client's mistakes quietly, our own loudly and with their cause.
pub fn log_problem(service: &str, operation: &str, request_id: &str, problem: &ApiError) {
    let (code, message) = (&*problem.code, &*problem.message);
    if problem.is_client_fault() || problem.status == 501 {
        debug!(service, operation, request_id, status = problem.status, code, message, "refused");
        return;
    }
    let cause = problem.cause.as_ref().map(ToString::to_string).unwrap_or_default();
    error!(service, operation, request_id, status = problem.status, code, message, cause, "failed");
}
