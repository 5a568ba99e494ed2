//! Signatures of requests: version 4 in the header and in the query ("Authenticating Requests (AWS Signature Version 4)" in the S3 API
//! reference), and version 2 in the query, which older SDKs still presign with.
//!
//! Only S3's own rules are here: the path is encoded once, and the body's hash is whatever the client declared.

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::query::Query;
use super::text::{encode_path, encode_strict};
use crate::errors::{Code, Result, S3Error};

/// How far a request's time may be off, in seconds.
const SKEW: i64 = 15 * 60;
/// Longest validity of a presigned URL, in seconds (seven days).
const LONGEST: i64 = 7 * 24 * 60 * 60;

/// What a request says of its own signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nothing.
    Unsigned,
    /// Version 4.
    V4(V4),
    /// Version 2.
    V2 {
        /// Access key id.
        access_key: String,
        /// Base64.
        signature: String,
        /// Seconds since the epoch, when it is a presigned URL.
        expires: Option<i64>,
    },
}

/// Version 4's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V4 {
    /// Access key id.
    pub access_key: String,
    /// `20260102`.
    pub date: String,
    /// The scope's region.
    pub region: String,
    /// Names of the signed headers, `;` between them.
    pub signed_headers: String,
    /// Hex.
    pub signature: String,
    /// `20260102T030405Z`.
    pub time: String,
    /// Seconds of validity, when it is a presigned URL.
    pub expires: Option<i64>,
    /// The declared hash of the body.
    pub content: String,
    /// The session token that came with it.
    pub token: Option<String>,
}

/// Reads the claim of a request.
pub fn claim(query: &Query, headers: &HeaderMap) -> Result<Claim> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(authorization) = header("authorization") {
        if let Some(fields) = authorization.strip_prefix("AWS4-HMAC-SHA256") {
            return header_claim(fields, headers).map(Claim::V4);
        }
        if let Some(pair) = authorization.strip_prefix("AWS ") {
            let (access_key, signature) = pair.rsplit_once(':').ok_or_else(|| {
                S3Error::argument(
                    "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
                    "Authorization",
                    pair,
                )
            })?;
            return Ok(Claim::V2 { access_key: access_key.to_owned(), signature: signature.to_owned(), expires: None });
        }
        return Err(S3Error::argument("Unsupported Authorization Type", "Authorization", authorization));
    }
    if query.get("X-Amz-Algorithm").is_some() || query.get("X-Amz-Signature").is_some() {
        return query_claim(query, headers).map(Claim::V4);
    }
    if let (Some(access_key), Some(signature)) = (query.get("AWSAccessKeyId"), query.get("Signature")) {
        let expires = query.get("Expires").unwrap_or_default();
        let expires = expires.parse().map_err(|_| {
            S3Error::new(Code::AccessDenied, "Invalid date (should be seconds since epoch): ".to_owned() + expires)
        })?;
        return Ok(Claim::V2 {
            access_key: access_key.to_owned(),
            signature: signature.to_owned(),
            expires: Some(expires),
        });
    }
    Ok(Claim::Unsigned)
}

fn header_claim(fields: &str, headers: &HeaderMap) -> Result<V4> {
    let malformed = || S3Error::from(Code::AuthorizationHeaderMalformed);
    let mut credential = None;
    let mut signed_headers = None;
    let mut signature = None;
    for field in fields.split(',') {
        match field.trim().split_once('=') {
            Some(("Credential", value)) => credential = Some(value),
            Some(("SignedHeaders", value)) => signed_headers = Some(value),
            Some(("Signature", value)) => signature = Some(value),
            _ => return Err(malformed()),
        }
    }
    let (Some(credential), Some(signed_headers), Some(signature)) = (credential, signed_headers, signature) else {
        return Err(malformed());
    };
    let (access_key, date, region) = scope(credential).ok_or_else(malformed)?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let time = match header("x-amz-date") {
        Some(time) => time.to_owned(),
        None => {
            header("date").and_then(super::text::parse_http_date).map(super::text::basic_time).ok_or_else(|| {
                S3Error::new(Code::AccessDenied, "AWS authentication requires a valid Date or x-amz-date header")
            })?
        }
    };
    let content = header("x-amz-content-sha256")
        .ok_or_else(|| S3Error::request("Missing required header for this request: x-amz-content-sha256"))?;
    Ok(V4 {
        access_key,
        date,
        region,
        signed_headers: signed_headers.to_owned(),
        signature: signature.to_owned(),
        time,
        expires: None,
        content: content.to_owned(),
        token: header("x-amz-security-token").map(str::to_owned),
    })
}

