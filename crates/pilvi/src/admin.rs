//! The cloud's own pages: `/_pilvi/…`, and LocalStack's few that existing set-ups ask for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use pilvi_bus::http::{Connection, HttpFront, Request, Response, collect, full};
use pilvi_bus::trace::Span;
use pilvi_bus::{ApiError, Clock, IamMode, Platform, Principal};
use pilvi_delivery::{Backlog, Deliveries, Waiting};
use pilvi_edge::authenticate::{Authenticator, Signed};
use pilvi_edge::{pages, sigv4};
use pilvi_identity::Identity;
use pilvi_model::api::Protocol;
use pilvi_store::StoreError;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::iam;

/// What requests of these pages are signed for.
pub(crate) const SERVICE: &str = "pilvi";

/// The largest body of a page.
const MAX_BODY: usize = 1024 * 1024;

/// Answers the cloud's own pages.
pub(crate) struct Admin {
    platform: Platform,
    deliveries: Arc<Deliveries>,
    /// The outbox of topics, a page of that service's own.
    outbox: Arc<dyn HttpFront>,
    identity: Arc<Identity>,
    authenticator: Authenticator,
    reset: Arc<Notify>,
    done: Notify,
}

impl Admin {
    pub(crate) fn new(
        platform: Platform,
        identity: Arc<Identity>,
        deliveries: Arc<Deliveries>,
        outbox: Arc<dyn HttpFront>,
        reset: Arc<Notify>,
    ) -> Admin {
        let authenticator = Authenticator::new(platform.bus.clone(), platform.clock.clone(), platform.settings.iam);
        Admin { platform, identity, authenticator, deliveries, outbox, reset, done: Notify::new() }
    }

    /// Wakes those who wait for a reset.
    pub(crate) fn reset_done(&self) {
        self.done.notify_waiters();
    }

    fn health(&self) -> Value {
        let services: Map<String, Value> =
            self.platform.bus.services().map(|service| (service.name().to_owned(), json!("running"))).collect();
        json!({ "services": services, "version": env!("CARGO_PKG_VERSION"), "edition": "pilvi" })
    }

    fn status(&self) -> Value {
        let operations: Map<String, Value> = self
            .platform
            .bus
            .services()
            .map(|service| (service.name().to_owned(), json!(service.operations().len())))
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "data": self.platform.settings.data,
            "time": self.platform.clock.now().to_string(),
            "operations": operations,
        })
    }

    /// What is still to be delivered, by kind and target, with what its last attempt failed with.
    fn deliveries(&self) -> Result<Value, StoreError> {
        let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default();
        let lane = |lane: Waiting| {
            let Waiting { backlog: Backlog { kind, target, waiting, running }, since, next, attempts, cause } = lane;
            json!({
                "kind": kind, "target": target, "waiting": waiting, "running": running,
                "since": time(since), "next": time(next), "attempts": attempts, "cause": cause,
            })
        };
        let lanes: Vec<Value> = self.deliveries.report()?.into_iter().map(lane).collect();
        Ok(json!({ "deliveries": lanes }))
    }

    /// The spans that are kept, from the number `after` on.
    fn spans(&self, query: &str) -> Value {
        let after = query.split('&').find_map(|part| part.strip_prefix("after=")?.parse().ok()).unwrap_or_default();
        let span = |span: Arc<Span>| {
            json!({
                "number": span.number, "trace": span.trace, "id": span.id, "parent": span.parent, "name": span.name,
                "target": span.target, "account": span.account, "region": span.region, "start": span.start,
                "micros": span.micros, "problem": span.problem,
            })
        };
        json!({ "spans": self.platform.bus.traces.since(after).into_iter().map(span).collect::<Vec<_>>() })
    }

    /// `{"advance": "5m"}`, `{"set": "2026-01-01T00:00:00Z"}`, `{"freeze": true}`, `{"resume": true}`
    fn move_clock(&self, wish: &Value) -> Result<(), String> {
        let clock = &self.platform.clock;
        if let Some(span) = wish.get("advance") {
            let text = span.as_str().map_or_else(|| format!("{span}s"), str::to_owned);
            let span: jiff::SignedDuration =
                text.parse().map_err(|_| format!("\"advance\" is not a duration such as \"5m\": {text}"))?;
            clock.advance(Duration::try_from(span).map_err(|_| "the clock only goes forward; use \"set\"".to_owned())?);
        } else if let Some(time) = wish.get("set") {
            let text = time.as_str().unwrap_or_default();
            clock.set(match text {
                "now" => Clock::real_time(),
                text => text.parse().map_err(|_| {
                    format!("\"set\" is neither a time such as \"2026-01-01T00:00:00Z\" nor \"now\": {text}")
                })?,
            });
        } else if wish.get("freeze").is_some() {
            clock.freeze();
        } else if wish.get("resume").is_some() {
            clock.resume();
        } else {
            return Err("expected one of \"advance\", \"set\", \"freeze\", \"resume\"".to_owned());
        }
        Ok(())
    }

    /// In strict mode these pages are root's; how the cloud is may be asked by anybody. Elsewhere they are for whoever can
    /// reach the port, but not for web pages, which neither their own origin nor a name of their own lets in.
    async fn check(&self, parts: &Parts, body: &[u8], peer: IpAddr) -> Result<(), ApiError> {
        if self.platform.settings.iam != IamMode::Strict {
            let foreign = !pages::is_own_host(parts) || pages::is_cross_site(parts);
            let text = "This page only answers to its own host and origin.";
            return if foreign { Err(ApiError::new("AccessDenied", 403, text)) } else { Ok(()) };
        }
        if is_health(parts) {
            return Ok(());
        }
        let protocol = Protocol::RestJson;
        let claim = sigv4::parse(parts);
        let signed = Signed { parts, body, service: SERVICE, protocol };
        let caller = self.authenticator.caller(claim, signed, peer).await?;
        if matches!(caller.principal, Principal::Root { .. }) {
            return Ok(());
        }
        Err(ApiError::new(
            "AccessDenied",
            403,
            "In strict mode this page answers to root alone: sign with root's access key.",
        ))
    }
}

