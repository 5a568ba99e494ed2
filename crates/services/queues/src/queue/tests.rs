//! The state machine against a slow model: nothing is lost, nothing is handed out twice at the same time, groups keep
//! their order.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const RETENTION: Millis = 345_600_000;

fn message(id: u128, group: Option<&str>, now: Millis) -> Message {
    Message {
        id: Uuid::from_u128(id),
        body: String::new(),
        body_md5: [0; 16],
        attributes: Vec::new(),
        trace_header: None,
        trace: String::new(),
        sender: String::new(),
        sent: now,
        enqueued: now,
        visible: now,
        group: group.map(str::to_owned),
        dedup: None,
        dead_letter_source: None,
        received_before: 0,
        first_received_before: 0,
    }
}

fn send(backlog: &mut Backlog, id: u128, group: Option<&str>, now: Millis) -> u64 {
    let seq = backlog.next_seq(now);
    let message = message(id, group, now);
    backlog.reserve(seq, &message);
    backlog.commit(seq, now, now);
    seq
}

fn receive(backlog: &mut Backlog, now: Millis, max: usize, visibility: Millis) -> Vec<Receipt> {
    let outcome = backlog.receive(now, max, visibility, None, None);
    outcome.deliveries.iter().map(|delivery| backlog.receipt(delivery)).collect()
}

fn ids(receipts: &[Receipt]) -> Vec<u128> {
    receipts.iter().map(|receipt| receipt.id.as_u128()).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Send { group: u8, delay: u64 },
    Receive { max: usize, visibility: u64 },
    Delete { which: usize },
    Change { which: usize, visibility: u64 },
    Wait { ms: u64 },
    Restart { forget_receives: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..3, prop_oneof![3 => Just(0u64), 1 => 1u64..3000]).prop_map(|(group, delay)| Step::Send { group, delay }),
        4 => (1usize..11, 0u64..4000).prop_map(|(max, visibility)| Step::Receive { max, visibility }),
        3 => any::<usize>().prop_map(|which| Step::Delete { which }),
        1 => (any::<usize>(), 0u64..4000).prop_map(|(which, visibility)| Step::Change { which, visibility }),
        2 => (1u64..3000).prop_map(|ms| Step::Wait { ms }),
        1 => any::<bool>().prop_map(|forget_receives| Step::Restart { forget_receives }),
    ];
    proptest::collection::vec(step, 1..80)
}

/// What a client knows: which messages it sent and has not deleted, by place.
#[derive(Default)]
struct Known {
    alive: BTreeMap<u64, Message>,
    receipts: Vec<Receipt>,
    hidden_until: HashMap<u64, Millis>,
}

fn restart(old: &Backlog, known: &mut Known, fifo: bool, now: Millis, forget_receives: bool) -> Backlog {
    let mut backlog = Backlog::new(1, fifo);
    for (seq, message) in &known.alive {
        let received = old.received(*seq).unwrap();
        let mut restored = Restored { seq: *seq, count: 0, first_received: 0, in_flight_until: 0 };
        if !forget_receives {
            restored.count = received.count;
            restored.first_received = received.first_received;
            restored.in_flight_until = old.in_flight_until(*seq).unwrap_or(0);
        }
        backlog.restore(&restored, message, now);
    }
    if forget_receives {
        known.hidden_until.clear();
    }
    backlog
}

