//! Who signed this request.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http::request::Parts;
use pilvi_bus::authorize::Authenticate;
use pilvi_bus::identity::{Credential, KeyLookup};
use pilvi_bus::{ApiError, Bus, Clock, IamMode, Principal};
use pilvi_model::api::Protocol;

use crate::pages;
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

    /// The caller of a request, by what its signature claims. `service` is the name that requests of the service are
    /// signed for.
    ///
    /// # Errors
    /// What is wrong with the signature, in the words of the wire format.
    pub async fn caller(
        &self,
        claim: Result<Option<Claim>, SigError>,
        signed: Signed<'_>,
        peer: IpAddr,
    ) -> Result<Caller, ApiError> {
        let refuse = |error: SigError| {
            let dialect = dialect(signed.protocol);
            let status = error.status(dialect).as_u16();
            ApiError::new(error.code(dialect), status, error.message(dialect))
        };
        let claim = match claim {
            Ok(Some(claim)) => claim,
            Ok(None) => return self.unproved(self.unsigned(), None, signed.parts),
            Err(error) => return Err(refuse(error)),
        };
        let principal = match self.bus.identity()?.look_up_key(&claim.access_key).await {
            KeyLookup::Trusted(principal) => return self.unproved(principal, Some(claim.access_key), signed.parts),
            KeyLookup::Unknown if self.mode == IamMode::Off => {
                return self.unproved(root(), Some(claim.access_key), signed.parts);
            }
            KeyLookup::Unknown => return Err(refuse(SigError::UnknownKey)),
            KeyLookup::Known(credential) => {
                if self.bus.failures.too_many(peer, &claim.access_key) {
                    return Err(ApiError::new("Throttling", 400, "Rate exceeded"));
                }
                self.verify(&claim, &signed, &credential).map_err(|error| {
                    if matches!(error, SigError::Mismatch { .. } | SigError::InvalidToken) {
                        self.bus.failures.note(peer, &claim.access_key);
                    }
                    refuse(error)
                })?;
                credential.principal
            }
        };
        Ok(Caller { principal, access_key: Some(claim.access_key) })
    }

    /// Whether a request to a front that authenticates by itself comes from a web page that must not make it: signed
    /// without a secret, and through a foreign name or as a form that browsers send without asking.
    pub async fn refuses_page(&self, claim: Result<Option<Claim>, SigError>, parts: &Parts) -> bool {
        let blind = parts.method == http::Method::POST && pages::is_cross_site(parts) && !is_upload_form(parts);
        let foreign = !pages::is_own_host(parts);
        if self.mode == IamMode::Strict || !(blind || foreign) {
            return false;
        }
        let Ok(identity) = self.bus.identity() else { return true };
        match claim {
            Ok(Some(claim)) => !matches!(identity.look_up_key(&claim.access_key).await, KeyLookup::Known(_)),
            // Nobody gets what is everybody's, through whatever name: a bucket may have its own.
            _ => blind || self.mode == IamMode::Off,
        }
    }

    fn verify(&self, claim: &Claim, signed: &Signed<'_>, credential: &Credential) -> Result<(), SigError> {
        let hash = signed_payload_hash(signed.parts, signed.body);
        claim.check_scope(None, Some(signed.service))?;
        self.verifier.verify(claim, signed.parts, &hash, &credential.secret, Clock::real_time())?;
        if !credential.has_token(claim.session_token.as_deref()) {
            return Err(SigError::InvalidToken);
        }
        if credential.expires.is_some_and(|end| end <= self.clock.now()) {
            return Err(SigError::ExpiredToken);
        }
        Ok(())
    }

    fn unsigned(&self) -> Principal {
        if self.mode == IamMode::Off { root() } else { Principal::Anonymous }
    }

    /// A caller who proved nothing: whoever can reach the port can say the same, so a web page must not.
    fn unproved(&self, principal: Principal, access_key: Option<String>, parts: &Parts) -> Result<Caller, ApiError> {
        if self.mode != IamMode::Strict && (!pages::is_own_host(parts) || pages::is_cross_site(parts)) {
            return Err(ApiError::new("AccessDenied", 403, pages::REFUSED));
        }
        Ok(Caller { principal, access_key })
    }
}

/// The parts of a request that a signature is about.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// Its head.
    pub parts: &'a Parts,
    /// Its body.
    pub body: &'a [u8],
    /// The name that requests of the service are signed for.
    pub service: &'a str,
    /// How refusals are worded.
    pub protocol: Protocol,
}

/// S3's upload forms are signed by whoever made the page.
fn is_upload_form(parts: &Parts) -> bool {
    let content_type = parts.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|text| text.starts_with("multipart/form-data"))
}

fn root() -> Principal {
    Principal::Root { account: DEFAULT_ACCOUNT.to_owned() }
}

#[async_trait]
impl Authenticate for Authenticator {
    async fn authenticate(
        &self,
        parts: &Parts,
        body: &[u8],
        service: &str,
        peer: IpAddr,
    ) -> Result<(Principal, Option<String>), ApiError> {
        let signed = Signed { parts, body, service, protocol: Protocol::RestJson };
        let caller = self.caller(sigv4::parse(parts), signed, peer).await?;
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
