//! An event arrives on a bus: in one step it is put into the archives and enqueued for the targets of the rules that match it.

use std::sync::Arc;

use bytes::Bytes;
use pilvi_delivery::{NewDelivery, Origin};
use pilvi_store::{StoreError, WriteTx};
use serde::{Deserialize, Serialize};

use crate::core::{Events, Subscriber};
use crate::event::Event;
use crate::eventbridge::target_shapes::Target;
use crate::names::BusName;
use crate::state::{ARCHIVED, ARCHIVES, RULES};

/// The kind of deliveries to targets.
pub(crate) const KIND: &str = "events.target";
/// What an archive counts for an event beside its texts: account and time.
const OVERHEAD: usize = 26;

/// An event and the bus that it arrives on.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) bus: BusName,
    pub(crate) event: Event,
    /// The X-Ray trace that it belongs to.
    pub(crate) trace: String,
    /// Only these rules are asked, if any are named (by ARN): a replay's.
    pub(crate) only: Option<Arc<[String]>>,
}

/// What is delivered to a target.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Shipment {
    pub(crate) rule_arn: String,
    pub(crate) rule: String,
    pub(crate) target: Target,
    pub(crate) event: String,
    /// When the event arrived, in milliseconds since 1970.
    pub(crate) ingested: i64,
}

impl Events {
    /// Lets events arrive; when this returns it is durable what is to come of them.
    pub(crate) async fn ingest(self: &Arc<Self>, arrivals: Vec<Arrival>) -> Result<(), StoreError> {
        let matched: Vec<(Arrival, Vec<Subscriber>)> = arrivals
            .into_iter()
            .map(|arrival| {
                let subscribers = self.subscribers(&arrival.bus, &arrival.event.value);
                (arrival, subscribers)
            })
            .filter(|(_, subscribers)| !subscribers.is_empty())
            .collect();
        if matched.is_empty() {
            return Ok(());
        }
        let (events, now) = (self.clone(), self.now());
        self.store()
            .write(move |tx| {
                for (arrival, subscribers) in &matched {
                    for subscriber in subscribers {
                        match subscriber {
                            Subscriber::Rule(name) => events.enqueue_rule(tx, arrival, name, now)?,
                            Subscriber::Archive(name) => archive(tx, arrival, name)?,
                        }
                    }
                }
                Ok(())
            })
            .await
    }

    /// Enqueues an event for the targets of a rule.
    pub(crate) fn enqueue_rule(
        &self,
        tx: &mut WriteTx<'_>,
        arrival: &Arrival,
        name: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        let Arrival { bus, event, trace, only } = arrival;
        let rule_arn = bus.rule_arn(name);
        if only.as_ref().is_some_and(|only| !only.contains(&rule_arn)) {
            return Ok(());
        }
        // The rule may have gone or been disabled since it matched.
        let key = (bus.account.as_str(), bus.region.as_str(), bus.name.as_str(), name);
        let Some(rule) = tx.get(&RULES, &key)?.filter(|rule| rule.is_enabled()) else { return Ok(()) };
        for target in rule.targets {
            let target_arn = target.arn.clone();
            let shipment = Shipment {
                rule_arn: rule_arn.clone(),
                rule: name.to_owned(),
                target,
                event: event.text.clone(),
                ingested: now,
            };
            let payload = serde_json::to_vec(&shipment)
                .map_err(|problem| StoreError::Encode { table: "delivery.delivery", reason: problem.to_string() })?;
            let origin = Origin {
                source_arn: rule_arn.clone(),
                account: bus.account.clone(),
                region: bus.region.clone(),
                trace: trace.clone(),
            };
            let payload = Bytes::from(payload);
            self.deliveries
                .enqueue(tx, NewDelivery { kind: KIND.to_owned(), target: target_arn, payload, origin, due: 0 })?;
        }
        Ok(())
    }
}

/// Puts an event into an archive. What a replay puts is not archived again: the rule that AWS makes for an archive asks for events
/// without a `replay-name`.
fn archive(tx: &mut WriteTx<'_>, arrival: &Arrival, name: &str) -> Result<(), StoreError> {
    let Arrival { bus, event, .. } = arrival;
    if event.is_replayed() {
        return Ok(());
    }
    let key = (bus.account.as_str(), bus.region.as_str(), name);
    let Some(mut archive) = tx.get(&ARCHIVES, &key)? else { return Ok(()) };
    let time = event.get("time").parse::<jiff::Timestamp>().map_or(0, |time| time.as_millisecond());
    if !tx.contains(&ARCHIVED, &(archive.id.as_str(), time, event.get("id")))? {
        let detail = event.value.get("detail").map_or(0, |detail| detail.to_string().len());
        let size = detail + event.get("source").len() + event.get("detail-type").len() + OVERHEAD;
        archive.count += 1;
        archive.size += i64::try_from(size).unwrap_or(0);
        tx.put(&ARCHIVED, &(archive.id.as_str(), time, event.get("id")), &event.text)?;
        tx.put(&ARCHIVES, &key, &archive)?;
    }
    Ok(())
}
