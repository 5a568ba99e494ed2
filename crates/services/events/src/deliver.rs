//! Deliveries to the targets of rules: what a target gets, how often it is tried, what becomes of what cannot be delivered.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html>

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pilvi_bus::calls::MessageAttribute;
use pilvi_bus::{ApiError, Arn};
use pilvi_delivery::targets::{self, Failed, Failure};
use pilvi_delivery::{Deliverer, Delivery, NewDelivery, Outcome, Schedule};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::core::Events;
use crate::destination;
use crate::event::{Event, JsonPath, Template, Variables, iso};
use crate::ingest::Shipment;

/// Who delivers.
pub(crate) const SERVICE: &str = "events.amazonaws.com";
/// The kind of deliveries to dead-letter queues.
pub(crate) const DEAD_LETTER: &str = "events.dead-letter";

/// "By default, EventBridge retries sending the event for 24 hours and up to 185 times with an exponential back off and jitter."
const ATTEMPTS: i64 = 185;
const AGE: i64 = 86_400;
/// Doubling waits from a second on, up to this, spread 185 attempts over a day.
const LONGEST_WAIT: u64 = 480;

/// Delivers to targets.
pub(crate) struct Deliveries(pub(crate) Arc<Events>);

/// Delivers to dead-letter queues.
pub(crate) struct DeadLetters(pub(crate) Arc<Events>);

/// A dead letter.
#[derive(Debug, Serialize, Deserialize)]
struct DeadLetter {
    body: String,
    attributes: BTreeMap<String, String>,
}

#[async_trait]
impl Deliverer for Deliveries {
    fn schedule(&self) -> Schedule {
        // The target's own policy says when to stop.
        Schedule { age: Duration::from_secs(7 * 86_400), ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Ok(shipment) = serde_json::from_slice::<Shipment>(delivery.payload()) else {
            return Outcome::Dead { reason: "The record cannot be read.".to_owned() };
        };
        match self.ship(delivery, &shipment).await {
            Ok(()) => Outcome::done(),
            Err(failed) => self.failed(delivery, shipment, &failed),
        }
    }
}

impl Deliveries {
    async fn ship(&self, delivery: &Delivery, shipment: &Shipment) -> Result<(), Failed> {
        let events = &self.0;
        let target = &shipment.target;
        let Some(event) = Event::parse(&shipment.event) else {
            return Err(ApiError::new("InvalidEvent", 400, "The event cannot be read.").into());
        };
        check_hops(&event, &delivery.origin.account, &target.arn)?;
        let payload = input(shipment, &event);
        if target.arn.contains(":api-destination/") {
            return destination::invoke(events, &delivery.origin, target, &event, payload).await;
        }
        let to = targets::Target {
            arn: target.arn.clone(),
            role_arn: target.role_arn.clone(),
            group_id: target.sqs_parameters.as_ref().and_then(|parameters| parameters.message_group_id.clone()),
            event: None,
        };
        events.targets.send(SERVICE, &delivery.origin, &to, payload).await
    }

