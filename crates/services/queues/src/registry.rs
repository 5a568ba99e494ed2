//! Which queues there are, and their backlogs in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};
use pilvi_bus::{Clock, Platform};
use pilvi_store::{Range, ReadTx, Store, StoreError};
use tokio::sync::{Notify, OnceCell};
use tokio_util::sync::CancellationToken;

use crate::errors::QueueError;
use crate::queue::{Backlog, DedupKey, DedupWindow, Message, Millis, Remembered, Restored};
use crate::state::{self, DEDUPS, MESSAGES, QUEUES, QueueName, QueueRecord, RECEIVES};

/// Bodies of this many bytes are kept in memory, over all queues; the others are read from the store when they are received.
const BODY_BUDGET: usize = 64 << 20;

/// The service's state.
pub struct Queues {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) shutdown: CancellationToken,
    pub(crate) bus: Arc<pilvi_bus::Bus>,
    queues: RwLock<BTreeMap<QueueName, Arc<Queue>>>,
    pub(crate) bodies: AtomicUsize,
}

/// A queue.
pub(crate) struct Queue {
    pub(crate) name: QueueName,
    pub(crate) number: u64,
    record: RwLock<Arc<QueueRecord>>,
    live: OnceCell<Mutex<Live>>,
    /// Told of every message that may be received.
    pub(crate) arrivals: Notify,
    pub(crate) deleted: AtomicBool,
}

/// What is in memory of a queue's messages. Its owner is this process; rebuilt from the store on first use.
pub(crate) struct Live {
    pub(crate) backlog: Backlog,
    pub(crate) dedup: DedupWindow,
    pub(crate) bodies: HashMap<u64, Arc<Message>>,
    pub(crate) purged: Option<Millis>,
}

impl Queues {
    /// Reads which queues there are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(platform: &Platform) -> Result<Self, StoreError> {
        let records =
            platform.store.read(|tx| tx.range(&QUEUES, Range::all()).collect::<Result<Vec<_>, StoreError>>())?;
        let mut queues = BTreeMap::new();
        for ((account, region, name), record) in records {
            let name = QueueName { account, region, name };
            queues.insert(name.clone(), Arc::new(Queue::new(name, record, None)));
        }
        Ok(Self {
            store: platform.store.clone(),
            clock: platform.clock.clone(),
            shutdown: platform.shutdown.clone(),
            bus: platform.bus.clone(),
            queues: RwLock::new(queues),
            bodies: AtomicUsize::new(0),
        })
    }

    /// The time, in milliseconds since 1970.
    pub(crate) fn now(&self) -> Millis {
        u64::try_from(self.clock.now_ms()).unwrap_or(0)
    }

    pub(crate) fn find(&self, name: &QueueName) -> Result<Arc<Queue>, QueueError> {
        self.queues.read().get(name).cloned().ok_or(QueueError::QueueDoesNotExist)
    }

    pub(crate) fn find_arn(&self, arn: &str) -> Result<Arc<Queue>, QueueError> {
        self.find(&QueueName::from_arn(arn).ok_or(QueueError::QueueDoesNotExist)?)
    }

    /// The queues of an account in a region, by name.
    pub(crate) fn list(&self, account: &str, region: &str) -> Vec<Arc<Queue>> {
        let first = QueueName { account: account.to_owned(), region: region.to_owned(), name: String::new() };
        let queues = self.queues.read();
        let own = queues.range(first..).take_while(|(name, _)| name.account == account && name.region == region);
        own.map(|(_, queue)| queue.clone()).collect()
    }

    /// All queues.
    pub(crate) fn all(&self) -> Vec<Arc<Queue>> {
        self.queues.read().values().cloned().collect()
    }

    /// Queues whose dead letters come to this one.
    pub(crate) fn sources_of(&self, arn: &str) -> Vec<Arc<Queue>> {
        let is_source =
            |queue: &Arc<Queue>| queue.record().settings.redrive.as_ref().is_some_and(|redrive| redrive.target == arn);
        self.all().into_iter().filter(is_source).collect()
    }

    /// Makes a queue, unless one of that name came first, which is then given back.
    pub(crate) async fn create(
        &self,
        name: QueueName,
        record: QueueRecord,
    ) -> Result<Result<Arc<Queue>, Arc<Queue>>, QueueError> {
        let queue = Arc::new(Queue::new(name.clone(), record.clone(), Some(Live::empty(&record))));
        {
            let mut queues = self.queues.write();
            if let Some(known) = queues.get(&name) {
                return Ok(Err(known.clone()));
            }
            queues.insert(name.clone(), queue.clone());
        }
        let key = name.key();
        let written = self.store.write(move |tx| tx.put(&QUEUES, &key, &record)).await;
        if let Err(error) = written {
            self.queues.write().remove(&name);
            return Err(QueueError::Store(error));
        }
        Ok(Ok(queue))
    }

    /// Changes a queue's record. The closure sees the record as it is.
    pub(crate) async fn update(
        &self,
        queue: &Arc<Queue>,
        change: impl FnOnce(&mut QueueRecord) -> Result<(), QueueError>,
    ) -> Result<(), QueueError> {
        {
            let mut current = queue.record.write();
            let mut record = QueueRecord::clone(&current);
            change(&mut record)?;
            *current = Arc::new(record);
        }
        let changed = queue.clone();
        self.store
            .write::<_, StoreError>(move |tx| {
                // What is written is the record as it is by then, so that of two changes at once the later one holds, and none
                // brings a queue back that was deleted meanwhile.
                if changed.deleted.load(Ordering::Acquire) {
                    return Ok(());
                }
                tx.put(&QUEUES, &changed.name.key(), &changed.record())
            })
            .await?;
        // Whoever waits may be affected by what was changed.
        queue.arrivals.notify_waiters();
        Ok(())
    }

    /// Deletes a queue with all that it holds.
    pub(crate) async fn delete(&self, queue: &Arc<Queue>) -> Result<(), QueueError> {
        self.queues.write().remove(&queue.name);
        queue.deleted.store(true, Ordering::Release);
        queue.arrivals.notify_waiters();
        let (key, number) = (queue.name.key(), queue.number);
        self.store
            .write::<_, StoreError>(move |tx| {
                tx.delete(&QUEUES, &key)?;
                tx.delete_range(&MESSAGES, Range::prefix(&(number,)))?;
                tx.delete_range(&RECEIVES, Range::prefix(&(number,)))?;
                tx.delete_range(&DEDUPS, Range::prefix(&(number,)))?;
                Ok(())
            })
            .await?;
        if let Some(live) = queue.live.get() {
            let mut live = live.lock();
            for (_, message) in std::mem::take(&mut live.bodies) {
                self.forget_body(&message);
            }
        }
        Ok(())
    }

    /// Lets time pass in all queues that are in memory.
    pub(crate) fn sweep(&self) {
        let now = self.now();
        for queue in self.all() {
            let retention = queue.record().settings.retention_ms();
            if let Some(mut live) = queue.loaded() {
                self.advance(&queue, &mut live, now, retention);
            }
        }
    }

    /// The queue's messages, loaded if they are not yet.
    pub(crate) async fn live<'a>(&self, queue: &'a Queue) -> Result<MutexGuard<'a, Live>, QueueError> {
        if queue.live.get().is_none() {
            let (store, now) = (self.store.clone(), self.now());
            let (number, record) = (queue.number, queue.record());
            let load = || async move {
                let loading = tokio::task::spawn_blocking(move || {
                    store.read(|tx| Live::load(tx, number, &record, now).map(Mutex::new))
                });
                loading.await.unwrap_or(Err(StoreError::Closed))
            };
            queue.live.get_or_try_init(load).await?;
        }
        queue.live.get().map(Mutex::lock).ok_or(QueueError::Store(StoreError::Closed))
    }

    /// Keeps a message's body in memory if there is room.
    pub(crate) fn keep_body(&self, live: &mut Live, seq: u64, message: &Arc<Message>) {
        let size = message.size() + 256;
        if self.bodies.load(Ordering::Relaxed) + size > BODY_BUDGET {
            return;
        }
        self.bodies.fetch_add(size, Ordering::Relaxed);
        live.bodies.insert(seq, message.clone());
    }

    /// Drops a message's body from memory.
    pub(crate) fn drop_body(&self, live: &mut Live, seq: u64) {
        if let Some(message) = live.bodies.remove(&seq) {
            self.forget_body(&message);
        }
    }

    fn forget_body(&self, message: &Message) {
        self.bodies.fetch_sub(message.size() + 256, Ordering::Relaxed);
    }
}

