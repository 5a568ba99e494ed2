//! Parameter mapping: what an integration says is to be changed of a request before it gets it.
//!
//! "Transform API requests and responses for HTTP APIs" of the API Gateway developer guide.

use http::{HeaderName, HeaderValue};

use super::event::Call;

/// Applies `overwrite:path`, `append:header.NAME`, `overwrite:querystring.NAME`, `remove:header.NAME` and the like.
pub(crate) fn apply(parameters: &[(String, String)], call: &mut Call<'_>) {
    for (what, source) in parameters {
        let Some((action, target)) = what.split_once(':') else { continue };
        let value = evaluate(source, call);
        if target == "path" {
            if action == "overwrite" {
                call.path = if value.starts_with('/') { value } else { format!("/{value}") };
            }
            continue;
        }
        if let Some(name) = target.strip_prefix("header.") {
            change_header(call, action, name, &value);
        } else if let Some(name) = target.strip_prefix("querystring.") {
            if action != "append" {
                call.query.retain(|(known, _)| known != name);
            }
            if action != "remove" {
                call.query.push((name.to_owned(), value));
            }
            let pairs: Vec<String> =
                call.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
            call.raw_query = pairs.join("&");
        }
    }
}

fn change_header(call: &mut Call<'_>, action: &str, name: &str, value: &str) {
    let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else { return };
    match action {
        "remove" => {
            call.headers.remove(&name);
        }
        "append" => {
            call.headers.append(name, value);
        }
        _ => {
            call.headers.insert(name, value);
        }
    }
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A value: a text in which `$request.…`, `$context.…` and `$stageVariables.…` (in braces or not) stand for others.
fn evaluate(source: &str, call: &Call<'_>) -> String {
    if source.starts_with('$') && !source.starts_with("${") {
        return variable(source.trim_start_matches('$'), call);
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
        value.push_str(&variable(name, call));
        rest = left;
    }
    value.push_str(rest);
    value
}

fn variable(name: &str, call: &Call<'_>) -> String {
    let found = if name == "request.path" {
        // Without the stage: that is what this variable is used for ("overwrite:path" = "$request.path").
        Some(call.full_path.strip_prefix(&format!("/{}", call.stage)).unwrap_or(&call.full_path).to_owned())
    } else if let Some(header) = name.strip_prefix("request.header.") {
        call.header(header).map(str::to_owned)
    } else if let Some(parameter) = name.strip_prefix("request.querystring.") {
        call.query.iter().find(|(known, _)| known == parameter).map(|(_, value)| value.clone())
    } else if let Some(parameter) = name.strip_prefix("request.path.") {
        call.path_parameters.iter().find(|(known, _)| known == parameter).map(|(_, value)| value.clone())
    } else if let Some(variable) = name.strip_prefix("stageVariables.") {
        call.variables.iter().find(|(known, _)| known == variable).map(|(_, value)| value.clone())
    } else if let Some(variable) = name.strip_prefix("context.") {
        super::access_log::request_variable(variable, call)
    } else {
        None
    };
    found.unwrap_or_default()
}
