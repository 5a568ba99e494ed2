//! Invocations of API destinations.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html>

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pilvi_bus::ApiError;
use pilvi_delivery::Origin;
use pilvi_delivery::targets::{Failed, Failure};
use serde_json::Value;

use crate::authorize;
use crate::core::Events;
use crate::event::{Event, JsonPath};
use crate::eventbridge::connection_shapes::Parameter;
use crate::eventbridge::target_shapes::Target;
use crate::names::named;
use crate::state::{API_DESTINATIONS, ApiDestination, CONNECTIONS, Connection, Key};

/// "API destinations requests have a maximum client execution timeout of 5 seconds."
const PATIENCE: Duration = Duration::from_secs(5);
/// What stands for itself in a query and in a part of a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Invokes a destination with a payload.
pub(crate) async fn invoke(
    events: &Events,
    origin: &Origin,
    target: &Target,
    event: &Event,
    payload: String,
) -> Result<(), Failed> {
    let (destination, connection, key) = look_up(events, origin, &target.arn)?;
    if connection.state == "DEAUTHORIZED" {
        let text = "The connection is not authorized.";
        return Err(Failed::new(Failure::NoPermissions, ApiError::new("Deauthorized", 403, text)));
    }
    let mut asked = Asked::new(&destination, target, event, payload);
    if let Some(parameters) = &connection.auth.invocation_http_parameters {
        asked.add(parameters.header_parameters.as_deref(), parameters.query_string_parameters.as_deref());
        asked.add_body(parameters.body_parameters.as_deref());
    }
    match connection.kind.as_str() {
        "BASIC" => {
            let basic = connection.auth.basic_auth_parameters.clone().unwrap_or_default();
            let pair = format!("{}:{}", basic.username.unwrap_or_default(), basic.password.unwrap_or_default());
            asked.header("authorization", &format!("Basic {}", STANDARD.encode(pair)));
        }
        "API_KEY" => {
            let api_key = connection.auth.api_key_auth_parameters.clone().unwrap_or_default();
            asked.header(&api_key.api_key_name.unwrap_or_default(), &api_key.api_key_value.unwrap_or_default());
        }
        _ => {
            let token = authorize::token(events, &key, &connection)
                .await
                .map_err(|reason| Failed::new(Failure::Target, ApiError::new("AuthorizationFailed", 503, reason)))?;
            asked.header("authorization", &format!("Bearer {token}"));
        }
    }
    let request = asked.into_request().map_err(|problem| ApiError::new("InvalidRequest", 400, problem.to_string()))?;
    events.take_turn(&target.arn, destination.rate).await;
    let answer = events.http.send(request, PATIENCE).await;
    let answer = answer.map_err(|problem| {
        Failed::new(Failure::Connection, ApiError::new("ConnectionFailure", 503, problem.to_string()))
    })?;
    let status = answer.status.as_u16();
    if answer.status.is_success() {
        return Ok(());
    }
    if status == 401 && connection.token.is_some() {
        authorize::forget(events, &key).await;
    }
    // "EventBridge retries 401, 407, 409, 429 and 5xx": what a retry may change.
    let kind = match status {
        429 => Failure::Throttled,
        401 | 407 | 409 | 500.. => Failure::Target,
        _ => Failure::Refused,
    };
    let text = format!("The destination answered {status}.");
    Err(Failed::new(kind, ApiError::new("ErrorFromTarget", 502, text)))
}

/// The destination, its connection and the connection's key.
fn look_up(events: &Events, origin: &Origin, arn: &str) -> Result<(ApiDestination, Connection, Key), Failed> {
    let missing = |what: &str| ApiError::new("ResourceNotFoundException", 400, format!("{what} does not exist."));
    let found = events.store().read(|tx| {
        let key = (origin.account.as_str(), origin.region.as_str(), named("api-destination", arn));
        let Some(destination) = tx.get(&API_DESTINATIONS, &key)? else { return Ok(None) };
        let name = named("connection", &destination.connection_arn).to_owned();
        let key = (origin.account.clone(), origin.region.clone(), name);
        let connection = tx.get(&CONNECTIONS, &key)?;
        Ok::<_, pilvi_store::StoreError>(Some((destination, connection, key)))
    });
    let found = found.map_err(ApiError::from)?.ok_or_else(|| missing(arn))?;
    let (destination, connection, key) = found;
    let connection = connection.ok_or_else(|| missing(&destination.connection_arn))?;
    Ok((destination, connection, key))
}

