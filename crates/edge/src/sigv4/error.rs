//! What can be wrong with a signature, in AWS's codes and words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use sha2::{Digest as _, Sha256};

/// Families of services that word the same failure differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// awsQuery and ec2Query: IAM, STS, SNS, CloudFormation, …
    Query,
    /// awsJson and rpcv2Cbor: DynamoDB, Kinesis, Logs, …; everything is a 400.
    Json,
    /// restJson1 and APIs with IAM authorization: Lambda, API Gateway, `execute-api`; everything is a 403.
    RestJson,
}

/// Why a request's signature is not accepted.
///
/// [`SigError::code`], [`SigError::status`] and [`SigError::message`] give the answer as a family of services words
/// it. Texts as answered by the services themselves and listed in "Troubleshoot signed requests for AWS APIs".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigError {
    /// No signature at all (the caller's verdict on a request for which [`super::parse`] found no claim).
    #[error("the request is not signed")]
    Missing,
    /// Signed twice, in the header and in the query string.
    #[error("signed in the Authorization header and in the query string")]
    BothForms,
    /// The header lacks parameters; `problems` is a sentence for each, `authorization` the header's value.
    #[error("{problems}")]
    IncompleteHeader {
        /// One sentence with a trailing space per missing part.
        problems: String,
        /// The whole header value.
        authorization: String,
    },
    /// A part of the header has no equal sign.
    #[error("'{part}' in the Authorization header is not key=value")]
    NotKeyValue {
        /// The part in question.
        part: String,
        /// The whole header value.
        authorization: String,
    },
    /// The query string lacks parameters; one sentence with a trailing space for each.
    #[error("{0}")]
    IncompleteQuery(String),
    /// The date is in no known format.
    #[error("date '{0}' is not in ISO-8601 basic format")]
    BadDate(String),
    /// Not AWS4-HMAC-SHA256.
    #[error("unsupported algorithm '{0}'")]
    UnsupportedAlgorithm(String),
    /// The credential has not five parts.
    #[error("credential '{0}' has not five parts")]
    BadCredential(String),
    /// `X-Amz-Expires` is not a number, negative, or longer than a week.
    #[error("X-Amz-Expires '{0}' is out of range")]
    BadExpires(String),
    /// The signature does not cover the `Host` header.
    #[error("the Host header is not signed")]
    HostNotSigned,
    /// The scope is for something else; the message says for what.
    #[error("{0}")]
    Scope(String),
    /// Signed too long ago, or in the future; the message says when.
    #[error("{0}")]
    OutsideWindow(String),
    /// The signature is another one than ours.
    #[error("the signature does not match")]
    Mismatch {
        /// The canonical request as computed here.
        canonical_request: String,
        /// The string to sign as computed here.
        string_to_sign: String,
    },
    /// There is no such access key (or it is inactive).
    #[error("unknown access key")]
    UnknownKey,
    /// The session token is not that of the access key, or is missing.
    #[error("invalid session token")]
    InvalidToken,
    /// The session is over.
    #[error("expired session token")]
    ExpiredToken,
}