fn query_claim(query: &Query, headers: &HeaderMap) -> Result<V4> {
    let incomplete = || S3Error::from(Code::AuthorizationQueryParametersError);
    let get = |name: &str| query.get(name).ok_or_else(incomplete);
    if get("X-Amz-Algorithm")? != "AWS4-HMAC-SHA256" {
        return Err(S3Error::new(
            Code::AuthorizationQueryParametersError,
            "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"",
        ));
    }
    let (access_key, date, region) = scope(get("X-Amz-Credential")?).ok_or_else(|| {
        S3Error::new(
            Code::AuthorizationQueryParametersError,
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        )
    })?;
    let expires = get("X-Amz-Expires")?;
    let expires: i64 = expires
        .parse()
        .map_err(|_| S3Error::new(Code::AuthorizationQueryParametersError, "X-Amz-Expires should be a number"))?;
    if expires < 0 {
        return Err(S3Error::new(Code::AuthorizationQueryParametersError, "X-Amz-Expires must be non-negative"));
    }
    if expires > LONGEST {
        return Err(S3Error::new(
            Code::AuthorizationQueryParametersError,
            "X-Amz-Expires must be less than a week (in seconds) that is 604800",
        ));
    }
    let content = headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let content = content.or_else(|| query.get("X-Amz-Content-Sha256")).unwrap_or("UNSIGNED-PAYLOAD");
    Ok(V4 {
        access_key,
        date,
        region,
        signed_headers: get("X-Amz-SignedHeaders")?.to_owned(),
        signature: get("X-Amz-Signature")?.to_owned(),
        time: get("X-Amz-Date")?.to_owned(),
        expires: Some(expires),
        content: content.to_owned(),
        token: query.get("X-Amz-Security-Token").map(str::to_owned),
    })
}

/// `KEY/20260102/eu-west-1/s3/aws4_request`; the access key may itself hold slashes.
pub fn scope(credential: &str) -> Option<(String, String, String)> {
    let mut parts = credential.rsplitn(5, '/');
    let (terminator, service, region, date, key) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let dated = date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit());
    let right = terminator == "aws4_request"
        && matches!(service, "s3" | "s3-outposts" | "s3express")
        && dated
        && !key.is_empty();
    right.then(|| (key.to_owned(), date.to_owned(), region.to_owned()))
}

/// Refuses what is out of its time. `now` is in seconds since the epoch.
pub fn check_time(claim: &Claim, now: i64) -> Result<()> {
    match claim {
        Claim::Unsigned | Claim::V2 { expires: None, .. } => Ok(()),
        Claim::V2 { expires: Some(expires), .. } => {
            if now > *expires {
                return Err(expired(*expires, now));
            }
            Ok(())
        }
        Claim::V4(v4) => {
            let time = super::text::parse_basic_time(&v4.time).ok_or_else(|| match v4.expires {
                Some(_) => S3Error::new(
                    Code::AuthorizationQueryParametersError,
                    "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
                ),
                None => {
                    S3Error::new(Code::AccessDenied, "AWS authentication requires a valid Date or x-amz-date header")
                }
            })?;
            match v4.expires {
                Some(_) if time > now + SKEW => Err(S3Error::new(Code::AccessDenied, "Request is not yet valid")),
                Some(expires) if now > time + expires => {
                    Err(expired(time + expires, now).with("X-Amz-Expires", expires.to_string()))
                }
                None if (now - time).abs() > SKEW => Err(S3Error::from(Code::RequestTimeTooSkewed)
                    .with("RequestTime", v4.time.as_str())
                    .with("ServerTime", super::text::iso_seconds(now))
                    .with("MaxAllowedSkewMilliseconds", (SKEW * 1000).to_string())),
                _ => Ok(()),
            }
        }
    }
}

