//! The message groups of a FIFO queue: within a group, messages are handed out in the order in which they were
//! sent, and nothing passes a message that is in flight.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Debug, Default)]
struct Group {
    members: BTreeSet<u64>,
    /// Where this group stands in [`Groups::open`].
    turn: Option<u64>,
}

/// All groups that have messages.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: HashMap<Arc<str>, Group>,
    /// Groups whose first message is ready, in turn: one that became ready, or was received from, goes to the end (as AWS was seen
    /// to do).
    open: BTreeMap<u64, Arc<str>>,
    next_turn: u64,
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
            if let Some(turn) = group.turn {
                self.open.remove(&turn);
            }
            self.groups.remove(name);
        }
    }

    /// Notes whether the group's first message is ready now.
    pub(super) fn refresh(&mut self, name: &Arc<str>, is_ready: impl Fn(u64) -> bool) {
        let Some(group) = self.groups.get_mut(name) else { return };
        match (group.members.first().is_some_and(|seq| is_ready(*seq)), group.turn) {
            (true, None) => {
                self.open.insert(self.next_turn, Arc::clone(name));
                group.turn = Some(self.next_turn);
                self.next_turn += 1;
            }
            (false, Some(turn)) => {
                self.open.remove(&turn);
                group.turn = None;
            }
            _ => {}
        }
    }

    /// The group was received from: the others come first now.
    pub(super) fn took_turn(&mut self, name: &Arc<str>) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let Some(turn) = group.turn else { return };
        self.open.remove(&turn);
        self.open.insert(self.next_turn, Arc::clone(name));
        group.turn = Some(self.next_turn);
        self.next_turn += 1;
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
