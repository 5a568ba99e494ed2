//! The message groups of a FIFO queue: within a group, messages are handed out in the order in which they were
//! sent, and nothing passes a message that is in flight.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Debug, Default)]
struct Group {
    members: BTreeSet<u64>,
    /// Where this group stands in [`Groups::open`].
    open_at: Option<u64>,
}

/// All groups that have messages.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: HashMap<Arc<str>, Group>,
    /// Groups whose first message is ready, by that message, so that the group waiting longest comes first.
    open: BTreeMap<u64, Arc<str>>,
}

impl Groups {
    /// The group's name, shared by all its messages.
    pub(super) fn intern(&self, name: &str) -> Arc<str> {
        match self.groups.get_key_value(name) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(name),
        }
    }

    pub(super) fn insert(&mut self, name: &Arc<str>, seq: u64) {
        self.groups.entry(Arc::clone(name)).or_default().members.insert(seq);
    }

    pub(super) fn remove(&mut self, name: &Arc<str>, seq: u64) {
        let Some(group) = self.groups.get_mut(name) else { return };
        group.members.remove(&seq);
        if group.members.is_empty() {
            if let Some(at) = group.open_at {
                self.open.remove(&at);
            }
            self.groups.remove(name);
        }
    }

    /// Notes whether the group's first message is ready now.
    pub(super) fn refresh(&mut self, name: &Arc<str>, is_ready: impl Fn(u64) -> bool) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let open_at = group.members.first().copied().filter(|seq| is_ready(*seq));
        if open_at == group.open_at {
            return;
        }
        if let Some(at) = group.open_at {
            self.open.remove(&at);
        }
        if let Some(at) = open_at {
            self.open.insert(at, Arc::clone(name));
        }
        group.open_at = open_at;
    }

    /// Up to `max` messages that may be handed out: as many as possible of one group, then of the next.
    pub(super) fn candidates(&self, max: usize, is_ready: impl Fn(u64) -> bool) -> Vec<u64> {
        let mut candidates = Vec::new();
        for name in self.open.values() {
            let Some(group) = self.groups.get(name) else { continue };
            for seq in &group.members {
                if candidates.len() == max {
                    return candidates;
                }
                if !is_ready(*seq) {
                    break;
                }
                candidates.push(*seq);
            }
        }
        candidates
    }
}
