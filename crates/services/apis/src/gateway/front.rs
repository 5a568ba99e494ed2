//! Requests of an API's clients, from host or path to answer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use pilvi_bus::calls::{InvocationMode, InvokeFunction};
use pilvi_bus::http::{Connection, HttpFront, Request, Response, collect, host};
use pilvi_bus::{Arn, Ctx, Principal, RequestContext};

use super::compiled::{Compiled, Integration, Route, Stage};
use super::event::Call;
use super::{access_log, cors, parameters, response};
use crate::core::Apis;

/// The largest body of a request ("Quotas for configuring and running an HTTP API").
const MOST_BODY: usize = 10 * 1024 * 1024;

/// Answers the requests of APIs' clients.
pub(crate) struct Gateway(pub(crate) Arc<Apis>);

/// The API that a request is for, and the path within it.
fn target(request: &http::request::Parts) -> Option<(String, String)> {
    let host = host(request);
    let path = request.uri.path();
    let mut labels = host.split('.');
    if let (Some(api), Some("execute-api")) = (labels.next(), labels.next()) {
        return Some((api.to_owned(), path.to_owned()));
    }
    if let Some(rest) = path.strip_prefix("/_aws/execute-api/") {
        let (api, rest) = rest.split_once('/').unwrap_or((rest, ""));
        return Some((api.to_owned(), format!("/{rest}")));
    }
    let rest = path.strip_prefix("/restapis/")?;
    let (api, rest) = rest.split_once('/')?;
    let (stage, rest) = rest.split_once("/_user_request_")?;
    Some((api.to_owned(), format!("/{stage}{rest}")))
}

#[async_trait]
impl HttpFront for Gateway {
    fn name(&self) -> &'static str {
        "HTTP APIs"
    }

    fn accepts(&self, request: &http::request::Parts) -> bool {
        target(request).is_some()
    }

    async fn handle(&self, request: Request, connection: Connection) -> Response {
        let (parts, body) = request.into_parts();
        let not_found = || response::message(StatusCode::NOT_FOUND, "Not Found");
        let Some((api, path)) = target(&parts) else { return not_found() };
        let Some(compiled) = self.0.compiled(&api) else { return not_found() };
        if let Some(cors) = compiled.cors.as_ref().filter(|_| is_preflight(&parts)) {
            return cors::preflight(cors, &parts.headers);
        }
        let Some((stage, inner)) = compiled.stage(&path) else { return not_found() };
        let Ok(body) = collect(body, MOST_BODY).await else {
            return response::message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let found = stage.route(parts.method.as_str(), inner);
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let protocol = if parts.version == http::Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" };
        let mut call = Call {
            account: &compiled.account,
            api: &api,
            stage: &stage.name,
            variables: &stage.variables,
            route_key: found.as_ref().map_or("", |(route, _)| &route.key),
            method: parts.method.as_str(),
            full_path: path.clone(),
            path: path.clone(),
            path_parameters: found.as_ref().map(|(_, variables)| variables.clone()).unwrap_or_default(),
            query: query(&raw_query),
            raw_query,
            headers: with_forwarded(&parts.headers, connection),
            body,
            source_ip: connection.peer.to_string(),
            domain: format!("{api}.execute-api.{}.amazonaws.com", compiled.region),
            protocol,
            request_id: uuid::Uuid::new_v4().to_string(),
            time: self.0.platform.clock.now(),
        };
        let answer = match &found {
            Some((route, _)) => self.run(&compiled, stage, route, &mut call).await,
            None => Answer::refused(StatusCode::NOT_FOUND, "Not Found"),
        };
        self.finish(&compiled, stage, &call, &parts.headers, answer)
    }
}

/// What a route gave, and what the access log is told of it.
struct Answer {
    response: Response,
    integration_status: Option<u16>,
    error: Option<String>,
}

impl Answer {
    fn refused(status: StatusCode, text: &str) -> Answer {
        Answer { response: response::message(status, text), integration_status: None, error: None }
    }

