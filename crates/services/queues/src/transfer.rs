//! Moving messages from one queue to another: dead letters, and tasks that bring them back.

use std::sync::Arc;

use pilvi_store::StoreError;
use uuid::Uuid;

use crate::errors::QueueError;
use crate::queue::Message;
use crate::registry::{Queue, Queues};
use crate::settle::Unsettled;
use crate::state::{self, MESSAGES, RECEIVES};

impl Queues {
    /// Moves messages that were received too often, and are withdrawn, to the dead-letter queue.
    pub(crate) async fn bury(self: &Arc<Self>, queue: &Arc<Queue>, seqs: &[u64]) -> Result<(), QueueError> {
        let unsettled = Unsettled::new(self, queue, seqs.to_vec());
        let record = queue.record();
        let target = record.settings.redrive.as_ref().and_then(|redrive| self.find_arn(&redrive.target).ok());
        // The guard puts the messages back.
        let Some(target) = target else { return Ok(()) };
        let fifo = target.record().settings.fifo.is_some();
        let now = self.now();
        let source = queue.name.arn();
        let change = |mut message: Message, queue: &Queue, seq: u64| {
            let received = queue.loaded().and_then(|live| live.backlog.received(seq));
            message.dead_letter_source = Some(source.clone());
            message.received_before = received.map_or(message.received_before, |received| received.count);
            message.first_received_before = received.map_or(0, |received| received.first_received);
            message.visible = now;
            // Retention goes on from the first enqueueing, except in a FIFO queue (Developer guide, "Dead-letter queues").
            if fifo {
                message.enqueued = now;
            }
            message
        };
        self.transfer(queue, &target, unsettled, seqs, change).await
    }

    /// Moves withdrawn messages as new ones, with new ids.
    pub(crate) async fn bring_back(
        self: &Arc<Self>,
        queue: &Arc<Queue>,
        target: &Arc<Queue>,
        seqs: &[u64],
    ) -> Result<(), QueueError> {
        let unsettled = Unsettled::new(self, queue, seqs.to_vec());
        let now = self.now();
        let change = |mut message: Message, _: &Queue, _: u64| {
            message.id = Uuid::new_v4();
            message.dead_letter_source = None;
            message.received_before = 0;
            message.first_received_before = 0;
            message.sent = now;
            message.enqueued = now;
            message.visible = now;
            message
        };
        self.transfer(queue, target, unsettled, seqs, change).await
    }

    async fn transfer(
        self: &Arc<Self>,
        queue: &Arc<Queue>,
        target: &Arc<Queue>,
        unsettled: Unsettled,
        seqs: &[u64],
        change: impl Fn(Message, &Queue, u64) -> Message,
    ) -> Result<(), QueueError> {
        let mut messages = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let raw = self.store.read(|tx| tx.get(&MESSAGES, &(queue.number, *seq)))?;
            let Some(raw) = raw else { continue };
            messages.push(change(state::decode(&raw)?, queue, *seq));
        }
        let mut arriving = Vec::with_capacity(messages.len());
        let mut visible = Vec::with_capacity(messages.len());
        {
            let mut live = self.live(target).await?;
            let now = self.now();
            for message in messages {
                let raw = state::encode(&message)?;
                let seq = live.backlog.next_seq(now);
                live.backlog.reserve(seq, &message);
                visible.push((seq, message.visible));
                arriving.push((seq, raw));
            }
        }
        let arrival = Unsettled::new(self, target, visible.iter().map(|(seq, _)| *seq).collect());
        let (from, to, leaving) = (queue.number, target.number, seqs.to_vec());
        self.store
            .write::<_, StoreError>(move |tx| {
                for seq in &leaving {
                    tx.delete(&MESSAGES, &(from, *seq))?;
                    tx.delete(&RECEIVES, &(from, *seq))?;
                }
                for (seq, raw) in &arriving {
                    tx.put(&MESSAGES, &(to, *seq), raw)?;
                }
                Ok(())
            })
            .await?;
        unsettled.finish();
        arrival.commit(&visible);
        Ok(())
    }
}
