//! The service's state: buses and rules in the store, and before it the patterns of each bus, ready to be matched.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};
use pilvi_bus::service::ResourcePolicies;
use pilvi_bus::{Ctx, Platform};
use pilvi_delivery::Deliveries;
use pilvi_delivery::http::HttpClient;
use pilvi_delivery::targets::Targets;
use pilvi_model::Timestamp;
use pilvi_patterns::{Pattern, PatternIndex};
use pilvi_schedules::Schedule;
use pilvi_store::{Range, ReadTx, Store, StoreError, WriteTx};
use tokio::sync::Notify;

use crate::errors::EventsError;
use crate::names::BusName;
use crate::state::{ARCHIVES, BUSES, Bus, RULES, Rule};

/// EventBridge.
pub(crate) struct Events {
    pub(crate) platform: Platform,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) targets: Targets,
    pub(crate) http: HttpClient,
    buses: RwLock<HashMap<BusName, Subscribers>>,
    schedules: RwLock<BTreeMap<(BusName, String), Arc<Scheduled>>>,
    /// When each API destination may be invoked next, in milliseconds, by ARN.
    turns: Mutex<HashMap<String, i64>>,
    /// A schedule came, changed or went.
    pub(crate) rescheduled: Notify,
    /// A replay was started.
    pub(crate) replays: Notify,
}

/// A rule's schedule.
#[derive(Debug)]
pub(crate) struct Scheduled {
    pub(crate) schedule: Schedule,
    /// From when on a rate counts.
    pub(crate) since: i64,
}

/// Who gets events of a bus.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Subscriber {
    Rule(String),
    Archive(String),
}

/// The patterns of a bus.
#[derive(Default)]
struct Subscribers {
    index: PatternIndex<Subscriber>,
    /// Archives of all events.
    all: Vec<Subscriber>,
}

impl Events {
    /// Over a platform, with what its store has.
    pub(crate) fn open(platform: &Platform, deliveries: Arc<Deliveries>) -> Result<Arc<Self>, StoreError> {
        let events = Self {
            platform: platform.clone(),
            deliveries,
            targets: Targets::new(platform),
            http: HttpClient::new(platform),
            buses: RwLock::default(),
            schedules: RwLock::default(),
            turns: Mutex::default(),
            rescheduled: Notify::new(),
            replays: Notify::new(),
        };
        let (rules, archives) = platform.store.read(|tx| {
            let rules = tx.range(&RULES, Range::all()).collect::<Result<Vec<_>, StoreError>>()?;
            let archives = tx.range(&ARCHIVES, Range::all()).collect::<Result<Vec<_>, StoreError>>()?;
            Ok::<_, StoreError>((rules, archives))
        })?;
        for ((account, region, bus, name), rule) in rules {
            events.apply_rule(BusName { account, region, name: bus }, name, Some(&rule));
        }
        for ((_, _, name), archive) in archives {
            if let Some(bus) = BusName::from_arn(&archive.source_arn) {
                events.apply_archive(&bus, name, Some(archive.pattern.as_deref()));
            }
        }
        Ok(Arc::new(events))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.platform.store
    }

    pub(crate) fn now(&self) -> i64 {
        self.platform.clock.now_ms()
    }

    /// Who gets an event of a bus.
    pub(crate) fn subscribers(&self, bus: &BusName, event: &serde_json::Value) -> Vec<Subscriber> {
        let buses = self.buses.read();
        let Some(subscribers) = buses.get(bus) else { return Vec::new() };
        let mut matching = subscribers.index.matches(event);
        matching.extend(subscribers.all.iter().cloned());
        matching
    }

    /// Brings what stands before the store in line with it, after a change of a rule. Reading under the lock makes the last of
    /// several changes hold, whatever the order in which they come here.
    pub(crate) fn refresh_rule(&self, bus: &BusName, name: &str) -> Result<(), StoreError> {
        let mut buses = self.buses.write();
        let rule = self.store().read(|tx| tx.get(&RULES, &(&*bus.account, &*bus.region, &*bus.name, name)))?;
        self.set_rule(&mut buses, bus.clone(), name.to_owned(), rule.as_ref());
        drop(buses);
        self.rescheduled.notify_one();
        Ok(())
    }

    /// The same after a change of an archive of this bus.
    pub(crate) fn refresh_archive(&self, bus: &BusName, ctx: &Ctx, name: &str) -> Result<(), StoreError> {
        let mut buses = self.buses.write();
        let key = (ctx.account.as_str(), ctx.region.as_str(), name);
        let archive = self.store().read(|tx| tx.get(&ARCHIVES, &key))?;
        let pattern = archive.as_ref().map(|archive| archive.pattern.as_deref());
        Self::set_archive(&mut buses, bus, name.to_owned(), pattern);
        Ok(())
    }

    fn apply_rule(&self, bus: BusName, name: String, rule: Option<&Rule>) {
        self.set_rule(&mut self.buses.write(), bus, name, rule);
    }

    fn apply_archive(&self, bus: &BusName, name: String, pattern: Option<Option<&str>>) {
        Self::set_archive(&mut self.buses.write(), bus, name, pattern);
    }

