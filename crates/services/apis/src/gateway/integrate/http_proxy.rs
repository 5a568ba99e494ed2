//! HTTP backends: the request goes on to another address, the answer comes back as it is.
//!
//! "Create HTTP proxy integrations for HTTP APIs" of the API Gateway developer guide.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use pilvi_bus::http::full;

use crate::gateway::client;
use crate::gateway::compiled::Integration;
use crate::gateway::event::Call;
use crate::gateway::front::{Answer, Gateway};

/// Headers of one connection, which are not passed on (RFC 9110, 7.6.1).
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
];

impl Gateway {
    pub(super) async fn ask_backend(&self, integration: &Integration, call: &mut Call<'_>) -> Answer {
        let request = match request(integration, call) {
            Ok(request) => request,
            Err(problem) => return Answer::internal(format!("Invalid endpoint address: {problem}")),
        };
        match client::send(request, self.apis.platform.settings.ca_pem.as_deref()).await {
            Ok(response) => {
                let (mut parts, body) = response.into_parts();
                drop_hop_by_hop(&mut parts.headers);
                let status = parts.status.as_u16();
                let body = body.map_err(client::Problem::from).boxed_unsync();
                Answer { integration_status: Some(status), ..Answer::new(http::Response::from_parts(parts, body)) }
            }
            Err(problem) => {
                tracing::info!(api = call.api, backend = integration.uri, %problem, "the backend did not answer");
                Answer::failed(StatusCode::SERVICE_UNAVAILABLE, problem.to_string())
            }
        }
    }
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn request(integration: &Integration, call: &mut Call<'_>) -> Result<Request<pilvi_bus::http::Body>, client::Problem> {
    let uri = address(integration, call);
    let authority = http::Uri::try_from(&uri)?.authority().map(ToString::to_string).ok_or("no host")?;
    let method = integration.method.as_deref().filter(|method| *method != "ANY").unwrap_or(call.method);
    let mut headers = call.headers.clone();
    drop_hop_by_hop(&mut headers);
    // The client's own, unless a mapping set another.
    let asked = call.header("host").map(str::to_owned).unwrap_or_default();
    let same = call.original_host.as_deref() == Some(&*asked);
    let host = if same || asked.is_empty() { authority } else { asked };
    headers.insert(header::HOST, HeaderValue::try_from(host)?);
    headers.remove(header::CONTENT_LENGTH);
    let protocol = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()).unwrap_or("http");
    let host = call.original_host.clone().unwrap_or_default();
    let forwarded = format!("for={};host={host};proto={protocol}", call.source_ip);
    for name in ["x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"] {
        headers.remove(name);
    }
    headers.insert(header::FORWARDED, HeaderValue::try_from(forwarded)?);
    headers.append(header::VIA, HeaderValue::from_static("HTTP/1.1 AmazonAPIGateway"));
    let mut request = Request::builder().method(method).uri(uri).body(full(call.body.clone()))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The backend's address with the path's and the stage's variables in it, and the request's query behind it.
fn address(integration: &Integration, call: &Call<'_>) -> String {
    let mut address = crate::gateway::compiled::with_stage_variables(&integration.uri, call.variables);
    for (name, value) in &call.path_parameters {
        let value = encode_path(value);
        address = address.replace(&format!("{{{name}}}"), &value).replace(&format!("{{{name}+}}"), &value);
    }
    if call.path_changed {
        let start = address.find("://").map_or(0, |place| place + 3);
        let host = address.get(start..).and_then(|rest| rest.find(['/', '?'])).map_or(address.len(), |end| start + end);
        address.truncate(host);
        address.push_str(&call.path);
    }
    if !call.raw_query.is_empty() {
        address.push(if address.contains('?') { '&' } else { '?' });
        address.push_str(&call.raw_query);
    }
    address
}

fn encode_path(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'@')
        .remove(b':')
        .remove(b',');
    percent_encoding::utf8_percent_encode(text, KEPT).to_string()
}
