//! Sorted changes in memory, and several of them (over a table file) seen as one.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ops::Bound;

use bytes::Bytes;

use crate::StoreError;
use crate::range::Bounds;

/// A key with its value, or with `None` where a layer deletes it.
pub(crate) type Change = (Bytes, Option<Bytes>);

/// The changes of one layer in the order of their keys.
pub(crate) type Source<'a> = Box<dyn DoubleEndedIterator<Item = Result<Change, StoreError>> + 'a>;

/// A state that does not change while it is being looked at.
pub(crate) trait Snapshot {
    /// The key's value.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError>;
    /// Appends the layers' changes within the bounds (which are not empty), newest layer first.
    fn sources<'a>(&'a self, bounds: &Bounds, sources: &mut Vec<Source<'a>>) -> Result<(), StoreError>;
}

/// Changes, sorted; a later change of the same key replaces an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    changes: BTreeMap<Bytes, Option<Bytes>>,
    /// Bytes of all keys and values, about.
    size: usize,
}

/// What an entry costs beside its key and value, about: two handles, and a share of the tree's node.
const ENTRY_OVERHEAD: usize = 96;

impl Layer {
    /// What this layer says about the key: `None`: nothing, `Some(None)`: deleted.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        self.changes.get(key).cloned()
    }

    pub(crate) fn set(&mut self, key: Bytes, value: Option<Bytes>) {
        self.size += ENTRY_OVERHEAD + key.len() + value.as_ref().map_or(0, Bytes::len);
        let key_len = key.len();
        if let Some(old) = self.changes.insert(key, value) {
            self.size -= ENTRY_OVERHEAD + key_len + old.map_or(0, |value| value.len());
        }
    }

    /// Adds newer changes.
    pub(crate) fn extend(&mut self, newer: Self) {
        if self.is_empty() {
            *self = newer;
            return;
        }
        for (key, value) in newer {
            self.set(key, value);
        }
    }

    /// Forgets the key altogether, for a layer that has nothing below it.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        if let Some(old) = self.changes.remove(key) {
            self.size -= ENTRY_OVERHEAD + key.len() + old.map_or(0, |value| value.len());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn iter(&self) -> btree_map::Iter<'_, Bytes, Option<Bytes>> {
        self.changes.iter()
    }

    pub(crate) fn source<'a>(&'a self, bounds: &Bounds) -> Source<'a> {
        let range = (Bound::Included(bounds.start.as_slice()), Bound::Excluded(bounds.end.as_slice()));
        Box::new(self.changes.range::<[u8], _>(range).map(|(key, value)| Ok((key.clone(), value.clone()))))
    }
}

impl IntoIterator for Layer {
    type Item = Change;
    type IntoIter = btree_map::IntoIter<Bytes, Option<Bytes>>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.into_iter()
    }
}

/// The entries of several layers: where two speak of the same key the newer one holds, and deleted keys are left out.
pub(crate) struct Merge<'a> {
    layers: Vec<Peekable<'a>>,
}

impl<'a> Merge<'a> {
    /// Of sources in the order newest first.
    pub(crate) fn new(sources: Vec<Source<'a>>) -> Self {
        Self { layers: sources.into_iter().map(|source| Peekable { source, front: None, back: None }).collect() }
    }

    /// The next change from that end, of the newest layer that has one for its key.
    fn step(&mut self, end: End) -> Option<Result<Change, StoreError>> {
        let mut best: Option<Bytes> = None;
        for layer in &mut self.layers {
            let key = match layer.peek(end) {
                Ok(Some(key)) => key,
                Ok(None) => continue,
                Err(error) => return Some(Err(error)),
            };
            let better = best.as_ref().is_none_or(|best| match end {
                End::Front => key < best,
                End::Back => key > best,
            });
            if better {
                best = Some(key.clone());
            }
        }
        let best = best?;
        let mut newest = None;
        for layer in &mut self.layers {
            if let Some(change) = layer.take_if(end, &best) {
                newest = newest.or(Some(change));
            }
        }
        newest.map(Ok)
    }

    fn entry(&mut self, end: End) -> Option<Result<(Bytes, Bytes), StoreError>> {
        loop {
            match self.step(end)? {
                Ok((key, Some(value))) => return Some(Ok((key, value))),
                Ok((_, None)) => {}
                Err(error) => {
                    self.layers.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<(Bytes, Bytes), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entry(End::Front)
    }
}

impl DoubleEndedIterator for Merge<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.entry(End::Back)
    }
}

#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

/// A source that can be looked at from both ends. When it is used up from one end, what was looked at from the other is its last change.
struct Peekable<'a> {
    source: Source<'a>,
    front: Option<Change>,
    back: Option<Change>,
}

impl Peekable<'_> {
    fn peek(&mut self, end: End) -> Result<Option<&Bytes>, StoreError> {
        let (here, there) = match end {
            End::Front => (&mut self.front, &mut self.back),
            End::Back => (&mut self.back, &mut self.front),
        };
        if here.is_none() {
            let next = match end {
                End::Front => self.source.next(),
                End::Back => self.source.next_back(),
            };
            *here = match next {
                Some(change) => Some(change?),
                None => there.take(),
            };
        }
        Ok(here.as_ref().map(|(key, _)| key))
    }

    fn take_if(&mut self, end: End, key: &Bytes) -> Option<Change> {
        let here = match end {
            End::Front => &mut self.front,
            End::Back => &mut self.back,
        };
        here.take_if(|(here, _)| here == key)
    }
}
