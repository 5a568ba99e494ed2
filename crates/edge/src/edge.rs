//! The way of a request, from its head to its answer, step by step.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use pilvi_bus::context::new_trace;
use pilvi_bus::http::{Body, CollectError, Connection, HttpFront, Request, Response};
use pilvi_bus::{ApiError, Bus, Clock, Ctx, Principal, RequestContext, Settings, region};
use pilvi_model::Val;
use pilvi_model::api::Protocol;
use uuid::Uuid;

use crate::answers;
use crate::authenticate::{Authenticator, DEFAULT_ACCOUNT, Signed};
use crate::pages;
use crate::protocol::{Parsed, Unreadable, json, query, query_json, rest};
use crate::routing::{self, Route, Target};
use crate::sigv4::{self, Claim};
use crate::validate::dialect;

/// The largest body of an API call; S3's are streamed and not limited here. Lambda's own limit, the largest of all:
/// "Request must be smaller than 70167211 bytes".
pub const MAX_BODY: usize = 70_167_211;

/// Answers every request of the port.
pub struct Edge {
    bus: Arc<Bus>,
    authenticator: Arc<Authenticator>,
    fronts: Vec<Arc<dyn HttpFront>>,
    fallback: Arc<dyn HttpFront>,
}

impl Edge {
    /// `fronts` are asked in order whether a request is theirs; `fallback` gets what no service's call is (S3).
    pub fn new(
        bus: Arc<Bus>,
        clock: Clock,
        settings: &Settings,
        fronts: Vec<Arc<dyn HttpFront>>,
        fallback: Arc<dyn HttpFront>,
    ) -> Edge {
        let authenticator = Arc::new(Authenticator::new(bus.clone(), clock, settings.iam));
        bus.wire_authenticator(authenticator.clone());
        Edge { bus, authenticator, fronts, fallback }
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request, connection: Connection) -> Response {
        // 1. Hosts and paths that belong to somebody as a whole: HTTP APIs, function URLs, our own pages.
        let (parts, body) = request.into_parts();
        if let Some(front) = self.fronts.iter().find(|front| front.accepts(&parts)) {
            return front.handle(Request::from_parts(parts, body), connection).await;
        }
        // 2. What the signature claims tells the service; a signature that cannot be read is answered further down.
        let claim = sigv4::parse(&parts);
        let signing_name = claim.as_ref().ok().and_then(|claim| Some(claim.as_ref()?.service.clone()));
        if !may_be_operation(&parts, signing_name.as_deref()) {
            if self.authenticator.refuses_page(claim, &parts).await {
                let error = ApiError::new("AccessDenied", 403, pages::REFUSED);
                return answers::error(None, Protocol::RestXml, &error, &Uuid::new_v4().to_string());
            }
            return self.fallback.handle(Request::from_parts(parts, body), connection).await;
        }
        // 3. Service and operation.
        let request_id = Uuid::new_v4().to_string();
        let body = match collect(body).await {
            Ok(body) => body,
            Err(error) => return answers::error(None, guess_protocol(&parts), &error, &request_id),
        };
        let target = match routing::route(&parts, &body, signing_name.as_deref()) {
            Route::Operation(target) => target,
            // A request without any action is answered before anybody looks for what it accepts.
            Route::Unknown(_, Protocol::Query, error)
                if error.code == "InvalidAction" && query_json::is_asked_for(&parts) =>
            {
                return answers::query_json_error(&error, &request_id);
            }
            Route::Unknown(api, protocol, error) => return answers::error(api, protocol, &error, &request_id),
            Route::Other => {
                let request = Request::from_parts(parts, pilvi_bus::http::full(body));
                return self.fallback.handle(request, connection).await;
            }
        };
        // 4. Who; 5. what, validated; 6. may they and do it (the bus); 7. answer.
        let (api, protocol) = (target.api, target.protocol);
        let outcome = self.call(&target, claim, &parts, body, connection, &request_id).await;
        if protocol == Protocol::Query && query_json::is_asked_for(&parts) {
            return match outcome {
                Ok(output) => answers::query_json(api, target.operation, &output, &request_id),
                Err(error) => answers::query_json_error(&error, &request_id),
            };
        }
        match outcome {
            Ok(output) => answers::success(api, target.operation, protocol, output, &request_id),
            Err(error) => answers::error(Some(api), protocol, &error, &request_id),
        }
    }

    async fn call(
        &self,
        target: &Target,
        claim: Result<Option<Claim>, sigv4::SigError>,
        parts: &Parts,
        body: Bytes,
        connection: Connection,
        request_id: &str,
    ) -> Result<Val, ApiError> {
        let claimed_region = claim.as_ref().ok().and_then(|claim| Some(claim.as_ref()?.region.clone()));
        let signed = Signed { parts, body: &body, service: target.api.signing_name, protocol: target.protocol };
        let caller = self.authenticator.caller(claim, signed, connection.peer).await?;
        if caller.principal == Principal::Anonymous && !takes_unsigned(target) {
            let code = if target.protocol == Protocol::Query {
                "MissingAuthenticationToken"
            } else {
                "MissingAuthenticationTokenException"
            };
            return Err(ApiError::new(code, 403, "Request is missing Authentication Token"));
        }
        let parsed = parse(target, parts, &body)?;
        if let Some(error) = dialect(target.api, target.operation).refuse(&parsed.problems) {
            return Err(error);
        }
        let ctx = context(caller.principal, caller.access_key, claimed_region, parts, connection, request_id);
        self.bus.call(ctx, target.api.name, target.operation.name, parsed.input).await
    }
}