fn expired(at: i64, now: i64) -> S3Error {
    S3Error::new(Code::AccessDenied, "Request has expired")
        .with("Expires", super::text::iso_seconds(at))
        .with("ServerTime", super::text::iso_seconds(now))
}

/// A request as the signer saw it.
pub struct Signed<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path as it came, still encoded.
    pub path: &'a str,
    /// Query.
    pub query: &'a Query,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// The host that was asked.
    pub host: &'a str,
    /// The bucket, when the host named it (version 2 signs it as part of the path).
    pub virtual_bucket: Option<&'a str>,
}

/// Verifies version 4 and gives the key that chunks are signed with.
pub fn verify_v4(v4: &V4, secret: &str, request: &Signed<'_>) -> Result<Vec<u8>> {
    let key = signing_key(secret, &v4.date, &v4.region, "s3");
    // Some clients send reserved characters of the path as they are and sign them so; both readings are tried.
    let paths = [encode_path(&super::text::decode_lossy(request.path)), request.path.to_owned()];
    for path in paths {
        let canonical = canonical_v4(v4, request, &path);
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{}\n{}/{}/s3/aws4_request\n{}",
            v4.time,
            v4.date,
            v4.region,
            hex::encode(Sha256::digest(canonical))
        );
        let expected = hex::encode(hmac_sha256(&key, to_sign.as_bytes()));
        if same(expected.as_bytes(), v4.signature.as_bytes()) {
            return Ok(key);
        }
    }
    Err(S3Error::from(Code::SignatureDoesNotMatch)
        .with("AWSAccessKeyId", v4.access_key.as_str())
        .with("SignatureProvided", v4.signature.as_str()))
}

fn canonical_v4(v4: &V4, request: &Signed<'_>, path: &str) -> String {
    let mut canonical = String::with_capacity(512);
    canonical.push_str(request.method.as_str());
    canonical.push('\n');
    canonical.push_str(path);
    canonical.push('\n');
    let mut pairs: Vec<(String, String)> = request
        .query
        .pairs()
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encode_strict(name), encode_strict(value.unwrap_or_default())))
        .collect();
    pairs.sort();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            canonical.push('&');
        }
        canonical.push_str(name);
        canonical.push('=');
        canonical.push_str(value);
    }
    canonical.push('\n');
    for name in v4.signed_headers.split(';') {
        canonical.push_str(name);
        canonical.push(':');
        let mut first = true;
        for value in request.headers.get_all(name) {
            if !first {
                canonical.push(',');
            }
            first = false;
            let value = String::from_utf8_lossy(value.as_bytes());
            let mut words = value.split(' ').filter(|word| !word.is_empty());
            if let Some(word) = words.next() {
                canonical.push_str(word.trim());
            }
            for word in words {
                canonical.push(' ');
                canonical.push_str(word);
            }
        }
        if first && name == "host" {
            canonical.push_str(request.host);
        }
        canonical.push('\n');
    }
    canonical.push('\n');
    canonical.push_str(&v4.signed_headers);
    canonical.push('\n');
    canonical.push_str(&v4.content);
    canonical
}

/// The key of a day, region and service.
pub fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> Vec<u8> {
    let day = hmac_sha256(format!("AWS4{secret}").as_bytes(), date.as_bytes());
    let region = hmac_sha256(&day, region.as_bytes());
    let service = hmac_sha256(&region, service.as_bytes());
    hmac_sha256(&service, b"aws4_request")
}

