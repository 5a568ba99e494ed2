//! The work behind message move tasks. A task that was running when the server stopped goes on when it starts again.

use std::sync::Arc;
use std::time::Duration;

use pilvi_store::{Range, StoreError};

use crate::errors::QueueError;
use crate::registry::{Queue, Queues};
use crate::state::{self, MESSAGES, MOVES, MoveRecord, MoveStatus};

/// A task's key: its source, when it was started, its id.
pub(crate) type MoveKey = (String, u64, String);
/// Which messages go to a queue.
type Destined = (Arc<Queue>, Vec<u64>);

impl Queues {
    /// Goes on with the tasks that a restart interrupted.
    pub(crate) fn resume_moves(self: &Arc<Self>) {
        let tasks = self.store.read(|tx| tx.range(&MOVES, Range::all()).collect::<Result<Vec<_>, StoreError>>());
        match tasks {
            Ok(tasks) => {
                for (key, record) in tasks {
                    if matches!(record.status, MoveStatus::Running | MoveStatus::Cancelling) {
                        self.run_move(key);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "cannot read the message move tasks"),
        }
    }

    /// Runs a task until it ends or the server stops.
    pub(crate) fn run_move(self: &Arc<Self>, key: MoveKey) {
        let queues = self.clone();
        tokio::spawn(async move {
            let moving = queues.move_messages(&key);
            let outcome = tokio::select! {
                outcome = moving => outcome,
                () = queues.shutdown.cancelled() => return,
            };
            let end = move |record: &mut MoveRecord| {
                record.status = match (&outcome, record.status) {
                    (Ok(()), MoveStatus::Cancelling) => MoveStatus::Cancelled,
                    (Ok(()), _) => MoveStatus::Completed,
                    (Err(_), _) => MoveStatus::Failed,
                };
                record.failure = outcome.as_ref().err().map(|error| error.code().1.to_owned());
            };
            if let Err(error) = queues.note_move(&key, end).await {
                tracing::warn!(%error, source = key.0, "cannot write the end of a message move task");
            }
        });
    }

    async fn move_messages(self: &Arc<Self>, key: &MoveKey) -> Result<(), QueueError> {
        let source = self.find_arn(&key.0)?;
        loop {
            let record = self.store.read(|tx| tx.get(&MOVES, key))?;
            let Some(record) = record.filter(|record| record.status == MoveStatus::Running) else { return Ok(()) };
            let batch = record.per_second.map_or(10, |rate| rate.min(10)) as usize;
            let seqs = {
                let retention = source.record().settings.retention_ms();
                let mut live = self.live(&source).await?;
                self.advance(&source, &mut live, self.now(), retention);
                live.backlog.withdraw_ready(batch)
            };
            if seqs.is_empty() {
                return Ok(());
            }
            let moved = seqs.len() as u64;
            for (target, seqs) in self.targets(&source, &record, &seqs)? {
                self.bring_back(&source, &target, &seqs).await?;
            }
            self.note_move(key, move |record| record.moved += moved).await?;
            if let Some(rate) = record.per_second {
                self.clock.sleep(Duration::from_millis(moved * 1000 / u64::from(rate.max(1)))).await;
            }
        }
    }

    /// Where each message goes: to the task's destination, or to the queue it came from. Messages that are not to go anywhere fail
    /// the task, and are put back.
    fn targets(
        self: &Arc<Self>,
        source: &Arc<Queue>,
        record: &MoveRecord,
        seqs: &[u64],
    ) -> Result<Vec<Destined>, QueueError> {
        let mut targets: Vec<Destined> = Vec::new();
        for seq in seqs {
            let found = match &record.destination {
                Some(destination) => self.find_arn(destination),
                None => self.origin(source, *seq),
            };
            let target = match found {
                Ok(target) => target,
                Err(error) => {
                    if let Some(mut live) = source.loaded() {
                        seqs.iter().for_each(|seq| live.backlog.abort(*seq));
                    }
                    return Err(error);
                }
            };
            match targets.iter_mut().find(|(known, _)| known.number == target.number) {
                Some((_, seqs)) => seqs.push(*seq),
                None => targets.push((target, vec![*seq])),
            }
        }
        Ok(targets)
    }

    fn origin(&self, source: &Queue, seq: u64) -> Result<Arc<Queue>, QueueError> {
        let raw = self.store.read(|tx| tx.get(&MESSAGES, &(source.number, seq)))?;
        let message = raw.map(|raw| state::decode(&raw)).transpose()?;
        let origin = message.and_then(|message| message.dead_letter_source);
        // Messages that were sent to the dead-letter queue directly have no origin.
        let text = "CouldNotDetermineMessageSource";
        self.find_arn(&origin.ok_or_else(|| QueueError::ResourceNotFound(text.to_owned()))?)
    }

    async fn note_move(
        &self,
        key: &MoveKey,
        change: impl Fn(&mut MoveRecord) + Send + 'static,
    ) -> Result<(), QueueError> {
        let key = key.clone();
        let written = self.store.write::<_, StoreError>(move |tx| {
            if let Some(mut record) = tx.get(&MOVES, &key)? {
                change(&mut record);
                tx.put(&MOVES, &key, &record)?;
            }
            Ok(())
        });
        Ok(written.await?)
    }
}
