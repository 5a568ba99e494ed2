//! Who delivers: one deliverer for each kind, with its schedule of retries.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Delivery, NewDelivery};

/// What came of an attempt.
#[derive(Debug)]
pub enum Outcome {
    /// Delivered. The deliveries that come of it are enqueued in the same step.
    Done(Vec<NewDelivery>),
    /// Not delivered; to be tried again, unless the schedule says that it was tried long enough.
    Retry {
        /// When; `None`: as the schedule says.
        after: Option<Duration>,
        /// What it failed with.
        reason: String,
        /// The deliverer's own count from now on.
        marks: u32,
    },
    /// It cannot be delivered.
    Dead {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// Delivered, and nothing comes of it.
    pub fn done() -> Self {
        Self::Done(Vec::new())
    }

    /// To be tried again as the schedule says.
    pub fn retry(delivery: &Delivery, reason: impl Into<String>) -> Self {
        Self::Retry { after: None, reason: reason.into(), marks: delivery.marks }
    }
}

/// How often and for how long a kind's deliveries are tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The wait after the first attempt; it doubles with each.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// Which part of a wait is left to chance, so that deliveries that failed together do not come back together: 0 to 1.
    pub jitter: f64,
    /// The most attempts in all; `None`: as many as there is time for.
    pub attempts: Option<u32>,
    /// A delivery that is older is dead.
    pub age: Duration,
    /// The most deliveries to one target at the same time.
    pub per_target: usize,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(300),
            jitter: 0.2,
            attempts: None,
            age: Duration::from_secs(6 * 3600),
            per_target: 64,
        }
    }
}

impl Schedule {
    /// The wait after the `attempt`th attempt (counted from 0); `chance` is between 0 and 1.
    pub(crate) fn wait(&self, attempt: u32, chance: f64) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(self.longest);
        doubled.mul_f64((1.0 - self.jitter * chance).clamp(0.0, 1.0))
    }
}

/// Makes the deliveries of one kind.
#[async_trait]
pub trait Deliverer: Send + Sync {
    /// How often and for how long they are tried.
    fn schedule(&self) -> Schedule {
        Schedule::default()
    }

    /// Tries to make a delivery. It may have been made before: the engine promises at least once.
    async fn deliver(&self, delivery: &Delivery) -> Outcome;

    /// A delivery that is given up: what comes of it (a dead letter) is enqueued in the step that deletes it.
    async fn dead(&self, delivery: &Delivery, reason: &str) -> Vec<NewDelivery> {
        let _ = (delivery, reason);
        Vec::new()
    }
}