    fn failed(status: StatusCode, text: &str, cause: impl Into<String>) -> Answer {
        Answer { error: Some(cause.into()), ..Answer::refused(status, text) }
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

fn with_forwarded(headers: &http::HeaderMap, connection: Connection) -> http::HeaderMap {
    let mut headers = headers.clone();
    let scheme = if connection.tls { "https" } else { "http" };
    headers.insert("x-forwarded-proto", http::HeaderValue::from_static(scheme));
    if let Ok(peer) = http::HeaderValue::try_from(connection.peer.to_string()) {
        headers.insert("x-forwarded-for", peer);
    }
    headers
}

impl Gateway {
    async fn run(&self, compiled: &Compiled, stage: &Stage, route: &Route, call: &mut Call<'_>) -> Answer {
        if route.authorization != "NONE" {
            // Authorizers are kept and not run yet: a route that asks for one stays closed.
            return Answer::failed(StatusCode::FORBIDDEN, "Forbidden", "authorizers are not implemented");
        }
        let Some(integration) = &route.integration else {
            return Answer::failed(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", "no integration");
        };
        parameters::apply(&integration.parameters, call);
        if integration.kind != "AWS_PROXY" {
            let cause = format!(
                "integrations of type {} ({}) are not implemented",
                integration.kind,
                integration.method.as_deref().unwrap_or("-")
            );
            return Answer::failed(StatusCode::NOT_IMPLEMENTED, "Not Implemented", cause);
        }
        let limit = Duration::from_millis(integration.timeout_ms);
        match tokio::time::timeout(limit, self.invoke(compiled, stage, route, integration, call)).await {
            Ok(answer) => answer,
            Err(_) => {
                Answer::failed(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", "the integration timed out")
            }
        }
    }

    async fn invoke(
        &self,
        compiled: &Compiled,
        stage: &Stage,
        route: &Route,
        integration: &Integration,
        call: &Call<'_>,
    ) -> Answer {
        let platform = &self.0.platform;
        let internal =
            |cause: String| Answer::failed(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", cause);
        // `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`, which permissions name; `$default` has no method.
        let method_and_path = route.key.replacen(" /", "/", 1).replacen("ANY/", "*/", 1);
        let resource = format!("{}/{}/{method_and_path}", call.api, stage.name);
        let source = Arn::new("execute-api", &compiled.region, &compiled.account, resource);
        let principal = Principal::service("apigateway.amazonaws.com", &source, &compiled.account);
        let endpoint = platform.settings.endpoint();
        let ctx: Ctx = Arc::new(RequestContext::internal(principal, &compiled.account, &compiled.region, &endpoint));
        let request = InvokeFunction {
            function: integration.function_arn().to_owned(),
            qualifier: None,
            mode: InvocationMode::Wait,
            payload: call.event(&integration.format).to_string().into(),
            client_context: None,
            tail: false,
        };
        let functions = match platform.bus.functions() {
            Ok(functions) => functions,
            Err(problem) => return internal(problem.message),
        };
        let result = match functions.invoke(&ctx, request).await {
            Ok(result) => result,
            Err(problem) if problem.status == 429 => {
                return Answer::failed(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", problem.message);
            }
            Err(problem) => {
                tracing::info!(
                    api = call.api,
                    route = route.key,
                    reason = problem.message,
                    "the function was not invoked"
                );
                return internal(problem.message);
            }
        };
        if let Some(error) = result.error {
            return internal(format!("the function failed ({error})"));
        }
        match response::from_function(&result.payload, &integration.format) {
            Some(response) => Answer { response, integration_status: Some(200), error: None },
            None => internal("the function's answer is not of the form that the payload format asks for".to_owned()),
        }
    }

    fn finish(
        &self,
        compiled: &Compiled,
        stage: &Stage,
        call: &Call<'_>,
        request: &http::HeaderMap,
        answer: Answer,
    ) -> Response {
        let mut response = answer.response;
        if let Some(cors) = &compiled.cors {
            cors::add(cors, request, response.headers_mut());
        }
        if let Ok(id) = http::HeaderValue::try_from(call.request_id.as_str()) {
            response.headers_mut().insert("apigw-requestid", id);
        }
        if let Some((destination, format)) = &stage.access_log {
            let platform = &self.0.platform;
            let answered = access_log::Answered {
                status: response.status().as_u16(),
                length: http_body_size(&response),
                integration_status: answer.integration_status,
                integration_error: answer.error,
                latency_ms: platform.clock.now_ms() - call.time.as_millisecond(),
            };
            let line = access_log::line(format, call, &answered);
            access_log::write(platform, &compiled.account, &compiled.region, call.api, &stage.name, destination, line);
        }
        response
    }
}

fn http_body_size(response: &Response) -> u64 {
    use http_body::Body as _;
    response.body().size_hint().exact().unwrap_or(0)
}
