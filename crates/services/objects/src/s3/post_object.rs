//! PostObject: an upload by a browser's form ("Browser-Based Uploads Using POST").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use pilvi_bus::Principal;
use pilvi_bus::http::{Body, Connection, Response};
use pilvi_bus::identity::KeyLookup;
use serde_json::Value;

use super::address::Address;
use super::answer::{self, Answer};
use super::body::Incoming;
use super::front::authority;
use super::identify::{check_token, look_up};
use super::put_object::{commit, fill, prepare, written_headers};
use super::query::Query;
use super::signature::{hmac_sha256, same, scope, signing_key};
use super::text::{encode_path, parse_iso};
use super::xml::Writer;
use super::{body, object_headers};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::conditions::Conditions;
use crate::object::etag::quote;

/// Most bytes of a form, its file included, that are taken: a browser's upload, not a bulk transfer.
const LARGEST_FORM: usize = 64 * 1024 * 1024;

/// Whether a request is a form.
pub fn is_form(parts: &Parts) -> bool {
    let kind = parts.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    parts.method == http::Method::POST && kind.to_ascii_lowercase().starts_with("multipart/form-data")
}

/// A form's fields (names in lower case) and its file.
struct Form {
    fields: Vec<(String, String)>,
    file_name: String,
    file: bytes::Bytes,
}

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// PostObject.
pub async fn post_object(
    objects: &Objects,
    mut parts: Parts,
    body: Body,
    mut address: Address,
    connection: Connection,
    request_id: &str,
    host_id: &str,
) -> Result<Response> {
    let malformed = || S3Error::from(Code::MalformedPOSTRequest);
    let kind = parts.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = kind.split(';').find_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"').to_owned())
    });
    let boundary = boundary.filter(|boundary| !boundary.is_empty()).ok_or_else(malformed)?;
    let whole = Incoming::new(body, None, None, None).all(LARGEST_FORM).await?;
    let form = parse(&whole, &boundary).ok_or_else(malformed)?;
    let key = form.get("key").ok_or_else(|| {
        S3Error::argument(
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
            "key",
            "",
        )
    })?;
    let key = key.replace("${filename}", &form.file_name);
    if key.is_empty() {
        return Err(S3Error::argument("User key must have a length greater than 0.", "key", ""));
    }
    let (principal, access_key, region) = identify(objects, &form).await?;
    if let Some(policy) = form.get("policy") {
        let bucket = address.bucket.clone().unwrap_or_default();
        check_policy(policy, &form, &bucket, &key, objects.platform.clock.now_ms())?;
    }
    // The fields are an upload's headers.
    parts.headers = http::HeaderMap::new();
    for (name, value) in &form.fields {
        let header = match name.as_str() {
            "acl" => "x-amz-acl",
            "tagging" => continue,
            name => name,
        };
        let kept = header.starts_with("x-amz-") || object_headers::SYSTEM.contains(&header);
        let skipped = matches!(
            header,
            "x-amz-signature" | "x-amz-credential" | "x-amz-algorithm" | "x-amz-date" | "x-amz-security-token"
        );
        if kept
            && !skipped
            && let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(header.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            parts.headers.insert(name, value);
        }
    }
    let context = objects.context(&parts, connection, principal, access_key, region, request_id);
    let endpoint = format!("{}://{}", if connection.tls { "https" } else { "http" }, authority(&parts));
    address.key = Some(key);
    let size = form.file.len() as u64;
    let incoming = Incoming::new(pilvi_bus::http::full(form.file.clone()), None, None, Some(size));
    let mut req = objects.request(parts, address, Query::default(), context, incoming, host_id)?;
    let bucket = req.bucket()?.clone();
    objects.authorize(&req, &req.access("s3:PutObject")).await?;
    let mut object = prepare(objects, &req, &bucket)?;
    if let Some(tagging) = form.get("tagging") {
        object.tags = super::tagging::parse(tagging.as_bytes(), crate::object::tags::Of::Object)?;
    }
    let expected = object_headers::expected(&req)?;
    let stored = body::store(&objects.platform.blobs, &mut req.body, expected).await?;
    fill(&mut object, stored);
    let written = commit(objects, &req, &bucket, object, Conditions::default(), "ObjectCreated:Post").await?;
    let location = format!("{endpoint}/{}/{}", bucket.name, encode_path(&req.key));
    let answer = if let Some(target) =
        form.get("success_action_redirect").or_else(|| form.get("redirect")).filter(|t| t.starts_with("http"))
    {
        let join = if target.contains('?') { '&' } else { '?' };
        let query =
            format!("bucket={}&key={}&etag=%22{}%22", bucket.name, super::text::encode_strict(&req.key), written.etag);
        answer::status(303).set("location", format!("{target}{join}{query}"))
    } else {
        match form.get("success_action_status") {
            Some("201") => {
                let mut writer = Writer::bare("PostResponse");
                writer.leaf("Location", &location);
                writer.leaf("Bucket", &bucket.name);
                writer.leaf("Key", &req.key);
                writer.leaf("ETag", &quote(&written.etag));
                let mut answer = answer::xml(writer.finish("PostResponse"));
                *answer.status_mut() = http::StatusCode::CREATED;
                answer.set("location", &location)
            }
            Some("200") => answer::status(200).set("location", &location),
            _ => answer::status(204).set("location", &location),
        }
    };
    Ok(written_headers(answer.set("etag", quote(&written.etag)), &written))
}

