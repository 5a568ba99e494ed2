//! Reading the claim out of a request's header or query string.

use http::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;

use super::{ALGORITHM, Claim, Form, MAX_EXPIRES_SECONDS, SigError};

/// Reads what a request claims. `Ok(None)` means that it is not signed with Signature Version 4: it has neither an
/// `Authorization: AWS4-…` header nor an `X-Amz-Algorithm` parameter. Never panics, whatever the request holds.
///
/// # Errors
/// The request is meant to be signed and its signature cannot be read.
pub fn parse(parts: &Parts) -> Result<Option<Claim>, SigError> {
    let authorization = parts.headers.get(http::header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    // The parameter is looked for before anything is decoded: most requests have no query string at all.
    let query = parts.uri.query().filter(|query| query.contains("X-Amz-Algorithm"));
    let query = query.map(QueryFields::read).filter(|fields| fields.algorithm.is_some());

    match (authorization, query) {
        (Some(_), Some(_)) => Err(SigError::BothForms),
        (Some(header), None) if header.trim_ascii().starts_with(b"AWS4-") => {
            let header = String::from_utf8_lossy(header.trim_ascii());
            parse_header(&header, &parts.headers).map(Some)
        }
        (None, Some(fields)) => fields.into_claim().map(Some),
        _ => Ok(None),
    }
}

fn parse_header(authorization: &str, headers: &HeaderMap) -> Result<Claim, SigError> {
    let (algorithm, parameters) = authorization.split_once([' ', ',']).unwrap_or((authorization, ""));
    let (mut credential, mut signature, mut signed_headers) = ("", "", "");
    for part in parameters.split([' ', ',']).filter(|part| !part.is_empty()) {
        let Some((key, value)) = part.split_once('=') else {
            return Err(SigError::NotKeyValue { part: part.to_owned(), authorization: authorization.to_owned() });
        };
        match key {
            "Credential" => credential = value,
            "Signature" => signature = value,
            "SignedHeaders" => signed_headers = value,
            _ => {}
        }
    }
    let date = text_header(headers, "x-amz-date").or_else(|| text_header(headers, "date")).unwrap_or_default();

    let mut problems = String::new();
    for (name, value) in [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)] {
        if value.is_empty() {
            problems += &format!("Authorization header requires '{name}' parameter. ");
        }
    }
    if date.is_empty() {
        problems += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    if !problems.is_empty() {
        return Err(SigError::IncompleteHeader { problems, authorization: authorization.to_owned() });
    }
    let session_token = text_header(headers, "x-amz-security-token").map(str::to_owned);
    claim(algorithm, credential, signature, signed_headers, date, session_token, Form::Header)
}

fn text_header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// The parameters of a presigned URL, decoded.
#[derive(Default)]
struct QueryFields {
    algorithm: Option<String>,
    credential: Option<String>,
    signature: Option<String>,
    signed_headers: Option<String>,
    date: Option<String>,
    expires: Option<String>,
    session_token: Option<String>,
}

impl QueryFields {
    fn read(query: &str) -> Self {
        let mut fields = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let field = match name {
                "X-Amz-Algorithm" => &mut fields.algorithm,
                "X-Amz-Credential" => &mut fields.credential,
                "X-Amz-Signature" => &mut fields.signature,
                "X-Amz-SignedHeaders" => &mut fields.signed_headers,
                "X-Amz-Date" => &mut fields.date,
                "X-Amz-Expires" => &mut fields.expires,
                "X-Amz-Security-Token" => &mut fields.session_token,
                _ => continue,
            };
            *field = Some(percent_decode_str(value).decode_utf8_lossy().into_owned());
        }
        fields
    }

    fn into_claim(self) -> Result<Claim, SigError> {
        let mut problems = String::new();
        let mut required = |name: &str, value: Option<String>| {
            let value = value.unwrap_or_default();
            if value.is_empty() {
                problems += &format!("AWS query-string parameters must include '{name}'. ");
            }
            value
        };
        let algorithm = required("X-Amz-Algorithm", self.algorithm);
        let credential = required("X-Amz-Credential", self.credential);
        let signature = required("X-Amz-Signature", self.signature);
        let signed_headers = required("X-Amz-SignedHeaders", self.signed_headers);
        let date = required("X-Amz-Date", self.date);
        if !problems.is_empty() {
            return Err(SigError::IncompleteQuery(problems));
        }
        let expires_seconds = match self.expires {
            None => None,
            Some(text) => match text.parse::<u32>() {
                Ok(seconds) if seconds <= MAX_EXPIRES_SECONDS => Some(seconds),
                _ => return Err(SigError::BadExpires(text)),
            },
        };
        let form = Form::Query { expires_seconds };
        claim(&algorithm, &credential, &signature, &signed_headers, &date, self.session_token, form)
    }
}

fn claim(
    algorithm: &str,
    credential: &str,
    signature: &str,
    signed_headers: &str,
    date: &str,
    session_token: Option<String>,
    form: Form,
) -> Result<Claim, SigError> {
    let signed_at = parse_date(date).ok_or_else(|| SigError::BadDate(date.to_owned()))?;
    if algorithm != ALGORITHM {
        return Err(SigError::UnsupportedAlgorithm(algorithm.to_owned()));
    }
    let elements: Vec<&str> = credential.trim_end_matches('/').split('/').collect();
    let &[access_key, scope_date, region, service, terminator] = elements.as_slice() else {
        return Err(SigError::BadCredential(credential.to_owned()));
    };
    let mut signed_headers: Vec<String> =
        signed_headers.split(';').filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect();
    signed_headers.sort_unstable();
    Ok(Claim {
        access_key: access_key.to_owned(),
        scope_date: scope_date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        terminator: terminator.to_owned(),
        signed_headers,
        signature: signature.to_owned(),
        session_token: session_token.filter(|token| !token.is_empty()),
        signed_at,
        amz_date: basic_format(signed_at),
        form,
    })
}

/// `YYYYMMDDTHHMMSSZ`, which AWS calls the ISO-8601 basic format.
pub(super) fn basic_format(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The basic format, or (in a `Date` header) that of HTTP.
fn parse_date(text: &str) -> Option<Timestamp> {
    parse_basic(text.as_bytes()).or_else(|| rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()))
}

fn parse_basic(text: &[u8]) -> Option<Timestamp> {
    if text.len() != 16 || text.get(8) != Some(&b'T') || text.get(15) != Some(&b'Z') {
        return None;
    }
    let digits = |from: usize, to: usize| {
        let mut number: i16 = 0;
        for byte in text.get(from..to)? {
            if !byte.is_ascii_digit() {
                return None;
            }
            number = number * 10 + i16::from(byte - b'0');
        }
        Some(number)
    };
    let small = |from: usize, to: usize| digits(from, to).and_then(|number| i8::try_from(number).ok());
    let time =
        DateTime::new(digits(0, 4)?, small(4, 6)?, small(6, 8)?, small(9, 11)?, small(11, 13)?, small(13, 15)?, 0);
    time.ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}
