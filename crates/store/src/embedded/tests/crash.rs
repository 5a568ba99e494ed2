//! `kill -9` at any moment loses nothing that was acknowledged.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use rand::Rng;

use super::{NUMBERS, open};
use crate::{Range, StoreError};

const DIR: &str = "PILVI_STORE_CRASH_DIR";
const WRITERS: u64 = 16;

/// What the killed process does: each of its writers counts up from where it was, and prints what was acknowledged.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let store = open(dir.as_ref());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            writers.spawn(async move {
                loop {
                    let step = move |tx: &mut crate::WriteTx<'_>| {
                        let count = tx.get(&NUMBERS, &format!("count {writer}"))?.unwrap_or(0) + 1;
                        tx.put(&NUMBERS, &format!("count {writer}"), &count)?;
                        tx.put(&NUMBERS, &format!("entry {writer} {count}"), &count)?;
                        Ok::<_, StoreError>(count)
                    };
                    let count = store.write(step).await.unwrap();
                    // One line in one call, so that a kill leaves whole lines and at most one part.
                    std::io::stdout().write_all(format!("{writer} {count}\n").as_bytes()).unwrap();
                }
            });
        }
        writers.join_all().await;
    });
}

#[test]
fn acknowledged_writes_survive_being_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: HashMap<u64, u64> = HashMap::new();
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "embedded::tests::crash::child", "--nocapture", "--test-threads=1"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut rest = rand::rng().random_range(1..3000);
        let mut killed = false;
        // What it had printed before it was killed is read to the end.
        while let Some(Ok(line)) = lines.next() {
            let mut words = line.split(' ').map(str::parse::<u64>);
            if let (Some(Ok(writer)), Some(Ok(count)), None) = (words.next(), words.next(), words.next()) {
                let known = acknowledged.insert(writer, count).unwrap_or(0);
                assert!(count > known, "writer {writer} lost a count in round {round}: {count} after {known}");
                rest -= 1;
            }
            if rest <= 0 && !killed {
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        assert!(killed, "the child ended by itself in round {round}");

        let store = open(dir.path());
        store
            .read(|tx| {
                for (writer, acknowledged) in &acknowledged {
                    let count = tx.get(&NUMBERS, &format!("count {writer}"))?.unwrap();
                    assert!(
                        count >= *acknowledged,
                        "writer {writer}: {acknowledged} was acknowledged, {count} is there"
                    );
                    for entry in 1..=count {
                        let entry = format!("entry {writer} {entry}");
                        assert!(tx.contains(&NUMBERS, &entry)?, "{entry} is missing in round {round}");
                    }
                    let entries = tx.keys(&NUMBERS, Range::starts_with(&(), format!("entry {writer} "))).count();
                    assert_eq!(entries as u64, count, "entries of a write that did not happen");
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
        store.close();
    }
}
