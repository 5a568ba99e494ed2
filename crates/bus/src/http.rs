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

/// Why a body could not be read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// It is longer than allowed.
    #[error("the body is too large")]
    TooLarge,
    /// The client stopped sending.
    #[error("the body ended before it was complete")]
    Incomplete,
}

/// How long a client may pause within a body; real time, since this is about sockets.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(60);

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// It is longer, or the client stops sending.
pub async fn collect(mut body: Body, limit: usize) -> Result<Bytes, CollectError> {
    // By hand: `http_body_util::Limited` over boxed errors makes a future of which the compiler cannot tell that it is `Send`.
    let mut first = Bytes::new();
    let mut all = Vec::new();
    loop {
        let frame = tokio::time::timeout(PAUSE, body.frame()).await.map_err(|_| CollectError::Incomplete)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| CollectError::Incomplete)?.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            return Err(CollectError::TooLarge);
        }
        if first.is_empty() && all.is_empty() {
            first = data; // most bodies are one frame, which is not copied
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.into() })
}
