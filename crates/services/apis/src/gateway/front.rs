//! Requests of an API's clients, from host or path to answer.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode};
use pilvi_bus::http::{Connection, HttpFront, Request, Response, collect, host};
use pilvi_edge::authenticate::Authenticator;
use rand::RngCore as _;

use super::authorize::{Identity, Keys, Verdicts};
use super::compiled::{Compiled, Stage};
use super::event::Call;
use super::{access_log, cors, parameters, response};
use crate::core::Apis;

/// The largest body of a request ("Quotas for configuring and running an HTTP API").
const MOST_BODY: usize = 10 * 1024 * 1024;

/// Answers the requests of APIs' clients.
pub(crate) struct Gateway {
    pub(crate) apis: Arc<Apis>,
    pub(crate) authenticator: Authenticator,
    /// The public keys of tokens' issuers.
    pub(crate) keys: Keys,
    /// What authorizers' functions said.
    pub(crate) verdicts: Arc<Verdicts>,
}

impl Gateway {
    pub(crate) fn new(apis: Arc<Apis>) -> Gateway {
        let platform = &apis.platform;
        let authenticator = Authenticator::new(platform.bus.clone(), platform.clock.clone(), platform.settings.iam);
        let verdicts = apis.verdicts.clone();
        Gateway { apis, authenticator, keys: Keys::default(), verdicts }
    }
}

/// What a request is for.
enum Target {
    /// An API, and the path within it.
    Api { api: String, path: String },
    /// A custom domain.
    Domain(String),
}

/// What a request's host or path names.
fn target(request: &http::request::Parts, apis: &Apis) -> Option<Target> {
    let host = host(request);
    let path = request.uri.path();
    let mut labels = host.split('.');
    if let (Some(api), Some("execute-api")) = (labels.next(), labels.next()) {
        return Some(Target::Api { api: api.to_owned(), path: path.to_owned() });
    }
    if let Some(domain) = apis.domain(&host) {
        return Some(Target::Domain(domain));
    }
    if let Some(rest) = path.strip_prefix("/_aws/execute-api/") {
        let (api, rest) = rest.split_once('/').unwrap_or((rest, ""));
        return Some(Target::Api { api: api.to_owned(), path: format!("/{rest}") });
    }
    let rest = path.strip_prefix("/restapis/")?;
    let (api, rest) = rest.split_once('/')?;
    let (stage, rest) = rest.split_once("/_user_request_")?;
    Some(Target::Api { api: api.to_owned(), path: format!("/{stage}{rest}") })
}

/// Where a request goes: an API's stage, and the path in it.
struct Place<'c> {
    stage: &'c Stage,
    /// Without stage and base path.
    inner: String,
    base_path: Option<String>,
    domain: String,
}

#[async_trait]
impl HttpFront for Gateway {
    fn name(&self) -> &'static str {
        "HTTP APIs"
    }

    fn accepts(&self, request: &http::request::Parts) -> bool {
        target(request, &self.apis).is_some()
    }

    async fn handle(&self, request: Request, connection: Connection) -> Response {
        let (parts, body) = request.into_parts();
        let not_found = || response::message(StatusCode::NOT_FOUND, "Not Found");
        let Some(target) = target(&parts, &self.apis) else { return not_found() };
        let (api, path, mapped) = match target {
            Target::Api { api, path } => (api, path, None),
            Target::Domain(domain) => {
                let path = parts.uri.path().to_owned();
                let Some(mapping) = self.apis.mapping(&domain, &path) else {
                    return response::message(StatusCode::FORBIDDEN, "Forbidden");
                };
                (mapping.api.clone(), path, Some((domain, mapping)))
            }
        };
        let Some(compiled) = self.apis.compiled(&api) else { return not_found() };
        let place = match &mapped {
            Some((domain, mapping)) => compiled.named(&mapping.stage).map(|stage| Place {
                stage,
                inner: mapping.inner.clone(),
                base_path: Some(mapping.key.clone()),
                domain: domain.clone(),
            }),
            None if compiled.closed => None,
            None => compiled.stage(&path).map(|(stage, inner)| Place {
                stage,
                inner: inner.to_owned(),
                base_path: None,
                domain: format!("{api}.execute-api.{}.amazonaws.com", compiled.region),
            }),
        };
        let Some(place) = place else { return not_found() };
        self.answer(&compiled, &api, path, place, parts, body, connection).await
    }
}

/// What a route gave, and what the access log is told of it.
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) integration_status: Option<u16>,
    pub(crate) integration_ms: Option<i64>,
    /// Why the integration gave nothing.
    pub(crate) error: Option<String>,
    pub(crate) authorizer_error: Option<String>,
    /// The gateway's own text.
    pub(crate) message: Option<String>,
    /// It says already what CORS grants.
    pub(crate) preflight: bool,
}

impl Answer {
    pub(crate) fn new(response: Response) -> Answer {
        Answer {
            response,
            integration_status: None,
            integration_ms: None,
            error: None,
            authorizer_error: None,
            message: None,
            preflight: false,
        }
    }

    /// The gateway's own answer.
    pub(crate) fn refused(status: StatusCode, text: &str) -> Answer {
        Answer { message: Some(text.to_owned()), ..Answer::new(response::message(status, text)) }
    }

    /// An integration gave nothing: the client is told the status alone.
    pub(crate) fn failed(status: StatusCode, cause: impl Into<String>) -> Answer {
        let text = status.canonical_reason().unwrap_or_default();
        Answer { error: Some(cause.into()), ..Answer::refused(status, text) }
    }