#[derive(Clone, Copy)]
enum Kind {
    Missing,
    Incomplete,
    Invalid,
    UnknownClient,
    Expired,
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";

impl SigError {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing => Kind::Missing,
            Self::IncompleteHeader { .. }
            | Self::NotKeyValue { .. }
            | Self::IncompleteQuery(_)
            | Self::BadDate(_)
            | Self::UnsupportedAlgorithm(_)
            | Self::BadCredential(_)
            | Self::BadExpires(_) => Kind::Incomplete,
            Self::BothForms | Self::HostNotSigned | Self::Scope(_) | Self::OutsideWindow(_) | Self::Mismatch { .. } => {
                Kind::Invalid
            }
            Self::UnknownKey | Self::InvalidToken => Kind::UnknownClient,
            Self::ExpiredToken => Kind::Expired,
        }
    }

    /// The error code, e.g. `SignatureDoesNotMatch` (query) or `InvalidSignatureException` (JSON).
    pub fn code(&self, dialect: Dialect) -> &'static str {
        match (self.kind(), dialect) {
            (Kind::Missing, Dialect::Query) => "MissingAuthenticationToken",
            (Kind::Missing, _) => "MissingAuthenticationTokenException",
            (Kind::Incomplete, Dialect::Query) => "IncompleteSignature",
            (Kind::Incomplete, _) => "IncompleteSignatureException",
            (Kind::Invalid, Dialect::Query) => "SignatureDoesNotMatch",
            (Kind::Invalid, _) => "InvalidSignatureException",
            (Kind::UnknownClient, Dialect::Query) => "InvalidClientTokenId",
            (Kind::UnknownClient, _) => "UnrecognizedClientException",
            (Kind::Expired, Dialect::Query) => "ExpiredToken",
            (Kind::Expired, _) => "ExpiredTokenException",
        }
    }

    /// 400 or 403.
    pub fn status(&self, dialect: Dialect) -> StatusCode {
        match (dialect, self.kind()) {
            (Dialect::Json, _) | (Dialect::Query, Kind::Incomplete) => StatusCode::BAD_REQUEST,
            (Dialect::Query | Dialect::RestJson, _) => StatusCode::FORBIDDEN,
        }
    }

    /// The text for the client.
    pub fn message(&self, dialect: Dialect) -> String {
        match self {
            Self::Missing if dialect == Dialect::RestJson => "Missing Authentication Token".into(),
            Self::Missing => "Request is missing Authentication Token".into(),
            Self::BothForms => {
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.".into()
            }
            // The front of API Gateway no longer repeats a header that may hold a secret.
            Self::IncompleteHeader { problems, authorization } if dialect == Dialect::RestJson => {
                format!(
                    "{problems}(Hashed with SHA-256 and encoded with Base64) Authorization={}",
                    fingerprint(authorization)
                )
            }
            Self::IncompleteHeader { problems, authorization } => format!("{problems}Authorization={authorization}"),
            Self::NotKeyValue { part, .. } if dialect == Dialect::RestJson => format!(
                "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded \
                 with Base64): '{}'.",
                fingerprint(part)
            ),
            Self::NotKeyValue { part, authorization } => format!(
                "'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{authorization}'."
            ),
            Self::IncompleteQuery(problems) => format!("{problems}Re-examine the query-string parameters."),
            Self::BadDate(date) => format!(
                "Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ),
            Self::UnsupportedAlgorithm(name) => {
                format!("Unsupported AWS 'algorithm': '{name}' (only AWS4-HMAC-SHA256 for now). ")
            }
            Self::BadCredential(credential) => format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \
                 '{credential}'"
            ),
            Self::BadExpires(text) => bad_expires(text),
            Self::HostNotSigned => {
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned()
            }
            Self::Scope(message) | Self::OutsideWindow(message) => message.clone(),
            Self::Mismatch { .. } if dialect == Dialect::Query => MISMATCH.to_owned(),
            Self::Mismatch { canonical_request, string_to_sign } => format!(
                "{MISMATCH}\n\nThe Canonical String for this request should have been\n'{canonical_request}'\n\nThe \
                 String-to-Sign should have been\n'{string_to_sign}'\n"
            ),
            Self::UnknownKey => "The security token included in the request is invalid.".into(),
            Self::InvalidToken => "The security token included in the request is invalid".into(),
            Self::ExpiredToken => "The security token included in the request is expired".into(),
        }
    }
}

fn fingerprint(secret: &str) -> String {
    BASE64.encode(Sha256::digest(secret.as_bytes()))
}

fn bad_expires(text: &str) -> String {
    match text.parse::<i64>() {
        Ok(seconds) if seconds < 0 => "X-Amz-Expires must be non-negative".into(),
        Ok(_) => "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less \
                  than 604800 seconds"
            .into(),
        Err(_) => "X-Amz-Expires should be a number".into(),
    }
}
