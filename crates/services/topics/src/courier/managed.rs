//! Deliveries to endpoints of AWS: queues, functions, and the outbox.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_delivery::{Deliverer, Delivery, NewDelivery, Outcome, Schedule};

use super::{MANAGED_AGE, Parcel, again, report};
use crate::registry::Topics;

/// Delivers to endpoints of AWS.
pub(super) struct Managed(pub(super) Arc<Topics>);

#[async_trait]
impl Deliverer for Managed {
    fn schedule(&self) -> Schedule {
        Schedule { age: MANAGED_AGE, ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let parcel = match Parcel::decode(delivery.payload()) {
            Ok(parcel) => parcel,
            Err(reason) => return Outcome::Dead { reason },
        };
        let handed = match parcel {
            Parcel::Confirmation(parcel) => self.0.ask(&delivery.origin, &parcel).await,
            Parcel::Notification(message) => {
                // Whoever unsubscribed meanwhile gets nothing any more.
                let Some((topic, Some(subscription))) = self.0.find_arn(&delivery.target) else {
                    return Outcome::done();
                };
                let handed = self.0.hand_over(&delivery.origin, &topic, &subscription, &message).await;
                let report = report(&handed, &subscription.record.protocol);
                self.0.report(&delivery.origin, &topic, &subscription, &message, &report);
                handed
            }
        };
        match handed {
            Ok(()) => Outcome::done(),
            Err(failed) => again(&failed, delivery.attempt, delivery.marks),
        }
    }

    async fn dead(&self, delivery: &Delivery, _: &str) -> Vec<NewDelivery> {
        let Ok(Parcel::Notification(message)) = Parcel::decode(delivery.payload()) else { return Vec::new() };
        let Some((topic, Some(subscription))) = self.0.find_arn(&delivery.target) else { return Vec::new() };
        self.0.bury(&delivery.origin, &topic, &subscription, &message).await
    }
}
