//! Messages whose write is under way.

use std::sync::Arc;

use pilvi_store::{StoreError, WriteTx};

use crate::queue::Millis;
use crate::registry::{Queue, Queues};
use crate::state::{self, MESSAGES};

/// Messages that were reserved or withdrawn in memory, while the store is told. If the one who waits for that goes away (its client
/// hung up), the write happens all the same, and this looks up later how it ended.
pub(crate) struct Unsettled {
    queues: Arc<Queues>,
    queue: Arc<Queue>,
    seqs: Vec<u64>,
}

impl Unsettled {
    pub(crate) fn new(queues: &Arc<Queues>, queue: &Arc<Queue>, seqs: Vec<u64>) -> Self {
        Self { queues: queues.clone(), queue: queue.clone(), seqs }
    }

    /// The messages are stored: they may be received, each from its time on.
    pub(crate) fn commit(mut self, visible: &[(u64, Millis)]) {
        self.seqs.clear();
        let now = self.queues.now();
        let mut ready = 0;
        if let Some(mut live) = self.queue.loaded() {
            for (seq, visible) in visible {
                ready += usize::from(live.backlog.commit(*seq, *visible, now));
            }
        }
        // A delayed message has to wake somebody too, who then waits for its time instead of an earlier end.
        self.queue.announce(ready.max(usize::from(!visible.is_empty())));
    }

    /// The messages are gone from the store.
    pub(crate) fn finish(mut self) {
        let seqs = std::mem::take(&mut self.seqs);
        if let Some(mut live) = self.queue.loaded() {
            for seq in seqs {
                live.backlog.finish(seq);
                self.queues.drop_body(&mut live, seq);
            }
        }
        // In a FIFO queue, the next of the group may be received now.
        if self.queue.record().settings.fifo.is_some() {
            self.queue.announce(1);
        }
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        if self.seqs.is_empty() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (queues, queue, seqs) = (self.queues.clone(), self.queue.clone(), std::mem::take(&mut self.seqs));
        runtime.spawn(async move { settle(&queues, &queue, &seqs).await });
    }
}

async fn settle(queues: &Queues, queue: &Queue, seqs: &[u64]) {
    // Writes happen in order, so when this one has happened, so has the one in question.
    let barrier = queues.store.write(|_: &mut WriteTx<'_>| Ok::<(), StoreError>(())).await;
    if let Err(error) = barrier {
        tracing::warn!(%error, queue = queue.name.name, "the outcome of a write is unknown");
        return;
    }
    let now = queues.now();
    for seq in seqs {
        let stored = queues.store.read(|tx| tx.get(&MESSAGES, &(queue.number, *seq)));
        let visible = match stored.and_then(|raw| raw.map(|raw| state::decode(&raw)).transpose()) {
            Ok(message) => message.map(|message| message.visible),
            Err(error) => {
                tracing::warn!(%error, queue = queue.name.name, "a message cannot be read");
                continue;
            }
        };
        let Some(mut live) = queue.loaded() else { return };
        match visible {
            Some(visible) => {
                live.backlog.settle(*seq, visible, now);
            }
            None => {
                live.backlog.finish(*seq);
                queues.drop_body(&mut live, *seq);
            }
        }
    }
    queue.announce(seqs.len());
}
