//! Sending: durable before it is acknowledged.

use std::sync::Arc;

use pilvi_store::{Raw, StoreError};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::errors::QueueError;
use crate::queue::{DedupKey, Message, MessageAttribute, Millis, Remembered, Settings, body_md5};
use crate::registry::{Queue, Queues};
use crate::settle::Unsettled;
use crate::state::{self, DEDUPS, DedupRecord, MESSAGES};

/// A message to be sent; valid for its queue.
pub(crate) struct Outgoing {
    pub(crate) body: String,
    /// Sorted by name.
    pub(crate) attributes: Vec<MessageAttribute>,
    pub(crate) trace_header: Option<String>,
    /// The trace that it is sent in.
    pub(crate) trace: String,
    pub(crate) sender: String,
    /// In seconds, where it is not the queue's.
    pub(crate) delay: Option<u32>,
    pub(crate) group: Option<String>,
    pub(crate) dedup: Option<String>,
}

impl Outgoing {
    /// Bytes that count against the size limit.
    pub(crate) fn size(&self) -> usize {
        self.body.len() + self.attributes.iter().map(MessageAttribute::size).sum::<usize>()
    }
}

/// What a message became.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) id: Uuid,
    pub(crate) body_md5: [u8; 16],
    /// Of a FIFO queue.
    pub(crate) sequence: Option<u64>,
}

/// A message on its way into the store.
struct Record {
    seq: u64,
    visible: Millis,
    raw: Raw,
    dedup: Option<(Option<String>, String, DedupRecord)>,
}

impl Queues {
    /// Sends messages to a queue, all or none.
    pub(crate) async fn send(
        self: &Arc<Self>,
        queue: &Arc<Queue>,
        messages: Vec<Outgoing>,
    ) -> Result<Vec<Sent>, QueueError> {
        let now = self.now();
        let record = queue.record();
        let settings = &record.settings;
        let messages: Vec<Arc<Message>> =
            messages.into_iter().map(|outgoing| Arc::new(message(outgoing, settings, now))).collect();
        let mut sent = Vec::with_capacity(messages.len());
        let mut records = Vec::with_capacity(messages.len());
        let mut seqs = Vec::with_capacity(messages.len());
        {
            let mut live = self.live(queue).await?;
            live.dedup.expire(now);
            for message in &messages {
                let dedup = dedup_key(settings, message, now);
                if let Some(first) = dedup.as_ref().and_then(|key| live.dedup.find(key, now)) {
                    sent.push(Sent { id: first.id, body_md5: message.body_md5, sequence: Some(first.seq) });
                    continue;
                }
                let raw = state::encode(message)?;
                let seq = live.backlog.next_seq(now);
                live.backlog.reserve(seq, message);
                self.keep_body(&mut live, seq, message);
                let remembered = DedupRecord { id: message.id, seq, at: now };
                let dedup = dedup.map(|key| {
                    let stored = (key.group.as_deref().map(str::to_owned), key.id.to_string(), remembered);
                    live.dedup.remember(key, Remembered { id: message.id, seq, at: now });
                    stored
                });
                let sequence = settings.fifo.as_ref().map(|_| seq);
                sent.push(Sent { id: message.id, body_md5: message.body_md5, sequence });
                seqs.push(seq);
                records.push(Record { seq, visible: message.visible, raw, dedup });
            }
        }
        if records.is_empty() {
            return Ok(sent);
        }
        let unsettled = Unsettled::new(self, queue, seqs);
        let visible: Vec<(u64, Millis)> = records.iter().map(|record| (record.seq, record.visible)).collect();
        let number = queue.number;
        self.store
            .write::<_, StoreError>(move |tx| {
                for record in &records {
                    tx.put(&MESSAGES, &(number, record.seq), &record.raw)?;
                    if let Some((group, id, dedup)) = &record.dedup {
                        tx.put(&DEDUPS, &(number, group.as_deref(), id.as_str()), dedup)?;
                    }
                }
                Ok(())
            })
            .await?;
        unsettled.commit(&visible);
        Ok(sent)
    }
}

fn message(outgoing: Outgoing, settings: &Settings, now: Millis) -> Message {
    let delay = match (&settings.fifo, outgoing.delay) {
        (None, Some(delay)) => delay,
        _ => settings.delay,
    };
    let mut dedup = outgoing.dedup;
    if dedup.is_none() && settings.fifo.as_ref().is_some_and(|fifo| fifo.content_based_deduplication) {
        dedup = Some(hex::encode(Sha256::digest(outgoing.body.as_bytes())));
    }
    Message {
        id: Uuid::new_v4(),
        body_md5: body_md5(&outgoing.body),
        body: outgoing.body,
        attributes: outgoing.attributes,
        trace_header: outgoing.trace_header,
        sender: outgoing.sender,
        sent: now,
        enqueued: now,
        visible: now + u64::from(delay) * 1000,
        group: outgoing.group,
        dedup,
        dead_letter_source: None,
        received_before: 0,
        first_received_before: 0,
        trace: outgoing.trace,
    }
}

fn dedup_key(settings: &Settings, message: &Message, now: Millis) -> Option<DedupKey> {
    let fifo = settings.fifo.as_ref()?;
    Some(DedupKey::new(fifo.scope(now), message.group.as_deref()?, message.dedup.as_deref()?))
}
