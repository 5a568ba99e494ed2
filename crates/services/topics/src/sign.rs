//! Signatures of messages: the key and its certificate, made once per cloud.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::Mutex;
use pilvi_store::{Store, StoreError};
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::state::{KEYS, KeyRecord};

/// Signatures that are remembered: those of one message to many subscribers are the same.
const REMEMBERED: usize = 1024;
/// What PKCS #1 puts before a digest: its algorithm (RFC 8017, 9.2, note 1).
const SHA1_PREFIX: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];
const SHA256_PREFIX: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignError {
    #[error("the key cannot be read or written")]
    Store(#[from] StoreError),
    #[error("cannot make or read a key: {0}")]
    Key(String),
}

/// A signature that may still be made.
type Signature = Arc<OnceCell<String>>;

/// Signs messages.
pub(crate) struct Signer {
    store: Store,
    key: OnceCell<Arc<SigningKey>>,
    /// By whether it is SHA-256, and the digest of what is signed. Whoever comes while it is made waits for it.
    known: Mutex<HashMap<(bool, [u8; 32]), Signature>>,
}

/// The key.
pub(crate) struct SigningKey {
    key: RsaPrivateKey,
    /// PEM.
    pub(crate) certificate: String,
    /// The certificate's file name.
    pub(crate) file: String,
}

impl Signer {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, key: OnceCell::new(), known: Mutex::default() }
    }

    /// The key, made if there is none yet.
    ///
    /// # Errors
    /// It cannot be made or stored.
    pub(crate) async fn key(&self) -> Result<&Arc<SigningKey>, SignError> {
        self.key.get_or_try_init(|| self.load_or_make()).await
    }

    async fn load_or_make(&self) -> Result<Arc<SigningKey>, SignError> {
        let name = ("signing".to_owned(),);
        let known = self.store.read(|tx| tx.get(&KEYS, &name))?;
        let is_new = known.is_none();
        // Making a key takes as long as a computer takes to find two large primes.
        let made = tokio::task::spawn_blocking(move || match known {
            Some(record) => SigningKey::read(&record).map(|key| (key, record)),
            None => make().and_then(|record| Ok((SigningKey::read(&record)?, record))),
        });
        let (key, record) = made.await.map_err(|error| SignError::Key(error.to_string()))??;
        if is_new {
            self.store.write(move |tx| tx.put(&KEYS, &name, &record)).await?;
        }
        Ok(Arc::new(key))
    }

    /// The signature of a text, in base64.
    ///
    /// # Errors
    /// There is no key.
    pub(crate) async fn sign(&self, text: String, sha256: bool) -> Result<String, SignError> {
        let name = (sha256, Sha256::digest(text.as_bytes()).into());
        let signature = {
            let mut known = self.known.lock();
            if known.len() >= REMEMBERED && !known.contains_key(&name) {
                known.clear();
            }
            known.entry(name).or_default().clone()
        };
        let made = signature.get_or_try_init(|| async {
            let key = self.key().await?.clone();
            let signing = tokio::task::spawn_blocking(move || key.sign(text.as_bytes(), sha256));
            signing.await.map_err(|error| SignError::Key(error.to_string()))?
        });
        made.await.cloned()
    }
}

impl SigningKey {
    fn read(record: &KeyRecord) -> Result<Self, SignError> {
        let key = RsaPrivateKey::from_pkcs8_der(&record.key).map_err(|error| SignError::Key(error.to_string()))?;
        let name = hex::encode(Sha256::digest(record.certificate.as_bytes()));
        let file = format!("SimpleNotificationService-{}.pem", name.get(..32).unwrap_or(&name));
        Ok(Self { key, certificate: record.certificate.clone(), file })
    }

    fn sign(&self, text: &[u8], sha256: bool) -> Result<String, SignError> {
        let (scheme, digest) = if sha256 {
            (padding(&SHA256_PREFIX, 32), Sha256::digest(text).to_vec())
        } else {
            (padding(&SHA1_PREFIX, 20), Sha1::digest(text).to_vec())
        };
        let signature = self.key.sign(scheme, &digest).map_err(|error| SignError::Key(error.to_string()))?;
        Ok(BASE64.encode(signature))
    }
}

fn padding(prefix: &[u8], length: usize) -> Pkcs1v15Sign {
    Pkcs1v15Sign { hash_len: Some(length), prefix: prefix.into() }
}

fn make() -> Result<KeyRecord, SignError> {
    let problem = |error: &dyn std::fmt::Display| SignError::Key(error.to_string());
    let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).map_err(|error| problem(&error))?;
    let der = key.to_pkcs8_der().map_err(|error| problem(&error))?.as_bytes().to_vec();
    let pair = rcgen::KeyPair::try_from(der.as_slice()).map_err(|error| problem(&error))?;
    let mut parameters =
        rcgen::CertificateParams::new(vec!["sns.amazonaws.com".to_owned()]).map_err(|error| problem(&error))?;
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "sns.amazonaws.com");
    let certificate = parameters.self_signed(&pair).map_err(|error| problem(&error))?;
    Ok(KeyRecord { key: der, certificate: certificate.pem() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_made_once_and_its_signatures_hold() {
        let store = Store::memory();
        let signer = Signer::new(store.clone());
        let first = signer.sign("text".to_owned(), true).await.unwrap();
        let again = Signer::new(store);
        assert_eq!(again.key().await.unwrap().file, signer.key().await.unwrap().file);
        assert_eq!(again.sign("text".to_owned(), true).await.unwrap(), first);
        let public = again.key().await.unwrap().key.to_public_key();
        let signature = BASE64.decode(again.sign("text".to_owned(), false).await.unwrap()).unwrap();
        public.verify(padding(&SHA1_PREFIX, 20), &Sha1::digest(b"text"), &signature).unwrap();
        assert!(public.verify(padding(&SHA1_PREFIX, 20), &Sha1::digest(b"other"), &signature).is_err());
    }
}
