//! What answers requests.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::ResponseBody;

/// What is known of the connection that a request came in on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// The client's address.
    pub peer: SocketAddr,
    /// Whether it came over TLS.
    pub tls: bool,
}

/// Answers requests. The future is dropped when the client goes away or the server's grace is over, so work that has
/// to be finished must not live in it.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. A panic is answered with status 500 and logged.
    async fn handle(&self, request: Request<Incoming>, connection: ConnectionInfo) -> Response<ResponseBody>;
}

/// A panic in a handler is a bug, and the end of that request only.
pub(super) async fn answer<H: Handler>(
    handler: &H,
    request: Request<Incoming>,
    connection: ConnectionInfo,
) -> Response<ResponseBody> {
    let answering = AssertUnwindSafe(async { handler.handle(request, connection).await });
    match answering.catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            tracing::error!(panic = text, "a handler panicked; please report this");
            internal_failure()
        }
    }
}

fn internal_failure() -> Response<ResponseBody> {
    let body =
        r#"{"__type":"InternalFailure","message":"The request processing has failed because of an unknown error."}"#;
    let mut response = Response::new(ResponseBody::from(body));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static("InternalFailure"));
    response
}
