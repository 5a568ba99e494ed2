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
}

/// A log event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) message: String,
    pub(crate) ingested: i64,
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

/// An event's id, in the 56 digits that CloudWatch's ids have: its time, its stream and its number there. Clients that follow a
/// group tell events apart by it.
pub(crate) fn event_id(timestamp: i64, stream: &str, number: u64) -> String {
    // FNV-1a: any hash that stays the same over restarts will do.
    let stream = stream
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{timestamp:020}{stream:020}{number:016}")
}
