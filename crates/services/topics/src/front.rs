//! Pages of its own: the certificate that messages are signed with, and the outbox.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use pilvi_bus::http::{Connection, HttpFront, Request, Response, full, host};
use serde_json::json;

use crate::registry::Topics;

/// Where the outbox is listed (GET; a query narrows it: `?protocol=sms&to=%2B123`) and emptied (DELETE).
const OUTBOX: &str = "/_pilvi/topics/outbox";

/// Answers the pages.
pub(crate) struct Front(pub(crate) Arc<Topics>);

fn is_certificate(path: &str) -> bool {
    let file = path.strip_prefix("/SimpleNotificationService-");
    file.is_some_and(|file| file.ends_with(".pem") && !file.contains('/'))
}

/// A web page that the user happens to look at must not read the outbox through a name of its own that it points at this machine.
fn is_foreign(parts: &Parts) -> bool {
    let name = host(parts);
    let bare = name.trim_matches(['[', ']']);
    let local = bare == "localhost"
        || bare.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    !local || parts.headers.contains_key(http::header::ORIGIN)
}

impl Front {
    async fn certificate(&self, path: &str) -> Response {
        match self.0.signer.key().await {
            Ok(key) if path.strip_prefix('/') == Some(&key.file) => {
                answer(StatusCode::OK, "application/x-pem-file", key.certificate.clone())
            }
            Ok(_) => answer(StatusCode::NOT_FOUND, "text/plain", String::new()),
            Err(problem) => {
                tracing::error!(%problem, "there is no certificate");
                answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", String::new())
            }
        }
    }

    async fn outbox(&self, parts: &Parts) -> Response {
        if is_foreign(parts) {
            return json_answer(
                StatusCode::FORBIDDEN,
                &json!({ "message": "This page only answers to its own host." }),
            );
        }
        let result = match parts.method {
            Method::GET => self.0.outbox(&query(parts)),
            Method::DELETE => self.0.empty_outbox().await.map(|()| json!({})),
            _ => return json_answer(StatusCode::METHOD_NOT_ALLOWED, &json!({ "message": "GET or DELETE" })),
        };
        match result {
            Ok(document) => json_answer(StatusCode::OK, &document),
            Err(problem) => {
                tracing::error!(%problem, "the outbox cannot be read");
                json_answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "message": "The outbox cannot be read." }))
            }
        }
    }
}

fn query(parts: &Parts) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = parts.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

fn json_answer(status: StatusCode, document: &serde_json::Value) -> Response {
    answer(status, "application/json", document.to_string())
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[async_trait]
impl HttpFront for Front {
    fn name(&self) -> &'static str {
        "topics"
    }

    fn accepts(&self, request: &Parts) -> bool {
        let path = request.uri.path();
        path == OUTBOX || (request.method == Method::GET && is_certificate(path))
    }

    async fn handle(&self, request: Request, _: Connection) -> Response {
        let (parts, _) = request.into_parts();
        match parts.uri.path() {
            OUTBOX => self.outbox(&parts).await,
            path => self.certificate(path).await,
        }
    }
}