/// Reads a request as far as that goes without knowing who sent it: which operation it is, and its input or why it is
/// refused; nothing where it is no service's call. For tests and fuzzing: [`Edge::answer`] takes the same steps.
pub fn understand(parts: &Parts, body: &Bytes) -> Option<Result<(&'static str, Val), ApiError>> {
    let claim = sigv4::parse(parts);
    let signing_name = claim.as_ref().ok().and_then(|claim| Some(claim.as_ref()?.service.clone()));
    let target = match routing::route(parts, body, signing_name.as_deref()) {
        Route::Operation(target) => target,
        Route::Unknown(_, _, error) => return Some(Err(error)),
        Route::Other => return None,
    };
    Some(parse(&target, parts, body).and_then(|parsed| {
        match dialect(target.api, target.operation).refuse(&parsed.problems) {
            Some(error) => Err(error),
            None => Ok((target.operation.name, parsed.input)),
        }
    }))
}

/// False for requests that are S3's without looking at the body, which may be large and is then streamed.
fn may_be_operation(parts: &Parts, signing_name: Option<&str>) -> bool {
    if parts.headers.contains_key("x-amz-target") {
        return true;
    }
    match signing_name {
        Some("s3") => false,
        Some(_) => true,
        None => !matches!(routing::route(parts, &Bytes::new(), None), Route::Other) || is_form(parts),
    }
}

fn is_form(parts: &Parts) -> bool {
    let content_type = parts.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|text| text.starts_with("application/x-www-form-urlencoded"))
}

async fn collect(body: Body) -> Result<Bytes, ApiError> {
    pilvi_bus::http::collect(body, MAX_BODY).await.map_err(|error| match error {
        CollectError::TooLarge => {
            let text = format!("Request must be smaller than {MAX_BODY} bytes");
            ApiError::new("RequestEntityTooLargeException", 413, text)
        }
        CollectError::Incomplete => {
            ApiError::new("IncompleteBody", 400, "The request body ended before it was complete.")
        }
    })
}

fn parse(target: &Target, parts: &Parts, body: &Bytes) -> Result<Parsed, ApiError> {
    let (api, operation) = (target.api, target.operation);
    let parsed = match target.protocol {
        Protocol::Json { .. } => json::parse(api, operation.input, body),
        Protocol::Query | Protocol::Ec2 => query::parse(api, operation.input, &target.parameters),
        Protocol::RestJson => {
            let request =
                rest::RestRequest { labels: &target.labels, query: &target.parameters, headers: &parts.headers, body };
            rest::parse(api, operation, &request)
        }
        Protocol::RestXml | Protocol::Cbor => return Err(answers::unsupported_cbor()),
    };
    parsed.map_err(|error| unreadable(target, error))
}

/// How each service says that it could not read a request.
fn unreadable(target: &Target, error: Unreadable) -> ApiError {
    match (target.api.name, target.protocol) {
        ("lambda", _) => {
            let text = format!("Could not parse request body into json: {}", error.0);
            ApiError::new("InvalidRequestContentException", 400, text)
        }
        (_, Protocol::Query | Protocol::Ec2) => ApiError::new("MalformedInput", 400, error.0),
        _ => error.into(),
    }
}

/// Services whose resources' policies may let anybody in, and operations that carry their own proof.
fn takes_unsigned(target: &Target) -> bool {
    target.operation.unsigned || matches!(target.api.name, "sqs" | "sns")
}

fn guess_protocol(parts: &Parts) -> Protocol {
    if parts.headers.contains_key("x-amz-target") {
        Protocol::Json { version: "1.0" }
    } else if is_form(parts) {
        Protocol::Query
    } else {
        Protocol::RestJson
    }
}

fn context(
    principal: Principal,
    access_key: Option<String>,
    claimed_region: Option<String>,
    parts: &Parts,
    connection: Connection,
    request_id: &str,
) -> Ctx {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let region = claimed_region
        .filter(|region| region::is_region(region))
        .or_else(|| routing::region_of_host(parts))
        .unwrap_or_else(|| region::DEFAULT.to_owned());
    let account = match principal.account() {
        "" => DEFAULT_ACCOUNT.to_owned(),
        account => account.to_owned(),
    };
    let scheme = if connection.tls { "https" } else { "http" };
    let host = parts.uri.authority().map(ToString::to_string).or_else(|| header("host")).unwrap_or_default();
    Arc::new(RequestContext {
        account,
        region,
        principal,
        access_key,
        request_id: request_id.to_owned(),
        trace_sent: header("x-amzn-trace-id"),
        trace: header("x-amzn-trace-id").unwrap_or_else(new_trace),
        source_ip: Some(connection.peer),
        user_agent: header("user-agent"),
        endpoint: format!("{scheme}://{host}"),
    })
}
