//! The engine: finds what was enqueued, makes what is due, settles what came of it.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use pilvi_bus::{Bus, Clock, Platform};
use pilvi_store::{Range, Store, StoreError, WriteTx};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::plan::{LaneName, Plan};
use crate::record::DELIVERIES;
use crate::{Deliverer, Delivery, NewDelivery, Outcome, Schedule};

/// The most deliveries at the same time.
const MOST: usize = 1000;
/// How often all of the store is looked through, in case something was missed.
const LOOK: Duration = Duration::from_secs(60);
/// How long attempts may go on after shutdown; they are made again after a restart.
const GRACE: Duration = Duration::from_millis(500);

/// Deliveries of one kind to one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Their kind.
    pub kind: String,
    /// Their target.
    pub target: String,
    /// How many wait.
    pub waiting: usize,
    /// How many are being made.
    pub running: usize,
}

/// Deliveries of one kind to one target, and why they are still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// How many, and how many of them are being made.
    pub backlog: Backlog,
    /// When the first of them was enqueued, in milliseconds since 1970.
    pub since: i64,
    /// When the next of them is tried, in milliseconds since 1970.
    pub next: i64,
    /// How often the most tried of them was tried.
    pub attempts: u32,
    /// What its last attempt failed with; none before it was tried.
    pub cause: Option<String>,
}

/// Durable, at-least-once deliveries.
pub struct Deliveries {
    store: Store,
    clock: Clock,
    bus: Arc<Bus>,
    next: AtomicU64,
    deliverers: RwLock<BTreeMap<String, Arc<dyn Deliverer>>>,
    plan: Mutex<Plan>,
    /// Something was enqueued, perhaps not durable yet.
    arrived: Notify,
    /// There may be something to start.
    ready: Notify,
}