    pub(crate) fn internal(cause: impl Into<String>) -> Answer {
        Answer::failed(StatusCode::INTERNAL_SERVER_ERROR, cause)
    }
}

fn is_preflight(request: &http::request::Parts) -> bool {
    request.method == http::Method::OPTIONS
        && request.headers.contains_key("origin")
        && request.headers.contains_key("access-control-request-method")
}

fn query(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The request's headers with what a load balancer adds.
fn with_forwarded(parts: &http::request::Parts, connection: Connection, port: u16) -> HeaderMap {
    let mut headers = parts.headers.clone();
    if !headers.contains_key(http::header::HOST)
        && let Some(host) = parts.uri.authority().and_then(|host| HeaderValue::try_from(host.as_str()).ok())
    {
        headers.insert(http::header::HOST, host);
    }
    let scheme = if connection.tls { "https" } else { "http" };
    headers.insert("x-forwarded-proto", HeaderValue::from_static(scheme));
    headers.insert("x-forwarded-port", HeaderValue::from(port));
    let peer = connection.peer.to_string();
    let chain = match headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()) {
        Some(before) => format!("{before}, {peer}"),
        None => peer,
    };
    if let Ok(chain) = HeaderValue::try_from(chain) {
        headers.insert("x-forwarded-for", chain);
    }
    if !headers.contains_key("x-amzn-trace-id") {
        let trace = pilvi_bus::context::new_trace();
        let root = trace.split(';').next().unwrap_or(&trace);
        headers
            .extend(HeaderValue::try_from(root).map(|root| (http::HeaderName::from_static("x-amzn-trace-id"), root)));
    }
    headers
}

/// `JKJaXmPLvHcESHA=`: of the form of the gateway's own ids.
fn new_request_id() -> String {
    let mut bytes = [0; 11];
    rand::rng().fill_bytes(&mut bytes);
    STANDARD.encode(bytes)
}

impl Gateway {
    #[allow(clippy::too_many_arguments, reason = "the parts of one request")]
    async fn answer(
        &self,
        compiled: &Compiled,
        api: &str,
        path: String,
        place: Place<'_>,
        parts: http::request::Parts,
        body: pilvi_bus::http::Body,
        connection: Connection,
    ) -> Response {
        let stage = place.stage;
        let found = stage.route(parts.method.as_str(), &place.inner);
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let protocol = if parts.version == http::Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" };
        let headers = with_forwarded(&parts, connection, self.apis.platform.settings.port);
        let mut call = Call {
            account: &compiled.account,
            api,
            stage: &stage.name,
            variables: &stage.variables,
            route_key: found.as_ref().map_or("", |(route, _)| &route.key),
            method: parts.method.as_str(),
            full_path: path.clone(),
            inner_path: place.inner.clone(),
            path,
            path_changed: false,
            path_parameters: found.as_ref().map(|(_, variables)| variables.clone()).unwrap_or_default(),
            query: query(&raw_query),
            raw_query,
            original_host: headers.get("host").and_then(|host| host.to_str().ok()).map(str::to_owned),
            headers,
            body: bytes::Bytes::new(),
            source_ip: connection.peer.to_string(),
            domain: place.domain,
            base_path: place.base_path,
            identity: Identity::Nobody,
            protocol,
            request_id: new_request_id(),
            time: self.apis.platform.clock.now(),
        };
        // "If you configure CORS for an API, API Gateway automatically sends a response to preflight OPTIONS requests".
        if let Some(cors) = compiled.cors.as_ref().filter(|_| is_preflight(&parts)) {
            let answer = Answer { preflight: true, ..Answer::new(cors::preflight(cors, &parts.headers)) };
            return self.finish(compiled, stage, &call, &parts.headers, answer);
        }
        let answer = match collect(body, MOST_BODY).await {
            Ok(body) => {
                call.body = body;
                match &found {
                    Some((route, _)) => self.run(compiled, stage, route, &mut call, &parts).await,
                    None => Answer::refused(StatusCode::NOT_FOUND, "Not Found"),
                }
            }
            Err(_) => Answer::refused(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        };
        self.finish(compiled, stage, &call, &parts.headers, answer)
    }

    async fn run(
        &self,
        compiled: &Compiled,
        stage: &Stage,
        route: &super::compiled::Route,
        call: &mut Call<'_>,
        request: &http::request::Parts,
    ) -> Answer {
        match self.admit(compiled, route, call, request).await {
            Ok(identity) => call.identity = identity,
            Err(refusal) => return refusal.into_answer(),
        }
        let Some(integration) = &route.integration else { return Answer::internal("the route has no integration") };
        if integration.subtype.is_none() {
            parameters::apply(&integration.parameters, call);
        }
        self.integrate(compiled, stage, route, integration, call).await
    }

    fn finish(
        &self,
        compiled: &Compiled,
        stage: &Stage,
        call: &Call<'_>,
        request: &HeaderMap,
        mut answer: Answer,
    ) -> Response {
        let headers = answer.response.headers_mut();
        if let Some(cors) = compiled.cors.as_ref().filter(|_| !answer.preflight) {
            cors::add(cors, request, headers);
        }
        headers.extend(
            HeaderValue::try_from(&call.request_id).map(|id| (http::HeaderName::from_static("apigw-requestid"), id)),
        );
        if let Some((destination, format)) = &stage.access_log {
            let platform = &self.apis.platform;
            let latency_ms = platform.clock.now_ms() - call.time.as_millisecond();
            let line = access_log::line(format, call, &answer, latency_ms);
            access_log::write(platform, &compiled.account, &compiled.region, call.api, &stage.name, destination, line);
        }
        answer.response
    }
}
