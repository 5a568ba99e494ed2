//! The timers of all accounts: what every operation works on.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use pilvi_bus::Platform;
use pilvi_delivery::Deliveries;
use pilvi_store::{Range, Store, StoreError};
use tokio::sync::Notify;

use crate::state::{Key, Next, Record, SCHEDULES};

/// The timers of all accounts.
pub struct Timers {
    pub(crate) platform: Platform,
    pub(crate) deliveries: Arc<Deliveries>,
    plan: Mutex<Plan>,
    /// Something is due at another time than before.
    pub(crate) changed: Notify,
}

/// Which schedule is due when. The store knows as well; this is its order by time.
#[derive(Default)]
struct Plan {
    due: BTreeSet<(i64, Arc<Key>)>,
    of: HashMap<Arc<Key>, i64>,
}

impl Plan {
    fn set(&mut self, key: &Key, fire: Option<i64>) {
        if let Some((key, before)) = self.of.remove_entry(key) {
            self.due.remove(&(before, key));
        }
        if let Some(fire) = fire {
            let key = Arc::new(key.clone());
            self.due.insert((fire, key.clone()));
            self.of.insert(key, fire);
        }
    }
}

impl Timers {
    pub(crate) fn open(platform: &Platform, deliveries: Arc<Deliveries>) -> Result<Arc<Self>, StoreError> {
        let mut plan = Plan::default();
        platform.store.read(|tx| {
            for entry in tx.range(&SCHEDULES, Range::all()) {
                let (key, record) = entry?;
                plan.set(&key, record.next.map(|next| next.fire));
            }
            Ok::<(), StoreError>(())
        })?;
        let timers = Self { platform: platform.clone(), deliveries, plan: Mutex::new(plan), changed: Notify::new() };
        Ok(Arc::new(timers))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.platform.store
    }

    pub(crate) fn now(&self) -> i64 {
        self.platform.clock.now_ms()
    }

    /// Plans schedules anew that were written. Reads what the store says by then, so that of two changes at once the later holds.
    pub(crate) fn replan(&self, keys: &[Key]) -> Result<(), StoreError> {
        let mut plan = self.plan.lock();
        self.store().read(|tx| {
            for key in keys {
                let record: Option<Record> = tx.get(&SCHEDULES, key)?;
                plan.set(key, record.and_then(|record| record.next).map(|next: Next| next.fire));
            }
            Ok::<(), StoreError>(())
        })?;
        drop(plan);
        self.changed.notify_one();
        Ok(())
    }

    /// When the next schedule is due, and which are by now, at most `most`.
    pub(crate) fn due(&self, now: i64, most: usize) -> (Option<i64>, Vec<Key>) {
        let plan = self.plan.lock();
        let due = plan.due.iter().take_while(|(fire, _)| *fire <= now).take(most);
        let keys = due.map(|(_, key)| Key::clone(key)).collect();
        (plan.due.first().map(|(fire, _)| *fire), keys)
    }
}
