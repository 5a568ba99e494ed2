//! What a queue has been told about itself.

use serde::{Deserialize, Serialize};

use super::Millis;

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// ARN of the dead-letter queue.
    pub target: String,
    /// A message that was received this often is moved instead of being delivered once more.
    pub max_receive_count: u32,
}

/// Within what a deduplication id has to be unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DedupScope {
    /// The whole queue.
    Queue,
    /// One message group.
    Group,
}

/// What the throughput quota applies to; recorded, and without effect on a local queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThroughputLimit {
    /// The whole queue.
    Queue,
    /// Each message group.
    Group,
}

/// What only a FIFO queue has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fifo {
    /// The body's SHA-256 stands in for a deduplication id that was not given.
    pub content_based_deduplication: bool,
    /// See [`DedupScope`].
    pub dedup_scope: DedupScope,
    /// See [`ThroughputLimit`].
    pub throughput_limit: ThroughputLimit,
    /// The scope that counts until then, after a change.
    #[serde(default)]
    pub scope_before: Option<(DedupScope, Millis)>,
}

/// How long a change of the scope takes to come into effect: "can take up to 60 seconds" (SetQueueAttributes), and on AWS it does.
const CHANGE_MS: Millis = 60_000;

impl Fifo {
    /// Sets the scope, which counts in a minute.
    pub fn set_scope(&mut self, scope: DedupScope, now: Millis) {
        if scope != self.dedup_scope {
            self.scope_before = Some((self.scope(now), now + CHANGE_MS));
            self.dedup_scope = scope;
        }
    }

    /// The scope that counts now.
    pub fn scope(&self, now: Millis) -> DedupScope {
        match self.scope_before {
            Some((before, until)) if now < until => before,
            _ => self.dedup_scope,
        }
    }
}

impl Default for Fifo {
    fn default() -> Self {
        Self {
            content_based_deduplication: false,
            dedup_scope: DedupScope::Queue,
            throughput_limit: ThroughputLimit::Queue,
            scope_before: None,
        }
    }
}

/// The settings that decide how a queue behaves. Defaults and limits:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How long a received message stays hidden, in seconds (0–43,200).
    pub visibility_timeout: u32,
    /// How long a sent message stays hidden, in seconds (0–900).
    pub delay: u32,
    /// How long a message is kept, in seconds (60–1,209,600).
    pub retention: u32,
    /// The longest message, in bytes with its attributes (1,024–1,048,576).
    pub max_message_size: u32,
    /// How long a receive waits that does not say so itself, in seconds (0–20).
    pub wait: u32,
    /// Set on a queue that has a dead-letter queue.
    pub redrive: Option<Redrive>,
    /// Set on a FIFO queue.
    pub fifo: Option<Fifo>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            visibility_timeout: 30,
            delay: 0,
            retention: 345_600,
            max_message_size: 1_048_576,
            wait: 0,
            redrive: None,
            fifo: None,
        }
    }
}

impl Settings {
    /// How long a message is kept, in milliseconds.
    pub fn retention_ms(&self) -> Millis {
        u64::from(self.retention) * 1000
    }

    /// How long a received message stays hidden, in milliseconds.
    pub fn visibility_ms(&self) -> Millis {
        u64::from(self.visibility_timeout) * 1000
    }
}
