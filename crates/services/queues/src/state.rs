//! What is stored.

use std::collections::BTreeMap;

use pilvi_store::{Bytes, Raw, StoreError, Table};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::queue::{Message, Millis, Settings};

/// (account, region, name): a queue. In the order of ListQueues.
pub(crate) const QUEUES: Table<(String, String, String), QueueRecord> = Table::new("queues.queue");
/// (queue's number, place): a message, see [`encode`]. In the order in which they were sent.
pub(crate) const MESSAGES: Table<(u64, u64), Raw> = Table::new("queues.message");
/// (queue's number, place): what is known of a message's receives. Written behind: what a crash takes away means
/// only that a message is received once more.
pub(crate) const RECEIVES: Table<(u64, u64), ReceiveRecord> = Table::new("queues.receive");
/// (queue's number, group or none, deduplication id): a message that was accepted within the last five minutes.
pub(crate) const DEDUPS: Table<(u64, Option<String>, String), DedupRecord> = Table::new("queues.dedup");
/// (ARN of the source, when it was started, task): a task that moves messages. In the order in which they were started.
pub(crate) const MOVES: Table<(String, u64, String), MoveRecord> = Table::new("queues.move");

/// A queue's full name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct QueueName {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
}

impl QueueName {
    pub(crate) fn key(&self) -> (String, String, String) {
        (self.account.clone(), self.region.clone(), self.name.clone())
    }

    pub(crate) fn arn(&self) -> String {
        pilvi_bus::Arn::new("sqs", &self.region, &self.account, self.name.as_str()).to_string()
    }

    /// The queue that an ARN names.
    pub(crate) fn from_arn(arn: &str) -> Option<Self> {
        let arn = pilvi_bus::Arn::parse(arn)?;
        let whole = arn.service == "sqs" && !arn.region.is_empty() && !arn.account.is_empty();
        whole.then_some(Self { account: arn.account, region: arn.region, name: arn.resource })
    }
}

/// A queue as it was made and set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct QueueRecord {
    /// Told apart from a deleted queue of the same name by this.
    pub(crate) number: u64,
    /// Seconds since 1970.
    pub(crate) created: i64,
    /// Seconds since 1970.
    pub(crate) modified: i64,
    pub(crate) settings: Settings,
    /// `Policy`, as it was given.
    pub(crate) policy: Option<String>,
    /// `RedriveAllowPolicy`, as it was given.
    pub(crate) redrive_allow: Option<String>,
    pub(crate) kms_key: Option<String>,
    /// Seconds; only meaningful with a key.
    pub(crate) kms_reuse: Option<u32>,
    pub(crate) managed_sse: bool,
    pub(crate) tags: BTreeMap<String, String>,
}

/// What is known of a message's receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReceiveRecord {
    pub(crate) count: u32,
    pub(crate) first: Millis,
    /// Until when it is in flight; 0 when it is not.
    pub(crate) until: Millis,
}

/// What a duplicate is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DedupRecord {
    pub(crate) id: Uuid,
    pub(crate) seq: u64,
    pub(crate) at: Millis,
}

/// A task that moves messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MoveRecord {
    pub(crate) status: MoveStatus,
    pub(crate) destination: Option<String>,
    pub(crate) per_second: Option<u32>,
    pub(crate) moved: u64,
    pub(crate) to_move: u64,
    pub(crate) failure: Option<String>,
}

/// How far such a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MoveStatus {
    Running,
    Completed,
    Cancelling,
    Cancelled,
    Failed,
}

/// A message's record: MessagePack without names, because queues hold many.
pub(crate) fn encode(message: &Message) -> Result<Raw, StoreError> {
    match rmp_serde::to_vec(message) {
        Ok(bytes) => Ok(Raw(Bytes::from(bytes))),
        Err(error) => Err(StoreError::Encode { table: "queues.message", reason: error.to_string() }),
    }
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(raw: &Raw) -> Result<Message, StoreError> {
    rmp_serde::from_slice(&raw.0)
        .map_err(|error| StoreError::Decode { table: "queues.message", reason: error.to_string() })
}
