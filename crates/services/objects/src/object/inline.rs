//! Small bodies kept inside a record.

use bytes::Bytes;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A body up to this many bytes lives in the object's record, a larger one in the blob store: below it the file's own fsync and
/// directory entry cost more than writing the bytes with the record.
pub const LIMIT: usize = 32 * 1024;

/// Bytes that serialize as bytes (serde would write a `Vec<u8>` as a list of numbers).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inline(pub Bytes);

impl Serialize for Inline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Inline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl<'de> Visitor<'de> for BytesVisitor {
            type Value = Inline;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, v: &[u8]) -> Result<Inline, E> {
                Ok(Inline(Bytes::copy_from_slice(v)))
            }
            fn visit_byte_buf<E: Error>(self, v: Vec<u8>) -> Result<Inline, E> {
                Ok(Inline(v.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Inline, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(Inline(bytes.into()))
            }
        }
        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}
