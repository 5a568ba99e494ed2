//! What readers see, and what the running closures see on top of it.

use std::sync::Arc;

use bytes::Bytes;

use super::tables::Base;
use crate::StoreError;
use crate::layer::{Layer, Snapshot, Source};
use crate::range::Bounds;

/// Everything that is durable.
pub(super) struct State {
    /// Changes that are only in the log.
    pub(super) active: Layer,
    /// Older changes, on their way to the table file.
    pub(super) frozen: Option<Arc<Layer>>,
    /// The table file as it was when the last frozen changes had reached it.
    pub(super) base: Option<Base>,
    /// After that nothing can be read any more.
    pub(super) closed: bool,
}

impl State {
    /// Frees memory and files.
    pub(super) fn close(&mut self) {
        *self = Self { active: Layer::default(), frozen: None, base: None, closed: true };
    }
}

impl Snapshot for State {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if let Some(value) = self.active.get(key) {
            return Ok(value);
        }
        if let Some(value) = self.frozen.as_ref().and_then(|frozen| frozen.get(key)) {
            return Ok(value);
        }
        match &self.base {
            Some(base) => base.get(key),
            None => Ok(None),
        }
    }

    fn sources<'a>(&'a self, bounds: &Bounds, sources: &mut Vec<Source<'a>>) -> Result<(), StoreError> {
        sources.push(self.active.source(bounds));
        if let Some(frozen) = &self.frozen {
            sources.push(frozen.source(bounds));
        }
        if let Some(base) = &self.base {
            sources.push(base.source(bounds)?);
        }
        Ok(())
    }
}

/// The durable state with the batches on top that are not durable yet.
pub(super) struct Pending<'a> {
    /// The batch that is being filled.
    pub(super) batch: &'a Layer,
    /// The batch that is being synced. Whether the state has it already makes no difference: it has nothing newer.
    pub(super) in_flight: &'a Layer,
    pub(super) state: &'a State,
}

impl Snapshot for Pending<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.batch.get(key).or_else(|| self.in_flight.get(key)) {
            Some(value) => Ok(value),
            None => self.state.get(key),
        }
    }

    fn sources<'a>(&'a self, bounds: &Bounds, sources: &mut Vec<Source<'a>>) -> Result<(), StoreError> {
        for layer in [self.batch, self.in_flight] {
            if !layer.is_empty() {
                sources.push(layer.source(bounds));
            }
        }
        self.state.sources(bounds, sources)
    }
}
