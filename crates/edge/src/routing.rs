//! Which service and operation a request is for.
//!
//! The signature's scope names the service, `X-Amz-Target` or `Action` the operation; where a request is not signed, its
//! host or its path tells.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use pilvi_bus::ApiError;
use pilvi_model::api::{Api, Operation, Protocol};
use pilvi_model::{api, names};

use crate::protocol::query::form;
use crate::routes::Routes;

/// A request's service, operation and wire format.
pub struct Target {
    /// The service's model.
    pub api: &'static Api,
    /// The operation.
    pub operation: &'static Operation,
    /// The wire format, of request and answer.
    pub protocol: Protocol,
    /// restJson1: the labels of the path.
    pub labels: Vec<(&'static str, String)>,
    /// The query's parameters (restJson1), or the form's (awsQuery).
    pub parameters: Vec<(String, String)>,
}

/// What a request turned out to be.
pub enum Route {
    /// A call of an operation.
    Operation(Box<Target>),
    /// A call in this wire format that means no operation.
    Unknown(Option<&'static Api>, Protocol, ApiError),
    /// No call of any service that has operations: S3's, if anybody's.
    Other,
}

/// Finds what a request is for. `signing_name` is the service in the scope of its signature.
pub fn route(parts: &Parts, body: &Bytes, signing_name: Option<&str>) -> Route {
    if let Some(target) = parts.headers.get("x-amz-target") {
        return by_target(target.to_str().unwrap_or_default(), parts);
    }
    if signing_name == Some("s3") {
        return Route::Other;
    }
    if let Some(parameters) = query_parameters(parts, body) {
        return by_action(parameters, parts, signing_name);
    }
    by_path(parts, signing_name)
}

/// `X-Amz-Target: AmazonSQS.SendMessage`
fn by_target(target: &str, parts: &Parts) -> Route {
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let asked = if content_type.contains("1.1") { "1.1" } else { "1.0" };
    let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
    let api = names().iter().filter_map(|name| api(name)).find(|api| api.target_prefix == Some(prefix));
    let protocol = Protocol::Json { version: asked };
    let Some((api, operation)) = api.and_then(|api| Some((api, api.operation(name)?))) else {
        let error = ApiError::new("UnknownOperationException", 400, "");
        return Route::Unknown(api, protocol, error);
    };
    Route::Operation(Box::new(Target { api, operation, protocol, labels: Vec::new(), parameters: Vec::new() }))
}

/// The parameters of an awsQuery request: a form, or a query with an `Action`.
fn query_parameters(parts: &Parts, body: &Bytes) -> Option<Vec<(String, String)>> {
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parameters = form(parts.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    if parts.method == http::Method::POST && content_type.starts_with("application/x-www-form-urlencoded") {
        parameters.extend(form(body).unwrap_or_default());
    }
    parameters.iter().any(|(name, _)| name == "Action").then_some(parameters)
}

/// SQS's actions that are of no queue.
const OF_NO_QUEUE: [&str; 2] = ["CreateQueue", "ListQueues"];

fn by_action(mut parameters: Vec<(String, String)>, parts: &Parts, signing_name: Option<&str>) -> Route {
    let value = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let action = value("Action").unwrap_or_default().to_owned();
    let version = value("Version").map(str::to_owned);
    let speaks_query = |api: &&'static Api| api.protocols.contains(&Protocol::Query);
    let apis = || names().iter().filter_map(|name| api(name)).filter(speaks_query);
    let service = signing_name.or_else(|| service_of_host(parts));
    let named = apis().find(|api| service.is_some_and(|service| api.signing_name == service));
    let api = named.or_else(|| {
        // Unsigned and on no service's host: an API of that version with such an action.
        apis().find(|api| {
            version.as_deref().is_none_or(|version| version == api.version) && api.operation(&action).is_some()
        })
    });
    let operation = api.and_then(|api| api.operation(&action));
    let path = parts.uri.path();
    // At a queue's own address, SQS does not know the actions that are of no queue.
    let of_no_queue = |api: &Api| api.name == "sqs" && path.len() > 1 && OF_NO_QUEUE.contains(&action.as_str());
    let (Some(api), Some(operation)) = (api.filter(|api| !of_no_queue(api)), operation) else {
        let version = version.unwrap_or_default();
        let text = if api.is_some_and(|api| api.name == "sqs") {
            format!("The action {action} is not valid for this endpoint.")
        } else {
            format!("Could not find operation {action} for version {version}")
        };
        return Route::Unknown(api, Protocol::Query, ApiError::new("InvalidAction", 400, text));
    };
    // SQS takes the queue's URL from the path that a request is posted to.
    if api.name == "sqs" && path.len() > 1 && !parameters.iter().any(|(name, _)| name == "QueueUrl") {
        parameters.push(("QueueUrl".to_owned(), format!("http://localhost{path}")));
    }
    Route::Operation(Box::new(Target { api, operation, protocol: Protocol::Query, labels: Vec::new(), parameters }))
}

fn by_path(parts: &Parts, signing_name: Option<&str>) -> Route {
    let service = signing_name.or_else(|| service_of_host(parts));
    let speaks_rest = |api: &&'static Api| api.protocol == Protocol::RestJson;
    let apis = || names().iter().filter_map(|name| api(name)).filter(speaks_rest);
    let path = parts.uri.path();
    let query = form(parts.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let of_service = |api: &&'static Api| service.is_none_or(|service| api.signing_name == service);
    for api in apis().filter(of_service) {
        if let Some(found) = Routes::of(api).find(parts.method.as_str(), path, &query) {
            return Route::Operation(Box::new(Target {
                api,
                operation: found.operation,
                protocol: Protocol::RestJson,
                labels: found.labels,
                parameters: query,
            }));
        }
    }
    let Some(service) = service else { return Route::Other };
    match apis().find(|api| api.signing_name == service) {
        Some(api) => {
            let text = format!("Unable to determine service/operation name to be authorized: {} {path}", parts.method);
            let error = if apis().any(|api| Routes::of(api).knows_path(path)) {
                ApiError::new("MethodNotAllowedException", 405, "Method Not Allowed")
            } else {
                ApiError::new("UnknownOperationException", 404, text)
            };
            Route::Unknown(Some(api), Protocol::RestJson, error)
        }
        None => {
            // awsQuery without an action.
            let speaks_query = |api: &&'static Api| api.protocols.contains(&Protocol::Query);
            match names()
                .iter()
                .filter_map(|name| api(name))
                .filter(speaks_query)
                .find(|api| api.signing_name == service)
            {
                Some(api) => {
                    let error = ApiError::new("UnknownOperationException", 404, "");
                    Route::Unknown(Some(api), Protocol::Query, error)
                }
                None => Route::Other,
            }
        }
    }
}

/// The service that a host names: `sqs.eu-west-1.amazonaws.com`, `sqs.eu-west-1.localhost`.
fn service_of_host(parts: &Parts) -> Option<&'static str> {
    let host = pilvi_bus::http::host(parts);
    let first = host.split('.').next()?;
    let api = names().iter().filter_map(|name| api(name)).find(|api| api.endpoint_prefix == first)?;
    host.contains('.').then_some(api.signing_name)
}

/// The region that a host names, if it does.
pub fn region_of_host(parts: &Parts) -> Option<String> {
    let host = pilvi_bus::http::host(parts);
    host.split('.').find(|label| pilvi_bus::region::is_region(label)).map(str::to_owned)
}
