//! Who sent a request: reads the signature's claim, looks the key up, verifies.

use http::request::Parts;
use pilvi_bus::Principal;
use pilvi_bus::identity::KeyLookup;

use super::chunked::{Decoder, Signer};
use super::query::Query;
use super::signature::{self, Claim, Signed, V4};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};

/// Who it is, and what follows for the body.
pub struct Identity {
    /// Who.
    pub principal: Principal,
    /// The access key.
    pub access_key: Option<String>,
    /// The region that was signed for.
    pub region: Option<String>,
    /// The key that chunks are signed with; none when nothing was verified.
    signing_key: Option<Vec<u8>>,
    claim: Claim,
}

/// Identifies the sender of a request.
pub async fn identify(
    objects: &Objects,
    parts: &Parts,
    query: &Query,
    host: &str,
    virtual_bucket: Option<&str>,
    peer: std::net::IpAddr,
) -> Result<Identity> {
    let claim = signature::claim(query, &parts.headers)?;
    let now = objects.platform.clock.now_s();
    // Clients sign with their own clocks, so a clock that was moved must not matter.
    signature::check_time(&claim, pilvi_bus::Clock::real_time().as_second())?;
    let signed =
        Signed { method: &parts.method, path: parts.uri.path(), query, headers: &parts.headers, host, virtual_bucket };
    let (access_key, region) = match &claim {
        Claim::Unsigned => {
            return Ok(Identity {
                principal: Principal::Anonymous,
                access_key: None,
                region: None,
                signing_key: None,
                claim,
            });
        }
        Claim::V4(v4) => (v4.access_key.clone(), Some(v4.region.clone())),
        Claim::V2 { access_key, .. } => (access_key.clone(), None),
    };
    let mut signing_key = None;
    let principal = match look_up(objects, &access_key).await? {
        KeyLookup::Trusted(principal) => principal,
        KeyLookup::Unknown => return Err(S3Error::from(Code::InvalidAccessKeyId).with("AWSAccessKeyId", access_key)),
        KeyLookup::Known(credential) => {
            let failures = &objects.platform.bus.failures;
            if failures.too_many(peer, &access_key) {
                return Err(Code::SlowDown.into());
            }
            let token = match &claim {
                Claim::V4(v4) => v4.token.as_deref(),
                _ => parts
                    .headers
                    .get("x-amz-security-token")
                    .and_then(|v| v.to_str().ok())
                    .or_else(|| query.get("x-amz-security-token")),
            };
            check_token(&credential, token, now)?;
            let verified = match &claim {
                Claim::V4(v4) => signature::verify_v4(v4, &credential.secret, &signed).map(Some),
                Claim::V2 { signature, expires, .. } => {
                    signature::verify_v2(&access_key, signature, *expires, &credential.secret, &signed).map(|()| None)
                }
                Claim::Unsigned => Ok(None),
            };
            signing_key = verified.inspect_err(|_| failures.note(peer, &access_key))?;
            credential.principal
        }
    };
    Ok(Identity { principal, access_key: Some(access_key), region, signing_key, claim })
}

/// What an access key is.
pub async fn look_up(objects: &Objects, access_key: &str) -> Result<KeyLookup> {
    let identity = objects.platform.bus.identity().map_err(S3Error::internal)?;
    Ok(identity.look_up_key(access_key).await)
}

/// Checks the token of temporary credentials.
pub fn check_token(credential: &pilvi_bus::identity::Credential, token: Option<&str>, now: i64) -> Result<()> {
    if !credential.has_token(token) {
        return match token {
            Some(token) => Err(S3Error::from(Code::InvalidToken).with("Token-0", token)),
            None => Err(Code::InvalidAccessKeyId.into()),
        };
    }
    if credential.expires.as_ref().is_some_and(|expires| expires.as_second() <= now) {
        return Err(Code::ExpiredToken.into());
    }
    Ok(())
}

/// How the body is encoded and hashed.
pub struct Content {
    /// Takes the chunks' encoding off.
    pub decoder: Option<Decoder>,
    /// The declared SHA-256 in hex.
    pub sha256: Option<String>,
}

impl Identity {
    /// Refuses a request that was signed, with a secret, for another region than its bucket's.
    pub fn check_region(&self, bucket_region: &str) -> Result<()> {
        let Some(signed) = self.region.as_deref().filter(|region| *region != bucket_region) else { return Ok(()) };
        if self.signing_key.is_none() {
            return Ok(());
        }
        let (code, what) = match &self.claim {
            Claim::V4(V4 { expires: Some(_), .. }) => {
                (Code::AuthorizationQueryParametersError, "Error parsing the X-Amz-Credential parameter")
            }
            _ => (Code::AuthorizationHeaderMalformed, "The authorization header is malformed"),
        };
        let text = format!("{what}; the region '{signed}' is wrong; expecting '{bucket_region}'");
        Err(S3Error::new(code, text).with("Region", bucket_region))
    }

    /// Reads `x-amz-content-sha256`.
    pub fn content(&self, headers: &http::HeaderMap) -> Result<Content> {
        let declared = headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
        let Some(declared) = declared else { return Ok(Content { decoder: None, sha256: None }) };
        match declared {
            "UNSIGNED-PAYLOAD" => Ok(Content { decoder: None, sha256: None }),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Content { decoder: Some(Decoder::new(None)), sha256: None }),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" | "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => {
                let signer = match (&self.claim, &self.signing_key) {
                    (Claim::V4(v4), Some(key)) => Some(signer(v4, key)),
                    _ => None,
                };
                Ok(Content { decoder: Some(Decoder::new(signer)), sha256: None })
            }
            hash if hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Ok(Content { decoder: None, sha256: Some(hash.to_ascii_lowercase()) })
            }
            other => Err(S3Error::argument(
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
                "x-amz-content-sha256",
                other,
            )),
        }
    }
}

fn signer(v4: &V4, key: &[u8]) -> Signer {
    Signer {
        key: key.to_vec(),
        time: v4.time.clone(),
        scope: format!("{}/{}/s3/aws4_request", v4.date, v4.region),
        previous: v4.signature.clone(),
    }
}
