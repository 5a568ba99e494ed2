//! What a consumer does with what it received: delete it, or change for how long it is hidden.

use std::sync::Arc;

use pilvi_store::{Range, StoreError, WriteTx};

use crate::errors::QueueError;
use crate::queue::{DedupWindow, Millis, Receipt};
use crate::registry::{Queue, Queues};
use crate::settle::Unsettled;
use crate::state::{DEDUPS, MESSAGES, RECEIVES, ReceiveRecord};

impl Queues {
    /// Deletes the messages of these handles; each has an outcome of its own. Deleting what is gone succeeds.
    pub(crate) async fn delete_messages(
        self: &Arc<Self>,
        queue: &Arc<Queue>,
        handles: &[&str],
    ) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let mut outcomes = Vec::with_capacity(handles.len());
        let mut seqs = Vec::with_capacity(handles.len());
        {
            let retention = queue.record().settings.retention_ms();
            let mut live = self.live(queue).await?;
            let now = self.now();
            self.advance(queue, &mut live, now, retention);
            for handle in handles {
                let withdrawn = Receipt::decode(handle).and_then(|receipt| live.backlog.withdraw(&receipt, now));
                if let Ok(Some(seq)) = withdrawn {
                    seqs.push(seq);
                }
                outcomes.push(withdrawn.map(|_| ()).map_err(|error| QueueError::receipt(error, handle)));
            }
        }
        if seqs.is_empty() {
            return Ok(outcomes);
        }
        let unsettled = Unsettled::new(self, queue, seqs.clone());
        let number = queue.number;
        self.store.write(move |tx| forget(tx, number, &seqs)).await?;
        unsettled.finish();
        Ok(outcomes)
    }

    /// Hides the messages of these handles for another while from now on; each has an outcome of its own.
    pub(crate) async fn change_visibility(
        &self,
        queue: &Queue,
        changes: &[(&str, u32)],
    ) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let mut outcomes = Vec::with_capacity(changes.len());
        let mut receives = Vec::new();
        let mut ready = 0;
        {
            let retention = queue.record().settings.retention_ms();
            let mut live = self.live(queue).await?;
            let now = self.now();
            self.advance(queue, &mut live, now, retention);
            for (handle, seconds) in changes {
                let visibility: Millis = u64::from(*seconds) * 1000;
                let changed = Receipt::decode(handle).and_then(|receipt| {
                    let is_ready = live.backlog.change_visibility(&receipt, visibility, now)?;
                    Ok((receipt.seq, is_ready))
                });
                if let Ok((seq, is_ready)) = changed {
                    ready += usize::from(is_ready);
                    if let Some(known) = live.backlog.received(seq) {
                        let until = if is_ready { 0 } else { now + visibility };
                        receives.push((seq, ReceiveRecord { count: known.count, first: known.first_received, until }));
                    }
                }
                outcomes.push(changed.map(|_| ()).map_err(|error| QueueError::receipt(error, handle)));
            }
        }
        queue.announce(ready);
        self.note_receives(queue.number, receives);
        Ok(outcomes)
    }

    /// Drops all messages.
    pub(crate) async fn purge(&self, queue: &Queue) -> Result<(), QueueError> {
        let seqs = {
            let mut live = self.live(queue).await?;
            let now = self.now();
            if live.purged.is_some_and(|at| now < at + 60_000) {
                return Err(QueueError::PurgeInProgress(queue.name.name.clone()));
            }
            live.purged = Some(now);
            let seqs = live.backlog.purge();
            live.dedup = DedupWindow::default();
            for seq in &seqs {
                self.drop_body(&mut live, *seq);
            }
            seqs
        };
        let number = queue.number;
        self.store
            .write(move |tx| {
                // A purged queue takes again what it has seen (seen in answers of AWS).
                tx.delete_range(&DEDUPS, Range::prefix(&(number,)))?;
                forget(tx, number, &seqs)
            })
            .await?;
        Ok(())
    }
}

fn forget(tx: &mut WriteTx<'_>, number: u64, seqs: &[u64]) -> Result<(), StoreError> {
    for seq in seqs {
        tx.delete(&MESSAGES, &(number, *seq))?;
        tx.delete(&RECEIVES, &(number, *seq))?;
    }
    Ok(())
}
