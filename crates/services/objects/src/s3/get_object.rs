//! GetObject and HeadObject.

use pilvi_bus::http::{Response, empty};

use super::answer::{self, Answer};
use super::body::outgoing;
use super::expire::expiration_header;
use super::object_headers::customer_key;
use super::put_object::{checksum_headers, encryption_headers};
use super::request::Req;
use super::restore::is_archived;
use super::text::{http_date, iso_milliseconds};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::conditions::Outcome;
use crate::object::etag::quote;
use crate::object::range::{self, Span, Wanted};
use crate::state::{Bucket, Object, Versioning};
use crate::versions;

/// The response headers that a request may override, and the parameters that do.
const OVERRIDES: &[(&str, &str)] = &[
    ("response-content-type", "content-type"),
    ("response-content-language", "content-language"),
    ("response-expires", "expires"),
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
];

/// GetObject.
pub async fn get_object(objects: &Objects, req: &mut Req) -> Result<Response> {
    answer_object(objects, req, true).await
}

/// HeadObject.
pub async fn head_object(objects: &Objects, req: &mut Req) -> Result<Response> {
    answer_object(objects, req, false).await
}

/// The version that a request asks for, if it may be read.
pub fn readable(objects: &Objects, req: &Req, bucket: &Bucket) -> Result<Object> {
    let wanted = req.version()?;
    let found = objects.platform.store.read(|tx| versions::find(tx, bucket.id, &req.key, wanted))?;
    let object = found.ok_or_else(|| versions::missing(&req.key, wanted))?;
    if object.marker {
        return Err(versions::marked(&object, &req.key, wanted, req.method.as_str()));
    }
    Ok(object)
}

/// Checks that the request brings the key that the object was encrypted with, and brings none for another.
pub fn check_customer_key(object: &Object, given: Option<String>) -> Result<()> {
    match (&object.encryption.customer_key_md5, given) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(S3Error::request("The encryption parameters are not applicable to this object.")),
        (Some(_), None) => Err(S3Error::request(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
        )),
        (Some(known), Some(given)) if *known == given => Ok(()),
        (Some(_), Some(_)) => Err(S3Error::new(
            Code::AccessDenied,
            "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.",
        )),
    }
}

async fn answer_object(objects: &Objects, req: &Req, with_body: bool) -> Result<Response> {
    let bucket = req.bucket()?;
    let object = readable(objects, req, bucket)?;
    match req.conditions().evaluate(&object.etag, object.modified.div_euclid(1000)) {
        Outcome::Go => {}
        Outcome::Failed(condition) => return Err(S3Error::precondition(condition)),
        Outcome::NotModified(_) => {
            return Err(S3Error::from(Code::NotModified)
                .header("etag", quote(&object.etag))
                .header("last-modified", http_date(object.modified)));
        }
    }
    check_customer_key(&object, customer_key(req, "")?)?;
    let now = objects.platform.clock.now_ms();
    let restored = object.restored.filter(|until| *until > now);
    if is_archived(&object) && restored.is_none() && with_body {
        return Err(S3Error::from(Code::InvalidObjectState)
            .with("StorageClass", object.storage_class.as_deref().unwrap_or_default()));
    }
    let (wanted, parts) = wanted(req, &object)?;
    let (status, span) = match wanted {
        Wanted::Whole => (200, Span { start: 0, length: object.size }),
        Wanted::Part(span) => (206, span),
        Wanted::Outside => {
            return Err(S3Error::from(Code::InvalidRange)
                .with("RangeRequested", req.header("range").unwrap_or_default())
                .with("ActualObjectSize", object.size.to_string())
                .header("content-range", format!("bytes */{}", object.size)));
        }
    };
    let body = if with_body { outgoing(&objects.platform.blobs, &object.pieces, span).await? } else { empty() };
    let mut response = answer::with_body(status, body).set("content-length", span.length.to_string());
    if status == 206 {
        let last = span.start + span.length.saturating_sub(1);
        if span.length > 0 {
            response = response.set("content-range", format!("bytes {}-{last}/{}", span.start, object.size));
        }
    }
    response = response.maybe("x-amz-mp-parts-count", parts.map(|parts| parts.to_string()));
    response = object_headers(response, &object);
    response = response.maybe(
        "x-amz-restore",
        restored.map(|until| format!("ongoing-request=\"false\", expiry-date=\"{}\"", http_date(until))),
    );
    if req.version()?.is_none() {
        response = expiration_header(objects, bucket, &req.key, &object, response)?;
    }
    if bucket.versioning != Versioning::Off || object.version.is_some() {
        response = response.set("x-amz-version-id", object.version_id());
    }
    let whole = span.length == object.size;
    if req.header("x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("enabled")) && whole {
        response = checksum_headers(response, object.checksum.as_ref());
    }
    for (parameter, header) in OVERRIDES {
        if let Some(value) = req.query.get(parameter) {
            if req.ctx.principal == pilvi_bus::Principal::Anonymous {
                return Err(S3Error::request(
                    "Request specific response headers cannot be used for anonymous GET requests.",
                ));
            }
            response = response.set(header, value);
        }
    }
    Ok(response)
}

