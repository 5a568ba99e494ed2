//! The default engine: an append-only log in front of a table file (redb).
//!
//! How a write becomes durable:
//! 1. The runner thread ([`runner`]) runs the queued closures one after the other and collects their changes in a batch.
//! 2. The syncer thread ([`syncer`]) appends the batch to the log with one fsync, makes it visible to readers and
//!    answers the waiters. Meanwhile the runner fills the next batch, so many writers share an fsync.
//! 3. When enough changes are in memory, or nothing was written for a while, the syncer freezes them and starts a new log
//!    segment; the flusher thread ([`flusher`]) moves them to the table file and removes the log segments that held them.
//!
//! Opening reads the remaining segments back into memory ([`replay`]). Files: `lock`, `log/NUMBER`, `tables.redb`.

mod flusher;
mod log;
mod replay;
mod runner;
mod state;
mod syncer;
mod tables;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::job::Job;
use crate::reading;
use crate::{OpenError, ReadTx, StoreError};
use flusher::Flusher;
use runner::Queue;
use state::State;
use tables::Tables;

/// When changes move from memory to the table file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// How much is kept in memory, in bytes, before it is moved.
    pub(crate) memory: usize,
    /// How long nothing is written before what is in memory is moved.
    pub(crate) idle: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory: 16 << 20, idle: Duration::from_secs(3) }
    }
}

pub(crate) struct Embedded {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the callers and the three threads share.
struct Shared {
    options: Options,
    /// What readers see; all of it is durable.
    state: RwLock<State>,
    queue: Queue,
    flusher: Flusher,
    /// Why nothing can be written any more.
    failure: Mutex<Option<StoreError>>,
    /// Keeps other processes out, until everything has stopped.
    lock: Mutex<Option<File>>,
}

impl Embedded {
    pub(crate) fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let log_dir = dir.join("log");
        std::fs::create_dir_all(&log_dir).map_err(|source| OpenError::Io { path: log_dir.clone(), source })?;
        let lock = lock(dir)?;
        let tables = Tables::open(dir.join("tables.redb"))?;
        let applied = tables.applied();
        let replayed = replay::replay(&log_dir, applied)?;
        let log = log::Log::new(log_dir.clone(), replayed.next_segment, replayed.next_sequence);

        let shared = Arc::new(Shared {
            options,
            state: RwLock::new(State {
                active: replayed.changes,
                frozen: None,
                base: tables.base().cloned(),
                closed: false,
            }),
            queue: Queue::default(),
            flusher: Flusher::default(),
            failure: Mutex::default(),
            lock: Mutex::new(Some(lock)),
        });
        let engine = Self { shared: Arc::clone(&shared), threads: Mutex::default() };
        let (batches, received) = std::sync::mpsc::sync_channel(1);
        let runner = Arc::clone(&shared);
        engine.spawn(dir, "store-run", move || runner::run(&runner, &batches))?;
        let syncer = Arc::clone(&shared);
        engine.spawn(dir, "store-sync", move || syncer::run(&syncer, &received, log))?;
        engine.spawn(dir, "store-flush", move || flusher::run(&shared, tables, &log_dir))?;
        Ok(engine)
    }

    fn spawn(&self, dir: &Path, name: &str, f: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(f);
        let thread = thread.map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
        self.threads.lock().push(thread);
        Ok(())
    }

    pub(crate) fn read<T, E: From<StoreError>>(&self, f: impl FnOnce(&ReadTx<'_>) -> Result<T, E>) -> Result<T, E> {
        let state = reading::read(&self.shared.state);
        if state.closed {
            return Err(StoreError::Closed.into());
        }
        f(&ReadTx::new(&*state))
    }

    pub(crate) fn submit(&self, job: Box<dyn Job>) {
        match self.shared.failure() {
            Some(error) => job.finish(Err(error)),
            None => self.shared.queue.push(job),
        }
    }

    pub(crate) fn close(&self) {
        self.shared.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock());
        let current = thread::current().id();
        // The last handle may go with a closure that one of these threads has just run; they cannot wait for themselves.
        if threads.iter().any(|thread| thread.thread().id() == current) {
            return;
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn failure(&self) -> Option<StoreError> {
        self.failure.lock().clone()
    }

    /// Refuses writes from now on. After a failed fsync the system may have dropped the data and report success the next time,
    /// so only opening again, which reads what is really there, can tell.
    fn fail(&self, what: &str, error: &dyn std::fmt::Display) -> StoreError {
        let reason = format!("{what}: {error}");
        tracing::error!(%reason, "the store refuses writes from now on");
        self.failure.lock().get_or_insert_with(|| StoreError::Failed(reason.into())).clone()
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path: PathBuf = dir.join("lock");
    let io = |source| OpenError::Io { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}
