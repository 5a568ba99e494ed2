//! Which environment runs an invocation: the most recently used idle one, else a new one, within a bound.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::environment::Environment;
use crate::errors::ExecutorError;

/// All environments.
pub(crate) struct Pools {
    /// Idle environments by key, the most recently used last.
    idle: Mutex<HashMap<String, Vec<Idle>>>,
    /// Every environment from its start to its end.
    all: Mutex<HashMap<u64, Arc<Environment>>>,
    slots: Arc<Semaphore>,
    limit: usize,
    queued: AtomicUsize,
    /// Told when something becomes free while invocations wait.
    freed: Notify,
    /// Told when an environment may have become busy, for the watch over memory.
    pub(crate) activity: Notify,
    closing: AtomicBool,
}

struct Idle {
    environment: Arc<Environment>,
    since: Instant,
}

/// What an invocation gets.
pub(crate) enum Slot {
    Warm(Arc<Environment>),
    /// The right to start an environment.
    Cold(OwnedSemaphorePermit),
}

impl Pools {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            idle: Mutex::default(),
            all: Mutex::default(),
            slots: Arc::new(Semaphore::new(limit.max(1))),
            limit,
            queued: AtomicUsize::new(0),
            freed: Notify::new(),
            activity: Notify::new(),
            closing: AtomicBool::new(false),
        }
    }

    /// An idle environment of the key.
    pub(crate) fn take_idle(&self, key: &str) -> Option<Arc<Environment>> {
        loop {
            let environment = self.idle.lock().get_mut(key)?.pop()?.environment;
            if environment.is_spent() {
                environment.kill();
            } else if environment.is_idle() {
                return Some(environment);
            }
        }
    }

    /// An idle environment of the key or a slot for a new one; waits when the bound is reached.
    pub(crate) async fn acquire(&self, key: &str, patience: Duration) -> Result<Slot, ExecutorError> {
        if let Some(slot) = self.try_acquire(key)? {
            return Ok(slot);
        }
        self.queued.fetch_add(1, Ordering::Relaxed);
        let waiting = tokio::time::timeout(patience, async {
            loop {
                let freed = self.freed.notified();
                tokio::pin!(freed);
                freed.as_mut().enable();
                if let Some(slot) = self.try_acquire(key)? {
                    return Ok(slot);
                }
                self.end_least_recent();
                tokio::select! {
                    () = freed => {}
                    permit = self.slots.clone().acquire_owned() => {
                        return permit.map(Slot::Cold).map_err(|_| ExecutorError::ShuttingDown);
                    }
                }
            }
        });
        let result = waiting.await;
        self.queued.fetch_sub(1, Ordering::Relaxed);
        result.unwrap_or_else(|_| {
            let waited_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
            Err(ExecutorError::Saturated { limit: self.limit, waited_ms })
        })
    }

    fn try_acquire(&self, key: &str) -> Result<Option<Slot>, ExecutorError> {
        if self.closing.load(Ordering::Relaxed) {
            return Err(ExecutorError::ShuttingDown);
        }
        if let Some(environment) = self.take_idle(key) {
            return Ok(Some(Slot::Warm(environment)));
        }
        Ok(self.slots.clone().try_acquire_owned().ok().map(Slot::Cold))
    }

    /// Makes room by ending the environment that has been idle the longest.
    fn end_least_recent(&self) {
        let mut idle = self.idle.lock();
        let oldest = idle
            .iter()
            .filter_map(|(key, list)| list.first().map(|first| (first.since, key.clone())))
            .min_by_key(|(since, _)| *since);
        let Some((_, key)) = oldest else { return };
        if let Some(list) = idle.get_mut(&key).filter(|list| !list.is_empty()) {
            list.remove(0).environment.kill();
        }
    }

    /// An environment has answered and waits for more.
    pub(crate) fn put_back(&self, environment: Arc<Environment>) {
        {
            let mut idle = self.idle.lock();
            let entry = Idle { environment, since: Instant::now() };
            match idle.get_mut(&entry.environment.spec.key) {
                Some(list) => list.push(entry),
                None => {
                    idle.insert(entry.environment.spec.key.clone(), vec![entry]);
                }
            }
        }
        if self.queued.load(Ordering::Relaxed) > 0 {
            self.freed.notify_waiters();
        }
    }

    pub(crate) fn add(&self, environment: Arc<Environment>) {
        self.all.lock().insert(environment.id, environment);
        self.activity.notify_one();
    }

    /// The environment has ended.
    pub(crate) fn remove(&self, environment: &Arc<Environment>) {
        self.all.lock().remove(&environment.id);
        let mut idle = self.idle.lock();
        if let Some(list) = idle.get_mut(&environment.spec.key) {
            list.retain(|entry| entry.environment.id != environment.id);
            if list.is_empty() {
                idle.remove(&environment.spec.key);
            }
        }
        drop(idle);
        self.freed.notify_waiters();
    }

    pub(crate) fn retire(&self, key: &str) {
        self.idle.lock().remove(key);
        for environment in self.every() {
            if environment.spec.key == key {
                environment.retire();
            }
        }
    }

    /// Ends what has been idle for longer than `limit`.
    pub(crate) fn evict(&self, limit: Duration) {
        let mut idle = self.idle.lock();
        for list in idle.values_mut() {
            list.retain(|entry| {
                let keep = entry.since.elapsed() < limit && !entry.environment.is_spent();
                if !keep {
                    entry.environment.kill();
                }
                keep
            });
        }
        idle.retain(|_, list| !list.is_empty());
    }

    /// Every environment there is.
    pub(crate) fn every(&self) -> Vec<Arc<Environment>> {
        self.all.lock().values().cloned().collect()
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.idle.lock().clear();
        for environment in self.every() {
            environment.kill();
        }
        self.freed.notify_waiters();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// (all, idle, queued)
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let idle = self.idle.lock().values().map(Vec::len).sum();
        (self.all.lock().len(), idle, self.queued.load(Ordering::Relaxed))
    }
}
