//! A message as it was sent.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Millis;

/// The value of a message attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeData {
    /// `String…` and `Number…` types.
    Text(String),
    /// `Binary…` types.
    Binary(#[serde(with = "serde_bytes")] Vec<u8>),
}

impl AttributeData {
    /// The value's bytes, as they count for sizes and digests.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// One attribute that the sender gave a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAttribute {
    /// Name, unique in its message.
    pub name: String,
    /// `String`, `Number` or `Binary`, optionally with a custom suffix (`Number.float`).
    pub data_type: String,
    /// The value.
    pub value: AttributeData,
}

impl MessageAttribute {
    /// Bytes that count against the message's size limit.
    pub fn size(&self) -> usize {
        self.name.len() + self.data_type.len() + self.value.bytes().len()
    }
}

/// A message as it is stored: what the sender said and what the queue noted when it took it.
/// What changes with every receive is kept in the [`Backlog`](super::Backlog).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The message's id.
    pub id: Uuid,
    /// The body.
    pub body: String,
    /// MD5 of the body, computed once.
    #[serde(with = "serde_bytes")]
    pub body_md5: [u8; 16],
    /// Sorted by name.
    pub attributes: Vec<MessageAttribute>,
    /// The `AWSTraceHeader` system attribute.
    pub trace_header: Option<String>,
    /// Who sent it (the unique id of the principal).
    pub sender: String,
    /// When it was sent. A message keeps this when it moves to a dead-letter queue.
    pub sent: Millis,
    /// When retention starts to count: as `sent`, but a FIFO queue resets it on a move.
    pub enqueued: Millis,
    /// When it may be received for the first time.
    pub visible: Millis,
    /// Message group; every message of a FIFO queue has one.
    pub group: Option<String>,
    /// Deduplication id, given or derived; every message of a FIFO queue has one.
    pub dedup: Option<String>,
    /// ARN of the queue from which it was moved here as a dead letter.
    pub dead_letter_source: Option<String>,
    /// How often it had been received before it came to this queue.
    pub received_before: u32,
    /// When it was first received before it came to this queue; 0 when it was not.
    pub first_received_before: Millis,
    /// The trace that it was sent in, which is shown to nobody but those inside who go on with it.
    #[serde(default)]
    pub trace: String,
}

impl Message {
    /// Bytes that count against the size limit: the body, and each attribute's name, type and value.
    pub fn size(&self) -> usize {
        self.body.len() + self.attributes.iter().map(MessageAttribute::size).sum::<usize>()
    }
}
