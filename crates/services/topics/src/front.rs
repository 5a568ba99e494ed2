//! Pages of its own: the certificate that messages are signed with, and the outbox.

use std::sync::Arc;

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use pilvi_bus::http::{Connection, HttpFront, Request, Response, full};
use serde_json::json;

use crate::registry::Topics;

/// Where the outbox is listed (GET; a query narrows it: `?protocol=sms&to=%2B123`) and emptied (DELETE).
const OUTBOX: &str = "/_pilvi/topics/outbox";

/// Answers with the certificate, to whoever asks.
pub(crate) struct Certificates(pub(crate) Arc<Topics>);

/// Answers with the outbox. Who may see it is the business of whoever asks this front: it is one of the cloud's own pages.
pub(crate) struct Outbox(pub(crate) Arc<Topics>);

fn is_certificate(path: &str) -> bool {
    let file = path.strip_prefix("/SimpleNotificationService-");
    file.is_some_and(|file| file.ends_with(".pem") && !file.contains('/'))
}

impl Certificates {
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
}

impl Outbox {
    async fn outbox(&self, parts: &Parts) -> Response {
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
impl HttpFront for Certificates {
    fn name(&self) -> &'static str {
        "topics"
    }

    fn accepts(&self, request: &Parts) -> bool {
        request.method == Method::GET && is_certificate(request.uri.path())
    }

    async fn handle(&self, request: Request, _: Connection) -> Response {
        self.certificate(request.uri().path()).await
    }
}

#[async_trait]
impl HttpFront for Outbox {
    fn name(&self) -> &'static str {
        "outbox"
    }

    fn accepts(&self, request: &Parts) -> bool {
        request.uri.path() == OUTBOX
    }

    async fn handle(&self, request: Request, _: Connection) -> Response {
        let (parts, _) = request.into_parts();
        self.outbox(&parts).await
    }
}
