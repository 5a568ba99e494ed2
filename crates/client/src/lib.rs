//! A small client of AWS's APIs for Pilvi's own tools: the demonstration and the benchmarks.
//!
//! It signs with AWS's own signer and knows the wire forms (JSON, query, plain HTTP), but no service; whoever calls says what to send.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as HttpClient, Error as HttpError};
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What need not be escaped in a query string.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The service refused it.
    #[error("{operation}: {code}: {message}")]
    Refused {
        /// What was asked for.
        operation: String,
        /// The HTTP status.
        status: u16,
        /// AWS's code.
        code: String,
        /// AWS's text.
        message: String,
    },
    /// Nobody answered.
    #[error("no answer from {0}: {1}")]
    Unreachable(String, #[source] HttpError),
    /// The answer broke off.
    #[error("the answer broke off: {0}")]
    BrokenOff(#[from] hyper::Error),
    /// The request cannot be made.
    #[error("not a request: {0}")]
    Request(#[from] http::Error),
    /// The request cannot be signed.
    #[error("cannot sign: {0}")]
    Signature(String),
}

impl Problem {
    /// AWS's code, where the service refused the call.
    pub fn code(&self) -> Option<&str> {
        match self {
            Problem::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// What a service answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status, a success.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The text of the first element `name` of an XML body.
    pub fn xml(&self, name: &str) -> Option<String> {
        element(&String::from_utf8_lossy(&self.body), name)
    }
}

/// Calls services at one address, as one identity, in one region.
#[derive(Clone)]
pub struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    endpoint: String,
    region: String,
    credentials: Credentials,
}

impl Client {
    /// A client of the cloud at `endpoint` (`http://localhost:4566`).
    pub fn new(endpoint: &str, region: &str, key: &str, secret: &str, token: Option<String>) -> Client {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Client {
            http: HttpClient::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(60)).build(connector),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: region.to_owned(),
            credentials: Credentials::from_keys(key, secret, token),
        }
    }

    /// Where the cloud is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Calls an operation of a JSON service: `target` is `DynamoDB_20120810.PutItem`, `version` is `1.0` or `1.1`.
    ///
    /// # Errors
    /// What the service refuses with, or that it does not answer.
    pub async fn json(&self, service: &str, version: &str, target: &str, input: &Value) -> Result<Value, Problem> {
        let headers = [("x-amz-target", target), ("content-type", &format!("application/x-amz-json-{version}"))];
        let body = Bytes::from(input.to_string());
        Ok(self.send(service, &Method::POST, "/", &headers, body).await?.json())
    }

    /// Calls an operation of a query service (IAM, STS); lists are `("Tags.member.1.Key", "…")`.
    ///
    /// # Errors
    /// What the service refuses with, or that it does not answer.
    pub async fn query(&self, service: &str, version: &str, parameters: &[(&str, &str)]) -> Result<Answer, Problem> {
        let pair = |(name, value): &(&str, &str)| {
            format!("{}={}", utf8_percent_encode(name, ESCAPED), utf8_percent_encode(value, ESCAPED))
        };
        let pairs: Vec<String> = parameters.iter().map(pair).collect();
        let body = format!("Version={version}&{}", pairs.join("&"));
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(service, &Method::POST, "/", &headers, Bytes::from(body)).await
    }

    /// Calls an operation of a REST service whose documents are JSON (Lambda, API Gateway).
    ///
    /// # Errors
    /// What the service refuses with, or that it does not answer.
    pub async fn rest(&self, service: &str, method: &Method, path: &str, input: &Value) -> Result<Value, Problem> {
        let body = if input.is_null() { Bytes::new() } else { Bytes::from(input.to_string()) };
        Ok(self.send(service, method, path, &[("content-type", "application/json")], body).await?.json())
    }

    /// Sends any signed request; `path` holds the query string and is escaped.
    ///
    /// # Errors
    /// What the service refuses with, or that it does not answer.
    pub async fn send(
        &self,
        service: &str,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, Problem> {
        let request = self.signed(service, method, path, headers, body)?;
        let sent = self.http.request(request).await;
        let answer = sent.map_err(|problem| Problem::Unreachable(self.endpoint.clone(), problem))?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        if parts.status.is_success() {
            return Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body });
        }
        let target = headers.iter().find(|(name, _)| *name == "x-amz-target").map_or(path, |(_, target)| target);
        Err(refusal(format!("{service} {method} {target}"), parts.status.as_u16(), &parts.headers, &body))
    }

    /// A signed request.
    ///
    /// # Errors
    /// When it is no request.
    pub fn signed(
        &self,
        service: &str,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Problem> {
        let uri: Uri = format!("{}{path}", self.endpoint).parse().map_err(http::Error::from)?;
        let signature = |problem: &dyn std::fmt::Display| Problem::Signature(problem.to_string());
        let identity = self.credentials.clone().into();
        let mut settings = SigningSettings::default();
        if service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(now())
            .settings(settings)
            .build()
            .map_err(|problem| signature(&problem))?
            .into();
        let host = uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let signed_headers = headers.iter().copied().chain([("host", host.as_str())]);
        let address = uri.to_string();
        let signable = SignableRequest::new(method.as_str(), &address, signed_headers, SignableBody::Bytes(&body))
            .map_err(|problem| signature(&problem))?;
        let (instructions, _) = sign(signable, &params).map_err(|problem| signature(&problem))?.into_parts();
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(body))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    /// Sends a request as it is, unsigned: what a function's API answers, say.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn fetch(&self, request: Request<Full<Bytes>>) -> Result<Answer, Problem> {
        let sent = self.http.request(request).await;
        let answer = sent.map_err(|problem| Problem::Unreachable(self.endpoint.clone(), problem))?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

/// The time of a signature: a client lives in real time, whatever a cloud's clock was moved to.
#[expect(clippy::disallowed_methods, reason = "a client is no part of a cloud, whose clock can be moved")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Finds AWS's code and text in a refusal of any wire form.
fn refusal(operation: String, status: u16, headers: &HeaderMap, body: &[u8]) -> Problem {
    let text = String::from_utf8_lossy(body);
    let document: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let field = |names: &[&str]| {
        let found = names.iter().find_map(|name| document.get(*name).and_then(Value::as_str));
        found.map(str::to_owned)
    };
    let header = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let code = header.or_else(|| field(&["__type", "code"])).or_else(|| element(&text, "Code")).unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default().rsplit('#').next().unwrap_or_default().to_owned();
    let message = field(&["message", "Message"]).or_else(|| element(&text, "Message"));
    Problem::Refused { operation, status, code, message: message.unwrap_or_else(|| text.chars().take(300).collect()) }
}

/// The text of the first element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_understood_in_every_wire_form() {
        let code = |headers: &[(&'static str, &'static str)], body: &str| {
            let headers =
                headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
            refusal("x".to_owned(), 400, &headers, body.as_bytes()).to_string()
        };
        assert_eq!(
            code(&[], r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}"#),
            "x: QueueDoesNotExist: no"
        );
        assert_eq!(code(&[("x-amzn-errortype", "Conflict:extra")], r#"{"Message":"no"}"#), "x: Conflict: no");
        assert_eq!(code(&[], "<Error><Code>NoSuchKey</Code><Message>no</Message></Error>"), "x: NoSuchKey: no");
        assert_eq!(code(&[], "what?"), "x: : what?");
    }

    #[test]
    fn requests_are_signed_for_their_service() {
        let client = Client::new("http://localhost:1/", "eu-west-1", "test", "test", None);
        let headers = [("content-type", "application/json")];
        let request =
            client.signed("lambda", &Method::GET, "/2015-03-31/functions?MaxItems=1", &headers, Bytes::new()).unwrap();
        let authorization = request.headers()["authorization"].to_str().unwrap();
        assert!(
            authorization.contains("/eu-west-1/lambda/aws4_request, SignedHeaders=content-type;host;"),
            "{authorization}"
        );
        assert_eq!(request.uri(), "http://localhost:1/2015-03-31/functions?MaxItems=1");
    }
}
