//! Moves frozen changes to the table file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::Shared;
use super::log::{self, Position};
use super::tables::Tables;
use crate::layer::Layer;

/// Changes that do not change any more.
pub(super) struct Frozen {
    pub(super) changes: Arc<Layer>,
    /// What of the log they cover.
    pub(super) until: Position,
}

/// What the flusher has to do.
#[derive(Default)]
pub(super) struct Flusher {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    frozen: Option<Frozen>,
    busy: bool,
    stopping: bool,
}

impl Flusher {
    pub(super) fn flush(&self, frozen: Frozen) {
        let mut inner = self.inner.lock();
        inner.frozen = Some(frozen);
        inner.busy = true;
        drop(inner);
        self.changed.notify_all();
    }

    pub(super) fn wait_until_idle(&self) {
        let mut inner = self.inner.lock();
        while inner.busy {
            self.changed.wait(&mut inner);
        }
    }

    /// Ends the thread, after what it was given.
    pub(super) fn stop(&self) {
        self.inner.lock().stopping = true;
        self.changed.notify_all();
    }

    fn take(&self) -> Option<Frozen> {
        let mut inner = self.inner.lock();
        loop {
            if let Some(frozen) = inner.frozen.take() {
                return Some(frozen);
            }
            if inner.stopping {
                return None;
            }
            self.changed.wait(&mut inner);
        }
    }

    fn done(&self) {
        self.inner.lock().busy = false;
        self.changed.notify_all();
    }
}

pub(super) fn run(shared: &Shared, mut tables: Tables, log_dir: &Path) {
    while let Some(frozen) = shared.flusher.take() {
        // On a failure the frozen changes stay: readers still see them, and the log still has them.
        match apply(&mut tables, &frozen) {
            Ok(()) => {
                let old = {
                    let mut state = shared.state.write();
                    (state.frozen.take(), std::mem::replace(&mut state.base, tables.base().cloned()))
                };
                // Freeing much memory takes a while; not under the lock.
                drop((old, frozen.changes));
                remove_segments(log_dir, frozen.until);
            }
            Err(error) => drop(shared.fail("writing the table file", &error)),
        }
        shared.flusher.done();
    }
    // The last of the three threads to end; the directory may be opened again.
    shared.state.write().close();
    drop(tables);
    // Unlocked and not just closed: a process that is being spawned at this moment has a copy of the handle until it runs.
    if let Some(Err(error)) = shared.lock.lock().take().map(|lock| lock.unlock()) {
        tracing::warn!(%error, "cannot unlock the store's directory");
    }
}

/// A panic in the table engine is a failure like any other; were it to end the thread, writers would wait for it for ever.
fn apply(tables: &mut Tables, frozen: &Frozen) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(|| tables.apply(&frozen.changes, frozen.until))) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the table engine panicked".to_owned()),
    }
}

fn remove_segments(dir: &Path, until: Position) {
    let remove = || {
        for number in log::segments(dir)? {
            if number <= until.segment {
                std::fs::remove_file(log::segment_path(dir, number))?;
            }
        }
        Ok::<(), std::io::Error>(())
    };
    // They are removed when the store is opened, if not now: the table file knows that it has them.
    if let Err(error) = remove() {
        tracing::warn!(%error, "cannot remove a log segment that is no longer needed");
    }
}
