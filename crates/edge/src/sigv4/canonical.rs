//! The canonical request: the one spelling of a request that client and server both hash.

use std::borrow::Cow;

use http::request::Parts;
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};

use super::{Claim, Form};

/// How the path of a request is spelled in the canonical request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStyle {
    /// Every service but S3: dot segments and repeated slashes are removed, and the path, which is percent-encoded
    /// on the wire already, is encoded once more.
    NormalizedTwiceEncoded,
    /// S3, whose keys may hold `//` and `..`: as it is, encoded once.
    AsIs,
}

impl PathStyle {
    /// The style for a service's signing name.
    pub fn of_service(service: &str) -> Self {
        match service {
            "s3" | "s3express" | "s3-object-lambda" | "s3-outposts" => Self::AsIs,
            _ => Self::NormalizedTwiceEncoded,
        }
    }
}

/// The payload hash of a body: its SHA-256 in lower-case hexadecimal digits.
pub fn payload_hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

/// The canonical request as bytes, because header values need not be UTF-8.
pub(super) fn canonical_request(claim: &Claim, parts: &Parts, payload_hash: &str, style: PathStyle) -> Vec<u8> {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(parts.method.as_str().as_bytes());
    text.push(b'\n');
    push_path(&mut text, parts.uri.path(), style);
    text.push(b'\n');
    if let Some(query) = parts.uri.query() {
        push_query(&mut text, query, claim.form);
    }
    text.push(b'\n');
    for name in &claim.signed_headers {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        push_header(&mut text, name, parts);
        text.push(b'\n');
    }
    text.push(b'\n');
    for (index, name) in claim.signed_headers.iter().enumerate() {
        if index > 0 {
            text.push(b';');
        }
        text.extend_from_slice(name.as_bytes());
    }
    text.push(b'\n');
    text.extend_from_slice(payload_hash.as_bytes());
    text
}

fn push_path(text: &mut Vec<u8>, path: &str, style: PathStyle) {
    match style {
        PathStyle::AsIs => {
            if path.is_empty() {
                text.push(b'/');
            }
            for (index, segment) in path.split('/').enumerate() {
                if index > 0 {
                    text.push(b'/');
                }
                for byte in percent_decode_str(segment) {
                    push_encoded(text, byte);
                }
            }
        }
        PathStyle::NormalizedTwiceEncoded => {
            let mut kept: Vec<&str> = Vec::new();
            for segment in path.split('/') {
                match segment {
                    "" | "." => {}
                    ".." => {
                        kept.pop();
                    }
                    _ => kept.push(segment),
                }
            }
            for segment in &kept {
                text.push(b'/');
                for byte in segment.bytes() {
                    push_encoded(text, byte);
                }
            }
            let is_directory = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
            if kept.is_empty() || is_directory {
                text.push(b'/');
            }
        }
    }
}

fn push_query(text: &mut Vec<u8>, query: &str, form: Form) {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = reencode(name);
        if name == "X-Amz-Signature" && form != Form::Header {
            continue;
        }
        pairs.push((name, reencode(value)));
    }
    // By name and then by value, in the order of the encoded bytes.
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push(b'&');
        }
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        text.extend_from_slice(value.as_bytes());
    }
}

/// Decodes what the client may have encoded in its own way (also `+`, as forms do) and encodes it as AWS does.
fn reencode(part: &str) -> Cow<'_, str> {
    if part.bytes().all(is_unreserved) {
        return Cow::Borrowed(part);
    }
    let mut encoded = Vec::with_capacity(part.len() + 8);
    for plain in part.split_inclusive('+') {
        let (text, has_space) = plain.strip_suffix('+').map_or((plain, false), |text| (text, true));
        for byte in percent_decode_str(text) {
            push_encoded(&mut encoded, byte);
        }
        if has_space {
            push_encoded(&mut encoded, b' ');
        }
    }
    Cow::Owned(String::from_utf8(encoded).unwrap_or_default())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn push_encoded(text: &mut Vec<u8>, byte: u8) {
    if is_unreserved(byte) {
        text.push(byte);
        return;
    }
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 };
    text.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
}

/// All values of a header, joined with commas, trimmed, runs of spaces folded into one.
fn push_header(text: &mut Vec<u8>, name: &str, parts: &Parts) {
    let mut values = parts.headers.get_all(name).iter().peekable();
    if values.peek().is_none() && name == "host" {
        // HTTP/2 has `:authority` instead.
        let authority = parts.uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        text.extend_from_slice(authority.as_bytes());
        return;
    }
    for (index, value) in values.enumerate() {
        if index > 0 {
            text.push(b',');
        }
        let mut after_space = false;
        for byte in value.as_bytes().trim_ascii() {
            let is_space = *byte == b' ';
            if !(is_space && after_space) {
                text.push(*byte);
            }
            after_space = is_space;
        }
    }
}
