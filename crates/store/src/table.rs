//! Typed tables: names, and how their values are stored.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::key::{self, DecodeKey, Key};

/// A named, typed part of the key space. The name is the first element of every key, so it must be unique, and a rename
/// orphans what was stored. Name tables `service.thing`.
pub struct Table<K, V> {
    name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Table<K, V> {
    /// A table; no work is done before it is used.
    pub const fn new(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }

    /// The table's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The bytes that every key of the table starts with.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        key::encode_bytes(self.name.as_bytes(), &mut bytes);
        bytes
    }
}

impl<K: DecodeKey, V: Value> Table<K, V> {
    pub(crate) fn encode_key<Q: Key<Owned = K> + ?Sized>(&self, key: &Q) -> Vec<u8> {
        let mut bytes = self.prefix();
        key.encode(&mut bytes);
        bytes
    }

    /// The key after the `prefix_len` bytes of the table's own prefix.
    pub(crate) fn decode_key(&self, key: &[u8], prefix_len: usize) -> Result<K, StoreError> {
        let mut rest = key.get(prefix_len..).unwrap_or_default();
        let decoded = K::decode(&mut rest)
            .map_err(|error| StoreError::Decode { table: self.name, reason: format!("key: {error}") })?;
        if !rest.is_empty() {
            return Err(StoreError::Decode { table: self.name, reason: "key: bytes left over".to_owned() });
        }
        Ok(decoded)
    }

    pub(crate) fn decode_value(&self, bytes: Bytes) -> Result<V, StoreError> {
        V::decode(bytes).map_err(|reason| StoreError::Decode { table: self.name, reason })
    }

    pub(crate) fn encode_value(&self, value: &V) -> Result<Bytes, StoreError> {
        value.encode().map_err(|reason| StoreError::Encode { table: self.name, reason })
    }
}

/// What can be stored: everything that serde can carry, and [`Raw`].
pub trait Value: Sized {
    /// The bytes to store, or why there are none.
    fn encode(&self) -> Result<Bytes, String>;
    /// The value that the bytes stand for, or why there is none.
    fn decode(bytes: Bytes) -> Result<Self, String>;
}

/// MessagePack with field names: a record can gain a `#[serde(default)]` field and still read what was stored before.
impl<T: Serialize + DeserializeOwned> Value for T {
    fn encode(&self) -> Result<Bytes, String> {
        rmp_serde::to_vec_named(self).map(Bytes::from).map_err(|error| error.to_string())
    }

    fn decode(bytes: Bytes) -> Result<Self, String> {
        rmp_serde::from_slice(&bytes).map_err(|error| error.to_string())
    }
}

/// Bytes that are stored as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Raw(pub Bytes);

impl Value for Raw {
    fn encode(&self) -> Result<Bytes, String> {
        Ok(self.0.clone())
    }

    fn decode(bytes: Bytes) -> Result<Self, String> {
        Ok(Self(bytes))
    }
}
