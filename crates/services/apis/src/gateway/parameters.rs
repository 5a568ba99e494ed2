//! Parameter mapping: what an integration says is to be changed of a request before it gets it, and of its answer.
//!
//! "Transform API requests and responses for HTTP APIs" of the API Gateway developer guide.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::event::Call;

/// "When you specify a JSON path, API Gateway truncates the request body at 100 KB".
const MOST_BODY: usize = 100 * 1024;

/// Applies `overwrite:path`, `append:header.NAME`, `overwrite:querystring.NAME`, `remove:header.NAME` and the like.
pub(crate) fn apply(parameters: &[(String, String)], call: &mut Call<'_>) {
    for (what, source) in parameters {
        let Some((action, target)) = what.split_once(':') else { continue };
        let found = value(source, call);
        if target == "path" {
            if let ("overwrite", Some(path)) = (action, found) {
                call.path = if path.starts_with('/') { path } else { format!("/{path}") };
                call.path_changed = true;
            }
            continue;
        }
        if let Some(name) = target.strip_prefix("header.") {
            change_header(&mut call.headers, action, name, found);
        } else if let Some(name) = target.strip_prefix("querystring.") {
            change_query(call, action, name, found);
        }
    }
}

fn change_query(call: &mut Call<'_>, action: &str, name: &str, value: Option<String>) {
    match (action, value) {
        ("remove", _) => call.query.retain(|(known, _)| known != name),
        ("append", Some(value)) => call.query.push((name.to_owned(), value)),
        ("overwrite", Some(value)) => {
            call.query.retain(|(known, _)| known != name);
            call.query.push((name.to_owned(), value));
        }
        _ => return,
    }
    let pairs: Vec<String> =
        call.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    call.raw_query = pairs.join("&");
}

fn change_header(headers: &mut HeaderMap, action: &str, name: &str, value: Option<String>) {
    let Ok(name) = HeaderName::try_from(name) else { return };
    let value = value.and_then(|value| HeaderValue::try_from(value).ok());
    match (action, value) {
        ("remove", _) => {
            headers.remove(&name);
        }
        ("append", Some(value)) => {
            headers.append(name, value);
        }
        ("overwrite", Some(value)) => {
            headers.insert(name, value);
        }
        _ => {}
    }
}

/// What is known of an integration's answer; the body only where a mapping needs it.
pub(crate) struct Answered<'a> {
    pub(crate) status: &'a mut StatusCode,
    pub(crate) headers: &'a mut HeaderMap,
    pub(crate) body: Option<&'a [u8]>,
}

/// Whether a mapping reads the answer's body.
pub(crate) fn reads_body(parameters: &[(String, String)]) -> bool {
    parameters.iter().any(|(_, source)| source.contains("$response.body") || source.contains("${response.body"))
}

/// Applies `overwrite:statuscode`, `append:header.NAME`, `remove:header.NAME` to an answer.
pub(crate) fn apply_to_answer(parameters: &[(String, String)], call: &Call<'_>, answered: &mut Answered<'_>) {
    let before = answered.headers.clone();
    for (what, source) in parameters {
        let Some((action, target)) = what.split_once(':') else { continue };
        let find = |name: &str| match name.strip_prefix("response.") {
            Some(name) => match name.strip_prefix("header.") {
                Some(header) => joined(&before, header),
                None => body_value(name.strip_prefix("body")?, answered.body?),
            },
            None => variable(name, call),
        };
        let value = evaluate(source, &find);
        if target == "statuscode" {
            if let Some(status) = value.and_then(|text| text.parse().ok()) {
                *answered.status = status;
            }
        } else if let Some(name) = target.strip_prefix("header.") {
            change_header(answered.headers, action, name, value);
        }
    }
}

fn encode(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(text, KEPT).to_string()
}

/// The value of an expression; `None` where it is a single variable that is not there.
pub(crate) fn value(source: &str, call: &Call<'_>) -> Option<String> {
    evaluate(source, &|name| variable(name, call))
}

