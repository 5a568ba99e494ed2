//! Transactions.

use std::ops::Deref;

use bytes::Bytes;

use crate::StoreError;
use crate::key::{DecodeKey, Key};
use crate::layer::{Layer, Merge, Snapshot};
use crate::range::{Bounds, Range};
use crate::table::{Table, Value};

/// Reads one consistent state.
pub struct ReadTx<'a> {
    snapshot: &'a dyn Snapshot,
    /// What a write transaction changed so far; empty when only reading.
    changes: Layer,
}

impl<'a> ReadTx<'a> {
    pub(crate) fn new(snapshot: &'a dyn Snapshot) -> Self {
        Self { snapshot, changes: Layer::default() }
    }

    /// The value of a key.
    pub fn get<K, V, Q>(&self, table: &Table<K, V>, key: &Q) -> Result<Option<V>, StoreError>
    where
        K: DecodeKey,
        V: Value,
        Q: Key<Owned = K> + ?Sized,
    {
        let Some(bytes) = self.get_bytes(&table.encode_key(key))? else { return Ok(None) };
        table.decode_value(bytes).map(Some)
    }

    /// Whether a key has a value.
    pub fn contains<K, V, Q>(&self, table: &Table<K, V>, key: &Q) -> Result<bool, StoreError>
    where
        K: DecodeKey,
        V: Value,
        Q: Key<Owned = K> + ?Sized,
    {
        Ok(self.get_bytes(&table.encode_key(key))?.is_some())
    }

    /// The entries of a range in the order of their keys; `.rev()` goes from the end. Lazy: what is not asked for is not read.
    pub fn range<'t, K: DecodeKey, V: Value>(&'t self, table: &'t Table<K, V>, range: Range<K>) -> Entries<'t, K, V> {
        let prefix = table.prefix();
        Entries { merge: self.merge(&range.within(&prefix)), prefix_len: prefix.len(), table }
    }

    /// The keys of a range; like [`ReadTx::range`], without decoding the values.
    pub fn keys<'t, K: DecodeKey, V: Value>(&'t self, table: &'t Table<K, V>, range: Range<K>) -> Keys<'t, K, V> {
        Keys(self.range(table, range))
    }

    fn get_bytes(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.changes.get(key) {
            Some(value) => Ok(value),
            None => self.snapshot.get(key),
        }
    }

    fn merge(&self, bounds: &Bounds) -> Merged<'_> {
        if bounds.is_empty() {
            return Merged::Entries(Merge::new(Vec::new()));
        }
        let mut sources = Vec::new();
        if !self.changes.is_empty() {
            sources.push(self.changes.source(bounds));
        }
        match self.snapshot.sources(bounds, &mut sources) {
            Ok(()) => Merged::Entries(Merge::new(sources)),
            Err(error) => Merged::Failed(Some(error)),
        }
    }
}

/// Reads, and collects changes that become one durable step when the closure returns `Ok`. Sees its own changes.
pub struct WriteTx<'a>(ReadTx<'a>);

impl<'a> WriteTx<'a> {
    pub(crate) fn new(snapshot: &'a dyn Snapshot) -> Self {
        Self(ReadTx::new(snapshot))
    }

    pub(crate) fn into_changes(self) -> Layer {
        self.0.changes
    }

    /// Sets the value of a key.
    pub fn put<K, V, Q>(&mut self, table: &Table<K, V>, key: &Q, value: &V) -> Result<(), StoreError>
    where
        K: DecodeKey,
        V: Value,
        Q: Key<Owned = K> + ?Sized,
    {
        self.0.changes.set(table.encode_key(key).into(), Some(table.encode_value(value)?));
        Ok(())
    }

    /// Deletes a key, and tells whether it existed.
    pub fn delete<K, V, Q>(&mut self, table: &Table<K, V>, key: &Q) -> Result<bool, StoreError>
    where
        K: DecodeKey,
        V: Value,
        Q: Key<Owned = K> + ?Sized,
    {
        let key = table.encode_key(key);
        if self.0.get_bytes(&key)?.is_none() {
            return Ok(false);
        }
        self.0.changes.set(key.into(), None);
        Ok(true)
    }

    /// Deletes every key of a range, and tells how many there were. Costs as much as they are many.
    pub fn delete_range<K: DecodeKey, V: Value>(
        &mut self,
        table: &Table<K, V>,
        range: Range<K>,
    ) -> Result<u64, StoreError> {
        let mut keys = Vec::new();
        for entry in self.0.merge(&range.within(&table.prefix())) {
            keys.push(entry?.0);
        }
        let count = keys.len() as u64;
        for key in keys {
            self.0.changes.set(key, None);
        }
        Ok(count)
    }
}

impl<'a> Deref for WriteTx<'a> {
    type Target = ReadTx<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Entries of a table, decoded one by one.
pub struct Entries<'t, K, V> {
    merge: Merged<'t>,
    prefix_len: usize,
    table: &'t Table<K, V>,
}

impl<K: DecodeKey, V: Value> Entries<'_, K, V> {
    fn key(&self, key: &[u8]) -> Result<K, StoreError> {
        self.table.decode_key(key, self.prefix_len)
    }

    fn entry(&self, (key, value): (Bytes, Bytes)) -> Result<(K, V), StoreError> {
        Ok((self.key(&key)?, self.table.decode_value(value)?))
    }
}

impl<K: DecodeKey, V: Value> Iterator for Entries<'_, K, V> {
    type Item = Result<(K, V), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.merge.next()?;
        Some(next.and_then(|entry| self.entry(entry)))
    }
}

impl<K: DecodeKey, V: Value> DoubleEndedIterator for Entries<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let next = self.merge.next_back()?;
        Some(next.and_then(|entry| self.entry(entry)))
    }
}

/// Keys of a table, decoded one by one.
pub struct Keys<'t, K, V>(Entries<'t, K, V>);

impl<K: DecodeKey, V: Value> Iterator for Keys<'_, K, V> {
    type Item = Result<K, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.0.merge.next()?;
        Some(next.and_then(|(key, _)| self.0.key(&key)))
    }
}

impl<K: DecodeKey, V: Value> DoubleEndedIterator for Keys<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let next = self.0.merge.next_back()?;
        Some(next.and_then(|(key, _)| self.0.key(&key)))
    }
}

/// A merge, or why there is none: told at the first step, so that making a range cannot fail.
enum Merged<'a> {
    Entries(Merge<'a>),
    Failed(Option<StoreError>),
}

impl Iterator for Merged<'_> {
    type Item = Result<(Bytes, Bytes), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Entries(merge) => merge.next(),
            Self::Failed(error) => error.take().map(Err),
        }
    }
}

impl DoubleEndedIterator for Merged<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::Entries(merge) => merge.next_back(),
            Self::Failed(error) => error.take().map(Err),
        }
    }
}
