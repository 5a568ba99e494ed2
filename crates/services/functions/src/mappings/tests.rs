//! Mappings over real queues and a fake function.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pilvi_bus::authorize::AllowAll;
use pilvi_bus::calls::{
    AssumedFor, FunctionCalls, FunctionResult, IdentityCalls, InvokeFunction, ReceivedMessage, SendMessage,
};
use pilvi_bus::identity::{KeyLookup, TemporaryCredentials};
use pilvi_bus::{ApiError, Bus, Clock, Ctx, IamMode, Manifest, Platform, Principal, RequestContext, Service, Settings};
use pilvi_model::Val;
use pilvi_store::Store;
use pilvi_store::blobs::Blobs;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{FunctionFacts, FunctionFinder, Mappings, batch, operations};

const ACCOUNT: &str = "000000000000";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:000000000000:jobs";

pub(crate) fn ctx() -> Ctx {
    let root = Principal::Root { account: ACCOUNT.to_owned() };
    Arc::new(RequestContext::internal(root, ACCOUNT, "eu-west-1", "http://localhost:4566"))
}

/// Tells of each event; says that the messages whose body is `"bad"` failed.
struct Fake(mpsc::UnboundedSender<Value>);

#[async_trait]
impl FunctionCalls for Fake {
    async fn invoke(&self, _: &Ctx, request: InvokeFunction) -> Result<FunctionResult, ApiError> {
        let event: Value = serde_json::from_slice(&request.payload).unwrap();
        let bad = event["Records"].as_array().unwrap().iter().filter(|record| record["body"] == "bad");
        let failures: Vec<Value> = bad.map(|record| json!({"itemIdentifier": record["messageId"]})).collect();
        let _ = self.0.send(event);
        let payload = Bytes::from(json!({"batchItemFailures": failures}).to_string());
        Ok(FunctionResult { status: 200, payload, error: None, log_tail: None, executed_version: "$LATEST".into() })
    }

    async fn may_invoke(&self, _: &Ctx, _: &str) -> Result<(), ApiError> {
        Ok(())
    }
}

pub(crate) struct Identities;

#[async_trait]
impl IdentityCalls for Identities {
    async fn look_up_key(&self, _: &str) -> KeyLookup {
        KeyLookup::Unknown
    }

    async fn assume_for(&self, _: &'static str, _: &str, _: &str) -> Result<AssumedFor, ApiError> {
        let credentials = TemporaryCredentials {
            access_key_id: String::new(),
            secret_access_key: String::new(),
            session_token: String::new(),
            expires: pilvi_model::Timestamp::MAX,
        };
        Ok(AssumedFor { credentials, principal: Principal::Root { account: ACCOUNT.to_owned() } })
    }

    async fn may_pass_role(&self, _: &Ctx, _: &str, _: &'static str) -> Result<bool, ApiError> {
        Ok(true)
    }
}

struct Finder;

impl FunctionFinder for Finder {
    fn function(&self, _: &RequestContext, name: &str) -> Result<FunctionFacts, ApiError> {
        let name = name.rsplit(':').next().unwrap().to_owned();
        let arn = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}");
        let timeout = if name == "slow" { 900 } else { 3 };
        Ok(FunctionFacts { arn, name, role: "arn:aws:iam::000000000000:role/r".to_owned(), timeout })
    }
}

struct Cloud {
    platform: Platform,
    service: Arc<dyn Service>,
    queues: Arc<dyn Service>,
    mappings: Arc<Mappings>,
    events: mpsc::UnboundedReceiver<Value>,
}

impl Cloud {
    fn over(store: Store) -> Self {
        let settings = Settings {
            data: std::env::temp_dir(),
            host: std::net::IpAddr::from([127, 0, 0, 1]),
            port: 4566,
            iam: IamMode::Off,
            ca_pem: None,
        };
        let platform = Platform {
            store,
            blobs: Blobs::temporary().unwrap(),
            clock: Clock::real(),
            bus: Bus::new(),
            settings: Arc::new(settings),
            shutdown: CancellationToken::new(),
        };
        let (sender, events) = mpsc::unbounded_channel();
        platform.bus.wire_authorizer(Arc::new(AllowAll));
        platform.bus.wire_functions(Arc::new(Fake(sender)));
        platform.bus.wire_identity(Arc::new(Identities));
        let queues = pilvi_queues::service(&platform).unwrap();
        let mappings = Mappings::new(&platform, Arc::new(Finder));
        let manifest = Manifest::new("lambda", Arc::new(mappings.clone()));
        let service = operations::add(manifest, |mappings| mappings).into_service();
        Self { platform, service, queues, mappings, events }
    }

