//! What a function answered, as an HTTP answer; and the refusals of the front itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, StatusCode};
use pilvi_bus::http::{Body, Response, full};
use pilvi_bus::{ApiError, RequestContext};
use serde_json::{Map, Value, json};

/// What those read who may not call an address.
pub(crate) const FORBIDDEN: &str = "Forbidden. For troubleshooting Function URL authorization issues, see: \
    https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

/// Of bytes that say nothing of themselves.
pub(super) const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(super) fn of(status: StatusCode, body: Body, content_type: HeaderValue) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// The status's own words.
pub(crate) fn plain(status: StatusCode) -> Response {
    // A function that fails is a bad gateway by its number alone.
    let text = if status == StatusCode::BAD_GATEWAY {
        "Internal Server Error"
    } else {
        status.canonical_reason().unwrap_or_default()
    };
    of(status, full(text), BYTES)
}

/// Nobody may call this address, or there is none (which has no message).
pub(crate) fn denied(message: Option<&str>) -> Response {
    let mut response = of(StatusCode::FORBIDDEN, full(json!({ "Message": message }).to_string()), JSON);
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static("AccessDeniedException"));
    response
}

/// A refusal of the invocation.
pub(crate) fn failed(problem: &ApiError) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = of(status, full(json!({ "Message": problem.message }).to_string()), JSON);
    if let Ok(code) = HeaderValue::try_from(&*problem.code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

/// Says which invocation an answer is of.
pub(crate) fn identify(response: &mut Response, ctx: &RequestContext) {
    let root = ctx.trace.split(';').next().unwrap_or_default();
    for (name, text) in [("x-amzn-requestid", ctx.request_id.as_str()), ("x-amzn-trace-id", root)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// The answer of a function: status, headers and body where it has a status code, a body otherwise. `None` where it is neither.
pub(crate) fn from_function(payload: Bytes) -> Option<Response> {
    let answer: Value = serde_json::from_slice(&payload).ok()?;
    let members = match answer {
        Value::Object(members) if members.contains_key("statusCode") => members,
        Value::String(text) => return Some(of(StatusCode::OK, full(text), JSON)),
        _ => return Some(of(StatusCode::OK, full(payload), JSON)),
    };
    let body = match members.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) if members.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
            STANDARD.decode(text).ok()?.into()
        }
        Some(Value::String(text)) => Bytes::from(text.clone()),
        Some(other) => other.to_string().into(),
    };
    with_head(&members, full(body), JSON)
}

/// Bytes as they are: what a function that does not stream answers to an address that does.
pub(crate) fn raw(payload: Bytes) -> Response {
    of(StatusCode::OK, full(payload), BYTES)
}

/// An answer with the status, headers and cookies that a function says.
pub(super) fn with_head(members: &Map<String, Value>, body: Body, content_type: HeaderValue) -> Option<Response> {
    let status = match members.get("statusCode") {
        None => 200,
        Some(Value::Number(number)) => u16::try_from(number.as_u64()?).ok()?,
        Some(Value::String(text)) => text.parse().ok()?,
        Some(_) => return None,
    };
    let mut response = of(StatusCode::from_u16(status).ok()?, body, content_type);
    for (name, value) in members.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let Ok(name) = HeaderName::try_from(name.as_str()) else { continue };
        // The length is the server's to say.
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
            continue;
        }
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if let Ok(value) = HeaderValue::try_from(text) {
            response.headers_mut().insert(name, value);
        }
    }
    for cookie in members.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        if let Some(value) = cookie.as_str().and_then(|text| HeaderValue::try_from(text).ok()) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use pilvi_bus::http::collect;

    use super::*;

    async fn told(response: Option<Response>) -> (u16, String, String) {
        let (parts, body) = response.unwrap().into_parts();
        let body = collect(body, 1000).await.unwrap();
        let kind = parts.headers[CONTENT_TYPE].to_str().unwrap().to_owned();
        (parts.status.as_u16(), kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_has_no_status_code_is_the_body() {
        let json = "application/json".to_owned();
        for (payload, body) in [("\"hei\"", "hei"), ("{\"a\": 1}", "{\"a\": 1}"), ("null", "null"), ("[1]", "[1]")] {
            let answer = told(from_function(Bytes::from(payload))).await;
            assert_eq!(answer, (200, json.clone(), body.to_owned()));
        }
    }

    #[tokio::test]
    async fn status_headers_and_body_are_taken_over() {
        let answer = r#"{"statusCode": 201, "headers": {"Content-Type": "text/plain", "Content-Length": 9}, "cookies": ["a=1", "b=2"],
            "body": "aGk=", "isBase64Encoded": true}"#;
        let response = from_function(answer.into());
        assert_eq!(response.as_ref().unwrap().headers().get_all(SET_COOKIE).iter().count(), 2);
        assert_eq!(told(response).await, (201, "text/plain".to_owned(), "hi".to_owned()));
        assert!(from_function(r#"{"statusCode": "many"}"#.into()).is_none());
    }
}
