//! Which messages a queue holds and which of them may be received now. Bodies are not kept here.
//!
//! ```text
//!            commit               receive
//! reserve ─▶ Pending ─▶ Delayed ─▶ Ready ◀──────▶ InFlight
//!                          └────────▲ │ timeout      │
//!                                     ▼              ▼
//!                                  Withdrawn (being deleted or moved) ─▶ finish: gone, abort: Ready
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::dedup::DEDUP_WINDOW_MS;
use super::groups::Groups;
use super::receipt::{Receipt, ReceiptError};
use super::{Message, Millis};

/// The longest that a message may stay hidden after it was received.
const MAX_VISIBILITY_MS: Millis = 43_200_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Pending,
    Delayed(Millis),
    Ready,
    InFlight(Millis),
    Withdrawn,
}

#[derive(Debug)]
struct Entry {
    id: Uuid,
    enqueued: Millis,
    place: Place,
    count: u32,
    /// What `count` was when the message came to this queue; receives elsewhere do not count for redrive here.
    count_before: u32,
    first_received: Millis,
    received: Millis,
    group: Option<Arc<str>>,
}

/// A message that was stored before the queue was loaded.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Place in the queue.
    pub seq: u64,
    /// How often it was received in all.
    pub count: u32,
    /// When it was received for the first time; 0 when it was not.
    pub first_received: Millis,
    /// Until when it is in flight; 0 when it is not.
    pub in_flight_until: Millis,
}

/// One message handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Place in the queue.
    pub seq: u64,
    /// The message's id.
    pub id: Uuid,
    /// The how-manieth receive this is.
    pub count: u32,
    /// When it was received for the first time.
    pub first_received: Millis,
    /// When this receive happened.
    pub received: Millis,
    /// Until when it is hidden.
    pub until: Millis,
}

/// The outcome of a receive.
#[derive(Debug, Default)]
pub struct ReceiveOutcome {
    /// What was handed out.
    pub deliveries: Vec<Delivery>,
    /// Withdrawn because they were received too often; to be moved, then [`finish`](Backlog::finish)ed.
    pub dead: Vec<u64>,
}

/// A message that is gone from the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Place in the queue.
    pub seq: u64,
    /// How often it was received.
    pub count: u32,
    /// When it was received for the first time; 0 when it was not.
    pub first_received: Millis,
}

/// How many messages are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// May be received.
    pub ready: usize,
    /// Sent with a delay that is not over.
    pub delayed: usize,
    /// Received and neither deleted nor visible again.
    pub in_flight: usize,
}

/// A receive that may be repeated by its attempt id.
#[derive(Debug)]
struct Attempt {
    at: Millis,
    deliveries: Vec<Delivery>,
    /// Until when the messages are hidden now, if nothing else has happened to them.
    until: Millis,
}

/// The messages of one queue.
#[derive(Debug)]
pub struct Backlog {
    queue: u64,
    fifo: bool,
    entries: BTreeMap<u64, Entry>,
    /// Ready messages of a standard queue; a FIFO queue has `groups` instead.
    ready: BTreeSet<u64>,
    groups: Groups,
    /// When delayed and in-flight messages become ready.
    timers: BTreeSet<(Millis, u64)>,
    /// Messages older than their place in the queue says, because they were moved here.
    backdated: BTreeSet<(Millis, u64)>,
    attempts: HashMap<String, Attempt>,
    counts: Counts,
    last_seq: u64,
}

impl Backlog {
    /// An empty queue. `queue` is written into its receipt handles.
    pub fn new(queue: u64, fifo: bool) -> Self {
        Self {
            queue,
            fifo,
            entries: BTreeMap::new(),
            ready: BTreeSet::new(),
            groups: Groups::default(),
            timers: BTreeSet::new(),
            backdated: BTreeSet::new(),
            attempts: HashMap::new(),
            counts: Counts::default(),
            last_seq: 0,
        }
    }

    /// The next place in the queue. Places grow with time also over restarts, so that none is given twice.
    pub fn next_seq(&mut self, now: Millis) -> u64 {
        self.last_seq = (self.last_seq + 1).max(now << 20);
        self.last_seq
    }

