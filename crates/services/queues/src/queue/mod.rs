//! The queue itself: pure rules and the state machine. It knows no vendor, no HTTP, no JSON and no clock;
//! time is an argument, in milliseconds since the epoch.

mod backlog;
mod dedup;
mod digest;
mod groups;
mod message;
mod receipt;
mod settings;
#[cfg(test)]
mod tests;

pub use backlog::{Backlog, Counts, Delivery, ReceiveOutcome, Removed, Restored};
pub use dedup::{DEDUP_WINDOW_MS, DedupKey, DedupWindow, Remembered};
pub use digest::{attributes_md5, body_md5};
pub use message::{AttributeData, Message, MessageAttribute};
pub use receipt::{Receipt, ReceiptError};
pub use settings::{DedupScope, Fifo, Redrive, Settings, ThroughputLimit};

/// Milliseconds since the epoch.
pub type Millis = u64;
