//! Signatures of the chunks of a streamed payload (`STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER]`): each covers the
//! chunk and the signature before it, from the request's own (the seed) on. S3 API reference, "Transferring payload
//! in multiple chunks".

use hmac::Mac as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::verify::HmacSha256;
use super::{Claim, EMPTY_SHA256, SigError, Verifier};

/// Checks the chunks of one streamed payload, in their order.
pub struct ChunkVerifier {
    key: HmacSha256,
    amz_date: String,
    scope: String,
    previous: String,
}

impl ChunkVerifier {
    /// For the body of a request whose claim has been verified with the same secret.
    ///
    /// # Errors
    /// None in practice: the key could not be derived.
    pub fn new(verifier: &Verifier, claim: &Claim, secret: &str) -> Result<Self, SigError> {
        Ok(Self {
            key: verifier.signing_key(claim, secret)?,
            amz_date: claim.amz_date.clone(),
            scope: claim.scope(),
            previous: claim.signature.clone(),
        })
    }

    /// Checks the next chunk's data (without the chunk header; the last one is empty) against its `chunk-signature`.
    ///
    /// # Errors
    /// [`SigError::Mismatch`]: the chunk, or one before it, was tampered with.
    pub fn chunk(&mut self, data: &[u8], signature: &str) -> Result<(), SigError> {
        let hashes = format!("{EMPTY_SHA256}\n{}", hex::encode(Sha256::digest(data)));
        self.check("AWS4-HMAC-SHA256-PAYLOAD", &hashes, signature)
    }

    /// Checks the trailing headers (`name:value\n` each) against `x-amz-trailer-signature`.
    ///
    /// # Errors
    /// [`SigError::Mismatch`]
    pub fn trailer(&mut self, trailer: &[u8], signature: &str) -> Result<(), SigError> {
        let hash = hex::encode(Sha256::digest(trailer));
        self.check("AWS4-HMAC-SHA256-TRAILER", &hash, signature)
    }

    fn check(&mut self, algorithm: &str, hashes: &str, signature: &str) -> Result<(), SigError> {
        let string_to_sign = format!("{algorithm}\n{}\n{}\n{}\n{hashes}", self.amz_date, self.scope, self.previous);
        let mut mac = self.key.clone();
        mac.update(string_to_sign.as_bytes());
        let expected = hex::encode(mac.finalize().into_bytes());
        if !bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) {
            return Err(SigError::Mismatch { canonical_request: String::new(), string_to_sign });
        }
        self.previous = expected;
        Ok(())
    }
}