    /// Takes a place for a message that is about to be stored. It holds its place, and cannot be received, until it is
    /// [`commit`](Self::commit)ted or [`finish`](Self::finish)ed (when it could not be stored).
    pub fn reserve(&mut self, seq: u64, message: &Message) {
        let group = match (&message.group, self.fifo) {
            (Some(group), true) => Some(self.groups.intern(group)),
            _ => None,
        };
        if let Some(group) = &group {
            self.groups.insert(group, seq);
        }
        if message.enqueued < seq >> 20 {
            self.backdated.insert((message.enqueued, seq));
        }
        self.last_seq = self.last_seq.max(seq);
        let entry = Entry {
            id: message.id,
            enqueued: message.enqueued,
            place: Place::Pending,
            count: message.received_before,
            count_before: message.received_before,
            first_received: message.first_received_before,
            received: 0,
            group,
        };
        self.entries.insert(seq, entry);
    }

    /// The message is stored: it may be received from `visible` on. Says whether that is now.
    pub fn commit(&mut self, seq: u64, visible: Millis, now: Millis) -> bool {
        if visible > now {
            self.put(seq, Place::Delayed(visible));
            return false;
        }
        self.put(seq, Place::Ready);
        true
    }

    /// Puts a stored message back when a queue is loaded.
    pub fn restore(&mut self, restored: &Restored, message: &Message, now: Millis) {
        self.reserve(restored.seq, message);
        if let Some(entry) = self.entries.get_mut(&restored.seq) {
            entry.count = entry.count.max(restored.count);
            if restored.first_received > 0 {
                entry.first_received = restored.first_received;
            }
        }
        if restored.in_flight_until > now {
            self.put(restored.seq, Place::InFlight(restored.in_flight_until));
        } else {
            self.commit(restored.seq, message.visible, now);
        }
    }

    /// Lets time pass: messages whose delay or visibility timeout is over become ready; those older than `retention`
    /// are dropped and given back. Says how many became ready.
    pub fn advance(&mut self, now: Millis, retention: Millis) -> (usize, Vec<u64>) {
        let mut awoken = 0;
        while let Some((at, seq)) = self.timers.first().copied() {
            if at > now {
                break;
            }
            self.put(seq, Place::Ready);
            awoken += 1;
        }
        self.attempts.retain(|_, attempt| now < attempt.at + DEDUP_WINDOW_MS);
        (awoken, self.expire(now, retention))
    }

    fn expire(&mut self, now: Millis, retention: Millis) -> Vec<u64> {
        let mut expired = Vec::new();
        while let Some((enqueued, seq)) = self.backdated.first().copied() {
            if enqueued + retention > now || !self.is_settled(seq) {
                break;
            }
            self.remove(seq);
            expired.push(seq);
        }
        while let Some((seq, entry)) = self.entries.first_key_value() {
            let seq = *seq;
            if entry.enqueued + retention > now || !self.is_settled(seq) {
                break;
            }
            self.remove(seq);
            expired.push(seq);
        }
        expired
    }

    /// Hands out up to `max` messages for `visibility` milliseconds. A message received `max_receives` times here is
    /// withdrawn instead. With an `attempt` that was made before, the same messages are handed out again, as long as nothing
    /// has happened to them.
    pub fn receive(
        &mut self,
        now: Millis,
        max: usize,
        visibility: Millis,
        max_receives: Option<u32>,
        attempt: Option<&str>,
    ) -> ReceiveOutcome {
        if let Some(deliveries) = attempt.and_then(|attempt| self.replay(attempt, now, visibility)) {
            return ReceiveOutcome { deliveries, dead: Vec::new() };
        }
        let candidates = if self.fifo {
            self.groups.candidates(max, |seq| is_ready(&self.entries, seq))
        } else {
            self.ready.iter().copied().take(max).collect()
        };
        let mut outcome = ReceiveOutcome::default();
        for seq in candidates {
            let Some(entry) = self.entries.get_mut(&seq) else { continue };
            if max_receives.is_some_and(|limit| entry.count - entry.count_before >= limit) {
                self.put(seq, Place::Withdrawn);
                outcome.dead.push(seq);
                continue;
            }
            entry.count = entry.count.saturating_add(1);
            entry.received = now;
            if entry.first_received == 0 {
                entry.first_received = now;
            }
            let delivery = Delivery {
                seq,
                id: entry.id,
                count: entry.count,
                first_received: entry.first_received,
                received: now,
                until: now + visibility,
            };
            outcome.deliveries.push(delivery);
            if visibility > 0 {
                self.put(seq, Place::InFlight(now + visibility));
            } else if let Some(group) = self.entries.get(&seq).and_then(|entry| entry.group.clone()) {
                self.groups.took_turn(&group);
            }
        }
        if let Some(attempt) = attempt
            && !outcome.deliveries.is_empty()
        {
            let deliveries = outcome.deliveries.clone();
            self.attempts.insert(attempt.to_owned(), Attempt { at: now, deliveries, until: now + visibility });
        }
        outcome
    }