fn check(steps: Vec<Step>, fifo: bool) -> Result<(), TestCaseError> {
    let mut now: Millis = 1_000_000;
    let mut backlog = Backlog::new(1, fifo);
    let mut known = Known::default();
    let mut next_id = 0u128;
    for step in steps {
        backlog.advance(now, RETENTION);
        match step {
            Step::Send { group, delay } => {
                next_id += 1;
                let seq = backlog.next_seq(now);
                let mut message = message(next_id, fifo.then(|| ["a", "b", "c"][group as usize]), now);
                message.visible = now + if fifo { 0 } else { delay };
                backlog.reserve(seq, &message);
                prop_assert!(!known.alive.contains_key(&seq));
                backlog.commit(seq, message.visible, now);
                known.alive.insert(seq, message);
            }
            Step::Receive { max, visibility } => {
                let outcome = backlog.receive(now, max, visibility, None, None);
                prop_assert!(outcome.deliveries.len() <= max);
                let mut seen = BTreeSet::new();
                for delivery in &outcome.deliveries {
                    prop_assert!(seen.insert(delivery.seq), "twice in one receive");
                    let message = known.alive.get(&delivery.seq);
                    prop_assert!(message.is_some_and(|message| message.id == delivery.id && message.visible <= now));
                    prop_assert!(
                        known.hidden_until.get(&delivery.seq).is_none_or(|until| *until <= now),
                        "still in flight"
                    );
                    if let Some(group) = message.and_then(|message| message.group.as_ref()) {
                        for (seq, earlier) in known.alive.range(..delivery.seq) {
                            let passed = earlier.group.as_ref() == Some(group) && !seen.contains(seq);
                            prop_assert!(!passed, "a message passed an earlier one of its group");
                        }
                    }
                    known.receipts.push(backlog.receipt(delivery));
                }
                for delivery in outcome.deliveries {
                    known.hidden_until.insert(delivery.seq, delivery.until);
                }
            }
            Step::Delete { which } => {
                if known.receipts.is_empty() {
                    continue;
                }
                let receipt = known.receipts[which % known.receipts.len()];
                if let Ok(Some(seq)) = backlog.withdraw(&receipt, now) {
                    prop_assert_eq!(known.alive.remove(&seq).map(|message| message.id), Some(receipt.id));
                    known.hidden_until.remove(&seq);
                    backlog.finish(seq);
                } else {
                    let alive = known.alive.get(&receipt.seq).is_some_and(|message| message.id == receipt.id);
                    prop_assert!(fifo || !alive, "a standard queue deletes by any handle");
                }
            }
            Step::Change { which, visibility } => {
                if known.receipts.is_empty() {
                    continue;
                }
                let receipt = known.receipts[which % known.receipts.len()];
                if backlog.change_visibility(&receipt, visibility, now).is_ok() {
                    known.hidden_until.insert(receipt.seq, now + visibility);
                }
            }
            Step::Wait { ms } => now += ms,
            Step::Restart { forget_receives } => backlog = restart(&backlog, &mut known, fifo, now, forget_receives),
        }
        let counts = backlog.counts();
        prop_assert_eq!(counts.ready + counts.delayed + counts.in_flight, known.alive.len());
    }
    // In the end, everything that was not deleted can still be received, each once.
    let mut left = BTreeSet::new();
    now += 50_000_000;
    loop {
        backlog.advance(now, RETENTION);
        let receipts = receive(&mut backlog, now, 10, 40_000_000);
        if receipts.is_empty() {
            break;
        }
        for receipt in receipts {
            prop_assert!(left.insert(receipt.seq));
            backlog.withdraw(&receipt, now).unwrap();
            backlog.finish(receipt.seq);
        }
    }
    prop_assert!(left.iter().eq(known.alive.keys()));
    Ok(())
}

proptest! {
    #[test]
    fn a_standard_queue_loses_nothing(steps in steps()) {
        check(steps, false)?;
    }

    #[test]
    fn a_fifo_queue_loses_nothing_and_keeps_order(steps in steps()) {
        check(steps, true)?;
    }
}

#[test]
fn a_group_is_handed_out_up_to_its_first_message_in_flight() {
    let mut backlog = Backlog::new(1, true);
    for id in 1..=3 {
        send(&mut backlog, id, Some("g"), 1000);
    }
    send(&mut backlog, 9, Some("h"), 1001);
    let receipts = receive(&mut backlog, 2000, 3, 30_000);
    assert_eq!(ids(&receipts), [1, 2, 3]);
    assert_eq!(ids(&receive(&mut backlog, 2000, 10, 30_000)), [9]);
    assert!(backlog.change_visibility(&receipts[1], 0, 2000).unwrap());
    assert_eq!(ids(&receive(&mut backlog, 2000, 10, 30_000)), [] as [u128; 0]);
    backlog.change_visibility(&receipts[0], 0, 2000).unwrap();
    assert_eq!(ids(&receive(&mut backlog, 2000, 10, 30_000)), [1, 2]);
}

