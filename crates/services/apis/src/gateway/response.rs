//! What a function answered, as an HTTP answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use pilvi_bus::http::{Response, full};
use serde_json::Value;

/// An answer of the gateway itself: `{"message":"Not Found"}`.
pub(crate) fn message(status: StatusCode, text: &str) -> Response {
    let mut response = Response::new(full(serde_json::json!({ "message": text }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer of a function; `None` where it is not of the form that the payload format asks for.
pub(crate) fn from_function(payload: &[u8], format: &str) -> Option<Response> {
    let answer: Value = serde_json::from_slice(payload).ok()?;
    let Some(members) = answer.as_object().filter(|members| members.contains_key("statusCode")) else {
        // Format 2.0 infers the answer: anything without a status code is a body.
        return (format == "2.0").then(|| inferred(&answer));
    };
    let status = match members.get("statusCode") {
        Some(Value::Number(number)) => number.as_u64().and_then(|number| u16::try_from(number).ok())?,
        Some(Value::String(text)) => text.parse().ok()?,
        _ => return None,
    };
    let body = match members.get("body") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) if format == "2.0" => other.to_string(),
        Some(_) => return None,
    };
    let encoded = members.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or(false);
    let body = if encoded { Bytes::from(STANDARD.decode(body.as_bytes()).ok()?) } else { Bytes::from(body) };
    let mut response = Response::new(full(body));
    *response.status_mut() = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 100)?;
    add_headers(&mut response, members.get("headers"), false);
    add_headers(&mut response, members.get("multiValueHeaders"), true);
    for cookie in members.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        if let Some(value) = cookie.as_str().and_then(|text| HeaderValue::try_from(text).ok()) {
            response.headers_mut().append(http::header::SET_COOKIE, value);
        }
    }
    if !response.headers().contains_key(http::header::CONTENT_TYPE) {
        let default = if format == "2.0" { "application/json" } else { "text/plain; charset=utf-8" };
        response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(default));
    }
    Some(response)
}

fn inferred(answer: &Value) -> Response {
    let body = match answer {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut response = Response::new(full(body));
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn add_headers(response: &mut Response, headers: Option<&Value>, multiple: bool) {
    for (name, value) in headers.and_then(Value::as_object).into_iter().flatten() {
        let Ok(name) = HeaderName::try_from(name.as_str()) else { continue };
        // The length is the gateway's to say.
        if name == http::header::CONTENT_LENGTH || name == http::header::TRANSFER_ENCODING {
            continue;
        }
        let values: Vec<&Value> = match value {
            Value::Array(values) => values.iter().collect(),
            single => vec![single],
        };
        for (place, value) in values.into_iter().enumerate() {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let Ok(value) = HeaderValue::try_from(text) else { continue };
            if place == 0 && !multiple {
                response.headers_mut().insert(name.clone(), value);
            } else {
                response.headers_mut().append(name.clone(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_2_infers_what_is_missing() {
        let response = from_function(br#"{"jobs": 1}"#, "2.0").unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()),
            (200, "application/json")
        );
        assert!(from_function(br#"{"jobs": 1}"#, "1.0").is_none());
    }

    #[test]
    fn status_headers_and_cookies_are_taken_over() {
        let answer = br#"{"statusCode": 201, "headers": {"X-A": "b"}, "cookies": ["a=1", "b=2"], "body": "aGk=", "isBase64Encoded": true}"#;
        let response = from_function(answer, "2.0").unwrap();
        assert_eq!(response.status().as_u16(), 201);
        assert_eq!(response.headers()["x-a"], "b");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn nonsense_is_no_answer() {
        for payload in [
            &b"not json"[..],
            br#"{"statusCode": "many"}"#,
            br#"{"statusCode": 99999}"#,
            br#"{"statusCode": 200, "body": "*", "isBase64Encoded": true}"#,
        ] {
            assert!(from_function(payload, "1.0").is_none(), "{}", String::from_utf8_lossy(payload));
        }
    }
}
