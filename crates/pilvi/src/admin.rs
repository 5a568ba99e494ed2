//! The cloud's own pages: `/_pilvi/…`, and LocalStack's few that existing set-ups ask for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderValue, Method, StatusCode};
use pilvi_bus::http::{Connection, HttpFront, Request, Response, collect, full, host};
use pilvi_bus::trace::Span;
use pilvi_bus::{Clock, Platform};
use pilvi_delivery::{Backlog, Deliveries, Waiting};
use pilvi_store::StoreError;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

/// Answers the cloud's own pages.
pub(crate) struct Admin {
    platform: Platform,
    deliveries: Arc<Deliveries>,
    reset: Arc<Notify>,
    done: Notify,
}

impl Admin {
    pub(crate) fn new(platform: Platform, deliveries: Arc<Deliveries>, reset: Arc<Notify>) -> Admin {
        Admin { platform, deliveries, reset, done: Notify::new() }
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

    /// A web page that the user happens to look at must not drive the cloud: neither through its own origin nor through
    /// a name of its own that it points at this machine.
    fn is_foreign(&self, request: &http::request::Parts) -> bool {
        let name = host(request);
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = bare.parse().ok();
        let own = bare == "localhost"
            || bare.ends_with(".localhost")
            || address.is_some_and(|address| address.is_loopback() || address == self.platform.settings.host);
        let origin = request.headers.get(http::header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let own_origin = origin.is_none_or(|origin| {
            let authority = origin.split("://").nth(1).unwrap_or_default();
            authority.split(':').next() == Some("localhost")
        });
        !own || !own_origin
    }
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

    async fn handle(&self, request: Request, _: Connection) -> Response {
        let (parts, body) = request.into_parts();
        if self.is_foreign(&parts) {
            return answer(
                StatusCode::FORBIDDEN,
                &json!({ "message": "This page only answers to its own host and origin." }),
            );
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
                let bytes = collect(body, 64 * 1024).await.unwrap_or_default();
                let wish = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
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
