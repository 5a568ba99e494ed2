//! Random operations on this engine and on the memory engine have the same results.

use std::time::Duration;

use proptest::prelude::*;

use crate::embedded::Options;
use crate::{Range, ReadTx, Store, StoreError, Table, WriteTx};

const ENTRIES: Table<(u8, String), u16> = Table::new("test.entry");

#[derive(Debug, Clone)]
enum Change {
    Put(u8, String, u16),
    Delete(u8, String),
    DeleteAll(u8),
}

#[derive(Debug, Clone)]
enum Step {
    Write { changes: Vec<Change>, fails: bool, behind: bool },
    Read { first: u8, after: Option<String>, ends: u32 },
    Reopen,
}

fn change() -> impl Strategy<Value = Change> {
    let key = || (0..3u8, "[ab]{0,3}");
    prop_oneof![
        6 => (key(), any::<u16>()).prop_map(|((first, second), value)| Change::Put(first, second, value)),
        3 => key().prop_map(|(first, second)| Change::Delete(first, second)),
        1 => (0..3u8).prop_map(Change::DeleteAll),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let write = (prop::collection::vec(change(), 0..8), prop::bool::weighted(0.1), prop::bool::weighted(0.2));
    let read = (0..3u8, prop::option::of("[ab]{0,3}"), any::<u32>());
    prop_oneof![
        6 => write.prop_map(|(changes, fails, behind)| Step::Write { changes, fails, behind }),
        4 => read.prop_map(|(first, after, ends)| Step::Read { first, after, ends }),
        1 => Just(Step::Reopen),
    ]
}

/// What the transaction saw on its way.
fn apply(tx: &mut WriteTx<'_>, changes: &[Change], fails: bool) -> Result<Vec<u64>, StoreError> {
    let mut seen = Vec::new();
    for change in changes {
        match change {
            Change::Put(first, second, value) => tx.put(&ENTRIES, &(first, second), value)?,
            Change::Delete(first, second) => seen.push(u64::from(tx.delete(&ENTRIES, &(first, second))?)),
            Change::DeleteAll(first) => seen.push(tx.delete_range(&ENTRIES, Range::prefix(&(first,)))?),
        }
        seen.push(tx.range(&ENTRIES, Range::all()).count() as u64);
    }
    if fails { Err(StoreError::Closed) } else { Ok(seen) }
}

type Entry = ((u8, String), u16);

/// A range, taken from either end as the bits of `ends` say.
fn read(tx: &ReadTx<'_>, first: u8, after: Option<&str>, ends: u32) -> Result<Vec<Entry>, StoreError> {
    let mut range = Range::prefix(&(first,));
    if let Some(after) = after {
        range = range.after(&(first, after));
    }
    let mut entries = tx.range(&ENTRIES, range);
    let mut found = Vec::new();
    for bit in 0.. {
        let next = if ends >> (bit % 32) & 1 == 0 { entries.next() } else { entries.next_back() };
        let Some(entry) = next else { return Ok(found) };
        let (key, value) = entry?;
        assert_eq!(tx.get(&ENTRIES, &key)?, Some(value));
        found.push((key, value));
    }
    Ok(found)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn both_engines_agree(
        steps in prop::collection::vec(step(), 1..60),
        memory in prop_oneof![Just(1), Just(600), Just(1 << 20)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let options = Options { memory, idle: Duration::from_millis(3) };
        let model = Store::memory();
        let mut store = Store::open_with(dir.path(), options).unwrap();
        for step in steps {
            match step {
                Step::Write { changes, fails, behind: true } => {
                    for store in [&model, &store] {
                        let changes = changes.clone();
                        store.write_behind(move |tx| apply(tx, &changes, fails).map(drop));
                    }
                }
                Step::Write { changes, fails, behind: false } => {
                    let results = [&model, &store].map(|store| {
                        let changes = changes.clone();
                        runtime.block_on(store.write(move |tx| apply(tx, &changes, fails))).ok()
                    });
                    prop_assert_eq!(&results[0], &results[1]);
                }
                Step::Read { first, after, ends } => {
                    // What was written behind is durable after this.
                    runtime.block_on(store.write(|_| Ok::<_, StoreError>(()))).unwrap();
                    let results = [&model, &store].map(|store| store.read(|tx| read(tx, first, after.as_deref(), ends)).unwrap());
                    prop_assert_eq!(&results[0], &results[1]);
                }
                Step::Reopen => {
                    store.close();
                    store = Store::open_with(dir.path(), options).unwrap();
                }
            }
        }
        store.close();
        let store = Store::open_with(dir.path(), options).unwrap();
        let all = [&model, &store].map(|store| {
            store.read(|tx| tx.range(&ENTRIES, Range::all()).collect::<Result<Vec<_>, StoreError>>()).unwrap()
        });
        prop_assert_eq!(&all[0], &all[1]);
    }
}