impl Deliveries {
    /// The deliveries of a store. Deliverers are registered before [`Deliveries::run`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(platform: &Platform) -> Result<Arc<Self>, StoreError> {
        let last = platform.store.read(|tx| tx.keys(&DELIVERIES, Range::all()).next_back().transpose())?;
        Ok(Arc::new(Self {
            store: platform.store.clone(),
            clock: platform.clock.clone(),
            bus: platform.bus.clone(),
            next: AtomicU64::new(last.map_or(0, |(number,)| number + 1)),
            deliverers: RwLock::default(),
            plan: Mutex::default(),
            arrived: Notify::new(),
            ready: Notify::new(),
        }))
    }

    /// Says who makes the deliveries of a kind.
    pub fn register(&self, kind: &str, deliverer: Arc<dyn Deliverer>) {
        self.deliverers.write().insert(kind.to_owned(), deliverer);
        self.ready.notify_one();
    }

    /// Writes a delivery in the transaction that causes it: it is made if and only if that commits. The engine is woken.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn enqueue(&self, tx: &mut WriteTx<'_>, new: NewDelivery) -> Result<(), StoreError> {
        // Transactions run one after the other, so numbers are in the order of commits; those of one that fails are left out.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        tx.put(&DELIVERIES, &(number,), &Delivery::new(new, self.clock.now_ms()))?;
        self.arrived.notify_one();
        Ok(())
    }

    /// Makes the engine look for what was enqueued. [`Deliveries::enqueue`] does so too; calling this after the commit is harmless.
    pub fn wake(&self) {
        self.arrived.notify_one();
    }

    /// What waits and what is being made, by kind and target.
    pub fn backlog(&self) -> Vec<Backlog> {
        let plan = self.plan.lock();
        let lane = |(name, waiting, running): (&LaneName, usize, usize)| Backlog {
            kind: name.0.clone(),
            target: name.1.clone(),
            waiting,
            running,
        };
        plan.lanes().map(lane).collect()
    }

    /// What waits and why, by kind and target, from the store. It looks at all deliveries: for people, not for programs.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn report(&self) -> Result<Vec<Waiting>, StoreError> {
        let mut lanes: BTreeMap<(String, String), Waiting> = BTreeMap::new();
        self.store.read(|tx| {
            for entry in tx.range(&DELIVERIES, Range::all()) {
                let (_, delivery) = entry?;
                let Delivery { kind, target, created, due, attempt, last_error, .. } = delivery;
                let lane = lanes.entry((kind.clone(), target.clone())).or_insert_with(|| Waiting {
                    backlog: Backlog { kind, target, waiting: 0, running: 0 },
                    since: created,
                    next: due,
                    attempts: 0,
                    cause: None,
                });
                lane.backlog.waiting += 1;
                lane.since = lane.since.min(created);
                lane.next = lane.next.min(due);
                if attempt >= lane.attempts {
                    lane.attempts = attempt;
                    lane.cause = last_error.or_else(|| lane.cause.take());
                }
            }
            Ok::<(), StoreError>(())
        })?;
        for Backlog { kind, target, running, .. } in self.backlog() {
            if let Some(lane) = lanes.get_mut(&(kind, target)) {
                lane.backlog.running = running.min(lane.backlog.waiting);
                lane.backlog.waiting -= lane.backlog.running;
            }
        }
        Ok(lanes.into_values().collect())
    }

    /// Makes deliveries until the token is cancelled.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        tokio::join!(self.look_always(&shutdown), self.make_always(&shutdown));
    }

    async fn look_always(&self, shutdown: &CancellationToken) {
        let mut all = true;
        loop {
            if let Err(problem) = self.look(all).await {
                error!(%problem, "cannot look for deliveries");
            }
            self.ready.notify_one();
            all = tokio::select! {
                () = self.arrived.notified() => false,
                () = self.clock.sleep(LOOK) => true,
                () = shutdown.cancelled() => return,
            };
        }
    }

    /// Finds what was enqueued since the last look, or all there is.
    async fn look(&self, all: bool) -> Result<(), StoreError> {
        // An empty write is answered when all before it is durable: whoever woke us is done then.
        self.store.write(|_| Ok::<(), StoreError>(())).await?;
        let cursor = self.plan.lock().cursor.filter(|_| !all);
        let range = match cursor {
            Some(last) => Range::all().after(&(last,)),
            None => Range::all(),
        };
        let found = self.store.read(|tx| {
            let entries = tx.range(&DELIVERIES, range);
            let facts = entries.map(|entry| {
                let ((number,), delivery) = entry?;
                Ok((number, delivery.due, Arc::new((delivery.kind, delivery.target))))
            });
            facts.collect::<Result<Vec<_>, StoreError>>()
        })?;
        let mut plan = self.plan.lock();
        for (number, due, lane) in found {
            plan.add(number, due, lane);
            plan.cursor = plan.cursor.max(Some(number));
        }
        Ok(())
    }

    async fn make_always(self: &Arc<Self>, shutdown: &CancellationToken) {
        let mut attempts = JoinSet::new();
        while !shutdown.is_cancelled() {
            while let Some((number, lane)) = self.start() {
                attempts.spawn(self.clone().attempt(number, lane));
            }
            while attempts.try_join_next().is_some() {}
            let due = self.plan.lock().next_due().map(|due| Timestamp::from_millisecond(due).unwrap_or(Timestamp::MAX));
            let due = due.unwrap_or(Timestamp::MAX);
            tokio::select! {
                () = self.ready.notified() => {}
                () = self.clock.sleep_until(due) => {}
                () = shutdown.cancelled() => {}
            }
        }
        let rest = async { while attempts.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, rest).await.is_err() {
            debug!("deliveries go on after a restart");
        }
    }

    fn start(&self) -> Option<(u64, LaneName)> {
        let deliverers = self.deliverers.read();
        let bound = |kind: &str| deliverers.get(kind).map_or(1, |deliverer| deliverer.schedule().per_target);
        self.plan.lock().start(self.clock.now_ms(), MOST, bound)
    }

    async fn attempt(self: Arc<Self>, number: u64, lane: LaneName) {
        let deliverer = self.deliverers.read().get(&lane.0).cloned();
        let bound = deliverer.as_ref().map_or(1, |deliverer| deliverer.schedule().per_target);
        let tried = self.try_once(number, deliverer.as_deref()).await;
        self.plan.lock().end(&lane, bound);
        self.ready.notify_one();
        let settled = match tried {
            Ok(Some((delivery, outcome))) => self.settle(number, delivery, outcome, deliverer.as_deref()).await,
            Ok(None) => Ok(None),
            Err(problem) => Err(problem),
        };
        let mut plan = self.plan.lock();
        match settled {
            Ok(None) => plan.forget(number),
            Ok(Some(due)) => plan.wait(number, due, lane),
            Err(problem) => {
                error!(%problem, number, "a delivery could not be read or written; it is tried again");
                plan.wait(number, self.clock.now_ms() + 1000, lane);
            }
        }
        drop(plan);
        self.ready.notify_one();
    }

    async fn try_once(
        &self,
        number: u64,
        deliverer: Option<&dyn Deliverer>,
    ) -> Result<Option<(Delivery, Outcome)>, StoreError> {
        let Some(delivery) = self.store.read(|tx| tx.get(&DELIVERIES, &(number,)))? else { return Ok(None) };
        let Some(deliverer) = deliverer else {
            warn!(kind = delivery.kind, "nobody makes deliveries of this kind");
            let outcome = Outcome::Retry { after: Some(LOOK), reason: "nobody delivers this".to_owned(), marks: 0 };
            return Ok(Some((delivery, outcome)));
        };
        let span =
            self.bus.traces.begin_of(&delivery.origin.trace, format!("deliver {}", delivery.kind), &delivery.target);
        // What the attempt causes is part of it; the record keeps the cause's own trace.
        let mut traced = delivery.clone();
        traced.origin.trace = span.header(&delivery.origin.trace);
        let attempt = AssertUnwindSafe(deliverer.deliver(&traced)).catch_unwind().await;
        let outcome = attempt.unwrap_or_else(|_| {
            error!(kind = delivery.kind, target = delivery.target, "a deliverer panicked");
            Outcome::retry(&delivery, "the deliverer panicked")
        });
        self.bus.traces.end(
            span,
            match &outcome {
                Outcome::Done(_) => None,
                Outcome::Retry { reason, .. } | Outcome::Dead { reason } => Some(reason.clone()),
            },
        );
        Ok(Some((delivery, outcome)))
    }

    /// Writes what came of an attempt; answers when the next one is due, if there is one.
    async fn settle(
        &self,
        number: u64,
        mut delivery: Delivery,
        outcome: Outcome,
        deliverer: Option<&dyn Deliverer>,
    ) -> Result<Option<i64>, StoreError> {
        let follow_ups = match outcome {
            Outcome::Done(follow_ups) => follow_ups,
            Outcome::Dead { reason } => self.bury(&delivery, &reason, deliverer).await,
            Outcome::Retry { after, reason, marks } => {
                let schedule = deliverer.map_or_else(Schedule::default, Deliverer::schedule);
                let wait = after.unwrap_or_else(|| schedule.wait(delivery.attempt, rand::random()));
                delivery.attempt = delivery.attempt.saturating_add(1);
                delivery.marks = marks;
                delivery.due = self.clock.now_ms().saturating_add(millis(wait));
                let too_often = schedule.attempts.is_some_and(|most| delivery.attempt >= most);
                let too_old = delivery.due - delivery.created > millis(schedule.age);
                if deliverer.is_none() || !(too_often || too_old) {
                    debug!(
                        kind = delivery.kind,
                        target = delivery.target,
                        attempt = delivery.attempt,
                        reason,
                        "again later"
                    );
                    let due = delivery.due;
                    delivery.last_error = Some(reason);
                    self.store.write(move |tx| tx.put(&DELIVERIES, &(number,), &delivery)).await?;
                    return Ok(Some(due));
                }
                self.bury(&delivery, &reason, deliverer).await
            }
        };
        self.finish(number, follow_ups).await?;
        Ok(None)
    }

    async fn bury(&self, delivery: &Delivery, reason: &str, deliverer: Option<&dyn Deliverer>) -> Vec<NewDelivery> {
        warn!(kind = delivery.kind, target = delivery.target, reason, "a delivery is given up");
        match deliverer {
            Some(deliverer) => deliverer.dead(delivery, reason).await,
            None => Vec::new(),
        }
    }

    async fn finish(&self, number: u64, follow_ups: Vec<NewDelivery>) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        // These numbers are taken before the transaction's turn, so a look may be past them already: they are planned below.
        let first = self.next.fetch_add(follow_ups.len() as u64, Ordering::Relaxed);
        let numbered: Vec<(u64, Delivery)> =
            (first..).zip(follow_ups.into_iter().map(|new| Delivery::new(new, now))).collect();
        let lanes: Vec<(u64, i64, LaneName)> = numbered
            .iter()
            .map(|(number, new)| (*number, new.due, Arc::new((new.kind.clone(), new.target.clone()))))
            .collect();
        self.store
            .write(move |tx| {
                tx.delete(&DELIVERIES, &(number,))?;
                for (number, delivery) in &numbered {
                    tx.put(&DELIVERIES, &(*number,), delivery)?;
                }
                Ok::<(), StoreError>(())
            })
            .await?;
        let mut plan = self.plan.lock();
        for (number, due, lane) in lanes {
            plan.add(number, due, lane);
        }
        Ok(())
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