/// A request in the making. What the connection says comes last and wins over the target's.
struct Asked {
    method: String,
    endpoint: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: String,
}

impl Asked {
    fn new(destination: &ApiDestination, target: &Target, event: &Event, body: String) -> Self {
        let parameters = target.http_parameters.clone().unwrap_or_default();
        let mut endpoint = destination.endpoint.clone();
        for value in parameters.path_parameter_values.unwrap_or_default() {
            // Each `*` of the endpoint is one value.
            let value = utf8_percent_encode(&dynamic(&value, event), PLAIN).to_string();
            endpoint = endpoint.replacen('*', &value, 1);
        }
        let pairs = |map: Option<std::collections::BTreeMap<String, String>>| {
            let map = map.unwrap_or_default().into_iter();
            map.map(|(name, value)| (name, dynamic(&value, event))).collect::<Vec<_>>()
        };
        let query = pairs(parameters.query_string_parameters);
        let mut headers = vec![
            ("content-type".to_owned(), "application/json; charset=utf-8".to_owned()),
            ("user-agent".to_owned(), "Amazon/EventBridge/ApiDestinations".to_owned()),
        ];
        for (name, value) in pairs(parameters.header_parameters) {
            set(&mut headers, &name, &value);
        }
        Self { method: destination.method.clone(), endpoint, query, headers, body }
    }

    fn header(&mut self, name: &str, value: &str) {
        set(&mut self.headers, name, value);
    }

    fn add(&mut self, headers: Option<&[Parameter]>, query: Option<&[Parameter]>) {
        for (name, value) in pairs(headers) {
            set(&mut self.headers, name, value);
        }
        for (name, value) in pairs(query) {
            set(&mut self.query, name, value);
        }
    }

    /// Members of the body, where it is an object.
    fn add_body(&mut self, parameters: Option<&[Parameter]>) {
        let Ok(Value::Object(mut members)) = serde_json::from_str(&self.body) else { return };
        let before = members.len();
        for (name, value) in pairs(parameters) {
            members.insert(name.to_owned(), value.into());
        }
        if members.len() > before || parameters.is_some_and(|parameters| !parameters.is_empty()) {
            self.body = Value::Object(members).to_string();
        }
    }

    fn into_request(self) -> Result<Request<Bytes>, http::Error> {
        let url = with_query(&self.endpoint, &self.query);
        let bare = matches!(self.method.as_str(), "GET" | "HEAD");
        let mut request = Request::builder().method(self.method.as_str()).uri(url);
        if let Some(headers) = request.headers_mut() {
            for (name, value) in &self.headers {
                headers.insert(HeaderName::try_from(name.as_str())?, HeaderValue::try_from(value.as_str())?);
            }
            if bare {
                headers.remove(header::CONTENT_TYPE);
            }
        }
        request.body(if bare { Bytes::new() } else { Bytes::from(self.body) })
    }
}

/// A URL with more in its query.
pub(crate) fn with_query(url: &str, query: &[(String, String)]) -> String {
    let mut url = url.to_owned();
    for (name, value) in query {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.extend([
            utf8_percent_encode(name, PLAIN).to_string(),
            "=".to_owned(),
            utf8_percent_encode(value, PLAIN).to_string(),
        ]);
    }
    url
}

fn set(pairs: &mut Vec<(String, String)>, name: &str, value: &str) {
    match pairs.iter_mut().find(|(own, _)| own.eq_ignore_ascii_case(name)) {
        Some((_, own)) => value.clone_into(own),
        None => pairs.push((name.to_owned(), value.to_owned())),
    }
}

/// The names and values of a connection's parameters.
pub(crate) fn pairs(parameters: Option<&[Parameter]>) -> impl Iterator<Item = (&str, &str)> {
    let parameters = parameters.unwrap_or_default().iter();
    parameters.filter_map(|parameter| Some((parameter.key.as_deref()?, parameter.value.as_deref().unwrap_or_default())))
}

/// "Dynamic path parameters": a value that is a path takes from the event.
fn dynamic(value: &str, event: &Event) -> String {
    let Some(path) = JsonPath::parse(value) else { return value.to_owned() };
    match path.find(&event.value) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