async fn identify(objects: &Objects, form: &Form) -> Result<(Principal, Option<String>, Option<String>)> {
    let (access_key, region, claim) = match (form.get("x-amz-credential"), form.get("awsaccesskeyid")) {
        (Some(credential), _) => {
            let (key, date, region) = scope(credential)
                .ok_or_else(|| S3Error::argument("Invalid x-amz-credential", "x-amz-credential", credential))?;
            (key, Some(region), Some(date))
        }
        (None, Some(key)) => (key.to_owned(), None, None),
        (None, None) => return Ok((Principal::Anonymous, None, None)),
    };
    let policy = form.get("policy").ok_or_else(|| {
        S3Error::argument("Bucket POST must contain a field named 'Policy'.  If it is specified, please check the order of the fields.", "Policy", "")
    })?;
    let principal = match look_up(objects, &access_key).await? {
        KeyLookup::Trusted(principal) => principal,
        KeyLookup::Unknown => return Err(S3Error::from(Code::InvalidAccessKeyId).with("AWSAccessKeyId", access_key)),
        KeyLookup::Known(credential) => {
            check_token(&credential, form.get("x-amz-security-token"), objects.platform.clock.now_s())?;
            let (expected, given) = match (&claim, &region) {
                (Some(date), Some(region)) => {
                    let key = signing_key(&credential.secret, date, region, "s3");
                    (hex::encode(hmac_sha256(&key, policy.as_bytes())), form.get("x-amz-signature"))
                }
                _ => (super::signature::hmac_sha1(&credential.secret, policy), form.get("signature")),
            };
            if !same(expected.as_bytes(), given.unwrap_or_default().as_bytes()) {
                return Err(Code::SignatureDoesNotMatch.into());
            }
            credential.principal
        }
    };
    Ok((principal, Some(access_key), region))
}

