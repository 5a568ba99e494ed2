//! Receiving: what is ready now, or the first that comes while waiting.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pilvi_store::{Raw, StoreError};

use crate::errors::QueueError;
use crate::queue::{Delivery, Message, Millis};
use crate::registry::{Queue, Queues};
use crate::state::{self, DEDUPS, MESSAGES, RECEIVES, ReceiveRecord};

/// A standard queue hands out nothing while so many messages are in flight.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MAX_IN_FLIGHT: usize = 120_000;

/// What is asked for.
pub(crate) struct Receive<'a> {
    pub(crate) max: usize,
    /// In milliseconds.
    pub(crate) wait: Millis,
    /// In milliseconds, where it is not the queue's.
    pub(crate) visibility: Option<Millis>,
    pub(crate) attempt: Option<&'a str>,
}

/// A message handed out.
pub(crate) struct Received {
    pub(crate) handle: String,
    pub(crate) delivery: Delivery,
    pub(crate) message: Arc<Message>,
}

/// What one look into the queue found.
#[derive(Default)]
struct Found {
    received: Vec<Received>,
    /// Handed out, with bodies that have to be read from the store.
    elsewhere: Vec<(String, Delivery)>,
    dead: Vec<u64>,
    next: Option<Millis>,
}

impl Queues {
    /// Receives up to `max` messages. Waits for the first; is woken at once by one that arrives.
    pub(crate) async fn receive(
        self: &Arc<Self>,
        queue: &Arc<Queue>,
        request: &Receive<'_>,
    ) -> Result<Vec<Received>, QueueError> {
        let deadline = self.now() + request.wait;
        loop {
            // Registered before looking, so that nothing can arrive unnoticed in between.
            let arrival = queue.arrivals.notified();
            tokio::pin!(arrival);
            arrival.as_mut().enable();
            if queue.deleted.load(Ordering::Acquire) {
                return Err(QueueError::QueueDoesNotExist);
            }
            let found = self.look(queue, request).await?;
            if !found.dead.is_empty() {
                self.bury(queue, &found.dead).await?;
            }
            let mut received = found.received;
            if !found.elsewhere.is_empty() {
                self.read_bodies(queue, found.elsewhere, &mut received)?;
            }
            if !received.is_empty() {
                return Ok(received);
            }
            let now = self.now();
            if now >= deadline && found.dead.is_empty() {
                return Ok(received);
            }
            if !found.dead.is_empty() {
                continue;
            }
            let until = found.next.map_or(deadline, |next| next.min(deadline));
            let wait = Duration::from_millis(until.saturating_sub(now));
            tokio::select! {
                () = arrival => {}
                () = self.clock.sleep(wait) => {}
                () = self.shutdown.cancelled() => return Ok(received),
            }
        }
    }

    async fn look(&self, queue: &Queue, request: &Receive<'_>) -> Result<Found, QueueError> {
        let record = queue.record();
        let settings = &record.settings;
        // Without its dead-letter queue, a message stays where it is.
        let redrive = settings.redrive.as_ref().filter(|redrive| self.find_arn(&redrive.target).is_ok());
        let visibility = request.visibility.unwrap_or_else(|| settings.visibility_ms());
        let mut found = Found::default();
        let mut receives = Vec::new();
        {
            let mut live = self.live(queue).await?;
            let now = self.now();
            self.advance(queue, &mut live, now, settings.retention_ms());
            if settings.fifo.is_none() && live.backlog.counts().in_flight >= MAX_IN_FLIGHT {
                if request.wait == 0 {
                    return Err(QueueError::OverLimit);
                }
                found.next = live.backlog.next_wakeup();
                return Ok(found);
            }
            let limit = redrive.map(|redrive| redrive.max_receive_count);
            let outcome = live.backlog.receive(now, request.max, visibility, limit, request.attempt);
            found.dead = outcome.dead;
            found.received.reserve_exact(outcome.deliveries.len());
            for delivery in outcome.deliveries {
                let handle = live.backlog.receipt(&delivery).encode();
                let until = if visibility > 0 { delivery.until } else { 0 };
                receives.push((
                    delivery.seq,
                    ReceiveRecord { count: delivery.count, first: delivery.first_received, until },
                ));
                match live.bodies.get(&delivery.seq) {
                    Some(message) => found.received.push(Received { handle, delivery, message: message.clone() }),
                    None => found.elsewhere.push((handle, delivery)),
                }
            }
            found.next = live.backlog.next_wakeup();
        }
        self.note_receives(queue.number, receives);
        Ok(found)
    }

    /// Lets time pass in a queue.
    pub(crate) fn advance(&self, queue: &Queue, live: &mut crate::registry::Live, now: Millis, retention: Millis) {
        let (awoken, expired) = live.backlog.advance(now, retention);
        if awoken > 1 {
            // The one who is here takes some; others may be waiting for the rest.
            queue.announce(awoken - 1);
        }
        for seq in &expired {
            self.drop_body(live, *seq);
        }
        let ids = live.dedup.expire(now);
        if expired.is_empty() && ids.is_empty() {
            return;
        }
        let number = queue.number;
        self.store.write_behind(move |tx| {
            for seq in &expired {
                tx.delete(&MESSAGES, &(number, *seq))?;
                tx.delete(&RECEIVES, &(number, *seq))?;
            }
            for key in &ids {
                tx.delete(&DEDUPS, &(number, key.group.as_deref(), &*key.id))?;
            }
            Ok(())
        });
    }

    /// Writes behind what a restart should know of receives. A message that was deleted meanwhile stays deleted.
    pub(crate) fn note_receives(&self, number: u64, receives: Vec<(u64, ReceiveRecord)>) {
        if receives.is_empty() {
            return;
        }
        self.store.write_behind(move |tx| {
            for (seq, record) in &receives {
                if tx.contains(&MESSAGES, &(number, *seq))? {
                    tx.put(&RECEIVES, &(number, *seq), record)?;
                }
            }
            Ok(())
        });
    }

    fn read_bodies(
        &self,
        queue: &Queue,
        deliveries: Vec<(String, Delivery)>,
        received: &mut Vec<Received>,
    ) -> Result<(), QueueError> {
        let mut raws: Vec<(String, Delivery, Option<Raw>)> = Vec::with_capacity(deliveries.len());
        self.store.read::<_, StoreError>(|tx| {
            for (handle, delivery) in deliveries {
                let raw = tx.get(&MESSAGES, &(queue.number, delivery.seq))?;
                raws.push((handle, delivery, raw));
            }
            Ok(())
        })?;
        for (handle, delivery, raw) in raws {
            // Gone meanwhile: deleted by somebody who had received it before.
            let Some(raw) = raw else { continue };
            let message = Arc::new(state::decode(&raw)?);
            received.push(Received { handle, delivery, message });
        }
        received.sort_by_key(|received| received.delivery.seq);
        Ok(())
    }
}
