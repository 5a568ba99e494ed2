//! Durable writes per second: 64 writers of 1 KB, against a bare log file with the same kind of group commit on the same disk.
//!
//! `cargo run --release -p pilvi-store --example durable_writes -- [DIR] [SECONDS]`

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use pilvi_store::{Bytes, Raw, Store, StoreError, Table};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

const WRITERS: u64 = 64;
const SIZE: usize = 1024;
const ROUNDS: usize = 3;
const VALUES: Table<(u64, u64), Raw> = Table::new("bench.value");

/// One writer's way of making one value durable.
trait Target: Send + Sync + 'static {
    fn write(&self, writer: u64, number: u64, value: Bytes) -> impl Future<Output = ()> + Send;
}

impl Target for Store {
    async fn write(&self, writer: u64, number: u64, value: Bytes) {
        let write = move |tx: &mut pilvi_store::WriteTx<'_>| {
            tx.put(&VALUES, &(writer, number), &Raw(value.clone()))?;
            Ok::<_, StoreError>(())
        };
        Store::write(self, write).await.unwrap();
    }
}

/// A thread that appends whatever has arrived, syncs, and answers.
struct BareLog(Sender<(Bytes, oneshot::Sender<()>)>);

impl BareLog {
    fn new(path: &Path) -> Self {
        let mut file = File::create_new(path).unwrap();
        let (sender, receiver) = channel::<(Bytes, oneshot::Sender<()>)>();
        let run = move || {
            let (mut buffer, mut waiting) = (Vec::new(), Vec::new());
            while let Ok(first) = receiver.recv() {
                for (value, reply) in std::iter::once(first).chain(receiver.try_iter()) {
                    buffer.extend_from_slice(&value);
                    waiting.push(reply);
                }
                file.write_all(&buffer).unwrap();
                file.sync_data().unwrap();
                buffer.clear();
                for reply in waiting.drain(..) {
                    reply.send(()).unwrap();
                }
            }
        };
        std::thread::spawn(run);
        Self(sender)
    }
}

impl Target for BareLog {
    async fn write(&self, _: u64, _: u64, value: Bytes) {
        let (reply, done) = oneshot::channel();
        self.0.send((value, reply)).unwrap();
        done.await.unwrap();
    }
}

struct Figures {
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

async fn measure(target: Arc<impl Target>, round: u64, time: Duration) -> Figures {
    let started = Instant::now();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let target = Arc::clone(&target);
        writers.spawn(async move {
            let mut latencies = Vec::new();
            while started.elapsed() < time {
                let number = round << 32 | latencies.len() as u64;
                let before = Instant::now();
                target.write(writer, number, Bytes::from(vec![number as u8; SIZE])).await;
                latencies.push(before.elapsed());
            }
            latencies
        });
    }
    let mut latencies = writers.join_all().await.concat();
    let per_second = latencies.len() as f64 / started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let quantile = |part: f64| latencies.get((latencies.len() as f64 * part) as usize).copied().unwrap_or_default();
    Figures { per_second, p50: quantile(0.5), p99: quantile(0.99) }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let seconds = arguments.next().map_or(5, |seconds| seconds.parse().expect("a number of seconds"));
    let dir = tempfile::tempdir_in(parent).unwrap();
    let time = Duration::from_secs(seconds);
    let store = Arc::new(Store::open(&dir.path().join("store")).unwrap());

    let mut totals = (0.0, 0.0);
    for round in 0..ROUNDS {
        let log = Arc::new(BareLog::new(&dir.path().join(format!("log-{round}"))));
        let bare = measure(log, round as u64, time).await;
        let ours = measure(Arc::clone(&store), round as u64, time).await;
        for (name, figures) in [("bare log", &bare), ("store", &ours)] {
            println!("{name:9} {:8.0}/s  p50 {:6.2?}  p99 {:6.2?}", figures.per_second, figures.p50, figures.p99);
        }
        totals = (totals.0 + bare.per_second, totals.1 + ours.per_second);
    }
    println!("store / bare log: {:.2}", totals.1 / totals.0);
}
