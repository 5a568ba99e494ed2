//! What the engine has in memory: which deliveries there are, when each is due, and who is busy. No I/O and no clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet, VecDeque};
use std::sync::Arc;

/// A kind and a target: the deliveries of a lane share a bound of concurrency.
pub(crate) type LaneName = Arc<(String, String)>;

#[derive(Default)]
pub(crate) struct Plan {
    /// The last number that was looked at.
    pub(crate) cursor: Option<u64>,
    /// All that are waiting or being made.
    known: HashSet<u64>,
    /// (when due, number), earliest first.
    waiting: BinaryHeap<Reverse<(i64, u64, LaneName)>>,
    lanes: BTreeMap<LaneName, Lane>,
    /// Lanes that have something to do and somebody free to do it, each once; whoever got a turn goes to the end.
    turns: VecDeque<LaneName>,
    running: usize,
}

#[derive(Default)]
pub(crate) struct Lane {
    pub(crate) waiting: usize,
    ready: VecDeque<u64>,
    pub(crate) running: usize,
    in_line: bool,
}

impl Plan {
    /// Takes note of a delivery; one that is known stays as it is.
    pub(crate) fn add(&mut self, number: u64, due: i64, lane: LaneName) {
        if self.known.insert(number) {
            self.wait(number, due, lane);
        }
    }

    /// A known delivery has to wait.
    pub(crate) fn wait(&mut self, number: u64, due: i64, lane: LaneName) {
        let lane = match self.lanes.get_key_value(&lane) {
            Some((shared, _)) => shared.clone(),
            None => lane,
        };
        self.lanes.entry(lane.clone()).or_default().waiting += 1;
        self.waiting.push(Reverse((due, number, lane)));
    }

    /// A delivery is no more.
    pub(crate) fn forget(&mut self, number: u64) {
        self.known.remove(&number);
    }

    /// When the next one is due that is not yet.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.waiting.peek().map(|Reverse((due, _, _))| *due)
    }

    /// The next delivery to be made, if one is due and neither its lane nor all together are at their bound.
    pub(crate) fn start(&mut self, now: i64, most: usize, per_lane: impl Fn(&str) -> usize) -> Option<(u64, LaneName)> {
        while self.next_due().is_some_and(|due| due <= now) {
            let Some(Reverse((_, number, name))) = self.waiting.pop() else { break };
            let lane = self.lanes.entry(name.clone()).or_default();
            lane.waiting -= 1;
            lane.ready.push_back(number);
            line_up(&mut self.turns, &name, lane, per_lane(&name.0));
        }
        if self.running >= most {
            return None;
        }
        while let Some(name) = self.turns.pop_front() {
            let Some(lane) = self.lanes.get_mut(&name) else { continue };
            lane.in_line = false;
            if lane.running >= per_lane(&name.0).max(1) {
                continue;
            }
            let Some(number) = lane.ready.pop_front() else { continue };
            lane.running += 1;
            self.running += 1;
            line_up(&mut self.turns, &name, lane, per_lane(&name.0));
            return Some((number, name));
        }
        None
    }

    /// One of a lane's attempts has ended.
    pub(crate) fn end(&mut self, name: &LaneName, per_lane: usize) {
        self.running = self.running.saturating_sub(1);
        let Some(lane) = self.lanes.get_mut(name) else { return };
        lane.running = lane.running.saturating_sub(1);
        line_up(&mut self.turns, name, lane, per_lane);
        if lane.running == 0 && lane.waiting == 0 && lane.ready.is_empty() {
            self.lanes.remove(name);
        }
    }

    /// Each lane, with how many wait in it and how many are being made.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (&LaneName, usize, usize)> {
        self.lanes.iter().map(|(name, lane)| (name, lane.waiting + lane.ready.len(), lane.running))
    }
}

fn line_up(turns: &mut VecDeque<LaneName>, name: &LaneName, lane: &mut Lane, per_lane: usize) {
    if !lane.in_line && !lane.ready.is_empty() && lane.running < per_lane.max(1) {
        lane.in_line = true;
        turns.push_back(name.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(target: &str) -> LaneName {
        Arc::new(("kind".to_owned(), target.to_owned()))
    }

    #[test]
    fn lanes_take_turns_within_their_bounds() {
        let mut plan = Plan::default();
        for number in 0..4 {
            plan.add(number, 0, lane("busy"));
        }
        plan.add(4, 0, lane("idle"));
        plan.add(5, 50, lane("idle"));
        let start = |plan: &mut Plan, now| plan.start(now, 3, |_| 2).map(|(number, _)| number);
        assert_eq!(start(&mut plan, 0), Some(0));
        assert_eq!(start(&mut plan, 0), Some(4), "the other lane's turn");
        assert_eq!(start(&mut plan, 0), Some(1));
        assert_eq!(start(&mut plan, 0), None, "three at most");
        plan.end(&lane("idle"), 2);
        plan.forget(4);
        assert_eq!(start(&mut plan, 0), None, "two of a lane at most, and the other is not due");
        assert_eq!(plan.next_due(), Some(50));
        assert_eq!(start(&mut plan, 50), Some(5));
        plan.end(&lane("busy"), 2);
        assert_eq!(start(&mut plan, 50), Some(2));
    }
}
