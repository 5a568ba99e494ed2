//! Keys, encoded so that comparing the bytes is comparing the keys (the idea of FoundationDB's tuple layer, without its type codes:
//! a table's keys all have one type).
//!
//! | element | bytes |
//! | --- | --- |
//! | string, bytes | themselves, each `00` followed by `FF`; ended by `00 00` |
//! | unsigned integer | big-endian |
//! | signed integer | big-endian, with the sign bit flipped |
//! | `bool` | `00` or `01` |
//! | `[u8; N]`, `Uuid` | themselves |
//! | `Option` | `00`, or `01` and the element |
//! | tuple | its elements, one after the other |
//!
//! No element's encoding is the start of another's, so a tuple's leading elements are a prefix of its bytes.

mod tuples;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

/// Something that a table can be keyed or looked up by: an owned key, or a borrowed form of one (`(&str, u64)` for `(String, u64)`).
pub trait Key {
    /// The owned form, which a table names as its key type.
    type Owned: DecodeKey;
    /// Appends the key's bytes.
    fn encode(&self, out: &mut Vec<u8>);
}

/// An owned key, which can be read back.
pub trait DecodeKey: Sized {
    /// Takes the key's bytes off the front of `input`.
    fn decode(input: &mut &[u8]) -> Result<Self, KeyError>;
}

/// The leading elements of a key of type `K`, or a whole one.
pub trait Leading<K> {
    /// Appends the elements' bytes.
    fn encode_leading(&self, out: &mut Vec<u8>);
}

impl<Q: Key + ?Sized> Leading<Q::Owned> for Q {
    fn encode_leading(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

/// The bytes are no key of that type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key ends too early.
    #[error("the key is too short")]
    Short,
    /// A string is no UTF-8, or a flag is neither 0 nor 1.
    #[error("the key has an impossible element")]
    Invalid,
}

/// Appends bytes, escaped, without the end mark: everything that starts with `bytes` starts with this.
pub(crate) fn encode_bytes_start(bytes: &[u8], out: &mut Vec<u8>) {
    for part in bytes.split_inclusive(|&byte| byte == 0) {
        out.extend_from_slice(part);
        if part.last() == Some(&0) {
            out.push(0xFF);
        }
    }
}

pub(crate) fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    encode_bytes_start(bytes, out);
    out.extend_from_slice(&[0, 0]);
}

fn decode_bytes(input: &mut &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut decoded = Vec::new();
    loop {
        let zero = input.iter().position(|&byte| byte == 0).ok_or(KeyError::Short)?;
        let (part, rest) = input.split_at_checked(zero).ok_or(KeyError::Short)?;
        decoded.extend_from_slice(part);
        match rest.get(1) {
            Some(0) => {
                *input = rest.get(2..).unwrap_or_default();
                return Ok(decoded);
            }
            Some(0xFF) => decoded.push(0),
            Some(_) => return Err(KeyError::Invalid),
            None => return Err(KeyError::Short),
        }
        *input = rest.get(2..).unwrap_or_default();
    }
}

fn decode_array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], KeyError> {
    let (array, rest) = input.split_first_chunk::<N>().ok_or(KeyError::Short)?;
    *input = rest;
    Ok(*array)
}

macro_rules! integers {
    ($($unsigned:ty, $signed:ty;)*) => {$(
        impl Key for $unsigned {
            type Owned = Self;
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }
        impl DecodeKey for $unsigned {
            fn decode(input: &mut &[u8]) -> Result<Self, KeyError> {
                decode_array(input).map(Self::from_be_bytes)
            }
        }
        impl Key for $signed {
            type Owned = Self;
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&(self ^ Self::MIN).to_be_bytes());
            }
        }
        impl DecodeKey for $signed {
            fn decode(input: &mut &[u8]) -> Result<Self, KeyError> {
                decode_array(input).map(|bytes| Self::from_be_bytes(bytes) ^ Self::MIN)
            }
        }
    )*};
}
integers! { u8, i8; u16, i16; u32, i32; u64, i64; u128, i128; }

impl Key for bool {
    type Owned = Self;
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl DecodeKey for bool {
    fn decode(input: &mut &[u8]) -> Result<Self, KeyError> {
        match decode_array::<1>(input)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(KeyError::Invalid),
        }
    }
}

impl Key for str {
    type Owned = String;
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }
}

impl Key for String {
    type Owned = Self;
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }
}

impl DecodeKey for String {
    fn decode(input: &mut &[u8]) -> Result<Self, KeyError> {
        Self::from_utf8(decode_bytes(input)?).map_err(|_| KeyError::Invalid)
    }
}

impl Key for [u8] {
    type Owned = Bytes;
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }
}

impl Key for Bytes {
    type Owned = Self;
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }
}

impl DecodeKey for Bytes {
    fn decode(input: &mut &[u8]) -> Result<Self, KeyError> {
        decode_bytes(input).map(Self::from)
    }
}

impl<const N: usize> Key for [u8; N] {
    type Owned = Self;
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<const N: usize> DecodeKey for [u8; N] {
    fn decode(input: &mut &[u8]) -> Result<Self, KeyError> {
        decode_array(input)
    }
}

impl Key for Uuid {
    type Owned = Self;
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl DecodeKey for Uuid {
    fn decode(input: &mut &[u8]) -> Result<Self, KeyError> {
        decode_array(input).map(Self::from_bytes)
    }
}

impl<Q: Key> Key for Option<Q> {
    type Owned = Option<Q::Owned>;
    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        if let Some(key) = self {
            key.encode(out);
        }
    }
}

impl<K: DecodeKey> DecodeKey for Option<K> {
    fn decode(input: &mut &[u8]) -> Result<Self, KeyError> {
        if bool::decode(input)? { K::decode(input).map(Some) } else { Ok(None) }
    }
}

impl<Q: Key + ?Sized> Key for &Q {
    type Owned = Q::Owned;
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

impl<Q: Key + ?Sized> Key for Arc<Q> {
    type Owned = Q::Owned;
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

impl Key for Cow<'_, str> {
    type Owned = String;
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }
}
