//! Publishing: a message is durable, and on its way to every subscription that wants it, before it is acknowledged.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pilvi_bus::RequestContext;
use pilvi_delivery::{NewDelivery, Origin};
use pilvi_store::{Bytes, Range, StoreError, WriteTx};
use uuid::Uuid;

use crate::courier::{self, FIFO, HTTP, MANAGED, Parcel};
use crate::errors::TopicError;
use crate::message::{Checked, Message};
use crate::registry::{Subscription, Topic, Topics};
use crate::state::{DEDUPS, DedupRecord, ORDERED, SEQUENCES};

/// "the deduplication interval of five minutes": FIFO topics, message deduplication.
const DEDUP_WINDOW: Duration = Duration::from_secs(300);

/// What a published message became.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) id: String,
    /// Of a FIFO topic.
    pub(crate) sequence: Option<u64>,
}

/// A message and who gets it. All that can be done before the transaction is done, since transactions run one after the other.
struct Planned {
    message: Message,
    /// Of a standard topic: ready to be sent.
    deliveries: Vec<NewDelivery>,
    /// Of a FIFO topic, whose transaction numbers the message first: with the text for its protocol.
    ordered: Vec<(Arc<Subscription>, String)>,
}

impl Topics {
    /// Publishes messages to a topic, all or none.
    pub(crate) async fn publish(
        &self,
        ctx: &RequestContext,
        topic: &Topic,
        messages: Vec<Checked>,
    ) -> Result<Vec<Published>, TopicError> {
        let now = self.clock.now_ms();
        let record = topic.record();
        let origin = Origin {
            source_arn: topic.arn.clone(),
            account: topic.name.account.clone(),
            region: topic.name.region.clone(),
            trace: ctx.trace.clone(),
        };
        let planned = messages.into_iter().map(|message| plan(ctx, topic, message, &origin, now));
        let planned = planned.collect::<Result<Vec<Planned>, StoreError>>()?;
        let deliveries = self.deliveries.clone();
        let published = self
            .store
            .write::<_, StoreError>(move |tx| {
                let mut published = Vec::with_capacity(planned.len());
                for Planned { message, deliveries: ready, ordered } in &planned {
                    for delivery in ready {
                        deliveries.enqueue(tx, delivery.clone())?;
                    }
                    let Some(fifo) = &record.fifo else {
                        published.push(Published { id: message.id.clone(), sequence: None });
                        continue;
                    };
                    let by_group = fifo.scope.as_deref() == Some("MessageGroup");
                    let (is_new, known) = number(tx, record.number, by_group, message, now)?;
                    published.push(Published { id: known.id, sequence: Some(known.sequence) });
                    if !is_new {
                        continue;
                    }
                    for (subscription, text) in ordered {
                        let message = Message { text: text.clone(), sequence: Some(known.sequence), ..message.clone() };
                        let ticket = line_up(tx, subscription, message, &origin)?;
                        deliveries.enqueue(tx, ticket)?;
                    }
                }
                Ok(published)
            })
            .await?;
        self.deliveries.wake();
        Ok(published)
    }

    /// Forgets deduplication ids that no longer matter.
    pub(crate) async fn forget_duplicates(&self) -> Result<(), StoreError> {
        let oldest = self.clock.now_ms() - millis(DEDUP_WINDOW);
        let old = self.store.read(|tx| {
            let entries = tx.range(&DEDUPS, Range::all()).filter(|entry| match entry {
                Ok((_, known)) => known.at < oldest,
                Err(_) => true,
            });
            entries.map(|entry| entry.map(|(key, _)| key)).collect::<Result<Vec<_>, StoreError>>()
        })?;
        if old.is_empty() {
            return Ok(());
        }
        self.store
            .write(move |tx| {
                for key in &old {
                    // It may have been taken again meanwhile.
                    if tx.get(&DEDUPS, key)?.is_some_and(|known| known.at < oldest) {
                        tx.delete(&DEDUPS, key)?;
                    }
                }
                Ok(())
            })
            .await
    }
}

fn plan(
    ctx: &RequestContext,
    topic: &Topic,
    checked: Checked,
    origin: &Origin,
    now: i64,
) -> Result<Planned, StoreError> {
    let wanted = |subscription: &&Arc<Subscription>| {
        let text = checked.text_for(&subscription.record.protocol);
        subscription.record.confirmed
            && subscription.filter().is_none_or(|filter| filter.wants(text, &checked.attributes))
    };
    let subscriptions = topic.subscriptions();
    let mut message = Message {
        id: Uuid::new_v4().to_string(),
        text: String::new(),
        subject: checked.subject.clone(),
        attributes: checked.attributes.clone(),
        group: checked.group.clone(),
        dedup: checked.dedup.clone(),
        sequence: None,
        time: now,
        endpoint: ctx.endpoint.clone(),
        // Recorded: queues are told of a trace only where the publisher sent one.
        trace: ctx.trace_sent.clone().unwrap_or_default(),
    };
    let is_fifo = topic.record().fifo.is_some();
    let (mut ordered, mut deliveries) = (Vec::new(), Vec::new());
    // Most subscribers get the same text, which is written once for all of them.
    let mut written: HashMap<&str, Bytes> = HashMap::new();
    for subscription in subscriptions.values().filter(wanted) {
        let text = checked.text_for(courier::platform(&subscription.record));
        if is_fifo {
            ordered.push((subscription.clone(), text.to_owned()));
            continue;
        }
        let payload = match written.get(text) {
            Some(payload) => payload.clone(),
            None => {
                message.text = text.to_owned();
                let payload = Bytes::from(Parcel::Notification(message.clone()).encode()?);
                written.insert(text, payload.clone());
                payload
            }
        };
        let kind = if subscription.record.is_http() { HTTP } else { MANAGED };
        let target = subscription.arn.clone();
        deliveries.push(NewDelivery { kind: kind.to_owned(), target, payload, origin: origin.clone(), due: 0 });
    }
    Ok(Planned { message, deliveries, ordered })
}

/// The place of a FIFO topic's message, and whether it is a new one: a duplicate is answered with what the first one was.
fn number(
    tx: &mut WriteTx<'_>,
    topic: u64,
    by_group: bool,
    message: &Message,
    now: i64,
) -> Result<(bool, DedupRecord), StoreError> {
    let scope = message.group.clone().filter(|_| by_group);
    let key = (topic, scope, message.dedup.clone().unwrap_or_default());
    if let Some(known) = tx.get(&DEDUPS, &key)?
        && now - known.at < millis(DEDUP_WINDOW)
    {
        return Ok((false, known));
    }
    let sequence = tx.get(&SEQUENCES, &(topic,))?.unwrap_or(0) + 1;
    tx.put(&SEQUENCES, &(topic,), &sequence)?;
    let record = DedupRecord { id: message.id.clone(), sequence, at: now };
    tx.put(&DEDUPS, &key, &record)?;
    Ok((true, record))
}

/// Puts a message behind those that its group still has to deliver. The delivery only says that there is something, and takes whatever
/// is first then.
fn line_up(
    tx: &mut WriteTx<'_>,
    subscription: &Subscription,
    message: Message,
    origin: &Origin,
) -> Result<NewDelivery, StoreError> {
    let group = message.group.clone().unwrap_or_default();
    let target = courier::lane(&subscription.arn, &group);
    tx.put(&ORDERED, &(subscription.arn.clone(), group, message.sequence.unwrap_or_default()), &message)?;
    Ok(NewDelivery { kind: FIFO.to_owned(), target, origin: origin.clone(), ..NewDelivery::default() })
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
