//! Routes with `JWT`: a token that the issuer signed with one of its public keys.
//!
//! "Control access to HTTP APIs with JWT authorizers": the issuer's keys are found through its discovery document and kept for two
//! hours; only RSA is accepted.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use parking_lot::Mutex;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents,
};
use serde_json::{Map, Value};

use super::{Identity, Refusal};
use crate::gateway::client;
use crate::gateway::compiled::{Jwt, Route};
use crate::gateway::event::Call;
use crate::gateway::front::Gateway;
use crate::gateway::parameters;

/// "API Gateway can cache the public key for two hours."
const KEPT_MS: i64 = 2 * 3_600_000;
/// An unknown key is not asked for more often than this.
const AGAIN_MS: i64 = 10_000;

/// The public keys of issuers.
#[derive(Default)]
pub(crate) struct Keys(Mutex<HashMap<String, Kept>>);

#[derive(Clone)]
struct Kept {
    fetched: i64,
    keys: Arc<Vec<Key>>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

fn invalid(description: impl std::fmt::Display) -> Refusal {
    let description = description.to_string();
    let challenge = format!(r#"Bearer scope="" error="invalid_token" error_description="{description}""#);
    Refusal { status: StatusCode::UNAUTHORIZED, challenge: Some(challenge), error: Some(description) }
}

impl Gateway {
    pub(super) async fn admit_token(
        &self,
        jwt: &Jwt,
        source: &str,
        route: &Route,
        call: &Call<'_>,
    ) -> Result<Identity, Refusal> {
        let Some(token) = parameters::value(source, call).filter(|token| !token.trim().is_empty()) else {
            return Err(Refusal { challenge: Some("Bearer".to_owned()), ..Refusal::unauthorized() });
        };
        let token = token.trim();
        let token = token.strip_prefix("Bearer ").or_else(|| token.strip_prefix("bearer ")).unwrap_or(token).trim();
        let parsed = Token::parse(token).ok_or_else(|| invalid("the token is malformed"))?;
        let keys = self.keys_of(&jwt.issuer, parsed.key_id.as_deref()).await.map_err(invalid)?;
        parsed.verify(&keys)?;
        parsed.check(jwt, self.apis.platform.clock.now_s())?;
        let scopes = parsed.scopes(&route.scopes)?;
        Ok(Identity::Token { claims: parsed.shown(), scopes })
    }

    /// The issuer's keys: those that are kept, unless the token's is not among them.
    async fn keys_of(&self, issuer: &str, wanted: Option<&str>) -> Result<Arc<Vec<Key>>, &'static str> {
        let now = self.apis.platform.clock.now_ms();
        let kept = self.keys.0.lock().get(issuer).cloned();
        if let Some(kept) = &kept {
            let known = wanted.is_none() || kept.keys.iter().any(|key| key.id.as_deref() == wanted);
            let age = now - kept.fetched;
            if (known && age < KEPT_MS) || (!known && age < AGAIN_MS) {
                return Ok(kept.keys.clone());
            }
        }
        match self.fetch_keys(issuer).await {
            Ok(keys) => {
                let keys = Arc::new(keys);
                self.keys.0.lock().insert(issuer.to_owned(), Kept { fetched: now, keys: keys.clone() });
                Ok(keys)
            }
            Err(problem) => {
                tracing::info!(issuer, problem, "the issuer's keys cannot be had");
                kept.map(|kept| kept.keys).ok_or(problem)
            }
        }
    }

    async fn fetch_keys(&self, issuer: &str) -> Result<Vec<Key>, &'static str> {
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let ca = self.apis.platform.settings.ca_pem.as_deref();
        let document =
            client::get_json(&address, ca).await.map_err(|_| "OIDC discovery endpoint communication error")?;
        let address = document.get("jwks_uri").and_then(Value::as_str).ok_or("OIDC discovery document is invalid")?;
        let keys = client::get_json(address, ca).await.map_err(|_| "JWKS communication error")?;
        let keys = keys.get("keys").and_then(Value::as_array).ok_or("JWKS is invalid")?;
        Ok(keys.iter().filter_map(Key::parse).collect())
    }
}

impl Key {
    fn parse(key: &Value) -> Option<Key> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        if text("kty") != Some("RSA") {
            return None;
        }
        let number = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
        Some(Key { id: text("kid").map(str::to_owned), modulus: number("n")?, exponent: number("e")? })
    }
}

struct Token<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    algorithm: String,
    key_id: Option<String>,
    claims: Map<String, Value>,
}

