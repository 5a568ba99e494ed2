//! Tokens of identity providers: JSON Web Tokens (RFC 7519), signed with one of the provider's keys (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

/// A token, read but not verified.
pub(crate) struct Token {
    algorithm: String,
    key_id: Option<String>,
    /// What is signed: header and claims as they came.
    signed: String,
    signature: Vec<u8>,
    pub(crate) claims: Map<String, Value>,
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

impl Token {
    /// Reads a token; `None` where it is none.
    pub(crate) fn read(text: &str) -> Option<Token> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header = object(header)?;
        let text = |name: &str| header.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Token {
            algorithm: text("alg")?,
            key_id: text("kid"),
            signed: signed.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            claims: object(claims)?,
        })
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// A claim that is a time or another whole number.
    pub(crate) fn number(&self, claim: &str) -> Option<i64> {
        #[allow(clippy::cast_possible_truncation, reason = "times with fractions are cut to seconds")]
        self.claims.get(claim).and_then(|value| value.as_i64().or_else(|| value.as_f64().map(|number| number as i64)))
    }

    /// A claim that is a text or a list of texts.
    pub(crate) fn texts(&self, claim: &str) -> Vec<&str> {
        match self.claims.get(claim) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether one of the keys of a set signed this. Only algorithms with public keys are known, so that `none` and a
    /// public key used as a shared secret come to nothing.
    pub(crate) fn is_signed_by(&self, keys: &Value) -> bool {
        let keys = keys.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        keys.iter().filter(|key| self.may_be_of(key)).any(|key| self.verify(key).is_some())
    }

    fn may_be_of(&self, key: &Value) -> bool {
        let same = |name: &str, wanted: &str| key.get(name).and_then(Value::as_str).is_none_or(|given| given == wanted);
        same("use", "sig") && same("alg", &self.algorithm) && self.key_id.as_ref().is_none_or(|id| same("kid", id))
    }

    fn verify(&self, key: &Value) -> Option<()> {
        let number = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let (message, signed) = (self.signed.as_bytes(), &self.signature);
        let rsa = |parameters| {
            let (n, e) = (number("n")?, number("e")?);
            RsaPublicKeyComponents { n: &n, e: &e }.verify(parameters, message, signed).ok()
        };
        let ec = |algorithm, curve: &str| {
            // An uncompressed point: 4, x, y.
            let point = [vec![4], number("x")?, number("y")?].concat();
            (text("crv") == Some(curve))
                .then(|| UnparsedPublicKey::new(algorithm, point).verify(message, signed).ok())?
        };
        match (&*self.algorithm, text("kty")) {
            ("RS256", Some("RSA")) => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            ("RS384", Some("RSA")) => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            ("RS512", Some("RSA")) => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            ("ES256", Some("EC")) => ec(&signature::ECDSA_P256_SHA256_FIXED, "P-256"),
            ("ES384", Some("EC")) => ec(&signature::ECDSA_P384_SHA384_FIXED, "P-384"),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    /// A signer of test tokens, and its key set.
    pub(crate) struct Signer {
        pair: EcdsaKeyPair,
        pub(crate) keys: Value,
    }

    impl Signer {
        pub(crate) fn new() -> Signer {
            let random = SystemRandom::new();
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
            let point = pair.public_key().as_ref();
            let half = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
            let key =
                json!({"kty": "EC", "crv": "P-256", "kid": "1", "x": half(&point[1..33]), "y": half(&point[33..])});
            Signer { pair, keys: json!({ "keys": [key] }) }
        }

        pub(crate) fn sign(&self, claims: &Value) -> String {
            let header = json!({"alg": "ES256", "kid": "1", "typ": "JWT"});
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", part(&header), part(claims));
            let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        }
    }

    #[test]
    fn only_what_was_signed_is_believed() {
        let (signer, other) = (Signer::new(), Signer::new());
        let token = signer.sign(&json!({"sub": "me", "aud": ["a", "b"], "exp": 12.5}));
        let read = Token::read(&token).unwrap();
        assert!(read.is_signed_by(&signer.keys) && !read.is_signed_by(&other.keys));
        assert_eq!((read.text("sub"), read.texts("aud"), read.number("exp")), (Some("me"), vec!["a", "b"], Some(12)));

        let claims = URL_SAFE_NO_PAD.encode(json!({"sub": "you"}).to_string());
        let parts: Vec<&str> = token.split('.').collect();
        let forged = Token::read(&format!("{}.{claims}.{}", parts[0], parts[2])).unwrap();
        assert!(!forged.is_signed_by(&signer.keys));
        let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none"}).to_string());
        assert!(!Token::read(&format!("{none}.{claims}.")).unwrap().is_signed_by(&signer.keys));
        for wrong in ["", "a.b", "a.b.c", "..", "e30.e30.", "é.é.é"] {
            assert!(Token::read(wrong).is_none(), "{wrong}");
        }
    }
}
