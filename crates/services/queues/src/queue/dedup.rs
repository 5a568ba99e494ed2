//! Deduplication on FIFO queues: an id that was seen within five minutes is accepted and not enqueued again.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html>

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use super::Millis;
use super::settings::DedupScope;

/// How long an id is remembered.
pub const DEDUP_WINDOW_MS: Millis = 5 * 60 * 1000;

/// An id within its scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DedupKey {
    /// The message group, when the scope is the group.
    pub group: Option<Arc<str>>,
    /// The deduplication id.
    pub id: Arc<str>,
}

impl DedupKey {
    /// The key of a message in a queue with the given scope.
    pub fn new(scope: DedupScope, group: &str, id: &str) -> Self {
        let group = match scope {
            DedupScope::Queue => None,
            DedupScope::Group => Some(Arc::from(group)),
        };
        Self { group, id: Arc::from(id) }
    }
}

/// What a duplicate is answered with: the first message's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The first message's id.
    pub id: Uuid,
    /// The first message's place in the queue.
    pub seq: u64,
    /// When the first message was sent.
    pub at: Millis,
}

/// The ids seen within the window.
#[derive(Debug, Default)]
pub struct DedupWindow {
    seen: HashMap<DedupKey, Remembered>,
    order: VecDeque<(Millis, DedupKey)>,
}

impl DedupWindow {
    /// The message that this one duplicates, if there is one at `now`.
    pub fn find(&self, key: &DedupKey, now: Millis) -> Option<Remembered> {
        let found = *self.seen.get(key)?;
        (now < found.at + DEDUP_WINDOW_MS).then_some(found)
    }

    /// Remembers a message that was accepted.
    pub fn remember(&mut self, key: DedupKey, message: Remembered) {
        self.order.push_back((message.at, key.clone()));
        self.seen.insert(key, message);
    }

    /// Forgets a message that could not be stored after all.
    pub fn forget(&mut self, key: &DedupKey) {
        self.seen.remove(key);
    }

    /// Drops ids whose window is over and gives them back, so that their records can be dropped as well.
    pub fn expire(&mut self, now: Millis) -> Vec<DedupKey> {
        let mut expired = Vec::new();
        while let Some((at, _)) = self.order.front() {
            if now < at + DEDUP_WINDOW_MS {
                break;
            }
            let Some((at, key)) = self.order.pop_front() else { break };
            // The same id may have been remembered anew since.
            if self.seen.get(&key).is_some_and(|found| found.at == at) {
                self.seen.remove(&key);
                expired.push(key);
            }
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_remembered_for_five_minutes_in_its_scope() {
        let mut window = DedupWindow::default();
        let first = Remembered { id: Uuid::from_u128(1), seq: 1, at: 1000 };
        window.remember(DedupKey::new(DedupScope::Queue, "g1", "a"), first);
        let in_other_group = DedupKey::new(DedupScope::Queue, "g2", "a");
        assert_eq!(window.find(&in_other_group, 1000 + DEDUP_WINDOW_MS - 1), Some(first));
        assert_eq!(window.find(&in_other_group, 1000 + DEDUP_WINDOW_MS), None);
        assert_eq!(window.find(&DedupKey::new(DedupScope::Group, "g1", "a"), 1000), None);
        assert_eq!(window.expire(1000 + DEDUP_WINDOW_MS).len(), 1);
        assert!(window.seen.is_empty() && window.order.is_empty());
    }
}
