//! The engine against the memory engine, against concurrency, and against crashes.

mod crash;
mod damage;
mod model;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Options;
use crate::{OpenError, Range, ReadTx, Store, StoreError, Table};

pub(super) const NUMBERS: Table<String, u64> = Table::new("test.number");

/// Few bytes in memory, so that much goes through the table file.
pub(super) const SMALL: Options = Options { memory: 4 << 10, idle: Duration::from_millis(5) };

pub(super) fn open(dir: &Path) -> Store {
    Store::open_with(dir, SMALL).unwrap()
}

fn number(tx: &ReadTx<'_>, key: &str) -> Result<u64, StoreError> {
    Ok(tx.get(&NUMBERS, key)?.unwrap_or(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn transactions_are_serial_and_readers_see_whole_ones() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let seen = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16 {
        let (store, seen) = (store.clone(), Arc::clone(&seen));
        tasks.spawn(async move {
            for step in 0..20u64 {
                let write = move |tx: &mut crate::WriteTx<'_>| {
                    let next = number(tx, "left")? + 1;
                    tx.put(&NUMBERS, "left", &next)?;
                    tx.put(&NUMBERS, &format!("{task}/{step}"), &next)?;
                    tx.put(&NUMBERS, "right", &next)?;
                    if step % 5 == 4 { Err(StoreError::Closed) } else { Ok(next) }
                };
                let Ok(mine) = store.write(write).await else { continue };
                let read = |tx: &ReadTx<'_>| Ok::<_, StoreError>((number(tx, "left")?, number(tx, "right")?));
                let (left, right) = store.read(read).unwrap();
                assert_eq!(left, right);
                assert!(left >= mine, "what was acknowledged is seen");
                assert!(left >= seen.fetch_max(left, Ordering::SeqCst) || left >= mine);
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(store.read(|tx| number(tx, "left")).unwrap(), 16 * 16);
    drop(store);
    let store = open(dir.path());
    let count = store.read(|tx| Ok::<_, StoreError>(tx.keys(&NUMBERS, Range::all()).count())).unwrap();
    assert_eq!(count, 16 * 16 + 2);
}

#[tokio::test]
async fn a_write_behind_is_in_order_and_durable_without_another_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for _ in 0..3 {
        store.write_behind(|tx| {
            let next = number(tx, "soft")? + 1;
            tx.put(&NUMBERS, "soft", &next)
        });
    }
    let seen = store.write(|tx| number(tx, "soft")).await.unwrap();
    assert_eq!(seen, 3);
    store.write_behind(|tx| tx.put(&NUMBERS, "soft", &4));
    store.close();
    assert!(matches!(store.read(|tx| number(tx, "soft")), Err(StoreError::Closed)));
    assert!(matches!(store.write(|tx| number(tx, "soft")).await, Err(StoreError::Closed)));
    assert_eq!(open(dir.path()).read(|tx| number(tx, "soft")).unwrap(), 4);
}

#[tokio::test]
async fn a_panicking_closure_harms_only_its_caller() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let panicking = store.clone();
    let task = tokio::spawn(async move {
        panicking
            .write::<(), StoreError>(|tx| {
                tx.put(&NUMBERS, "half", &1)?;
                panic!("on purpose")
            })
            .await
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(store.write(|tx| number(tx, "half")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_failed_append_refuses_all_later_writes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    std::fs::remove_dir(dir.path().join("log")).unwrap();
    let failed = store.write(|tx| tx.put(&NUMBERS, "lost", &1)).await;
    assert!(matches!(failed, Err(StoreError::Failed(_))), "{failed:?}");
    std::fs::create_dir(dir.path().join("log")).unwrap();
    let refused = store.write(|tx| tx.put(&NUMBERS, "later", &1)).await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    assert_eq!(store.read(|tx| number(tx, "lost")).unwrap(), 0);
    drop(store);
    let store = open(dir.path());
    store.write(|tx| tx.put(&NUMBERS, "later", &1)).await.unwrap();
}

#[tokio::test]
async fn a_directory_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let error = Store::open(dir.path()).err().unwrap();
    assert!(matches!(&error, OpenError::Locked { dir: locked } if locked == dir.path()), "{error}");
    store.close();
    Store::open(dir.path()).unwrap();
}

#[tokio::test]
async fn the_last_handle_may_go_with_a_closure() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (gone, is_gone) = tokio::sync::oneshot::channel::<()>();
    let held = (store.clone(), gone);
    store.write_behind(move |tx| {
        let _ = &held;
        tx.put(&NUMBERS, "last", &1)
    });
    drop(store);
    // The closure, and with it the last handle, is dropped by one of the engine's threads.
    is_gone.await.unwrap_err();
    // That thread cannot wait for itself, so the directory is free a moment later.
    let store = loop {
        match Store::open(dir.path()) {
            Ok(store) => break store,
            Err(OpenError::Locked { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(store.read(|tx| number(tx, "last")).unwrap(), 1);
}
