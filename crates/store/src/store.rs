//! The handle that services hold, over whichever engine.

use std::path::Path;
use std::sync::Arc;

use crate::embedded::{Embedded, Options};
use crate::job;
use crate::memory::Memory;
use crate::{OpenError, ReadTx, StoreError, WriteTx};

/// An ordered, transactional key-value space. Cloning it is cheap, and every clone is the same store.
#[derive(Clone)]
pub struct Store(Arc<Engine>);

enum Engine {
    Memory(Memory),
    Embedded(Embedded),
}

impl Store {
    /// A store that lives as long as its last clone.
    pub fn memory() -> Self {
        Self(Arc::new(Engine::Memory(Memory::default())))
    }

    /// Opens the store in a directory, which is created if it does not exist, and which no other process may open meanwhile.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(dir, Options::default())
    }

    pub(crate) fn open_with(dir: &Path, options: Options) -> Result<Self, OpenError> {
        Ok(Self(Arc::new(Engine::Embedded(Embedded::open(dir, options)?))))
    }

    /// Reads one consistent and durable state. The closure holds back commits while it runs: it must neither block nor
    /// wait for a write.
    pub fn read<T, E: From<StoreError>>(&self, f: impl FnOnce(&ReadTx<'_>) -> Result<T, E>) -> Result<T, E> {
        match &*self.0 {
            Engine::Memory(memory) => memory.read(f),
            Engine::Embedded(embedded) => embedded.read(f),
        }
    }

    /// Runs a transaction; when it returns `Ok`, its changes are durable, and when it returns `Err`, nothing has changed.
    ///
    /// The closure sees the state that all earlier writes made. It does nothing but read and write its transaction, as
    /// an engine may run it again after a conflict; it must not block. Once this future has been polled the
    /// write takes place, even if the future is dropped.
    ///
    /// # Errors
    /// What the closure returned, or a [`StoreError`] if the changes could not be made durable.
    pub async fn write<T, E>(&self, f: impl Fn(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, waiter) = job::awaited(f);
        self.submit(job);
        waiter.wait().await
    }

    /// Queues a transaction in order with the other writes; it becomes durable with the next commit and nobody waits for it. For state that may be
    /// lost with the last moments before a crash. Errors are logged.
    pub fn write_behind(&self, f: impl Fn(&mut WriteTx<'_>) -> Result<(), StoreError> + Send + 'static) {
        self.submit(job::unawaited(f));
    }

    /// Makes everything that was queued durable, stops, and lets go of the directory. What is asked of the store later fails with
    /// [`StoreError::Closed`]. May be called again; dropping the last clone does the same.
    pub fn close(&self) {
        match &*self.0 {
            Engine::Memory(memory) => memory.close(),
            Engine::Embedded(embedded) => embedded.close(),
        }
    }

    fn submit(&self, job: Box<dyn job::Job>) {
        match &*self.0 {
            Engine::Memory(memory) => memory.submit(job),
            Engine::Embedded(embedded) => embedded.submit(job),
        }
    }
}
