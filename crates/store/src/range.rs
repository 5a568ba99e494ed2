//! Which part of a table to go through.

use std::marker::PhantomData;

use crate::key::{self, Leading};

/// A part of a table, in the order of its keys. Bounds only ever narrow it, so they combine in any order:
/// `Range::prefix(&(account, region)).after(&(account, region, last_name))`.
///
/// Where a bound takes leading elements, it stands before (`from`, `until`) or behind (`after`, `through`) all keys that start
/// with them.
pub struct Range<K> {
    /// Without the table's prefix; the first key that is in.
    start: Vec<u8>,
    /// The first key that is out; `None`: the table's end.
    end: Option<Vec<u8>>,
    key: PhantomData<fn() -> K>,
}

impl<K> Range<K> {
    /// The whole table.
    pub fn all() -> Self {
        Self { start: Vec::new(), end: None, key: PhantomData }
    }

    /// The keys that start with these elements.
    pub fn prefix<L: Leading<K> + ?Sized>(elements: &L) -> Self {
        Self::all().from(elements).through(elements)
    }

    /// The keys that start with these elements, followed by a string (or bytes) that starts with `start`.
    pub fn starts_with<L: Leading<K> + ?Sized>(elements: &L, start: impl AsRef<[u8]>) -> Self {
        let mut bytes = encode(elements);
        key::encode_bytes_start(start.as_ref(), &mut bytes);
        let end = successor(bytes.clone());
        Self { start: bytes, end, key: PhantomData }
    }

    /// From this key on.
    pub fn from<L: Leading<K> + ?Sized>(self, elements: &L) -> Self {
        self.starting_at(encode(elements))
    }

    /// What comes after this key (or after all keys that start with these elements).
    pub fn after<L: Leading<K> + ?Sized>(self, elements: &L) -> Self {
        match successor(encode(elements)) {
            Some(start) => self.starting_at(start),
            None => Self { end: Some(Vec::new()), ..self },
        }
    }

    /// Up to this key, without it.
    pub fn until<L: Leading<K> + ?Sized>(self, elements: &L) -> Self {
        self.ending_at(encode(elements))
    }

    /// Up to this key and with it (or with all keys that start with these elements).
    pub fn through<L: Leading<K> + ?Sized>(self, elements: &L) -> Self {
        match successor(encode(elements)) {
            Some(end) => self.ending_at(end),
            None => self,
        }
    }

    fn starting_at(mut self, start: Vec<u8>) -> Self {
        self.start = self.start.max(start);
        self
    }

    fn ending_at(mut self, end: Vec<u8>) -> Self {
        self.end = Some(match self.end {
            Some(known) => known.min(end),
            None => end,
        });
        self
    }

    /// The physical bounds within the table whose keys start with `table`.
    pub(crate) fn within(&self, table: &[u8]) -> Bounds {
        let join = |key: &[u8]| [table, key].concat();
        // A table's prefix ends with zeros, so it always has a successor.
        let end = self.end.as_deref().map(join).or_else(|| successor(table.to_vec())).unwrap_or_default();
        Bounds { start: join(&self.start), end }
    }
}

impl<K> Clone for Range<K> {
    fn clone(&self) -> Self {
        Self { start: self.start.clone(), end: self.end.clone(), key: PhantomData }
    }
}

/// Physical keys from `start` up to, but without, `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

impl Bounds {
    pub(crate) fn is_empty(&self) -> bool {
        self.start >= self.end
    }
}

fn encode<K, L: Leading<K> + ?Sized>(elements: &L) -> Vec<u8> {
    let mut bytes = Vec::new();
    elements.encode_leading(&mut bytes);
    bytes
}

/// The first byte string after all those that start with `bytes`; none for `FF FF …` and for nothing at all.
fn successor(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = bytes.pop() {
        if last < 0xFF {
            bytes.push(last + 1);
            return Some(bytes);
        }
    }
    None
}
