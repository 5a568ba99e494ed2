//! Fronts that take whole HTTP requests: S3, HTTP APIs, function URLs.

use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};

/// Any error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A body, whole or streamed.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;
/// A request with its body.
pub type Request = http::Request<Body>;
/// An answer with its body.
pub type Response = http::Response<Body>;

/// What is known of the connection that a request came in on.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// The client's address.
    pub peer: IpAddr,
    /// True over TLS.
    pub tls: bool,
}

/// Somebody who answers whole HTTP requests of certain hosts or paths.
#[async_trait]
pub trait HttpFront: Send + Sync {
    /// Its name, for the log.
    fn name(&self) -> &'static str;
    /// Whether this request is for it. Cheap; no I/O.
    fn accepts(&self, request: &http::request::Parts) -> bool;
    /// Answers it.
    async fn handle(&self, request: Request, connection: Connection) -> Response;
}

/// A body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// The host that a request names, without its port: the URI's (HTTP/2, proxies) or the Host header's, in lower case.
pub fn host(request: &http::request::Parts) -> String {
    let header = || request.headers.get(http::header::HOST).and_then(|value| value.to_str().ok());
    let host = request.uri.host().or_else(header).unwrap_or_default();
    let bare = if host.starts_with('[') {
        host.split_inclusive(']').next().unwrap_or(host)
    } else {
        host.split(':').next().unwrap_or(host)
    };
    bare.to_ascii_lowercase()
}
