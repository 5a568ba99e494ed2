//! What has to be told to others: written with the change that causes it, carried out later.

use pilvi_store::{StoreError, WriteTx};

use crate::object::notify::Destination;

/// A message for somebody, on behalf of a bucket.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The bucket's ARN: the source that permissions of the destination name.
    pub bucket_arn: String,
    /// The bucket owner's account.
    pub account: String,
    /// The bucket's region.
    pub region: String,
    /// Where to.
    pub to: Recipient,
    /// The message, JSON.
    pub message: String,
    /// The trace that it belongs to.
    pub trace: String,
}

/// Who gets a notice.
#[derive(Debug, Clone)]
pub enum Recipient {
    /// A queue, topic or function.
    Destination(Destination),
    /// The account's default event bus.
    EventBridge {
        /// `Object Created` and the like.
        detail_type: &'static str,
    },
}

/// Takes notices in the transaction that causes them.
pub trait Outbox: Send + Sync {
    /// Queues a notice; it is delivered at least once if and only if the transaction commits.
    fn enqueue(&self, tx: &mut WriteTx<'_>, notice: &Notice) -> Result<(), StoreError>;
}

/// Forgets every notice: for tests of what does not notify.
pub struct Nowhere;

impl Outbox for Nowhere {
    fn enqueue(&self, _: &mut WriteTx<'_>, _: &Notice) -> Result<(), StoreError> {
        Ok(())
    }
}
