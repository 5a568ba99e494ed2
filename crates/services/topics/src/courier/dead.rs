//! Dead letters: what could not be delivered, to the queue that the subscription names for it.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_delivery::{Deliverer, Delivery, Outcome, Schedule};

use super::hand_over::Letter;
use super::{MANAGED_AGE, again};
use crate::registry::Topics;

/// Delivers dead letters.
pub(super) struct Dead(pub(super) Arc<Topics>);

#[async_trait]
impl Deliverer for Dead {
    fn schedule(&self) -> Schedule {
        // One after the other, so that those of a FIFO group stay in order.
        Schedule { age: MANAGED_AGE, per_target: 1, ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let letter: Letter = match rmp_serde::from_slice(delivery.payload()) {
            Ok(letter) => letter,
            Err(problem) => return Outcome::Dead { reason: problem.to_string() },
        };
        let ctx = self.0.service_ctx(&delivery.origin);
        match self.0.post(&ctx, &delivery.target, letter).await {
            Ok(()) => Outcome::done(),
            Err(failed) => again(&failed, delivery.attempt, delivery.marks),
        }
    }
}
