//! What is kept of logs: keys and records.

use pilvi_store::Table;
use serde::{Deserialize, Serialize};

/// A log group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Milliseconds since 1970, as all times here.
    pub(crate) created: i64,
    pub(crate) retention_days: Option<i64>,
    pub(crate) kms_key: Option<String>,
    pub(crate) class: String,
    pub(crate) deletion_protection: bool,
    pub(crate) tags: Vec<(String, String)>,
}

/// A log stream.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stream {
    pub(crate) created: i64,
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    pub(crate) last_ingestion: Option<i64>,
    /// The number of the next event.
    pub(crate) next: u64,
    /// What its events weigh.
    #[serde(default)]
    pub(crate) bytes: u64,
}

/// A log event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) message: String,
    pub(crate) ingested: i64,
}

/// A subscription to a group's events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) pattern: String,
    pub(crate) destination: String,
    pub(crate) role: Option<String>,
    pub(crate) distribution: String,
    pub(crate) transformed: bool,
    pub(crate) created: i64,
}

/// A filter that makes metrics of a group's events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MetricFilter {
    pub(crate) pattern: String,
    pub(crate) metric: String,
    pub(crate) namespace: String,
    /// A number, or the selector of one.
    pub(crate) value: String,
    pub(crate) default: Option<f64>,
    pub(crate) dimensions: Option<Vec<(String, String)>>,
    pub(crate) unit: Option<String>,
    pub(crate) transformed: bool,
    pub(crate) created: i64,
}

/// A policy of the account, for services that write logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ResourcePolicy {
    pub(crate) document: String,
    pub(crate) updated: i64,
}

/// A stream that subscriptions of other accounts may name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Destination {
    pub(crate) target: String,
    pub(crate) role: String,
    pub(crate) policy: Option<String>,
    pub(crate) created: i64,
    pub(crate) tags: Vec<(String, String)>,
}

/// Where vended logs may go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeliveryDestination {
    pub(crate) kind: String,
    pub(crate) resource: String,
    pub(crate) format: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
}

/// A query that was run, and what it gave.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Query {
    pub(crate) text: String,
    pub(crate) groups: Vec<String>,
    pub(crate) created: i64,
    pub(crate) rows: Vec<Vec<(String, String)>>,
    pub(crate) matched: u64,
    pub(crate) scanned: u64,
    pub(crate) bytes: u64,
}

/// (account, region, group)
pub(crate) type GroupKey = (String, String, String);
/// (account, region, group, stream)
pub(crate) type StreamKey = (String, String, String, String);
/// (account, region, group, stream, timestamp, number)
pub(crate) type EventKey = (String, String, String, String, i64, u64);

/// (account, region, group) → group, in the order of listings.
pub(crate) const GROUPS: Table<GroupKey, Group> = Table::new("logs.group");
/// (account, region, group, stream) → stream, in the order of listings.
pub(crate) const STREAMS: Table<StreamKey, Stream> = Table::new("logs.stream");
/// (account, region, group, stream, timestamp, number) → event: a stream's events in the order of time.
pub(crate) const EVENTS: Table<EventKey, Event> = Table::new("logs.event");

/// (account, region, group, filter)
pub(crate) type FilterKey = (String, String, String, String);
/// (account, region, name)
pub(crate) type NameKey = (String, String, String);

/// (account, region, group, filter) → subscription.
pub(crate) const SUBSCRIPTIONS: Table<FilterKey, Subscription> = Table::new("logs.subscription");
/// (account, region, group, filter) → metric filter.
pub(crate) const METRIC_FILTERS: Table<FilterKey, MetricFilter> = Table::new("logs.metric_filter");
/// (account, region, name) → policy.
pub(crate) const RESOURCE_POLICIES: Table<NameKey, ResourcePolicy> = Table::new("logs.resource_policy");
/// (account, region, name) → destination.
pub(crate) const DESTINATIONS: Table<NameKey, Destination> = Table::new("logs.destination");
/// (account, region, id) → query.
pub(crate) const QUERIES: Table<NameKey, Query> = Table::new("logs.query");
/// (account, region, name) → destination of vended logs.
pub(crate) const DELIVERY_DESTINATIONS: Table<NameKey, DeliveryDestination> = Table::new("logs.delivery_destination");

/// What an event weighs beside its text ("PutLogEvents").
pub(crate) const OVERHEAD: u64 = 26;

/// An event's id, in the 56 digits that CloudWatch's ids have: its time, its stream and its number there. Clients that follow a
/// group tell events apart by it.
pub(crate) fn event_id(timestamp: i64, stream: &str, number: u64) -> String {
    // FNV-1a: any hash that stays the same over restarts will do.
    let stream = stream
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{timestamp:020}{stream:020}{number:016}")
}
