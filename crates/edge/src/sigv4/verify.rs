//! Checking a claim against the secret of its access key.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use jiff::Timestamp;
use parking_lot::RwLock;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::canonical::canonical_request;
use super::parse::basic_format;
use super::{ALGORITHM, Claim, Form, PathStyle, SigError};

/// How far the client's clock may be off, either way: fifteen minutes.
pub const SKEW_SECONDS: i64 = 15 * 60;

/// More signing keys than this are not remembered; a key lives for a day and is derived in some microseconds.
const MAX_CACHED_KEYS: usize = 4096;

pub(super) type HmacSha256 = Hmac<Sha256>;

/// Verifies signatures, remembering the signing keys (one per date, region, service and secret), so that a check
/// costs one keyed hash besides the hashing of the request itself.
#[derive(Default)]
pub struct Verifier {
    keys: RwLock<HashMap<Box<[u8]>, HmacSha256>>,
}

impl Verifier {
    /// A verifier that remembers no key yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks a claim: the date, the signed headers, the scope's form, and the signature, in AWS's order.
    ///
    /// `payload_hash` is [`super::payload_hash`] of the body; for S3 it is the value of `x-amz-content-sha256`
    /// (`UNSIGNED-PAYLOAD`, `STREAMING-…`, or a hash that the caller compares with the body). `now` has to be the
    /// real time rather than a clock that was moved: clients sign with their own.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(
        &self,
        claim: &Claim,
        parts: &Parts,
        payload_hash: &str,
        secret: &str,
        now: Timestamp,
    ) -> Result<(), SigError> {
        let style = PathStyle::of_service(&claim.service);
        self.verify_styled(claim, parts, payload_hash, secret, now, style)
    }

    pub(super) fn verify_styled(
        &self,
        claim: &Claim,
        parts: &Parts,
        payload_hash: &str,
        secret: &str,
        now: Timestamp,
        style: PathStyle,
    ) -> Result<(), SigError> {
        check_window(claim, now)?;
        if !claim.signs("host") {
            return Err(SigError::HostNotSigned);
        }
        claim.check_scope(None, None)?;

        let canonical_request = canonical_request(claim, parts, payload_hash, style);
        let string_to_sign = format!(
            "{ALGORITHM}\n{}\n{}\n{}",
            claim.amz_date,
            claim.scope(),
            hex::encode(Sha256::digest(&canonical_request))
        );
        let mut mac = self.signing_key(claim, secret)?;
        mac.update(string_to_sign.as_bytes());
        let expected = hex::encode(mac.finalize().into_bytes());
        if bool::from(expected.as_bytes().ct_eq(claim.signature.as_bytes())) {
            return Ok(());
        }
        let canonical_request = String::from_utf8_lossy(&canonical_request).into_owned();
        Err(SigError::Mismatch { canonical_request, string_to_sign })
    }

    /// The keyed hash of the scope, ready to be updated; also what signs the chunks of a streamed payload.
    pub(super) fn signing_key(&self, claim: &Claim, secret: &str) -> Result<HmacSha256, SigError> {
        let name = [&claim.scope_date, &claim.region, &claim.service, secret].join("\0").into_bytes();
        if let Some(key) = self.keys.read().get(name.as_slice()) {
            return Ok(key.clone());
        }
        let key = derive_key(claim, secret)?;
        let mut keys = self.keys.write();
        if keys.len() >= MAX_CACHED_KEYS {
            keys.clear();
        }
        keys.insert(name.into_boxed_slice(), key.clone());
        Ok(key)
    }
}

fn derive_key(claim: &Claim, secret: &str) -> Result<HmacSha256, SigError> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [&claim.scope_date, &claim.region, &claim.service, &claim.terminator] {
        let mut mac = keyed(&key)?;
        mac.update(part.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    keyed(&key)
}

/// HMAC takes keys of any length, so the error never happens; it is refused rather than unwrapped.
fn keyed(key: &[u8]) -> Result<HmacSha256, SigError> {
    HmacSha256::new_from_slice(key).map_err(|_| SigError::UnknownKey)
}

fn check_window(claim: &Claim, now: Timestamp) -> Result<(), SigError> {
    let age_seconds = now.as_second() - claim.signed_at.as_second();
    let life_seconds = match claim.form {
        Form::Query { expires_seconds: Some(seconds) } => i64::from(seconds),
        Form::Header | Form::Query { expires_seconds: None } => SKEW_SECONDS,
    };
    let at = |second: i64| Timestamp::from_second(second).map(basic_format).unwrap_or_default();
    if age_seconds > life_seconds {
        return Err(SigError::OutsideWindow(format!(
            "Signature expired: {} is now earlier than {} ({} - {}.)",
            claim.amz_date,
            at(now.as_second() - life_seconds),
            at(now.as_second()),
            span(life_seconds)
        )));
    }
    if age_seconds < -SKEW_SECONDS {
        return Err(SigError::OutsideWindow(format!(
            "Signature not yet current: {} is still later than {} ({} + {}.)",
            claim.amz_date,
            at(now.as_second() + SKEW_SECONDS),
            at(now.as_second()),
            span(SKEW_SECONDS)
        )));
    }
    Ok(())
}

fn span(seconds: i64) -> String {
    if seconds % 60 == 0 { format!("{} min", seconds / 60) } else { format!("{seconds} sec") }
}
