//! Runs the queued closures, and decides when a batch of them is handed to the syncer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Shared;
use super::state::Pending;
use crate::job::Job;
use crate::layer::Layer;
use crate::reading;
use crate::{StoreError, WriteTx};

/// No more closures join a batch that has this many bytes.
const BATCH_BYTES: usize = 4 << 20;
/// How long writes that nobody waits for may wait for a commit to join.
const UNAWAITED_DELAY: Duration = Duration::from_millis(50);
/// The longest that a batch is held back for writers that are expected to come back.
const LONGEST_HOLD: Duration = Duration::from_millis(1);

/// What was submitted and did not run yet.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    jobs: VecDeque<Box<dyn Job>>,
    closing: bool,
    /// Whether the syncer has a batch.
    syncing: bool,
    last: Option<Synced>,
}

/// How the last batch went.
#[derive(Clone, Copy)]
struct Synced {
    at: Instant,
    took: Duration,
    /// How many waiters it answered.
    awaited: usize,
}

/// Closures that become durable together.
pub(super) struct Batch {
    pub(super) changes: Arc<Layer>,
    pub(super) jobs: Vec<Box<dyn Job>>,
    /// How many of the jobs somebody waits for.
    pub(super) awaited: usize,
}

/// A batch that closures can still join.
#[derive(Default)]
struct Filling {
    changes: Layer,
    jobs: Vec<Box<dyn Job>>,
    awaited: usize,
    started: Option<Instant>,
}

enum Step {
    Run(VecDeque<Box<dyn Job>>),
    HandOver,
    Stop,
}

impl Queue {
    pub(super) fn push(&self, job: Box<dyn Job>) {
        let mut inner = self.inner.lock();
        if inner.closing {
            drop(inner);
            return job.finish(Err(StoreError::Closed));
        }
        inner.jobs.push_back(job);
        // The runner only waits when it has emptied the queue.
        let first = inner.jobs.len() == 1;
        drop(inner);
        if first {
            self.changed.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.inner.lock().closing = true;
        self.changed.notify_one();
    }

    /// Tells the runner that the syncer is free.
    pub(super) fn synced(&self, started: Instant, awaited: usize) {
        let now = Instant::now();
        let mut inner = self.inner.lock();
        inner.syncing = false;
        inner.last = Some(Synced { at: now, took: now - started, awaited });
        drop(inner);
        self.changed.notify_one();
    }

    /// Waits until there is something to do. `in_flight` is emptied when it has become durable.
    fn step(&self, batch: &Filling, in_flight: &mut Arc<Layer>) -> Step {
        let mut inner = self.inner.lock();
        loop {
            if !inner.syncing && !in_flight.is_empty() {
                *in_flight = Arc::default();
            }
            let full = batch.changes.size() >= BATCH_BYTES;
            if !inner.jobs.is_empty() && !full {
                return Step::Run(std::mem::take(&mut inner.jobs));
            }
            if batch.jobs.is_empty() {
                if inner.closing {
                    return Step::Stop;
                }
                self.changed.wait(&mut inner);
                continue;
            }
            if inner.syncing {
                self.changed.wait(&mut inner);
                continue;
            }
            let due = batch.due(inner.last);
            if full || inner.closing || due.is_none_or(|due| due <= Instant::now()) {
                inner.syncing = true;
                return Step::HandOver;
            }
            match due {
                Some(due) => drop(self.changed.wait_until(&mut inner, due)),
                None => self.changed.wait(&mut inner),
            }
        }
    }
}

impl Filling {
    /// When the batch should be synced; `None`: now.
    ///
    /// Writers that wait in loops come back right after a sync has answered them. Without a moment's patience the first of them would start a sync alone
    /// and the others would miss it, and from then on they would take turns in two halves, each syncing for itself.
    fn due(&self, last: Option<Synced>) -> Option<Instant> {
        if self.awaited == 0 {
            return self.started.map(|started| started + UNAWAITED_DELAY);
        }
        let last = last?;
        if self.awaited >= last.awaited { None } else { Some(last.at + (last.took / 8).min(LONGEST_HOLD)) }
    }
}

pub(super) fn run(shared: &Shared, syncer: &SyncSender<Batch>) {
    let mut batch = Filling::default();
    let mut in_flight = Arc::<Layer>::default();
    loop {
        match shared.queue.step(&batch, &mut in_flight) {
            Step::Stop => return,
            Step::HandOver => {
                let Filling { changes, jobs, awaited, .. } = std::mem::take(&mut batch);
                let changes = Arc::new(changes);
                in_flight = Arc::clone(&changes);
                if syncer.send(Batch { changes, jobs, awaited }).is_err() {
                    return;
                }
            }
            Step::Run(jobs) => {
                for job in jobs {
                    run_one(shared, job, &mut batch, &in_flight);
                }
            }
        }
    }
}

fn run_one(shared: &Shared, mut job: Box<dyn Job>, batch: &mut Filling, in_flight: &Layer) {
    let changes = {
        let state = reading::read(&shared.state);
        let pending = Pending { batch: &batch.changes, in_flight, state: &state };
        let mut tx = WriteTx::new(&pending);
        job.run(&mut tx).then(|| tx.into_changes())
    };
    if let Some(changes) = changes {
        batch.changes.extend(changes);
    }
    batch.awaited += usize::from(job.awaited());
    batch.started.get_or_insert_with(Instant::now);
    // Also one that changed nothing, or failed, may have seen what is not durable yet: it is answered in its turn.
    batch.jobs.push(job);
}
