//! Answers.

use http::header::{HeaderName, HeaderValue};
use pilvi_bus::http::{Body, Response, empty, full};

use super::xml::Writer;
use crate::errors::{Code, S3Error};

/// Helpers on a response under construction.
pub trait Answer: Sized {
    /// Sets a header. A value that no header can carry is left out.
    fn set(self, name: &str, value: impl AsRef<[u8]>) -> Self;
    /// Sets a header, if there is a value.
    fn maybe(self, name: &str, value: Option<impl AsRef<[u8]>>) -> Self;
}

impl Answer for Response {
    fn set(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_ref()))
        {
            self.headers_mut().insert(name, value);
        }
        self
    }

    fn maybe(self, name: &str, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }
}

/// An answer with this status and body.
pub fn with_body(status: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// An answer without a body.
pub fn status(status: u16) -> Response {
    with_body(status, empty())
}

/// 200 with a document.
pub fn xml(document: String) -> Response {
    let length = document.len();
    with_body(200, full(document)).set("content-type", "application/xml").set("content-length", length.to_string())
}

/// The document of an error, or its bare status where no body may be.
pub fn error(error: &S3Error, request_id: &str, host_id: &str, head: bool) -> Response {
    let status = error.code.status();
    let mut response = if head || error.code == Code::NotModified {
        with_body(status, empty())
    } else {
        let mut writer = Writer::bare("Error");
        writer.leaf("Code", error.code.as_str());
        writer.leaf("Message", &error.message);
        for (name, value) in &error.details {
            writer.leaf(name, value);
        }
        writer.leaf("RequestId", request_id);
        writer.leaf("HostId", host_id);
        let document = writer.finish("Error");
        with_body(status, full(document)).set("content-type", "application/xml")
    };
    for (name, value) in &error.headers {
        response = response.set(name, value);
    }
    response
}