impl Queue {
    fn new(name: QueueName, record: QueueRecord, live: Option<Live>) -> Self {
        Self {
            name,
            number: record.number,
            record: RwLock::new(Arc::new(record)),
            live: OnceCell::new_with(live.map(Mutex::new)),
            arrivals: Notify::new(),
            deleted: AtomicBool::new(false),
        }
    }

    /// The queue's record as it is now.
    pub(crate) fn record(&self) -> Arc<QueueRecord> {
        self.record.read().clone()
    }

    /// The messages of a queue that is loaded; for those who have used it before.
    pub(crate) fn loaded(&self) -> Option<MutexGuard<'_, Live>> {
        self.live.get().map(Mutex::lock)
    }

    /// Wakes as many of those who wait as there are messages.
    pub(crate) fn announce(&self, messages: usize) {
        for _ in 0..messages.min(64) {
            self.arrivals.notify_one();
        }
    }
}

impl Live {
    fn empty(record: &QueueRecord) -> Self {
        Self {
            backlog: Backlog::new(record.number, record.settings.fifo.is_some()),
            dedup: DedupWindow::default(),
            bodies: HashMap::new(),
            purged: None,
        }
    }

    fn load(tx: &ReadTx<'_>, number: u64, record: &QueueRecord, now: Millis) -> Result<Self, StoreError> {
        let mut live = Self::empty(record);
        let mut receives = HashMap::new();
        for entry in tx.range(&RECEIVES, Range::prefix(&(number,))) {
            let ((_, seq), received) = entry?;
            receives.insert(seq, received);
        }
        for entry in tx.range(&MESSAGES, Range::prefix(&(number,))) {
            let ((_, seq), raw) = entry?;
            let message = state::decode(&raw)?;
            let mut restored = Restored { seq, count: 0, first_received: 0, in_flight_until: 0 };
            if let Some(received) = receives.get(&seq) {
                restored.count = received.count;
                restored.first_received = received.first;
                restored.in_flight_until = received.until;
            }
            live.backlog.restore(&restored, &message, now);
        }
        let mut remembered = Vec::new();
        for entry in tx.range(&DEDUPS, Range::prefix(&(number,))) {
            let ((_, group, id), record) = entry?;
            let key = DedupKey { group: group.map(Arc::from), id: Arc::from(id) };
            remembered.push((key, Remembered { id: record.id, seq: record.seq, at: record.at }));
        }
        remembered.sort_by_key(|(_, remembered)| remembered.at);
        for (key, message) in remembered {
            live.dedup.remember(key, message);
        }
        Ok(live)
    }
}
