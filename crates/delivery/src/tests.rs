//! The engine over fake deliverers and a clock that stands still until it is moved.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use pilvi_bus::{Bus, Clock, IamMode, Platform, Settings};
use pilvi_store::blobs::Blobs;
use pilvi_store::{Store, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Deliverer, Deliveries, Delivery, NewDelivery, Outcome, Schedule};

fn platform(store: Store, clock: &Clock) -> Platform {
    let settings = Settings {
        data: std::env::temp_dir(),
        host: std::net::IpAddr::from([127, 0, 0, 1]),
        port: 4566,
        iam: IamMode::Off,
        ca_pem: None,
    };
    Platform {
        store,
        blobs: Blobs::temporary().unwrap(),
        clock: clock.clone(),
        bus: Bus::new(),
        settings: Arc::new(settings),
        shutdown: CancellationToken::new(),
    }
}

fn frozen() -> Clock {
    Clock::frozen(Timestamp::from_second(1_700_000_000).unwrap())
}

type Answer = Box<dyn Fn(&Delivery) -> Outcome + Send + Sync>;

/// Tells of each attempt and answers it as told to.
struct Fake {
    seen: mpsc::UnboundedSender<(String, u32)>,
    buried: Mutex<Vec<String>>,
    answer: Answer,
    schedule: Schedule,
}

#[async_trait]
impl Deliverer for Fake {
    fn schedule(&self) -> Schedule {
        self.schedule
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let text = String::from_utf8(delivery.payload().to_vec()).unwrap();
        let _ = self.seen.send((text, delivery.attempt));
        (self.answer)(delivery)
    }

    async fn dead(&self, delivery: &Delivery, reason: &str) -> Vec<NewDelivery> {
        self.buried.lock().push(reason.to_owned());
        let payload = Bytes::from(format!("dead {}", String::from_utf8_lossy(delivery.payload())));
        vec![NewDelivery { kind: "letter".into(), target: "dlq".into(), payload, ..Default::default() }]
    }
}

struct Engine {
    deliveries: Arc<Deliveries>,
    store: Store,
    seen: mpsc::UnboundedReceiver<(String, u32)>,
    fake: Arc<Fake>,
    task: JoinHandle<()>,
    shutdown: CancellationToken,
}

fn start(store: &Store, clock: &Clock, schedule: Schedule, answer: Answer) -> Engine {
    let (sender, seen) = mpsc::unbounded_channel();
    let deliveries = Deliveries::new(&platform(store.clone(), clock)).unwrap();
    let fake = Arc::new(Fake { seen: sender.clone(), buried: Mutex::default(), answer, schedule });
    let letters = Fake {
        seen: sender,
        buried: Mutex::default(),
        answer: Box::new(|_| Outcome::done()),
        schedule: Schedule::default(),
    };
    deliveries.register("test", fake.clone());
    deliveries.register("letter", Arc::new(letters));
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(deliveries.clone().run(shutdown.clone()));
    Engine { deliveries, store: store.clone(), seen, fake, task, shutdown }
}

impl Engine {
    async fn enqueue(&self, target: &str, payload: &'static str) {
        let (deliveries, target) = (self.deliveries.clone(), target.to_owned());
        let write = self.store.write(move |tx| {
            let payload = Bytes::from_static(payload.as_bytes());
            deliveries
                .enqueue(tx, NewDelivery { kind: "test".into(), target: target.clone(), payload, ..Default::default() })
        });
        write.await.unwrap();
    }

    async fn next(&mut self) -> (String, u32) {
        tokio::time::timeout(Duration::from_secs(10), self.seen.recv()).await.unwrap().unwrap()
    }

    /// Until nothing is left, in memory and in the store.
    async fn drained(&self) {
        let empty = async {
            while !self.deliveries.backlog().is_empty() || stored(&self.store) > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), empty).await.unwrap();
    }

    async fn waiting(&self) {
        let waiting = async {
            while !self.deliveries.backlog().iter().any(|lane| lane.waiting == 1 && lane.running == 0) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
    }
}

fn stored(store: &Store) -> usize {
    store
        .read::<_, StoreError>(|tx| Ok(tx.keys(&crate::record::DELIVERIES, pilvi_store::Range::all()).count()))
        .unwrap()
}

#[tokio::test]
async fn a_delivery_is_made_when_its_transaction_commits_and_only_then() {
    let (store, clock) = (Store::memory(), frozen());
    let mut engine = start(&store, &clock, Schedule::default(), Box::new(|_| Outcome::done()));
    let deliveries = engine.deliveries.clone();
    let failed = store.write(move |tx| {
        let payload = Bytes::from_static(b"never");
        deliveries
            .enqueue(tx, NewDelivery { kind: "test".into(), target: "t".into(), payload, ..Default::default() })?;
        Err::<(), StoreError>(StoreError::Closed)
    });
    assert!(failed.await.is_err());
    engine.enqueue("t", "once").await;
    assert_eq!(engine.next().await, ("once".to_owned(), 0));
    engine.drained().await;
    assert!(engine.seen.try_recv().is_err());
}

#[tokio::test]
async fn retries_follow_the_schedule_and_end_in_a_dead_letter() {
    let (store, clock) = (Store::memory(), frozen());
    let schedule = Schedule { first: Duration::from_secs(60), jitter: 0.0, attempts: Some(3), ..Schedule::default() };
    let mut engine = start(&store, &clock, schedule, Box::new(|delivery| Outcome::retry(delivery, "no")));
    engine.enqueue("t", "x").await;
    assert_eq!(engine.next().await, ("x".to_owned(), 0));
    engine.waiting().await;
    clock.advance(Duration::from_secs(59));
    tokio::task::yield_now().await;
    assert!(engine.seen.try_recv().is_err(), "not before its time");
    clock.advance(Duration::from_secs(1));
    assert_eq!(engine.next().await, ("x".to_owned(), 1));
    engine.waiting().await;
    clock.advance(Duration::from_secs(120));
    assert_eq!(engine.next().await, ("x".to_owned(), 2));
    assert_eq!(engine.next().await, ("dead x".to_owned(), 0));
    engine.drained().await;
    assert_eq!(*engine.fake.buried.lock(), ["no"]);
}

#[tokio::test]
async fn a_crash_repeats_a_delivery_and_forgets_none() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), frozen());
    {
        let store = Store::open(folder.path()).unwrap();
        let mut engine =
            start(&store, &clock, Schedule::default(), Box::new(|_| panic!("this deliverer dies, as a process would")));
        engine.enqueue("t", "x").await;
        assert_eq!(engine.next().await.0, "x");
        engine.task.abort();
        let _ = (&mut engine.task).await;
        store.close();
    }
    let store = Store::open(folder.path()).unwrap();
    let mut engine = start(&store, &clock, Schedule::default(), Box::new(|_| Outcome::done()));
    clock.advance(Duration::from_secs(60));
    assert_eq!(engine.next().await.0, "x");
    engine.drained().await;
    engine.shutdown.cancel();
    engine.task.await.unwrap();
}
