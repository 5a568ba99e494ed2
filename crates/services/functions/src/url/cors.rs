//! Cross-origin resource sharing, as the address's configuration grants it.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use pilvi_bus::http::{Response, empty};

use crate::lambda::shapes::Cors;

/// Whether a browser asks what it may do, which the function does not see.
pub(crate) fn is_preflight(request: &Parts) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key("origin")
        && request.headers.contains_key("access-control-request-method")
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value)
        && !value.is_empty()
    {
        headers.insert(name, value);
    }
}

fn joined(list: Option<&Vec<String>>) -> String {
    list.map(|items| items.join(",")).unwrap_or_default()
}

/// The answer to what a browser asks.
pub(crate) fn preflight(cors: &Cors, request: &HeaderMap) -> Response {
    let mut response = Response::new(empty());
    let headers = response.headers_mut();
    if add(cors, request, headers) {
        put(headers, "access-control-allow-methods", &joined(cors.allow_methods.as_ref()));
        put(headers, "access-control-allow-headers", &joined(cors.allow_headers.as_ref()));
        if let Some(age) = cors.max_age {
            put(headers, "access-control-max-age", &age.to_string());
        }
    }
    response
}

/// Adds the headers of an answer in place of the function's own; false where the site is not allowed.
pub(crate) fn add(cors: &Cors, request: &HeaderMap, headers: &mut HeaderMap) -> bool {
    let Some(origin) = request.get("origin").and_then(|origin| origin.to_str().ok()) else { return false };
    let Some(allowed) = cors.allow_origins.iter().flatten().find(|allowed| *allowed == "*" || *allowed == origin)
    else {
        return false;
    };
    let credentials = cors.allow_credentials == Some(true);
    // With credentials, browsers take no `*`.
    put(headers, "access-control-allow-origin", if credentials { origin } else { allowed });
    put(headers, "vary", "Origin");
    put(headers, "access-control-expose-headers", &joined(cors.expose_headers.as_ref()));
    if credentials {
        put(headers, "access-control-allow-credentials", "true");
    }
    true
}
