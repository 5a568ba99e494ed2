//! Answers and errors in each wire format.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use pilvi_bus::ApiError;
use pilvi_bus::http::{Response, full};
use pilvi_model::Val;
use pilvi_model::api::{Api, Operation, Protocol};

use crate::protocol::{json_out, query_json, rest, xml_out};

/// The answer of an operation.
pub fn success(api: &Api, operation: &Operation, protocol: Protocol, output: Val, request_id: &str) -> Response {
    match protocol {
        Protocol::RestJson => {
            let answer = rest::answer(api, operation, output);
            let mut response = response(answer.status, answer.body, request_id);
            response.headers_mut().extend(answer.headers);
            response
        }
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => {
            let body = xml_out::answer(api, operation, &output, request_id);
            with_type(response(200, body, request_id), "text/xml")
        }
        Protocol::Json { version } => {
            let mut body = Vec::with_capacity(256);
            if let Some(shape) = operation.output {
                json_out::write(api, shape, &output, &mut body);
            }
            json_response(api, version, 200, body, request_id)
        }
        Protocol::Cbor => error(Some(api), protocol, &unsupported_cbor(), request_id),
    }
}

/// The answer of an operation of the query protocol, for a client that asks for JSON.
pub fn query_json(api: &Api, operation: &Operation, output: &Val, request_id: &str) -> Response {
    let body = query_json::answer(api, operation, output, request_id);
    with_type(response(200, body, request_id), "application/json")
}

/// An error of the query protocol, for a client that asks for JSON.
pub fn query_json_error(error: &ApiError, request_id: &str) -> Response {
    let body = query_json::error(error, request_id);
    with_type(response(error.status, body, request_id), "application/json")
}

/// An error.
pub fn error(api: Option<&Api>, protocol: Protocol, error: &ApiError, request_id: &str) -> Response {
    let mut response = match protocol {
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => {
            with_type(response(error.status, xml_out::error(api, error, request_id), request_id), "text/xml")
        }
        Protocol::Json { version } => {
            let code = json_code(&error.code);
            let status = if error.code == "AccessDenied" { 400 } else { error.status };
            let body = error_document(api, error, Some(&format!("{}{code}", namespace(api, code))));
            let mut response = match api {
                Some(api) => json_response(api, version, status, body, request_id),
                None => with_type(self::response(status, body, request_id), json_type(version)),
            };
            if api.is_some_and(|api| api.query_compatible) {
                let fault = if error.is_client_fault() { "Sender" } else { "Receiver" };
                let query_code = error.query_code.unwrap_or(&error.code);
                put(&mut response, "x-amzn-query-error", &format!("{query_code};{fault}"));
            }
            response
        }
        Protocol::RestJson | Protocol::Cbor => {
            let body = error_document(api, error, None);
            let mut response = with_type(self::response(error.status, body, request_id), "application/json");
            put(&mut response, "x-amzn-errortype", json_code(&error.code));
            response
        }
    };
    for (name, value) in &error.headers {
        put(&mut response, name, value);
    }
    response
}

/// rpcv2Cbor is not spoken; clients that offer it speak JSON too.
pub fn unsupported_cbor() -> ApiError {
    ApiError::new("UnsupportedProtocol", 415, "The rpcv2Cbor protocol is not supported; use awsJson.")
}

/// The JSON protocols' name of what the query protocol calls AccessDenied.
fn json_code(code: &str) -> &str {
    if code == "AccessDenied" { "AccessDeniedException" } else { code }
}

/// What stands before an error's code in `__type`. Clients strip it; a few scripts look for it.
fn namespace(api: Option<&Api>, code: &str) -> &'static str {
    match (api.map(|api| api.name), code) {
        (Some("sqs"), _) => "com.amazonaws.sqs#",
        (Some("dynamodb" | "dynamodbstreams"), "ValidationException") => "com.amazon.coral.validate#",
        (
            Some("dynamodb" | "dynamodbstreams"),
            "SerializationException"
            | "UnknownOperationException"
            | "AccessDeniedException"
            | "UnrecognizedClientException",
        )
        | (None, _) => "com.amazon.coral.service#",
        (Some("dynamodb" | "dynamodbstreams"), _) => "com.amazonaws.dynamodb.v20120810#",
        _ => "",
    }
}

fn error_document(api: Option<&Api>, error: &ApiError, type_name: Option<&str>) -> Vec<u8> {
    let shape = api.and_then(|api| api.error(&error.code)).map(|(shape, _)| shape);
    let structure = shape.and_then(|shape| shape.structure());
    let key = structure
        .and_then(|structure| structure.members.iter().find(|member| member.name.eq_ignore_ascii_case("message")))
        .map(|member| member.wire_name)
        .unwrap_or(if error.code == "AccessDenied" || error.code == "SerializationException" {
            "Message"
        } else {
            "message"
        });

    let mut members: Vec<(&'static str, Val)> = Vec::new();
    let has_fault = structure.is_some_and(|structure| structure.member("Type").is_some());
    // A few of Lambda's errors say nothing of whose fault they are, which these say with an empty text.
    let says_fault = error.members.iter().any(|(name, _)| *name == "Type");
    if has_fault && !says_fault && api.is_some_and(|api| api.name == "lambda") {
        members.push(("Type", Val::from(if error.is_client_fault() { "User" } else { "Service" })));
    }
    if !error.message.is_empty() {
        members.push((key, Val::from(error.message.as_str())));
    }
    let mut body = Vec::with_capacity(128);
    body.push(b'{');
    if let Some(name) = type_name {
        body.extend_from_slice(b"\"__type\":");
        json_out::string(name, &mut body);
    }
    let mut write = |name: &str, value: &dyn Fn(&mut Vec<u8>)| {
        if body.len() > 1 {
            body.push(b',');
        }
        json_out::string(name, &mut body);
        body.push(b':');
        value(&mut body);
    };
    for (name, value) in &members {
        write(name, &|out| json_out::write_untyped(value, out));
    }
    for (name, value) in error.members.iter().filter(|(name, value)| *name != "Type" || *value != Val::from("")) {
        match (api, structure.and_then(|structure| structure.member(name))) {
            (Some(api), Some(member)) => write(member.wire_name, &|out| json_out::write(api, member.shape, value, out)),
            _ => write(name, &|out| json_out::write_untyped(value, out)),
        }
    }
    body.push(b'}');
    body
}

fn json_type(version: &str) -> &'static str {
    if version == "1.1" { "application/x-amz-json-1.1" } else { "application/x-amz-json-1.0" }
}

fn json_response(api: &Api, version: &str, status: u16, body: Vec<u8>, request_id: &str) -> Response {
    // DynamoDB's clients check this sum where it is given ("Error handling with DynamoDB" names the header).
    let sum = (api.name == "dynamodb").then(|| crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, &body));
    let mut response = with_type(response(status, body, request_id), json_type(version));
    if let Some(sum) = sum {
        put(&mut response, "x-amz-crc32", &sum.to_string());
    }
    response
}

fn response(status: u16, body: impl Into<Bytes>, request_id: &str) -> Response {
    let body = body.into();
    let length = body.len();
    let mut response = Response::new(full(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status != 204 {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    put(&mut response, "x-amzn-requestid", request_id);
    response
}

fn with_type(mut response: Response, content_type: &'static str) -> Response {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn put(response: &mut Response, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        response.headers_mut().insert(name, value);
    }
}
