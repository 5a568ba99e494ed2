//! AWS Signature Version 4: who signed this request, and is the signature right?
//!
//! Two steps, because the scope of a signature (region, service) is needed to route a request even where the
//! signature is not checked: [`parse`] reads what a request claims, [`Verifier::verify`] checks the claim against the
//! secret of its access key. Rules: IAM User Guide, "AWS Signature Version 4 for API requests".

mod canonical;
mod chunks;
mod error;
mod parse;
#[cfg(test)]
mod tests;
mod verify;

pub use canonical::{PathStyle, payload_hash};
pub use chunks::ChunkVerifier;
pub use error::{Dialect, SigError};
pub use parse::parse;
pub use verify::{SKEW_SECONDS, Verifier};

use jiff::Timestamp;

/// The only algorithm that is understood (SigV4a, `AWS4-ECDSA-P256-SHA256`, is not).
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The last part of every credential scope.
pub const TERMINATOR: &str = "aws4_request";
/// The longest life of a presigned URL: a week.
pub const MAX_EXPIRES_SECONDS: u32 = 604_800;
/// The SHA-256 of nothing, which is the payload hash of a request without a body.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Where the signature was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query string (`X-Amz-Signature=…`), as in presigned URLs.
    Query {
        /// `X-Amz-Expires`, at most [`MAX_EXPIRES_SECONDS`]; absent means the usual fifteen minutes.
        expires_seconds: Option<u32>,
    },
}

/// What a signed request claims about itself; nothing of it is proved before [`Verifier::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The access key's id, the first part of the credential.
    pub access_key: String,
    /// The date of the scope, `YYYYMMDD`.
    pub scope_date: String,
    /// The region of the scope.
    pub region: String,
    /// The service's signing name in the scope (`sqs`, `execute-api`, …).
    pub service: String,
    /// The last part of the scope; anything but [`TERMINATOR`] is refused by `verify`.
    pub terminator: String,
    /// Lower-case names of the signed headers, sorted.
    pub signed_headers: Vec<String>,
    /// The signature, as sent (64 hexadecimal digits when right).
    pub signature: String,
    /// `X-Amz-Security-Token`, from the header or the query.
    pub session_token: Option<String>,
    /// When the request was signed.
    pub signed_at: Timestamp,
    /// [`Claim::signed_at`] as `YYYYMMDDTHHMMSSZ`, which is part of what is signed.
    pub amz_date: String,
    /// Where the signature was found.
    pub form: Form,
}

impl Claim {
    /// `date/region/service/aws4_request`
    pub fn scope(&self) -> String {
        format!("{}/{}/{}/{}", self.scope_date, self.region, self.service, self.terminator)
    }

    /// Whether the header of this (lower-case) name is covered by the signature.
    pub fn signs(&self, header: &str) -> bool {
        self.signed_headers.iter().any(|name| name == header)
    }

    /// Checks the credential's scope against what the request turned out to be for; `None` accepts anything.
    /// All that is wrong is told in one message, as AWS does.
    pub fn check_scope(&self, region: Option<&str>, service: Option<&str>) -> Result<(), SigError> {
        let mut problems = String::new();
        if region.is_some_and(|region| region != self.region) {
            problems += &format!("Credential should be scoped to a valid region, not '{}'. ", self.region);
        }
        if let Some(service) = service.filter(|service| *service != self.service) {
            problems += &format!("Credential should be scoped to correct service: '{service}'. ");
        }
        if self.terminator != TERMINATOR {
            problems += &format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'. ",
                self.terminator
            );
        }
        let signed_on = self.amz_date.get(..8).unwrap_or_default();
        if self.scope_date != signed_on {
            problems += &format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{}' != '{signed_on}', from '{}'. ",
                self.scope_date, self.amz_date
            );
        }
        if problems.is_empty() { Ok(()) } else { Err(SigError::Scope(problems)) }
    }
}