/// Checks the form against its policy: not expired, every condition met, every field covered.
fn check_policy(encoded: &str, form: &Form, bucket: &str, key: &str, now: i64) -> Result<()> {
    let invalid = |text: &str| S3Error::new(Code::InvalidPolicyDocument, format!("Invalid Policy: {text}"));
    let bytes = STANDARD.decode(encoded.trim()).map_err(|_| invalid("Invalid Base64."))?;
    let policy: Value = serde_json::from_slice(&bytes).map_err(|_| invalid("Invalid JSON."))?;
    let expiration =
        policy.get("expiration").and_then(Value::as_str).ok_or_else(|| invalid("Policy missing expiration."))?;
    let expiration = parse_iso(expiration).ok_or_else(|| invalid("Invalid 'expiration' value."))?;
    if now > expiration {
        return Err(S3Error::new(Code::AccessDenied, "Invalid according to Policy: Policy expired."));
    }
    let conditions =
        policy.get("conditions").and_then(Value::as_array).ok_or_else(|| invalid("Policy missing conditions."))?;
    let value_of = |name: &str| -> String {
        match name {
            "bucket" => bucket.to_owned(),
            "key" => key.to_owned(),
            name => form.get(name).unwrap_or_default().to_owned(),
        }
    };
    let mut covered: Vec<String> = Vec::new();
    let mut require = |kind: &str, name: &str, wanted: &str| -> Result<()> {
        let name = name.trim_start_matches('$').to_ascii_lowercase();
        let value = value_of(&name);
        let met = if kind == "eq" { value == wanted } else { value.starts_with(wanted) };
        covered.push(name.clone());
        if met {
            return Ok(());
        }
        let text =
            format!("Invalid according to Policy: Policy Condition failed: [\"{kind}\", \"${name}\", \"{wanted}\"]");
        Err(S3Error::new(Code::AccessDenied, text))
    };
    for condition in conditions {
        match condition {
            Value::Object(pairs) => {
                for (name, wanted) in pairs {
                    require("eq", name, wanted.as_str().unwrap_or_default())?;
                }
            }
            Value::Array(items) => match items.as_slice() {
                [Value::String(kind), low, high] if kind.eq_ignore_ascii_case("content-length-range") => {
                    let bound = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
                    let (Some(low), Some(high)) = (bound(low), bound(high)) else {
                        return Err(invalid("Invalid content-length-range."));
                    };
                    let size = form.file.len() as u64;
                    if size > high {
                        return Err(S3Error::from(Code::EntityTooLarge)
                            .with("ProposedSize", size.to_string())
                            .with("MaxSizeAllowed", high.to_string()));
                    }
                    if size < low {
                        return Err(S3Error::from(Code::EntityTooSmall)
                            .with("ProposedSize", size.to_string())
                            .with("MinSizeAllowed", low.to_string()));
                    }
                }
                [Value::String(kind), Value::String(name), Value::String(wanted)]
                    if matches!(kind.to_ascii_lowercase().as_str(), "eq" | "starts-with") =>
                {
                    require(&kind.to_ascii_lowercase(), name, wanted)?;
                }
                _ => return Err(invalid("Invalid Simple-Condition.")),
            },
            _ => return Err(invalid("Invalid JSON.")),
        }
    }
    const FREE: &[&str] = &["policy", "signature", "x-amz-signature", "awsaccesskeyid", "file"];
    for (name, _) in &form.fields {
        let free =
            FREE.contains(&name.as_str()) || name.starts_with("x-ignore-") || name.starts_with("x-amz-checksum-");
        if !free && !covered.contains(name) {
            let text = format!("Invalid according to Policy: Extra input fields: {name}");
            return Err(S3Error::new(Code::AccessDenied, text));
        }
    }
    Ok(())
}

/// Reads a form; what comes behind the file is ignored. `None` if it is not well-formed.
fn parse(body: &bytes::Bytes, boundary: &str) -> Option<Form> {
    let delimiter = format!("--{boundary}");
    let mut form = Form { fields: Vec::new(), file_name: String::new(), file: bytes::Bytes::new() };
    let mut at = find(body, delimiter.as_bytes(), 0)? + delimiter.len();
    loop {
        let rest = body.get(at..)?;
        if rest.starts_with(b"--") {
            return None;
        }
        at += if rest.starts_with(b"\r\n") { 2 } else { return None };
        let head_end = find(body, b"\r\n\r\n", at)?;
        let head = std::str::from_utf8(body.get(at..head_end)?).ok()?;
        let start = head_end + 4;
        let end = find(body, format!("\r\n{delimiter}").as_bytes(), start)?;
        let disposition = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
        let name = parameter(disposition, "name")?.to_ascii_lowercase();
        if name == "file" {
            form.file_name = parameter(disposition, "filename").unwrap_or_default();
            form.file = body.slice(start..end);
            return Some(form);
        }
        form.fields.push((name, std::str::from_utf8(body.get(start..end)?).ok()?.to_owned()));
        at = end + 2 + delimiter.len();
    }
}

fn parameter(line: &str, name: &str) -> Option<String> {
    line.split(';').find_map(|part| {
        let (found, value) = part.trim().split_once('=')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim_matches('"').to_owned())
    })
}

fn find(haystack: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let rest = haystack.get(from..)?;
    rest.windows(needle.len()).position(|window| window == needle).map(|at| at + from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_a_form() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\na/${filename}\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n";
        let form = parse(&bytes::Bytes::from(body), "b").unwrap();
        assert_eq!(
            (form.get("key"), form.file_name.as_str(), form.file.as_ref()),
            (Some("a/${filename}"), "x.txt", &b"hello"[..])
        );
    }

    proptest! {
        #[test]
        fn never_panics(body in "(--b|\r\n|Content-Disposition: form-data; name=|file|\"|x|-){0,30}") {
            let _ = parse(&bytes::Bytes::from(body), "b");
        }
    }
}