    fn replay(&mut self, attempt: &str, now: Millis, visibility: Millis) -> Option<Vec<Delivery>> {
        let Attempt { deliveries, until, .. } = self.attempts.get(attempt)?;
        for delivery in deliveries {
            let entry = self.entries.get(&delivery.seq)?;
            let untouched = entry.count == delivery.count && entry.place == Place::InFlight(*until);
            if !untouched || now >= *until {
                return None;
            }
        }
        let deliveries = deliveries.clone();
        for delivery in &deliveries {
            self.put(delivery.seq, Place::InFlight(now + visibility));
        }
        self.attempts.get_mut(attempt)?.until = now + visibility;
        Some(deliveries)
    }

    /// The receipt handle of a delivery.
    pub fn receipt(&self, delivery: &Delivery) -> Receipt {
        Receipt {
            queue: self.queue,
            seq: delivery.seq,
            id: delivery.id,
            count: delivery.count,
            received: delivery.received,
            until: delivery.until,
        }
    }

    /// Withdraws the message of a handle, for it to be deleted. `None` when it is already gone.
    ///
    /// # Errors
    /// On a FIFO queue, [`ReceiptError::Expired`] when the message is visible or was received again; on a standard queue any
    /// handle of the message will do.
    pub fn withdraw(&mut self, receipt: &Receipt, now: Millis) -> Result<Option<u64>, ReceiptError> {
        if !self.find(receipt)? {
            return Ok(None);
        }
        if self.fifo {
            self.check_current(receipt, now)?;
        }
        if !self.is_settled(receipt.seq) {
            return Ok(None);
        }
        self.put(receipt.seq, Place::Withdrawn);
        Ok(Some(receipt.seq))
    }

    /// Withdraws up to `max` ready messages, in order, for them to be moved to another queue.
    pub fn withdraw_ready(&mut self, max: usize) -> Vec<u64> {
        let seqs = if self.fifo {
            self.groups.candidates(max, |seq| is_ready(&self.entries, seq))
        } else {
            self.ready.iter().copied().take(max).collect()
        };
        for seq in &seqs {
            self.put(*seq, Place::Withdrawn);
        }
        seqs
    }

    /// A withdrawn or pending message is gone for good.
    pub fn finish(&mut self, seq: u64) -> Option<Removed> {
        self.remove(seq)
    }

    /// A withdrawn message stays after all.
    pub fn abort(&mut self, seq: u64) {
        if self.entries.get(&seq).is_some_and(|entry| entry.place == Place::Withdrawn) {
            self.put(seq, Place::Ready);
        }
    }

    /// A message whose fate was unclear is stored: a pending one is committed, a withdrawn one stays.
    pub fn settle(&mut self, seq: u64, visible: Millis, now: Millis) {
        if !self.is_settled(seq) {
            self.commit(seq, visible, now);
        }
    }

    /// Hides a received message for `visibility` milliseconds from now on. Says whether it became ready.
    ///
    /// # Errors
    /// [`ReceiptError`], one variant per reason.
    pub fn change_visibility(
        &mut self,
        receipt: &Receipt,
        visibility: Millis,
        now: Millis,
    ) -> Result<bool, ReceiptError> {
        if !self.find(receipt)? {
            return Err(ReceiptError::NoMessage);
        }
        self.check_current(receipt, now)?;
        if !self.is_settled(receipt.seq) {
            return Err(ReceiptError::NoMessage);
        }
        if (now + visibility).saturating_sub(receipt.received) > MAX_VISIBILITY_MS {
            return Err(ReceiptError::TooLong);
        }
        if visibility == 0 {
            self.put(receipt.seq, Place::Ready);
            return Ok(true);
        }
        self.put(receipt.seq, Place::InFlight(now + visibility));
        Ok(false)
    }

