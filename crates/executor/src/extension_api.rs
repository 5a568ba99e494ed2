//! The Extensions API over HTTP, beside the Runtime API on the same address.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use crate::environment::Environment;
use crate::extensions::Refusal;
use crate::http::{self, Request};

const PREFIX: &str = "/2020-01-01/extension/";
const JSON: &str = "application/json";

#[derive(Deserialize)]
struct Register {
    #[serde(default)]
    events: Vec<String>,
}

/// Appends the answer to `out`. `None`: it is none of this API's requests; `Some(false)`: no event will ever come.
pub(crate) async fn respond(environment: &Arc<Environment>, request: &Request, out: &mut Vec<u8>) -> Option<bool> {
    if request.method == "PUT" {
        // AWS's words where there is no such API, as in its own emulator: extensions go on without.
        let what = match request.path.as_str() {
            "/2022-07-01/telemetry" => "Telemetry",
            "/2020-08-15/logs" => "Logs",
            _ => return None,
        };
        let message = format!("{what} API is not supported");
        write(out, 202, &json!({ "errorMessage": message, "errorType": format!("{what}.NotSupported") }));
        return Some(true);
    }
    let route = (request.method.as_str(), request.path.strip_prefix(PREFIX)?);
    let result = match route {
        ("POST", "register") => register(environment, request, out),
        ("GET", "event/next") => match next(environment, request, out).await {
            Ok(false) => return Some(false),
            other => other.map(drop),
        },
        ("POST", "init/error" | "exit/error") => fail(environment, request, out),
        _ => return None,
    };
    if let Err(Refusal(error_type, message)) = result {
        write(out, 403, &json!({ "errorMessage": message, "errorType": error_type }));
    }
    Some(true)
}

fn register(environment: &Arc<Environment>, request: &Request, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let name = request.header("lambda-extension-name").unwrap_or_default();
    let body: Register =
        serde_json::from_slice(&request.body).map_err(|error| Refusal("InvalidRequestFormat", error.to_string()))?;
    let id = environment.extensions.register(name, &body.events, environment.is_starting())?;
    let spec = &environment.spec;
    let answer = json!({ "functionName": spec.name, "functionVersion": spec.version, "handler": spec.handler });
    http::write_response_with(out, 200, JSON, &[("Lambda-Extension-Identifier", &id)], answer.to_string().as_bytes());
    Ok(())
}

fn identifier(request: &Request) -> Result<&str, Refusal> {
    let missing =
        || Refusal("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header".into());
    let id = request.header("lambda-extension-identifier").filter(|id| !id.is_empty()).ok_or_else(missing)?;
    let invalid = |_| Refusal("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier".into());
    uuid::Uuid::parse_str(id).map_err(invalid).map(|_| id)
}

async fn next(environment: &Arc<Environment>, request: &Request, out: &mut Vec<u8>) -> Result<bool, Refusal> {
    let id = identifier(request)?;
    let Some(event) = environment.extensions.next(id).await? else { return Ok(false) };
    let event_id = uuid::Uuid::new_v4().to_string();
    http::write_response_with(out, 200, JSON, &[("Lambda-Extension-Event-Identifier", &event_id)], event.as_bytes());
    Ok(true)
}

/// An extension gives up, and the environment with it.
fn fail(environment: &Arc<Environment>, request: &Request, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let name = environment.extensions.name(identifier(request)?)?;
    let error_type = request.header("lambda-extension-function-error-type").unwrap_or("Extension.Unknown").to_owned();
    write(out, 202, &json!({ "status": "OK" }));
    tracing::debug!(extension = name, error_type, "an extension gave up");
    environment.extension_failed(&error_type);
    Ok(())
}

fn write(out: &mut Vec<u8>, status: u16, body: &serde_json::Value) {
    http::write_response(out, status, JSON, body.to_string().as_bytes());
}
