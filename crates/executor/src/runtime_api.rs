//! The Runtime API: what a runtime asks and answers over HTTP.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::api::Api;
use crate::environment::{Accepted, Environment, NextEvent};
use crate::extension_api;
use crate::http::{self, ReadBuffer, ReadError, Request};
use crate::report::MAX_RESPONSE;
use crate::stream;

const PREFIX: &str = "/2018-06-01/runtime/";
const JSON: &str = "application/json";

/// Serves one environment until it is closed. `first` is a connection that was accepted before.
pub(crate) async fn serve(
    listener: TcpListener,
    first: Option<(TcpStream, ReadBuffer)>,
    environment: Arc<Environment>,
    api: Api,
) {
    let api = Arc::new(api);
    let closed = environment.closed.clone();
    let begin = |stream: TcpStream, buffer: ReadBuffer| {
        let (environment, api, closed) = (environment.clone(), api.clone(), closed.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = serve_connection(stream, buffer, &environment, &api) => {}
                () = closed.cancelled() => {}
            }
        });
    };
    if let Some((stream, buffer)) = first {
        begin(stream, buffer);
    }
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closed.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        let _ = stream.set_nodelay(true);
        begin(stream, ReadBuffer::default());
    }
}

async fn serve_connection(mut stream: TcpStream, mut buffer: ReadBuffer, environment: &Arc<Environment>, api: &Api) {
    let mut out = Vec::new();
    loop {
        let read = buffer.read_head(&mut stream).await;
        let Some((mut request, mut body)) = readable(read, &mut stream, &mut out).await else { return };
        if !api.is_host(request.header("host")) {
            // Another environment, or anybody else on this machine.
            write_error(&mut out, 403, "Forbidden", "Forbidden");
            let _ = stream.write_all(&out).await;
            return;
        }
        let keep_alive = request.keep_alive;
        let read = match streamed_id(&request).and_then(|id| environment.begin_stream(id)) {
            Some(answer) => answer.pass_on(&mut buffer, &mut stream, &mut request, &mut body).await,
            None => buffer.read_body(&mut stream, &mut request, &mut body, MAX_RESPONSE + 1).await,
        };
        let Some(()) = readable(read, &mut stream, &mut out).await else { return };
        let Some(body) = respond(environment, request, &mut out).await else { return };
        // A client that sent its next poll together with its answer waits for the event, not for the
        // acknowledgement: both go out in one packet.
        if buffer.has_more() && keep_alive && body.is_empty() {
            continue;
        }
        if body.len() <= 16 << 10 {
            out.extend_from_slice(&body);
            if stream.write_all(&out).await.is_err() {
                return;
            }
        } else if stream.write_all(&out).await.is_err() || stream.write_all(&body).await.is_err() {
            return;
        }
        out.clear();
        if !keep_alive {
            return;
        }
    }
}

/// What was read; a request that cannot be understood is refused, and its connection with it.
async fn readable<T>(read: Result<T, ReadError>, stream: &mut TcpStream, out: &mut Vec<u8>) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(ReadError::Malformed(what)) => {
            write_error(out, 400, "InvalidRequest", what);
            let _ = stream.write_all(out).await;
            None
        }
        Err(_) => None,
    }
}

/// The invocation that a request answers piece by piece.
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>
fn streamed_id(request: &Request) -> Option<&str> {
    let mode = request.header("lambda-runtime-function-response-mode")?;
    let id = request.path.strip_prefix(PREFIX)?.strip_prefix("invocation/")?.strip_suffix("/response")?;
    (mode.eq_ignore_ascii_case("streaming") && request.method == "POST").then_some(id)
}

/// Appends the answer to `out`; a long body is returned instead. `None`: no event will ever come.
async fn respond(environment: &Arc<Environment>, request: Request, out: &mut Vec<u8>) -> Option<Bytes> {
    if let Some(answered) = extension_api::respond(environment, &request, out).await {
        return answered.then(Bytes::new);
    }
    let Some(path) = request.path.strip_prefix(PREFIX) else {
        http::write_response(out, 404, "text/plain; charset=utf-8", b"404 page not found\n");
        return Some(Bytes::new());
    };
    let mut parts = path.trim_end_matches('/').split('/');
    let route = (request.method.as_str(), parts.next(), parts.next(), parts.next());
    let accepted = match route {
        ("GET", Some("invocation"), Some("next"), None) => {
            let event = environment.next().await?;
            write_event_head(out, &event);
            return Some(event.payload);
        }
        ("POST", Some("invocation"), Some(id), Some("response")) => respond_result(environment, &request, id),
        ("POST", Some("invocation"), Some(id), Some("error")) => {
            environment.post_error(id, request.body.clone(), request.header("lambda-runtime-function-error-type"))
        }
        ("POST", Some("init"), Some("error"), None) => {
            environment.post_init_error(request.body.clone(), request.header("lambda-runtime-function-error-type"))
        }
        _ => {
            http::write_response(out, 404, "text/plain; charset=utf-8", b"404 page not found\n");
            return Some(Bytes::new());
        }
    };
    match accepted {
        Accepted::Yes => http::write_response(out, 202, JSON, br#"{"status":"OK"}"#),
        Accepted::UnknownId => write_error(out, 400, "InvalidRequestID", "Invalid request ID"),
        Accepted::WrongState => write_error(
            out,
            403,
            "InvalidStateTransition",
            "State transition is not allowed: the invocation was answered already, or the runtime is not in that phase",
        ),
        Accepted::TooLarge => write_error(
            out,
            413,
            "RequestEntityTooLarge",
            &format!("Exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."),
        ),
    }
    Some(Bytes::new())
}

/// A result; a streamed one may turn out an error at its end, in the trailers.
fn respond_result(environment: &Arc<Environment>, request: &Request, id: &str) -> Accepted {
    if let Some(error_type) = request.trailer("lambda-runtime-function-error-type") {
        let body = request.trailer("lambda-runtime-function-error-body").unwrap_or_default();
        let body = base64::engine::general_purpose::STANDARD.decode(body).unwrap_or_default();
        return environment.post_error(id, Bytes::from(body), Some(error_type));
    }
    if !stream::is_complete(request) {
        return environment.post_result(id, Bytes::new(), request.streamed);
    }
    environment.post_result(id, request.body.clone(), request.body_len)
}

fn write_event_head(out: &mut Vec<u8>, event: &NextEvent) {
    let mut head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nLambda-Runtime-Aws-Request-Id: {}\r\nLambda-Runtime-Deadline-Ms: {}\r\n",
        one_line(&event.request_id),
        event.deadline_ms,
    );
    let optional = [
        ("Lambda-Runtime-Invoked-Function-Arn", Some(&event.invoked_arn)),
        ("Lambda-Runtime-Trace-Id", event.trace_id.as_ref()),
        ("Lambda-Runtime-Client-Context", event.client_context.as_ref()),
        ("Lambda-Runtime-Cognito-Identity", event.cognito_identity.as_ref()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            let _ = write!(head, "{name}: {}\r\n", one_line(value));
        }
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", event.payload.len());
    out.extend_from_slice(head.as_bytes());
}

/// A header's value may not contain line ends.
fn one_line(value: &str) -> std::borrow::Cow<'_, str> {
    if value.contains(['\r', '\n', '\0']) {
        return value.replace(['\r', '\n', '\0'], " ").into();
    }
    value.into()
}

fn write_error(out: &mut Vec<u8>, status: u16, error_type: &str, message: &str) {
    let body = serde_json::json!({ "errorMessage": message, "errorType": error_type });
    http::write_response(out, status, JSON, body.to_string().as_bytes());
}