impl Token<'_> {
    fn parse(token: &str) -> Option<Token<'_>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let part = |text: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?).ok()
        };
        let header = part(header)?;
        let text = |name: &str| header.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Token {
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')).ok()?,
            algorithm: text("alg")?,
            key_id: text("kid"),
            claims: part(claims)?,
        })
    }

    fn verify(&self, keys: &[Key]) -> Result<(), Refusal> {
        let parameters: &RsaParameters = match &*self.algorithm {
            "RS256" => &RSA_PKCS1_2048_8192_SHA256,
            "RS384" => &RSA_PKCS1_2048_8192_SHA384,
            "RS512" => &RSA_PKCS1_2048_8192_SHA512,
            other => return Err(invalid(format!("signing method {other} is invalid"))),
        };
        let mut candidates = keys.iter().filter(|key| self.key_id.is_none() || key.id == self.key_id).peekable();
        if candidates.peek().is_none() {
            let id = self.key_id.as_deref().unwrap_or_default();
            return Err(invalid(format!("kid {id} does not have a corresponding public key")));
        }
        let fits = |key: &Key| {
            let key = RsaPublicKeyComponents { n: &key.modulus, e: &key.exponent };
            key.verify(parameters, self.signed.as_bytes(), &self.signature).is_ok()
        };
        if candidates.any(fits) { Ok(()) } else { Err(invalid("signature is invalid")) }
    }

    /// Issuer, audience and times.
    fn check(&self, jwt: &Jwt, now: i64) -> Result<(), Refusal> {
        let text = |name: &str| self.claims.get(name).and_then(Value::as_str);
        let time = |name: &str| self.claims.get(name).and_then(Value::as_f64);
        if text("iss").map(|issuer| issuer.trim_end_matches('/')) != Some(jwt.issuer.trim_end_matches('/')) {
            return Err(invalid("the token has an invalid issuer"));
        }
        let audiences: Vec<&str> = match self.claims.get("aud") {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one],
            // "API Gateway validates client_id only if aud is not present."
            _ => text("client_id").into_iter().collect(),
        };
        if !audiences.iter().any(|audience| jwt.audience.iter().any(|wanted| wanted == audience)) {
            return Err(invalid("the token does not have a valid audience"));
        }
        #[allow(clippy::cast_precision_loss, reason = "seconds since 1970")]
        let now = now as f64;
        match time("exp") {
            Some(end) if end > now => {}
            Some(_) => return Err(invalid("the token has expired")),
            None => return Err(invalid("the token has no expiration")),
        }
        if time("nbf").is_some_and(|start| start > now) {
            return Err(invalid("the token is not valid yet"));
        }
        if time("iat").is_some_and(|issued| issued > now) {
            return Err(invalid("the token was issued in the future"));
        }
        Ok(())
    }

    /// The route's scopes that the token has: at least one, where the route has some.
    fn scopes(&self, wanted: &[String]) -> Result<Option<Vec<String>>, Refusal> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let of = |name: &str| -> Vec<String> {
            match self.claims.get(name) {
                Some(Value::String(text)) => text.split(' ').map(str::to_owned).collect(),
                Some(Value::Array(all)) => all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
                _ => Vec::new(),
            }
        };
        let had = [of("scope"), of("scp")].concat();
        let matching: Vec<String> = wanted.iter().filter(|scope| had.contains(scope)).cloned().collect();
        if matching.is_empty() {
            let description = "the token does not include at least one of the required scopes";
            let challenge = format!(
                r#"Bearer scope="{}" error="insufficient_scope" error_description="{description}""#,
                wanted.join(" ")
            );
            let error = Some(description.to_owned());
            return Err(Refusal { status: StatusCode::FORBIDDEN, challenge: Some(challenge), error });
        }
        Ok(Some(matching))
    }

    /// Claims as integrations get them: all of them texts, lists as `[a b]`.
    fn shown(self) -> Map<String, Value> {
        fn text(value: &Value) -> String {
            match value {
                Value::String(text) => text.clone(),
                Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(" ")),
                other => other.to_string(),
            }
        }
        self.claims.into_iter().map(|(name, value)| (name, Value::from(text(&value)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&serde_json::json!({"alg": "RS256", "kid": "k"})), part(claims))
    }

    fn checked(claims: Value) -> Result<(), String> {
        let jwt = Jwt { issuer: "https://issuer".into(), audience: vec!["a".into()] };
        let token = token(&claims);
        Token::parse(&token).unwrap().check(&jwt, 100).map_err(|refusal| refusal.error.unwrap())
    }

    #[test]
    fn claims_are_checked() {
        let base = serde_json::json!({"iss": "https://issuer", "aud": ["b", "a"], "exp": 200});
        let with = |name: &str, value: Value| {
            let mut claims = base.clone();
            claims[name] = value;
            checked(claims)
        };
        assert_eq!(checked(base.clone()), Ok(()));
        for (name, value, text) in [
            ("iss", "https://other".into(), "the token has an invalid issuer"),
            ("aud", "c".into(), "the token does not have a valid audience"),
            ("exp", 100.into(), "the token has expired"),
            ("nbf", 150.into(), "the token is not valid yet"),
        ] {
            assert_eq!(with(name, value), Err(text.to_owned()));
        }
        assert_eq!(checked(serde_json::json!({"iss": "https://issuer", "client_id": "a", "exp": 200})), Ok(()));
    }

    #[test]
    fn nonsense_is_no_token() {
        for text in ["", "a", "a.b", "a.b.c", "e30.e30.c2ln", "....", "é.é.é"] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_signature_of_another_key_is_refused() {
        let token = token(&serde_json::json!({}));
        let key = Key { id: Some("k".into()), modulus: vec![0xC1; 256], exponent: vec![1, 0, 1] };
        let refusal = Token::parse(&token).unwrap().verify(&[key]).unwrap_err();
        assert_eq!(refusal.error.as_deref(), Some("signature is invalid"));
        assert!(Token::parse(&token).unwrap().verify(&[]).is_err());
    }
}
