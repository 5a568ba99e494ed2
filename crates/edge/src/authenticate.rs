//! Who signed this request.

use std::sync::Arc;

use async_trait::async_trait;
use http::request::Parts;
use pilvi_bus::authorize::Authenticate;
use pilvi_bus::identity::KeyLookup;
use pilvi_bus::{ApiError, Bus, Clock, IamMode, Principal};
use pilvi_model::api::Protocol;

use crate::sigv4::{self, Claim, Dialect, SigError, Verifier, payload_hash};

/// The account of requests that name none.
pub const DEFAULT_ACCOUNT: &str = "000000000000";

/// Checks signatures.
pub struct Authenticator {
    bus: Arc<Bus>,
    clock: Clock,
    mode: IamMode,
    verifier: Verifier,
}

impl Authenticator {
    /// Looks keys up on the bus.
    pub fn new(bus: Arc<Bus>, clock: Clock, mode: IamMode) -> Authenticator {
        Authenticator { bus, clock, mode, verifier: Verifier::new() }
    }

    /// The caller of a request, by what its signature claims.
    ///
    /// # Errors
    /// What is wrong with the signature, in the words of the wire format.
    pub async fn caller(
        &self,
        claim: Result<Option<Claim>, SigError>,
        parts: &Parts,
        body: &[u8],
        protocol: Protocol,
    ) -> Result<Caller, ApiError> {
        let refuse = |error: SigError| {
            let dialect = dialect(protocol);
            let status = error.status(dialect).as_u16();
            ApiError::new(error.code(dialect), status, error.message(dialect))
        };
        let root = || Principal::Root { account: DEFAULT_ACCOUNT.to_owned() };
        let claim = match claim {
            Ok(Some(claim)) => claim,
            Ok(None) if self.mode == IamMode::Off => return Ok(Caller { principal: root(), access_key: None }),
            Ok(None) => return Ok(Caller { principal: Principal::Anonymous, access_key: None }),
            Err(error) => return Err(refuse(error)),
        };
        let principal = match self.bus.identity()?.look_up_key(&claim.access_key).await {
            KeyLookup::Trusted(principal) => principal,
            KeyLookup::Unknown if self.mode == IamMode::Off => root(),
            KeyLookup::Unknown => return Err(refuse(SigError::UnknownKey)),
            KeyLookup::Known(credential) => {
                let hash = signed_payload_hash(parts, body);
                let now = Clock::real_time();
                self.verifier.verify(&claim, parts, &hash, &credential.secret, now).map_err(refuse)?;
                if credential.session_token != claim.session_token {
                    return Err(refuse(SigError::InvalidToken));
                }
                if credential.expires.is_some_and(|end| end <= self.clock.now()) {
                    return Err(refuse(SigError::ExpiredToken));
                }
                credential.principal
            }
        };
        Ok(Caller { principal, access_key: Some(claim.access_key) })
    }
}

#[async_trait]
impl Authenticate for Authenticator {
    async fn authenticate(&self, parts: &Parts, body: &[u8]) -> Result<(Principal, Option<String>), ApiError> {
        let caller = self.caller(sigv4::parse(parts), parts, body, Protocol::RestJson).await?;
        Ok((caller.principal, caller.access_key))
    }
}

/// Who calls.
pub struct Caller {
    /// The identity.
    pub principal: Principal,
    /// The access key that the request names.
    pub access_key: Option<String>,
}

/// The hash that goes into the signature: the body's, unless the request says that it is not signed.
fn signed_payload_hash(parts: &Parts, body: &[u8]) -> String {
    match parts.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok()) {
        Some("UNSIGNED-PAYLOAD") => "UNSIGNED-PAYLOAD".to_owned(),
        _ => payload_hash(body),
    }
}

fn dialect(protocol: Protocol) -> Dialect {
    match protocol {
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => Dialect::Query,
        Protocol::Json { .. } | Protocol::Cbor => Dialect::Json,
        Protocol::RestJson => Dialect::RestJson,
    }
}