/// HMAC-SHA256.
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length, so this cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// HMAC-SHA1 in base64, as version 2 has signatures.
pub fn hmac_sha1(secret: &str, text: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

/// Compares without telling by the time taken where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The subresources and overrides that version 2 signs.
const V2_SIGNED: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "delete",
    "encryption",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Verifies version 2.
pub fn verify_v2(
    access_key: &str,
    signature: &str,
    expires: Option<i64>,
    secret: &str,
    request: &Signed<'_>,
) -> Result<()> {
    let header = |name: &str| request.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let date = match expires {
        Some(expires) => expires.to_string(),
        None if request.headers.contains_key("x-amz-date") => String::new(),
        None => header("date").to_owned(),
    };
    let mut to_sign = format!("{}\n{}\n{}\n{date}\n", request.method, header("content-md5"), header("content-type"));
    let mut names: Vec<&str> =
        request.headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-amz-")).collect();
    names.sort_unstable();
    for name in names {
        let values: Vec<&str> =
            request.headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).map(str::trim).collect();
        to_sign.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    if let Some(bucket) = request.virtual_bucket {
        to_sign.push_str(&format!("/{bucket}"));
    }
    to_sign.push_str(request.path);
    let mut signed: Vec<(&str, Option<&str>)> =
        request.query.pairs().filter(|(name, _)| V2_SIGNED.contains(name)).collect();
    signed.sort();
    for (index, (name, value)) in signed.into_iter().enumerate() {
        to_sign.push(if index == 0 { '?' } else { '&' });
        to_sign.push_str(name);
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            to_sign.push_str(&format!("={value}"));
        }
    }
    let expected = hmac_sha1(secret, &to_sign);
    if same(expected.as_bytes(), signature.as_bytes()) {
        return Ok(());
    }
    Err(S3Error::from(Code::SignatureDoesNotMatch)
        .with("AWSAccessKeyId", access_key)
        .with("SignatureProvided", signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // The examples of "Signature Calculations for the Authorization Header" in the S3 API reference.
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn verify(method: &Method, path: &str, query: &str, headers: &[(&'static str, &'static str)]) -> Result<Vec<u8>> {
        let map: HeaderMap = headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        let query = Query::parse(query).unwrap();
        let Claim::V4(v4) = claim(&query, &map)? else { panic!("unsigned") };
        let host = "examplebucket.s3.amazonaws.com";
        verify_v4(&v4, SECRET, &Signed { method, path, query: &query, headers: &map, host, virtual_bucket: None })
    }

    #[test]
    fn the_documented_get() {
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
        ];
        verify(&Method::GET, "/test.txt", "", &headers).unwrap();
        assert_eq!(verify(&Method::GET, "/test2.txt", "", &headers).unwrap_err().code, Code::SignatureDoesNotMatch);
    }

    #[test]
    fn the_documented_presigned_url() {
        let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        verify(&Method::GET, "/test.txt", query, &[("host", "examplebucket.s3.amazonaws.com")]).unwrap();
        let claim = claim(&Query::parse(query).unwrap(), &HeaderMap::new()).unwrap();
        let start = 1_369_353_600;
        assert!(check_time(&claim, start + 86_400).is_ok());
        assert_eq!(check_time(&claim, start + 86_401).unwrap_err().code, Code::AccessDenied);
    }

    proptest! {
        #[test]
        fn never_panics(authorization in "(AWS4-HMAC-SHA256|AWS)? ?[a-zA-Z0-9=/,;: ]{0,60}", query in "[a-zA-Z0-9%&=+-]{0,60}") {
            let mut headers = HeaderMap::new();
            if let Ok(value) = authorization.parse() {
                headers.insert("authorization", value);
            }
            if let Ok(query) = Query::parse(&query) {
                let _ = claim(&query, &headers);
            }
        }
    }
}