    fn set_rule(&self, buses: &mut HashMap<BusName, Subscribers>, bus: BusName, name: String, rule: Option<&Rule>) {
        let enabled = rule.filter(|rule| rule.is_enabled());
        let pattern = enabled.and_then(|rule| rule.pattern.as_deref());
        let pattern = pattern.and_then(|pattern| Pattern::parse(pattern).ok());
        let subscribers = buses.entry(bus.clone()).or_default();
        let id = Subscriber::Rule(name.clone());
        match pattern {
            Some(pattern) => subscribers.index.insert(id, pattern),
            None => subscribers.index.remove(&id),
        }
        if subscribers.index.is_empty() && subscribers.all.is_empty() {
            buses.remove(&bus);
        }
        let schedule = enabled.and_then(|rule| {
            let schedule = Schedule::parse(rule.schedule.as_deref()?).ok()?;
            Some(Scheduled { schedule, since: rule.since })
        });
        let mut schedules = self.schedules.write();
        match schedule {
            Some(schedule) => schedules.insert((bus, name), Arc::new(schedule)),
            None => schedules.remove(&(bus, name)),
        };
    }

    /// `None`: there is no such archive; `Some(None)`: it takes all events.
    fn set_archive(
        buses: &mut HashMap<BusName, Subscribers>,
        bus: &BusName,
        name: String,
        pattern: Option<Option<&str>>,
    ) {
        let subscribers = buses.entry(bus.clone()).or_default();
        let id = Subscriber::Archive(name);
        subscribers.index.remove(&id);
        subscribers.all.retain(|other| *other != id);
        match pattern {
            Some(Some(pattern)) => {
                if let Ok(pattern) = Pattern::parse(pattern) {
                    subscribers.index.insert(id, pattern);
                }
            }
            Some(None) => subscribers.all.push(id),
            None => {}
        }
        if subscribers.index.is_empty() && subscribers.all.is_empty() {
            buses.remove(bus);
        }
    }

    /// Waits for the turn of an invocation of a destination that may be invoked so often a second.
    pub(crate) async fn take_turn(&self, destination: &str, rate: i64) {
        let now = self.now();
        let turn = {
            let mut turns = self.turns.lock();
            turns.retain(|_, next| *next > now);
            let turn = turns.get(destination).copied().unwrap_or(now);
            turns.insert(destination.to_owned(), turn + 1000 / rate.max(1));
            turn
        };
        if turn > now {
            self.platform.clock.sleep_until(time(turn)).await;
        }
    }

    /// The rules with schedules.
    pub(crate) fn schedules(&self) -> Vec<((BusName, String), Arc<Scheduled>)> {
        self.schedules.read().iter().map(|(key, scheduled)| (key.clone(), scheduled.clone())).collect()
    }

    /// A bus that exists.
    pub(crate) fn bus(&self, name: &BusName) -> Result<Bus, EventsError> {
        let now = self.now();
        self.store().read(|tx| bus(tx, name, now))
    }

    /// Whether a bus exists.
    pub(crate) fn has_bus(&self, name: &BusName) -> Result<bool, StoreError> {
        Ok(name.is_default() || self.store().read(|tx| tx.contains(&BUSES, &name.key()))?)
    }
}

/// A bus that exists; the default one always does.
pub(crate) fn bus(tx: &ReadTx<'_>, name: &BusName, now: i64) -> Result<Bus, EventsError> {
    match tx.get(&BUSES, &name.key())? {
        Some(bus) => Ok(bus),
        None if name.is_default() => Ok(Bus { created: now, modified: now, ..Bus::default() }),
        None => Err(EventsError::no_bus(&name.name)),
    }
}

/// Changes a bus in one step.
pub(crate) async fn change_bus(
    events: &Events,
    name: BusName,
    change: impl Fn(&mut Bus) -> Result<(), EventsError> + Send + 'static,
) -> Result<Bus, EventsError> {
    let now = events.now();
    events
        .store()
        .write(move |tx| {
            let mut record = bus(tx, &name, now)?;
            change(&mut record)?;
            tx.put(&BUSES, &name.key(), &record)?;
            Ok(record)
        })
        .await
}

/// A rule that exists, on a bus that exists.
pub(crate) fn rule(tx: &ReadTx<'_>, bus_name: &BusName, name: &str) -> Result<Rule, EventsError> {
    let BusName { account, region, name: on } = bus_name;
    if let Some(rule) = tx.get(&RULES, &(account.as_str(), region.as_str(), on.as_str(), name))? {
        return Ok(rule);
    }
    bus(tx, bus_name, 0)?;
    Err(EventsError::no_rule(name, on))
}

/// Writes a rule.
pub(crate) fn put_rule(tx: &mut WriteTx<'_>, bus: &BusName, name: &str, rule: &Rule) -> Result<(), StoreError> {
    tx.put(&RULES, &(bus.account.as_str(), bus.region.as_str(), bus.name.as_str(), name), rule)
}

/// Changes a rule in one step, and what stands before the store with it.
pub(crate) async fn change_rule<T: Send + 'static>(
    events: &Events,
    bus: BusName,
    name: String,
    change: impl Fn(&mut Rule) -> Result<T, EventsError> + Send + 'static,
) -> Result<T, EventsError> {
    let (on, called) = (bus.clone(), name.clone());
    let result = events
        .store()
        .write(move |tx| {
            let mut record = rule(tx, &on, &called)?;
            let result = change(&mut record)?;
            put_rule(tx, &on, &called, &record)?;
            Ok::<T, EventsError>(result)
        })
        .await?;
    events.refresh_rule(&bus, &name)?;
    Ok(result)
}

/// A time for an answer: EventBridge's have whole seconds in JSON.
pub(crate) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[async_trait]
impl ResourcePolicies for Events {
    async fn resource_policy(&self, resource: &str) -> Option<Arc<str>> {
        let name = BusName::from_arn(resource).or_else(|| crate::names::rule_of_arn(resource).map(|(bus, _)| bus))?;
        self.bus(&name).ok()?.policy.as_deref().map(Arc::from)
    }
}
