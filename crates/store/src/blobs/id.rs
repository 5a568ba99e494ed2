//! What a blob is called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::key::{DecodeKey, Key, KeyError};

/// The SHA-256 of a blob's bytes; shown and stored as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId([u8; 32]);

/// A finished blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// What it is called.
    pub id: BlobId,
    /// In bytes.
    pub size: u64,
}

/// A text is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a blob's name is 64 hexadecimal digits")]
pub struct ParseBlobIdError;

impl BlobId {
    pub(super) fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// The SHA-256 itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

impl FromStr for BlobId {
    type Err = ParseBlobIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut sha256 = [0; 32];
        hex::decode_to_slice(text, &mut sha256).map_err(|_| ParseBlobIdError)?;
        Ok(Self(sha256))
    }
}

impl Serialize for BlobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Key for BlobId {
    type Owned = Self;

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

impl DecodeKey for BlobId {
    fn decode(input: &mut &[u8]) -> Result<Self, KeyError> {
        DecodeKey::decode(input).map(Self)
    }
}