    async fn call(&self, operation: &str, members: Vec<(&'static str, Val)>) -> Result<Val, ApiError> {
        self.service.call(ctx(), operation, Val::Struct(members), Arc::new(AllowAll)).await
    }

    async fn create(&self, function: &str) -> Result<Val, ApiError> {
        let filter = Val::Struct(vec![("Pattern", r#"{"body": [{"anything-but": "unwanted"}]}"#.into())]);
        let members = vec![
            ("EventSourceArn", QUEUE.into()),
            ("FunctionName", function.into()),
            ("FilterCriteria", Val::Struct(vec![("Filters", Val::List(vec![filter]))])),
            ("FunctionResponseTypes", Val::List(vec!["ReportBatchItemFailures".into()])),
        ];
        self.call("CreateEventSourceMapping", members).await
    }

    async fn send(&self, body: &str) {
        let message = SendMessage { queue_arn: QUEUE.to_owned(), body: body.to_owned(), ..SendMessage::default() };
        self.platform.bus.queues().unwrap().send(&ctx(), message).await.unwrap();
    }

    async fn body(&mut self) -> String {
        let event = tokio::time::timeout(Duration::from_secs(10), self.events.recv()).await.unwrap().unwrap();
        assert_eq!(event["Records"][0]["eventSourceARN"], QUEUE);
        event["Records"][0]["body"].as_str().unwrap().to_owned()
    }

    async fn count(&self, name: &'static str) -> String {
        let members = vec![
            ("QueueUrl", Val::from("http://localhost:4566/000000000000/jobs")),
            ("AttributeNames", Val::List(vec![name.into()])),
        ];
        let call = self.queues.call(ctx(), "GetQueueAttributes", Val::Struct(members), Arc::new(AllowAll));
        call.await.unwrap().get("Attributes").unwrap().get(name).and_then(Val::as_str).unwrap().to_owned()
    }

    async fn until_in_flight(&self, count: &str) {
        let settled = async {
            while self.count("ApproximateNumberOfMessagesNotVisible").await != count
                || self.count("ApproximateNumberOfMessages").await != "0"
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), settled).await.unwrap();
    }
}

fn member(val: &Val, name: &str) -> String {
    val.get(name).and_then(Val::as_str).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn messages_reach_the_function_also_after_a_restart() {
    let mut cloud = Cloud::over(Store::memory());
    let make = Val::Struct(vec![("QueueName", "jobs".into())]);
    cloud.queues.call(ctx(), "CreateQueue", make, Arc::new(AllowAll)).await.unwrap();
    let slow = cloud.create("slow").await.unwrap_err();
    assert_eq!(slow.message, "Queue visibility timeout: 30 seconds is less than Function timeout: 900 seconds");
    let made = cloud.create("f").await.unwrap();
    let uuid = member(&made, "UUID");
    assert_eq!(member(&made, "State"), "Creating");
    assert_eq!(cloud.create("f").await.unwrap_err().code, "ResourceConflictException");

    cloud.send("good").await;
    assert_eq!(cloud.body().await, "good");
    cloud.until_in_flight("0").await;
    cloud.send("unwanted").await;
    cloud.until_in_flight("0").await;
    cloud.send("bad").await;
    assert_eq!(cloud.body().await, "bad");
    cloud.until_in_flight("1").await;

    let off = vec![("UUID", uuid.as_str().into()), ("Enabled", Val::Bool(false))];
    assert_eq!(member(&cloud.call("UpdateEventSourceMapping", off).await.unwrap(), "State"), "Disabling");
    cloud.send("later").await;
    assert_eq!(cloud.count("ApproximateNumberOfMessages").await, "1");
    let on = vec![("UUID", uuid.as_str().into()), ("Enabled", Val::Bool(true))];
    assert_eq!(member(&cloud.call("UpdateEventSourceMapping", on).await.unwrap(), "State"), "Enabling");
    assert_eq!(cloud.body().await, "later");

    cloud.platform.shutdown.cancel();
    let mut cloud = Cloud::over(cloud.platform.store.clone());
    let run = tokio::spawn(cloud.mappings.clone().run(cloud.platform.shutdown.clone()));
    cloud.send("again").await;
    assert_eq!(cloud.body().await, "again");
    let deleted = cloud.call("DeleteEventSourceMapping", vec![("UUID", uuid.as_str().into())]).await.unwrap();
    assert_eq!(member(&deleted, "State"), "Deleting");
    let gone = cloud.call("GetEventSourceMapping", vec![("UUID", uuid.as_str().into())]).await.unwrap_err();
    assert_eq!(gone.message, "The resource you requested does not exist.");
    cloud.platform.shutdown.cancel();
    run.await.unwrap();
}

#[test]
fn malformed_reports_fail_the_whole_batch() {
    let message = ReceivedMessage {
        message_id: "a".into(),
        receipt_handle: String::new(),
        body: String::new(),
        md5_of_body: String::new(),
        md5_of_attributes: None,
        system_attributes: Vec::new(),
        attributes: Vec::new(),
        trace: String::new(),
    };
    let messages = [message];
    for fine in ["", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#] {
        assert_eq!(batch::failures(fine.as_bytes(), &messages).unwrap().len(), 0, "{fine}");
    }
    let one = batch::failures(br#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#, &messages).unwrap();
    assert!(one.contains("a"));
    for item in
        [r#"{"itemIdentifier":""}"#, r#"{"itemIdentifier":null}"#, r#"{"itemIdentifier":"b"}"#, r#"{"other":"a"}"#, "1"]
    {
        assert_eq!(
            batch::failures(format!(r#"{{"batchItemFailures":[{item}]}}"#).as_bytes(), &messages),
            None,
            "{item}"
        );
    }
    assert_eq!(batch::failures(b"\"text\"", &messages), None);
}