#[test]
fn a_pending_message_blocks_its_group_and_not_others() {
    let mut backlog = Backlog::new(1, true);
    let slow = backlog.next_seq(1000);
    backlog.reserve(slow, &message(1, Some("g"), 1000));
    send(&mut backlog, 2, Some("g"), 1000);
    send(&mut backlog, 3, Some("h"), 1000);
    assert_eq!(ids(&receive(&mut backlog, 1000, 10, 1000)), [3]);
    backlog.commit(slow, 1000, 1000);
    assert_eq!(ids(&receive(&mut backlog, 1000, 10, 1000)), [1, 2]);
}

#[test]
fn a_message_received_too_often_is_withdrawn() {
    let mut backlog = Backlog::new(1, false);
    let seq = send(&mut backlog, 1, None, 1000);
    for now in [1000, 3000] {
        backlog.advance(now, RETENTION);
        assert_eq!(backlog.receive(now, 10, 1000, Some(2), None).deliveries.len(), 1);
    }
    backlog.advance(5000, RETENTION);
    let outcome = backlog.receive(5000, 10, 1000, Some(2), None);
    assert!(outcome.deliveries.is_empty());
    assert_eq!(outcome.dead, [seq]);
    assert_eq!(backlog.finish(seq).map(|removed| removed.count), Some(2));
    assert_eq!(backlog.counts(), Counts::default());
}

#[test]
fn an_attempt_repeated_gets_the_same_handles_until_something_happens() {
    let mut backlog = Backlog::new(1, true);
    send(&mut backlog, 1, Some("g"), 1000);
    let first = backlog.receive(1000, 10, 30_000, None, Some("try")).deliveries;
    assert_eq!(first.len(), 1);
    assert_eq!(backlog.receive(1500, 10, 30_000, None, Some("try")).deliveries, first);
    assert_eq!(backlog.receive(1700, 10, 30_000, None, Some("try")).deliveries, first);
    assert_eq!(backlog.receive(1700, 10, 30_000, None, Some("other")).deliveries, []);
    let receipt = backlog.receipt(&first[0]);
    backlog.withdraw(&receipt, 1700).unwrap();
    assert_eq!(backlog.receive(1700, 10, 30_000, None, Some("try")).deliveries, []);
}

#[test]
fn retention_counts_from_the_first_enqueueing() {
    let mut backlog = Backlog::new(1, false);
    let kept = send(&mut backlog, 1, None, 500_000);
    let seq = backlog.next_seq(500_000);
    let mut moved = message(2, None, 500_000);
    moved.enqueued = 100_000;
    backlog.reserve(seq, &moved);
    backlog.commit(seq, 0, 500_000);
    assert_eq!(backlog.advance(460_000, 360_000).1, [seq]);
    assert_eq!(backlog.advance(860_000, 360_000).1, [kept]);
}

#[test]
fn a_fifo_handle_expires_with_its_timeout_and_a_standard_one_does_not() {
    for fifo in [false, true] {
        let mut backlog = Backlog::new(1, fifo);
        let seq = send(&mut backlog, 1, Some("g"), 1000);
        let receipt = receive(&mut backlog, 1000, 1, 1000)[0];
        backlog.advance(2000, RETENTION);
        let expected = if fifo { Err(ReceiptError::Expired) } else { Ok(Some(seq)) };
        assert_eq!(backlog.withdraw(&receipt, 2000), expected);
    }
}

#[test]
fn a_message_is_hidden_for_at_most_twelve_hours() {
    let mut backlog = Backlog::new(1, false);
    send(&mut backlog, 1, None, 1000);
    let receipt = receive(&mut backlog, 1000, 1, 43_200_000)[0];
    assert_eq!(backlog.change_visibility(&receipt, 43_200_000, 2000), Err(ReceiptError::TooLong));
    assert_eq!(backlog.change_visibility(&receipt, 43_199_000, 2000), Ok(false));
}
