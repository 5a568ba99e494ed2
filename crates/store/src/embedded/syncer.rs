//! Makes batches durable, and answers those who wait for them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use super::Shared;
use super::flusher::Frozen;
use super::log::Log;
use super::runner::Batch;
use crate::StoreError;

/// How many times what should be in memory may be there, before writers wait for the flusher.
const BEHIND: usize = 4;

pub(super) fn run(shared: &Shared, batches: &Receiver<Batch>, mut log: Log) {
    loop {
        let idle = shared.state.read().active.is_empty();
        let received = match idle {
            true => batches.recv().map_err(RecvTimeoutError::from),
            false => batches.recv_timeout(shared.options.idle),
        };
        match received {
            Ok(batch) => sync(shared, batch, &mut log),
            Err(RecvTimeoutError::Timeout) => freeze(shared, &mut log),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    shared.flusher.stop();
}

fn sync(shared: &Shared, batch: Batch, log: &mut Log) {
    let started = Instant::now();
    let durable = make_durable(shared, &batch, log);
    for job in batch.jobs {
        job.finish(durable.clone());
    }
    shared.queue.synced(started, batch.awaited);
}

fn make_durable(shared: &Shared, batch: &Batch, log: &mut Log) -> Result<(), StoreError> {
    // The closures of a batch behind a failed one have seen what never became durable.
    if let Some(error) = shared.failure() {
        return Err(error);
    }
    if batch.changes.is_empty() {
        return Ok(());
    }
    if shared.state.read().active.size() >= shared.options.memory * BEHIND {
        shared.flusher.wait_until_idle();
        freeze(shared, log);
    }
    log.append(&batch.changes).map_err(|error| shared.fail("writing the log", &error))?;
    let mut state = shared.state.write();
    for (key, value) in batch.changes.iter() {
        state.active.set(key.clone(), value.clone());
    }
    let large = state.active.size() >= shared.options.memory;
    drop(state);
    if large {
        freeze(shared, log);
    }
    Ok(())
}

/// Hands what is in memory to the flusher, unless it still has something to do.
fn freeze(shared: &Shared, log: &mut Log) {
    let mut state = shared.state.write();
    if state.frozen.is_some() || state.active.is_empty() || shared.failure().is_some() {
        return;
    }
    let changes = Arc::new(std::mem::take(&mut state.active));
    state.frozen = Some(Arc::clone(&changes));
    drop(state);
    shared.flusher.flush(Frozen { changes, until: log.rotate() });
}