/// Which bytes are wanted, and how many parts the object has if a part was asked for.
fn wanted(req: &Req, object: &Object) -> Result<(Wanted, Option<usize>)> {
    let header = req.header("range");
    let Some(number) = req.query.get("partNumber") else { return Ok((range::apply(header, object.size), None)) };
    if header.is_some() {
        return Err(S3Error::request("Cannot specify both Range header and partNumber query parameter"));
    }
    let parsed: Option<u32> = number.parse().ok().filter(|n| (1..=10_000).contains(n));
    let Some(wanted) = parsed else {
        return Err(S3Error::argument(
            "Part number must be an integer between 1 and 10000, inclusive",
            "partNumber",
            number,
        ));
    };
    let count = if object.multipart { object.pieces.len() } else { 1 };
    let unsatisfiable = || {
        S3Error::from(Code::InvalidPartNumber)
            .with("ActualPartCount", count.to_string())
            .with("PartNumberRequested", wanted.to_string())
    };
    if !object.multipart {
        if wanted != 1 {
            return Err(unsatisfiable());
        }
        return Ok((
            if object.size == 0 { Wanted::Whole } else { Wanted::Part(Span { start: 0, length: object.size }) },
            None,
        ));
    }
    let mut start = 0;
    for (index, piece) in object.pieces.iter().enumerate() {
        // Parts are asked for by their order, which is what completion numbers them by.
        if index + 1 == wanted as usize {
            return Ok((Wanted::Part(Span { start, length: piece.size }), Some(count)));
        }
        start += piece.size;
    }
    Err(unsatisfiable())
}

/// The headers of an object as reads give them.
pub fn object_headers(mut response: Response, object: &Object) -> Response {
    response = response
        .set("accept-ranges", "bytes")
        .set("last-modified", http_date(object.modified))
        .set("etag", quote(&object.etag))
        .set("content-type", "binary/octet-stream");
    for (name, value) in &object.metadata.system {
        response = response.set(name, value);
    }
    for (name, value) in &object.metadata.user {
        response = response.set(&format!("x-amz-meta-{name}"), encode_metadata(value));
    }
    if !object.tags.is_empty() {
        response = response.set("x-amz-tagging-count", object.tags.len().to_string());
    }
    response = response.maybe("x-amz-storage-class", object.storage_class.as_deref());
    if let Some(retention) = object.retention {
        response = response
            .set("x-amz-object-lock-mode", retention.mode.name())
            .set("x-amz-object-lock-retain-until-date", iso_milliseconds(retention.until));
    }
    if let Some(hold) = object.hold {
        response = response.set("x-amz-object-lock-legal-hold", if hold { "ON" } else { "OFF" });
    }
    encryption_headers(response, &object.encryption)
}

/// User metadata as headers can carry it: beyond ASCII as RFC 2047 has it.
fn encode_metadata(value: &str) -> String {
    if value.is_ascii() {
        return value.to_owned();
    }
    use base64::Engine;
    format!("=?UTF-8?B?{}?=", base64::engine::general_purpose::STANDARD.encode(value))
}
