//! The engine that keeps nothing: for `--ephemeral` and for tests.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use crate::job::Job;
use crate::layer::{Layer, Snapshot, Source};
use crate::range::Bounds;
use crate::reading;
use crate::{ReadTx, StoreError, WriteTx};

/// One layer, in which nothing is marked as deleted.
#[derive(Default)]
pub(crate) struct Memory {
    state: RwLock<Layer>,
    /// Held by the one closure that is writing.
    writing: Mutex<()>,
    closed: AtomicBool,
}

impl Memory {
    pub(crate) fn read<T, E: From<StoreError>>(&self, f: impl FnOnce(&ReadTx<'_>) -> Result<T, E>) -> Result<T, E> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed.into());
        }
        let state = reading::read(&self.state);
        f(&ReadTx::new(&*state))
    }

    /// Runs a job at once, on the caller's thread.
    pub(crate) fn submit(&self, mut job: Box<dyn Job>) {
        if self.closed.load(Ordering::Acquire) {
            return job.finish(Err(StoreError::Closed));
        }
        let writing = self.writing.lock();
        if let Some(changes) = self.changes(&mut *job) {
            let mut state = self.state.write();
            for (key, value) in changes {
                match value {
                    Some(value) => state.set(key, Some(value)),
                    None => state.remove(&key),
                }
            }
        }
        drop(writing);
        job.finish(Ok(()));
    }

    fn changes(&self, job: &mut dyn Job) -> Option<Layer> {
        let state = reading::read(&self.state);
        let mut tx = WriteTx::new(&*state);
        job.run(&mut tx).then(|| tx.into_changes())
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

impl Snapshot for Layer {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(Self::get(self, key).flatten())
    }

    fn sources<'a>(&'a self, bounds: &Bounds, sources: &mut Vec<Source<'a>>) -> Result<(), StoreError> {
        sources.push(self.source(bounds));
        Ok(())
    }
}
