//! Deliveries in order: those of a FIFO topic to a subscription, group by group.
//!
//! A delivery of this kind is a ticket: it says that a message waits in its lane, of which one is brought at a time, and it takes
//! whichever is first then. So a message that has to be tried again holds up those behind it instead of being overtaken by them.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_delivery::{Deliverer, Delivery, NewDelivery, Outcome, Schedule};
use pilvi_store::{Range, StoreError};

use super::{MANAGED_AGE, again, report};
use crate::message::Message;
use crate::registry::{Subscription, Topic, Topics};
use crate::state::ORDERED;

/// Delivers in order.
pub(super) struct Fifo(pub(super) Arc<Topics>);

/// What is first in a lane.
struct Head {
    topic: Arc<Topic>,
    subscription: Arc<Subscription>,
    group: String,
    sequence: u64,
    message: Message,
}

impl Fifo {
    fn head(&self, lane: &str) -> Result<Option<Head>, StoreError> {
        let Some((arn, group)) = lane.split_once('/') else { return Ok(None) };
        let Some((topic, Some(subscription))) = self.0.find_arn(arn) else { return Ok(None) };
        let first = self.0.store.read(|tx| tx.range(&ORDERED, Range::prefix(&(arn, group))).next().transpose())?;
        Ok(first.map(|((_, group, sequence), message)| Head { topic, subscription, group, sequence, message }))
    }

    async fn remove(&self, head: &Head) -> Result<(), StoreError> {
        let key = (head.subscription.arn.clone(), head.group.clone(), head.sequence);
        self.0.store.write(move |tx| tx.delete(&ORDERED, &key).map(|_| ())).await
    }

    /// The first one can never be delivered: it makes room for the next.
    async fn bury(&self, delivery: &Delivery, head: &Head) -> Vec<NewDelivery> {
        self.0.bury(&delivery.origin, &head.topic, &head.subscription, &head.message).await
    }

    async fn try_first(&self, delivery: &Delivery) -> Result<Outcome, StoreError> {
        let Some(head) = self.head(&delivery.target)? else { return Ok(Outcome::done()) };
        let handed = self.0.hand_over(&delivery.origin, &head.topic, &head.subscription, &head.message).await;
        let report = report(&handed, &head.subscription.record.protocol);
        self.0.report(&delivery.origin, &head.topic, &head.subscription, &head.message, &report);
        let follow_ups = match handed {
            Ok(()) => Vec::new(),
            Err(failed) if failed.is_final() => {
                tracing::warn!(%failed, subscription = head.subscription.arn, "a message is given up");
                self.bury(delivery, &head).await
            }
            Err(failed) => return Ok(again(&failed, delivery.attempt, delivery.marks)),
        };
        // A crash in between repeats the message, which queues take for the duplicate that it is.
        self.remove(&head).await?;
        Ok(Outcome::Done(follow_ups))
    }
}

#[async_trait]
impl Deliverer for Fifo {
    fn schedule(&self) -> Schedule {
        Schedule { age: MANAGED_AGE, per_target: 1, ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        self.try_first(delivery).await.unwrap_or_else(|problem| Outcome::retry(delivery, problem.to_string()))
    }

    async fn dead(&self, delivery: &Delivery, _: &str) -> Vec<NewDelivery> {
        let Ok(Some(head)) = self.head(&delivery.target) else { return Vec::new() };
        let follow_ups = self.bury(delivery, &head).await;
        match self.remove(&head).await {
            Ok(()) => follow_ups,
            Err(_) => Vec::new(),
        }
    }
}
