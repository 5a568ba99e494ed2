//! The couriers: bring what was published to its subscribers, as often as it takes, and the rest to the dead-letter queue.
//!
//! Each way of trying again is a kind of delivery: AWS's own endpoints, HTTP endpoints with their delivery policies, FIFO topics in order,
//! dead letters.

mod dead;
mod fifo;
mod hand_over;
mod http;
mod http_client;
mod managed;

use std::sync::Arc;
use std::time::Duration;

use pilvi_delivery::targets::Failed;
use pilvi_delivery::{Deliveries, Outcome};
use pilvi_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::message::Message;
use crate::registry::Topics;
use crate::report::Report;
use crate::state::SubscriptionRecord;

/// Deliveries to endpoints of AWS; their target is the subscription's ARN.
pub(crate) const MANAGED: &str = "sns";
/// Deliveries to HTTP endpoints; likewise.
pub(crate) const HTTP: &str = "sns.http";
/// Deliveries in order, one lane for each subscription and group; see [`lane`].
pub(crate) const FIFO: &str = "sns.fifo";
/// Messages to a dead-letter queue; their target is the queue's ARN.
pub(crate) const DEAD: &str = "sns.dead";

/// The principal that deliveries are made as.
const PRINCIPAL: &str = "sns.amazonaws.com";

/// What is brought.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Parcel {
    /// A message.
    Notification(Message),
    /// A request to confirm, to an endpoint that is no subscriber, or not yet.
    Confirmation(ConfirmationParcel),
}

/// A request to confirm a subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ConfirmationParcel {
    pub(crate) id: String,
    pub(crate) topic_arn: String,
    pub(crate) subscription_arn: String,
    pub(crate) token: String,
    /// True after the subscription was deleted.
    pub(crate) deleted: bool,
    pub(crate) subscription: SubscriptionRecord,
    pub(crate) endpoint: String,
    pub(crate) time: i64,
}

impl Parcel {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let encoded = rmp_serde::to_vec(self);
        encoded.map_err(|error| StoreError::Encode { table: "delivery.delivery", reason: error.to_string() })
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        rmp_serde::from_slice(bytes).map_err(|error| format!("the delivery cannot be read: {error}"))
    }
}

/// Registers the couriers.
pub(crate) fn register(topics: &Arc<Topics>, deliveries: &Deliveries) {
    deliveries.register(MANAGED, Arc::new(managed::Managed(topics.clone())));
    deliveries.register(HTTP, Arc::new(http::Http(topics.clone())));
    deliveries.register(FIFO, Arc::new(fifo::Fifo(topics.clone())));
    deliveries.register(DEAD, Arc::new(dead::Dead(topics.clone())));
}

/// The lane of a FIFO subscription's group.
pub(crate) fn lane(subscription_arn: &str, group: &str) -> String {
    format!("{subscription_arn}/{group}")
}

/// Which text of a message with a structure a subscription gets: its protocol's, or its platform's (`APNS`).
pub(crate) fn platform(subscription: &SubscriptionRecord) -> &str {
    if subscription.protocol != "application" {
        return &subscription.protocol;
    }
    subscription.endpoint.split('/').nth(1).unwrap_or("default")
}

/// "AWS managed endpoints": three retries at once, two a second apart, ten with back-off from 1 to 20 seconds, then every 20 seconds,
/// over 23 days. <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>
fn managed_wait(attempt: u32) -> Duration {
    match attempt {
        0..3 => Duration::ZERO,
        3..5 => Duration::from_secs(1),
        5..15 => Duration::from_secs_f64(20_f64.powf(f64::from(attempt - 5) / 9.0)),
        _ => Duration::from_secs(20),
    }
}

/// How long endpoints of AWS are tried.
const MANAGED_AGE: Duration = Duration::from_secs(23 * 24 * 3600);

/// What is logged of a call of an AWS endpoint.
fn report(handed: &Result<(), Failed>, protocol: &str) -> Report {
    match handed {
        Ok(()) => Report { status: if protocol == "lambda" { 202 } else { 200 }, failure: None },
        Err(failed) => Report { status: failed.error.status, failure: Some(failed.error.message.clone()) },
    }
}

/// What follows from a failed call of an AWS endpoint.
fn again(failed: &Failed, attempt: u32, marks: u32) -> Outcome {
    if failed.is_final() {
        return Outcome::Dead { reason: failed.to_string() };
    }
    Outcome::Retry { after: Some(managed_wait(attempt)), reason: failed.to_string(), marks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_of_aws_are_tried_in_four_phases() {
        let waits: Vec<u64> = (0..17).map(|attempt| managed_wait(attempt).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 5, 7, 10, 14, 20, 20, 20]);
    }
}
