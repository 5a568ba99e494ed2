//! Whether the operations' structs say what the model says, and what the couriers do where something fails for a while.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pilvi_bus::authorize::AllowAll;
use pilvi_bus::calls::{QueueCalls, QueueFacts, ReceiveMessages, ReceivedMessage, SendMessage, SentMessage};
use pilvi_bus::{ApiError, Bus, Clock, Ctx, IamMode, Platform, Principal, RequestContext, Service, Settings};
use pilvi_delivery::Deliveries;
use pilvi_model::drift::{Role, mismatches};
use pilvi_model::{Timestamp, Val};
use pilvi_store::Store;
use pilvi_store::blobs::Blobs;
use tokio_util::sync::CancellationToken;

const ACCOUNT: &str = "000000000000";

/// Queues that fail for a while, and then remember what they are sent.
#[derive(Default)]
struct Queues {
    failures: Mutex<usize>,
    got: Mutex<Vec<SendMessage>>,
}

#[async_trait]
impl QueueCalls for Queues {
    async fn send(&self, _: &Ctx, message: SendMessage) -> Result<SentMessage, ApiError> {
        let mut failures = self.failures.lock();
        if *failures > 0 {
            *failures -= 1;
            return Err(ApiError::new("InternalFailure", 500, "not now"));
        }
        self.got.lock().push(message);
        Ok(SentMessage { message_id: String::new(), sequence_number: None })
    }
    async fn receive(&self, _: &Ctx, _: ReceiveMessages) -> Result<Vec<ReceivedMessage>, ApiError> {
        Ok(Vec::new())
    }
    async fn delete(&self, _: &Ctx, _: &str, _: &[String]) -> Result<(), ApiError> {
        Ok(())
    }
    async fn change_visibility(&self, _: &Ctx, _: &str, _: &[String], _: Duration) -> Result<(), ApiError> {
        Ok(())
    }
    async fn facts(&self, _: &Ctx, _: &str) -> Result<QueueFacts, ApiError> {
        Ok(QueueFacts { visibility: Duration::from_secs(30), fifo: false })
    }
}

struct Cloud {
    platform: Platform,
    service: Arc<dyn Service>,
    deliveries: Arc<Deliveries>,
    queues: Arc<Queues>,
}

impl Cloud {
    fn start() -> Self {
        let platform = Platform {
            store: Store::memory(),
            blobs: Blobs::temporary().unwrap(),
            clock: Clock::frozen(Timestamp::from_second(1_700_000_000).unwrap()),
            bus: Bus::new(),
            settings: Arc::new(Settings {
                data: std::env::temp_dir(),
                host: std::net::IpAddr::from([127, 0, 0, 1]),
                port: 4566,
                iam: IamMode::Off,
                ca_pem: None,
            }),
            shutdown: CancellationToken::new(),
        };
        platform.bus.wire_authorizer(Arc::new(AllowAll));
        let queues = Arc::new(Queues::default());
        platform.bus.wire_queues(queues.clone());
        let deliveries = Deliveries::new(&platform).unwrap();
        let (service, ..) = crate::service(&platform, deliveries.clone()).unwrap();
        Self { platform, service, deliveries, queues }
    }

    async fn call(&self, operation: &str, members: Vec<(&'static str, Val)>) -> Result<Val, ApiError> {
        let root = Principal::Root { account: ACCOUNT.to_owned() };
        let ctx = RequestContext::internal(root, ACCOUNT, "eu-west-1", "http://localhost:4566");
        self.service.call(Arc::new(ctx), operation, Val::Struct(members), Arc::new(AllowAll)).await
    }

    fn arn(&self, service: &str, name: &str) -> String {
        format!("arn:aws:{service}:eu-west-1:{ACCOUNT}:{name}")
    }

    /// Lets the clock run, a second at a time, until as many messages have come.
    async fn wait_for(&self, messages: usize) -> Vec<String> {
        for _ in 0..2000 {
            if self.queues.got.lock().len() >= messages {
                break;
            }
            self.platform.clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
            #[allow(clippy::disallowed_methods, reason = "other threads need real time to work")]
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.queues.got.lock().iter().map(|message| message.body.clone()).collect()
    }
}

#[test]
fn the_structs_say_what_the_model_says() {
    let cloud = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async { Cloud::start() });
    let api = pilvi_model::api("sns").unwrap();
    let mut differences = Vec::new();
    for operation in cloud.service.operations() {
        let modelled = api.operation(operation.name).unwrap();
        differences.extend(mismatches(operation.input, Role::Input, api, modelled.input, operation.name));
        differences.extend(mismatches(operation.output, Role::Output, api, modelled.output, operation.name));
    }
    assert_eq!(differences, Vec::<String>::new());
    assert_eq!(cloud.service.operations().len(), api.operations.len(), "all of them are built");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_stays_in_order_while_its_queue_fails() {
    let cloud = Cloud::start();
    let fifo = Val::Map(vec![("FifoTopic".to_owned(), "true".into())]);
    cloud.call("CreateTopic", vec![("Name", "t.fifo".into()), ("Attributes", fifo)]).await.unwrap();
    let (topic, queue) = (cloud.arn("sns", "t.fifo"), cloud.arn("sqs", "q.fifo"));
    let raw = Val::Map(vec![("RawMessageDelivery".to_owned(), "true".into())]);
    let members = vec![
        ("TopicArn", topic.as_str().into()),
        ("Protocol", "sqs".into()),
        ("Endpoint", queue.into()),
        ("Attributes", raw),
    ];
    cloud.call("Subscribe", members).await.unwrap();
    *cloud.queues.failures.lock() = 25;
    let running = tokio::spawn(cloud.deliveries.clone().run(cloud.platform.shutdown.clone()));
    let expected: Vec<String> = (0..10).map(|number| format!("message {number}")).collect();
    for text in &expected {
        let members = vec![
            ("TopicArn", topic.as_str().into()),
            ("Message", text.as_str().into()),
            ("MessageGroupId", "g".into()),
            ("MessageDeduplicationId", text.replace(' ', "-").into()),
        ];
        cloud.call("Publish", members).await.unwrap();
    }
    assert_eq!(cloud.wait_for(10).await, expected);
    let ids: Vec<_> = cloud.queues.got.lock().iter().map(|message| message.deduplication_id.clone().unwrap()).collect();
    assert_eq!(ids[3], "message-3");
    cloud.platform.shutdown.cancel();
    running.await.unwrap();
}
