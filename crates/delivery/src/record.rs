//! What is stored of a delivery.

use bytes::Bytes;
use pilvi_bus::{Principal, RequestContext};
use pilvi_store::Table;
use serde::{Deserialize, Serialize};

/// (number): a delivery, in the order in which they were enqueued. When each is due is part of the record, since it changes, and the
/// engine keeps the order of due times in memory.
pub(crate) const DELIVERIES: Table<(u64,), Delivery> = Table::new("delivery.delivery");

/// On whose behalf a delivery is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The resource that causes it (`aws:SourceArn`).
    pub source_arn: String,
    /// That resource's account.
    pub account: String,
    /// That resource's region.
    pub region: String,
    /// The X-Ray trace that it belongs to.
    pub trace: String,
}

impl Origin {
    /// The context of a call that the service `name` (`s3.amazonaws.com`) makes for this origin. `endpoint` is the cloud's own address.
    pub fn ctx(&self, name: &'static str, endpoint: &str) -> RequestContext {
        let principal = Principal::Service {
            name,
            source_arn: (!self.source_arn.is_empty()).then(|| self.source_arn.clone()),
            source_account: self.account.clone(),
        };
        let mut ctx = RequestContext::internal(principal, &self.account, &self.region, endpoint);
        if !self.trace.is_empty() {
            ctx.trace.clone_from(&self.trace);
        }
        ctx
    }
}

/// A delivery to be enqueued.
#[derive(Clone, Debug, Default)]
pub struct NewDelivery {
    /// Names the deliverer that it is for.
    pub kind: String,
    /// Whom it is for, as the deliverer understands it; deliveries of one kind to one target share a bound of concurrency.
    pub target: String,
    /// What is delivered.
    pub payload: Bytes,
    /// On whose behalf.
    pub origin: Origin,
    /// When, in milliseconds since 1970; at once where it is past (0).
    pub due: i64,
}

/// A delivery that has not been made yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Names the deliverer that it is for.
    pub kind: String,
    /// Whom it is for.
    pub target: String,
    /// What is delivered.
    #[serde(with = "serde_bytes")]
    payload: Vec<u8>,
    /// On whose behalf.
    pub origin: Origin,
    /// When it was enqueued, in milliseconds since 1970.
    pub created: i64,
    /// When it is tried next, in milliseconds since 1970.
    pub due: i64,
    /// How often it was tried before.
    pub attempt: u32,
    /// The deliverer's own count, kept between attempts ([`crate::Outcome::Retry`]).
    pub marks: u32,
    /// What the last attempt failed with.
    pub last_error: Option<String>,
}

impl Delivery {
    pub(crate) fn new(new: NewDelivery, now: i64) -> Self {
        let NewDelivery { kind, target, payload, origin, due } = new;
        let due = due.max(now);
        Self {
            kind,
            target,
            payload: payload.to_vec(),
            origin,
            created: now,
            due,
            attempt: 0,
            marks: 0,
            last_error: None,
        }
    }

    /// What is delivered.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}