fn is_health(parts: &Parts) -> bool {
    parts.method == Method::GET && matches!(parts.uri.path(), "/_pilvi/health" | "/_localstack/health")
}

#[async_trait]
impl HttpFront for Admin {
    fn name(&self) -> &'static str {
        "pilvi"
    }

    fn accepts(&self, request: &http::request::Parts) -> bool {
        let path = request.uri.path();
        path.starts_with("/_pilvi/") || path.starts_with("/_localstack/")
    }

    async fn handle(&self, request: Request, connection: Connection) -> Response {
        let (parts, body) = request.into_parts();
        let body = collect(body, MAX_BODY).await.unwrap_or_default();
        if let Err(error) = self.check(&parts, &body, connection.peer).await {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::FORBIDDEN);
            return answer(status, &json!({ "message": error.message }));
        }
        if self.outbox.accepts(&parts) {
            return self.outbox.handle(Request::from_parts(parts, full(body)), connection).await;
        }
        match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/_pilvi/health" | "/_localstack/health") => answer(StatusCode::OK, &self.health()),
            (&Method::GET, "/_pilvi/status") => answer(StatusCode::OK, &self.status()),
            (&Method::GET, "/_pilvi/deliveries") => match self.deliveries() {
                Ok(report) => answer(StatusCode::OK, &report),
                Err(problem) => answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "message": problem.to_string() })),
            },
            (&Method::GET, "/_pilvi/spans") => {
                answer(StatusCode::OK, &self.spans(parts.uri.query().unwrap_or_default()))
            }
            (&Method::GET, "/_pilvi/clock") => {
                answer(StatusCode::OK, &json!({ "now": self.platform.clock.now().to_string() }))
            }
            (&Method::POST, "/_pilvi/clock") => {
                let wish = serde_json::from_slice(&body).unwrap_or(Value::Null);
                match self.move_clock(&wish) {
                    Ok(()) => answer(StatusCode::OK, &json!({ "now": self.platform.clock.now().to_string() })),
                    Err(message) => answer(StatusCode::BAD_REQUEST, &json!({ "message": message })),
                }
            }
            (&Method::POST, "/_pilvi/reset" | "/_localstack/state/reset") => {
                let done = self.done.notified();
                self.reset.notify_one();
                done.await;
                answer(StatusCode::OK, &json!({}))
            }
            (method, path) if path.starts_with(iam::PATH) => {
                let (status, document) = iam::page(&self.identity, method, path, &body).await;
                answer(status, &document)
            }
            _ => answer(StatusCode::NOT_FOUND, &json!({ "message": "There is no such page." })),
        }
    }
}

fn answer(status: StatusCode, document: &Value) -> Response {
    let mut response = Response::new(full(document.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
