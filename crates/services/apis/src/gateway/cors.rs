//! Cross-origin resource sharing, as the API's configuration grants it.

use http::{HeaderMap, HeaderValue, StatusCode};
use pilvi_bus::http::{Response, empty};

use crate::state::{Kept, Record, get, list};

/// The origin to name in the answer, where the request's is allowed.
fn allowed(cors: &Record, origin: &str) -> Option<String> {
    let origins = list(cors, "AllowOrigins");
    if origins.iter().any(|allowed| allowed == "*") {
        return Some("*".to_owned());
    }
    let scheme = |allowed: &String| allowed.strip_suffix("*").is_some_and(|start| origin.starts_with(start));
    origins.iter().any(|allowed| allowed == origin || scheme(allowed)).then(|| origin.to_owned())
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value)
        && !value.is_empty()
    {
        headers.insert(name, value);
    }
}

/// The answer to a preflight request.
pub(crate) fn preflight(cors: &Record, request: &HeaderMap) -> Response {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let method =
        request.get("access-control-request-method").and_then(|method| method.to_str().ok()).unwrap_or_default();
    if !list(cors, "AllowMethods").iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(method)) {
        return response;
    }
    add(cors, request, response.headers_mut());
    if response.headers().contains_key("access-control-allow-origin") {
        let headers = response.headers_mut();
        put(headers, "access-control-allow-methods", &list(cors, "AllowMethods").join(","));
        put(headers, "access-control-allow-headers", &list(cors, "AllowHeaders").join(","));
        if let Some(Kept::Int(age)) = get(cors, "MaxAge") {
            put(headers, "access-control-max-age", &age.to_string());
        }
    }
    response
}

/// Adds the headers of an answer; those of the integration give way ("Configure CORS for HTTP APIs"). A preflight's own are
/// added afterwards.
pub(crate) fn add(cors: &Record, request: &HeaderMap, headers: &mut HeaderMap) {
    // "API Gateway ignores CORS headers returned from your backend integration."
    let own: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
    for name in own {
        headers.remove(name);
    }
    let Some(origin) = request.get("origin").and_then(|origin| origin.to_str().ok()) else { return };
    let Some(allowed) = allowed(cors, origin) else { return };
    put(headers, "access-control-allow-origin", &allowed);
    put(headers, "access-control-expose-headers", &list(cors, "ExposeHeaders").join(","));
    if get(cors, "AllowCredentials") == Some(&Kept::Bool(true)) {
        put(headers, "access-control-allow-credentials", "true");
    }
}