    /// Again, or to the dead-letter queue.
    fn failed(&self, delivery: &Delivery, shipment: Shipment, failed: &Failed) -> Outcome {
        let policy = shipment.target.retry_policy.clone().unwrap_or_default();
        let attempts = policy.maximum_retry_attempts.unwrap_or(ATTEMPTS);
        let age = policy.maximum_event_age_in_seconds.unwrap_or(AGE);
        let wait = 1_u64.checked_shl(delivery.attempt).unwrap_or(u64::MAX).min(LONGEST_WAIT);
        // A fifth of the wait is left to chance, so that what failed together does not come back together.
        let wait = Duration::from_secs(wait).mul_f64(1.0 - 0.2 * chance(delivery));
        let next = self.0.now().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let exhausted = if failed.is_final() {
            None
        } else if i64::from(delivery.attempt) >= attempts {
            Some("MaximumRetryAttempts")
        } else if next - delivery.created > age.saturating_mul(1000) {
            Some("MaximumEventAgeInSeconds")
        } else {
            return Outcome::Retry { after: Some(wait), reason: failed.to_string(), marks: delivery.marks };
        };
        let Shipment { rule_arn, target, event, .. } = shipment;
        warn!(rule = rule_arn, target = target.arn, reason = failed.to_string(), "an event could not be delivered");
        let Some(queue) = target.dead_letter_config.and_then(|config| config.arn) else { return Outcome::done() };
        let mut attributes = BTreeMap::from([
            ("RULE_ARN".to_owned(), rule_arn),
            ("TARGET_ARN".to_owned(), target.arn),
            ("ERROR_CODE".to_owned(), failed.kind.code().to_owned()),
            ("ERROR_MESSAGE".to_owned(), failed.error.message.clone()),
            ("RETRY_ATTEMPTS".to_owned(), delivery.attempt.to_string()),
        ]);
        if let Some(condition) = exhausted {
            attributes.insert("EXHAUSTED_RETRY_CONDITION".to_owned(), condition.to_owned());
        }
        let letter = DeadLetter { body: event, attributes };
        let payload = Bytes::from(serde_json::to_vec(&letter).unwrap_or_default());
        let origin = delivery.origin.clone();
        Outcome::Done(vec![NewDelivery { kind: DEAD_LETTER.to_owned(), target: queue, payload, origin, due: 0 }])
    }
}

/// Between 0 and 1, by the time at which the attempt was due: as good as random between deliveries.
fn chance(delivery: &Delivery) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "below a thousand")]
    let part = delivery.due.rem_euclid(997) as f64;
    part / 997.0
}

/// "If a receiver account sets up a rule that sends events received from a sender account to a third account, these events are not sent
/// to the third account."
fn check_hops(event: &Event, account: &str, target: &str) -> Result<(), Failed> {
    let Some(arn) = Arn::parse(target).filter(|arn| arn.service == "events") else { return Ok(()) };
    let own = event.get("account") == account || arn.account == account;
    if own || !arn.resource.starts_with("event-bus/") {
        return Ok(());
    }
    let text = "Events from another account are not passed on to a third one.";
    Err(Failed::new(Failure::ThirdAccount, ApiError::new("ThirdAccountHop", 400, text)))
}

/// What the target gets: a text of its own, a part of the event, what a template makes of it, or the event.
pub(crate) fn input(shipment: &Shipment, event: &Event) -> String {
    let Shipment { target, rule_arn, rule, ingested, .. } = shipment;
    if let Some(input) = &target.input {
        return input.clone();
    }
    if let Some(path) = &target.input_path {
        if path == "$" {
            return event.text.clone();
        }
        let found = JsonPath::parse(path).and_then(|path| path.find(&event.value));
        return found.unwrap_or_default().to_string();
    }
    let Some(transformer) = &target.input_transformer else { return event.text.clone() };
    let none = BTreeMap::new();
    let variables = Variables {
        event,
        rule_arn,
        rule_name: rule,
        ingested: &iso(ingested.div_euclid(1000)),
        paths: transformer.input_paths_map.as_ref().unwrap_or(&none),
    };
    Template::parse(&transformer.input_template).render(&variables)
}

#[async_trait]
impl Deliverer for DeadLetters {
    fn schedule(&self) -> Schedule {
        Schedule { attempts: Some(10), ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Ok(letter) = serde_json::from_slice::<DeadLetter>(delivery.payload()) else {
            return Outcome::Dead { reason: "The record cannot be read.".to_owned() };
        };
        let attributes = letter.attributes.into_iter().map(|(name, value)| {
            let attribute =
                MessageAttribute { data_type: "String".to_owned(), string_value: Some(value), binary_value: None };
            (name, attribute)
        });
        let attributes = attributes.collect();
        let sent =
            self.0.targets.dead_letter(SERVICE, &delivery.origin, &delivery.target, letter.body, attributes).await;
        match sent {
            Ok(()) => Outcome::done(),
            Err(failed) if failed.is_final() => Outcome::Dead { reason: failed.to_string() },
            Err(failed) => Outcome::retry(delivery, failed.to_string()),
        }
    }
}