    /// Until when a message is in flight.
    pub fn in_flight_until(&self, seq: u64) -> Option<Millis> {
        match self.entries.get(&seq)?.place {
            Place::InFlight(until) => Some(until),
            _ => None,
        }
    }

    /// Empties the queue of everything that is stored and not on its way out. Gives back what was dropped.
    pub fn purge(&mut self) -> Vec<u64> {
        let seqs: Vec<u64> = self.entries.keys().copied().filter(|seq| self.is_settled(*seq)).collect();
        for seq in &seqs {
            self.remove(*seq);
        }
        self.attempts.clear();
        seqs
    }

    /// How many messages are where.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// When the next message becomes ready by itself.
    pub fn next_wakeup(&self) -> Option<Millis> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// How often and when first a message was received.
    pub fn received(&self, seq: u64) -> Option<Removed> {
        let entry = self.entries.get(&seq)?;
        Some(Removed { seq, count: entry.count, first_received: entry.first_received })
    }

    fn find(&self, receipt: &Receipt) -> Result<bool, ReceiptError> {
        if receipt.queue != self.queue {
            return Err(ReceiptError::OtherQueue);
        }
        Ok(self.entries.get(&receipt.seq).is_some_and(|entry| entry.id == receipt.id))
    }

    fn check_current(&mut self, receipt: &Receipt, now: Millis) -> Result<(), ReceiptError> {
        let Some(entry) = self.entries.get_mut(&receipt.seq) else { return Err(ReceiptError::NoMessage) };
        if receipt.count < entry.count {
            return Err(ReceiptError::Expired);
        }
        if receipt.count > entry.count {
            // The server was stopped before it had noted this receive. The handle says that it happened.
            entry.count = receipt.count;
            entry.received = receipt.received;
            entry.first_received = if entry.first_received == 0 { receipt.received } else { entry.first_received };
            if entry.place == Place::Ready && receipt.until > now {
                self.put(receipt.seq, Place::InFlight(receipt.until));
            }
        }
        if self.fifo && is_ready(&self.entries, receipt.seq) {
            return Err(ReceiptError::Expired);
        }
        Ok(())
    }

    fn is_settled(&self, seq: u64) -> bool {
        self.entries.get(&seq).is_some_and(|entry| !matches!(entry.place, Place::Pending | Place::Withdrawn))
    }

    /// Moves a message to another place and keeps every index in step.
    fn put(&mut self, seq: u64, place: Place) {
        let Some(entry) = self.entries.get_mut(&seq) else {
            return;
        };
        let old = std::mem::replace(&mut entry.place, place);
        let group = entry.group.clone();
        self.leave(seq, old);
        match place {
            Place::Pending | Place::Withdrawn => {}
            Place::Ready => {
                self.counts.ready += 1;
                if group.is_none() {
                    self.ready.insert(seq);
                }
            }
            Place::Delayed(until) => {
                self.counts.delayed += 1;
                self.timers.insert((until, seq));
            }
            Place::InFlight(until) => {
                self.counts.in_flight += 1;
                self.timers.insert((until, seq));
            }
        }
        if let Some(group) = group {
            self.groups.refresh(&group, |seq| is_ready(&self.entries, seq));
        }
    }

    fn leave(&mut self, seq: u64, old: Place) {
        match old {
            Place::Pending | Place::Withdrawn => {}
            Place::Ready => {
                self.counts.ready -= 1;
                self.ready.remove(&seq);
            }
            Place::Delayed(until) => {
                self.counts.delayed -= 1;
                self.timers.remove(&(until, seq));
            }
            Place::InFlight(until) => {
                self.counts.in_flight -= 1;
                self.timers.remove(&(until, seq));
            }
        }
    }

    fn remove(&mut self, seq: u64) -> Option<Removed> {
        let entry = self.entries.remove(&seq)?;
        self.leave(seq, entry.place);
        self.backdated.remove(&(entry.enqueued, seq));
        if let Some(group) = &entry.group {
            self.groups.remove(group, seq);
            self.groups.refresh(group, |seq| is_ready(&self.entries, seq));
        }
        Some(Removed { seq, count: entry.count, first_received: entry.first_received })
    }
}

fn is_ready(entries: &BTreeMap<u64, Entry>, seq: u64) -> bool {
    entries.get(&seq).is_some_and(|entry| entry.place == Place::Ready)
}