/// A value: a text in which `$request.…`, `$context.…` and `$stageVariables.…` (in braces or not) stand for others.
fn evaluate(source: &str, find: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if let Some(name) = source.strip_prefix('$').filter(|name| !name.starts_with('{')) {
        return find(name);
    }
    if let Some(name) =
        source.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| !name.contains('{'))
    {
        return find(name);
    }
    let mut value = String::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("${") {
        value.push_str(before);
        let Some((name, left)) = after.split_once('}') else {
            value.push_str("${");
            rest = after;
            continue;
        };
        value.push_str(&find(name).unwrap_or_default());
        rest = left;
    }
    value.push_str(rest);
    Some(value)
}

/// A variable of the request.
pub(crate) fn variable(name: &str, call: &Call<'_>) -> Option<String> {
    if name == "request.path" {
        // "The request path, without the stage name."
        return Some(call.inner_path.clone());
    }
    if name == "request.method" {
        return Some(call.method.to_owned());
    }
    if let Some(header) = name.strip_prefix("request.header.") {
        return joined(&call.headers, header);
    }
    if let Some(parameter) = name.strip_prefix("request.querystring.") {
        let values = call.query.iter().filter(|(known, _)| known == parameter).map(|(_, value)| value.as_str());
        let values: Vec<&str> = values.collect();
        return (!values.is_empty()).then(|| values.join(","));
    }
    let named = |entries: &[(String, String)], name: &str| {
        entries.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    if let Some(parameter) = name.strip_prefix("request.path.") {
        return named(&call.path_parameters, parameter);
    }
    if let Some(path) = name.strip_prefix("request.body") {
        return body_value(path, &call.body);
    }
    if let Some(variable) = name.strip_prefix("stageVariables.") {
        return named(call.variables, variable);
    }
    super::access_log::request_variable(name.strip_prefix("context.")?, call)
}

/// "API Gateway combines multiple header values with commas".
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(HeaderName::try_from(name).ok()?).iter();
    let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// `` (all of it), `.name`, `.list[0].name`
fn body_value(path: &str, body: &[u8]) -> Option<String> {
    if path.is_empty() {
        return Some(String::from_utf8_lossy(body).into_owned());
    }
    let document: Value = serde_json::from_slice(body.get(..MOST_BODY).unwrap_or(body)).ok()?;
    let mut value = &document;
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        value = match step.strip_suffix(']') {
            Some(place) => match place.parse::<usize>() {
                Ok(place) => value.get(place)?,
                Err(_) => value.get(place.trim_matches(['\'', '"']))?,
            },
            None => value.get(step)?,
        };
    }
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_put_together() {
        let find = |name: &str| (name == "context.a").then(|| "1".to_owned());
        assert_eq!(evaluate("static", &find).as_deref(), Some("static"));
        assert_eq!(evaluate("$context.a", &find).as_deref(), Some("1"));
        assert_eq!(evaluate("${context.a}", &find).as_deref(), Some("1"));
        assert_eq!(evaluate("x-${context.a}-${context.b}-y", &find).as_deref(), Some("x-1--y"));
        assert_eq!(evaluate("$context.b", &find), None);
        assert_eq!(evaluate("${open", &find).as_deref(), Some("${open"));
    }

    #[test]
    fn bodies_are_read_by_path() {
        let body = br#"{"a": {"b": [{"c": "d"}, 2]}, "n": null}"#;
        assert_eq!(body_value(".a.b[0].c", body).as_deref(), Some("d"));
        assert_eq!(body_value(".a.b[1]", body).as_deref(), Some("2"));
        assert_eq!(body_value(".a.b", body).as_deref(), Some(r#"[{"c":"d"},2]"#));
        assert_eq!(body_value(".n", body), None);
        assert_eq!(body_value(".a", b"no json"), None);
    }
}
