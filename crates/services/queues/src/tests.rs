//! The operations, called as the bus calls them, over a clock that stands still until it is moved.

use std::sync::Arc;
use std::time::Duration;

use pilvi_bus::authorize::AllowAll;
use pilvi_bus::calls::{ReceiveMessages, SendMessage};
use pilvi_bus::{ApiError, Bus, Clock, Ctx, IamMode, Platform, Principal, RequestContext, Service, Settings};
use pilvi_model::drift::{Role, mismatches};
use pilvi_model::{Timestamp, Val};
use pilvi_store::Store;
use pilvi_store::blobs::Blobs;
use tokio_util::sync::CancellationToken;

const ACCOUNT: &str = "000000000000";

struct Cloud {
    platform: Platform,
    service: Arc<dyn Service>,
}

fn settings() -> Settings {
    Settings {
        data: std::env::temp_dir(),
        host: std::net::IpAddr::from([127, 0, 0, 1]),
        port: 4566,
        iam: IamMode::Off,
        ca_pem: None,
    }
}

fn ctx() -> Ctx {
    let root = Principal::Root { account: ACCOUNT.to_owned() };
    Arc::new(RequestContext::internal(root, ACCOUNT, "eu-west-1", "http://localhost:4566"))
}

impl Cloud {
    fn start() -> Self {
        Self::over(Store::memory(), Clock::frozen(Timestamp::from_second(1_700_000_000).unwrap()))
    }

    fn over(store: Store, clock: Clock) -> Self {
        let platform = Platform {
            store,
            blobs: Blobs::temporary().unwrap(),
            clock,
            bus: Bus::new(),
            settings: Arc::new(settings()),
            shutdown: CancellationToken::new(),
        };
        platform.bus.wire_authorizer(Arc::new(AllowAll));
        let service = crate::service(&platform).unwrap();
        Self { platform, service }
    }

    /// The same cloud after a stop: what was only in memory is gone.
    fn restart(self) -> Self {
        let Platform { store, clock, .. } = self.platform;
        Self::over(store, clock)
    }

    async fn call(&self, operation: &str, members: Vec<(&'static str, Val)>) -> Result<Val, ApiError> {
        self.service.call(ctx(), operation, Val::Struct(members), Arc::new(AllowAll)).await
    }

    async fn create(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        let output = self.call("CreateQueue", vec![("QueueName", name.into()), ("Attributes", map(attributes))]).await;
        text(&output.unwrap(), "QueueUrl")
    }

    async fn send(&self, url: &str, body: &str) -> Val {
        self.call("SendMessage", vec![("QueueUrl", url.into()), ("MessageBody", body.into())]).await.unwrap()
    }

    async fn receive(&self, url: &str) -> Vec<Val> {
        let all = Val::List(vec!["All".into()]);
        let members = vec![
            ("QueueUrl", url.into()),
            ("MaxNumberOfMessages", Val::Int(10)),
            ("AttributeNames", all.clone()),
            ("MessageAttributeNames", all),
        ];
        messages(self.call("ReceiveMessage", members).await.unwrap())
    }

    async fn delete(&self, url: &str, message: &Val) -> Result<Val, ApiError> {
        let handle = text(message, "ReceiptHandle");
        self.call("DeleteMessage", vec![("QueueUrl", url.into()), ("ReceiptHandle", handle.into())]).await
    }

    async fn attribute(&self, url: &str, name: &str) -> Option<String> {
        let members = vec![("QueueUrl", url.into()), ("AttributeNames", Val::List(vec![name.into()]))];
        let output = self.call("GetQueueAttributes", members).await.unwrap();
        output.get("Attributes").and_then(|attributes| attributes.get(name)).and_then(Val::as_str).map(str::to_owned)
    }

    /// The answer to a call that has to fail: code, query code, text.
    async fn refusal(&self, operation: &str, members: Vec<(&'static str, Val)>) -> (String, u16, String) {
        let error = self.call(operation, members).await.unwrap_err();
        (error.query_code.unwrap_or_default().to_owned(), error.status, error.message)
    }

    fn pass(&self, seconds: u64) {
        self.platform.clock.advance(Duration::from_secs(seconds));
    }
}

fn map(entries: &[(&str, &str)]) -> Val {
    Val::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect())
}

fn text(val: &Val, member: &str) -> String {
    val.get(member).and_then(Val::as_str).unwrap_or_default().to_owned()
}

fn messages(output: Val) -> Vec<Val> {
    match output.get("Messages") {
        Some(Val::List(messages)) => messages.clone(),
        _ => Vec::new(),
    }
}

fn bodies(messages: &[Val]) -> Vec<String> {
    messages.iter().map(|message| text(message, "Body")).collect()
}

fn fifo(url: &str, body: &str, group: &str, dedup: &str) -> Vec<(&'static str, Val)> {
    vec![
        ("QueueUrl", url.into()),
        ("MessageBody", body.into()),
        ("MessageGroupId", group.into()),
        ("MessageDeduplicationId", dedup.into()),
    ]
}

#[test]
fn structs_agree_with_the_model() {
    let cloud = Cloud::start();
    let api = pilvi_model::api("sqs").unwrap();
    // AWS leaves these out when they are empty, although its model requires them.
    let empty = ["Successful", "Failed"];
    for facts in cloud.service.operations() {
        let operation = api.operation(facts.name).unwrap();
        let mut differences = mismatches(facts.input, Role::Input, api, operation.input, facts.name);
        differences.extend(mismatches(facts.output, Role::Output, api, operation.output, facts.name));
        differences.retain(|line| !empty.iter().any(|member| line.contains(&format!(".{member}:"))));
        assert!(differences.is_empty(), "{differences:#?}");
    }
    assert_eq!(cloud.service.operations().len(), api.operations.len());
}

#[tokio::test]
async fn messages_and_handles_outlive_a_restart() {
    let cloud = Cloud::start();
    let url = cloud.create("q", &[]).await;
    assert_eq!(url, "http://localhost:4566/000000000000/q");
    let attribute = Val::Struct(vec![("StringValue", "Bar".into()), ("DataType", "String".into())]);
    let members = vec![
        ("QueueUrl", url.as_str().into()),
        ("MessageBody", "msg".into()),
        ("MessageAttributes", Val::Map(vec![("Foo".to_owned(), attribute)])),
    ];
    let sent = cloud.call("SendMessage", members).await.unwrap();
    assert_eq!(text(&sent, "MD5OfMessageBody"), "6e2baaf3b97dbeef01c0043275f9a0e7");
    assert_eq!(text(&sent, "MD5OfMessageAttributes"), "ae7155c6026991b6d54b11589678bf9c");
    cloud.send(&url, "other").await;

    let cloud = cloud.restart();
    let received = cloud.receive(&url).await;
    assert_eq!(bodies(&received), ["msg", "other"]);
    assert_eq!(text(&received[0], "MD5OfMessageAttributes"), "ae7155c6026991b6d54b11589678bf9c");
    let system = received[0].get("Attributes").unwrap();
    assert_eq!(text(system, "ApproximateReceiveCount"), "1");
    assert_eq!(text(system, "SentTimestamp"), "1700000000000");
    assert_eq!(text(system, "SenderId"), ACCOUNT);

    let cloud = cloud.restart();
    assert!(cloud.receive(&url).await.is_empty(), "in flight, also after the restart");
    cloud.delete(&url, &received[0]).await.unwrap();
    cloud.delete(&url, &received[0]).await.unwrap();
    cloud.pass(31);
    let cloud = cloud.restart();
    let again = cloud.receive(&url).await;
    assert_eq!(bodies(&again), ["other"]);
    assert_eq!(text(again[0].get("Attributes").unwrap(), "ApproximateReceiveCount"), "2");
}

#[tokio::test]
async fn time_decides_what_is_visible() {
    let cloud = Cloud::start();
    let url = cloud.create("q", &[("DelaySeconds", "5"), ("MessageRetentionPeriod", "60")]).await;
    cloud.send(&url, "slow").await;
    let members =
        vec![("QueueUrl", url.as_str().into()), ("MessageBody", "fast".into()), ("DelaySeconds", Val::Int(0))];
    cloud.call("SendMessage", members).await.unwrap();
    assert_eq!(cloud.attribute(&url, "ApproximateNumberOfMessagesDelayed").await.as_deref(), Some("1"));
    assert_eq!(bodies(&cloud.receive(&url).await), ["fast"]);
    assert_eq!(cloud.attribute(&url, "ApproximateNumberOfMessagesNotVisible").await.as_deref(), Some("1"));
    cloud.pass(5);
    let slow = cloud.receive(&url).await;
    assert_eq!(bodies(&slow), ["slow"]);
    let members = vec![
        ("QueueUrl", url.as_str().into()),
        ("ReceiptHandle", text(&slow[0], "ReceiptHandle").into()),
        ("VisibilityTimeout", Val::Int(0)),
    ];
    cloud.call("ChangeMessageVisibility", members).await.unwrap();
    assert_eq!(bodies(&cloud.receive(&url).await), ["slow"]);
    cloud.pass(60);
    assert!(cloud.receive(&url).await.is_empty(), "retention is over");
    assert_eq!(cloud.attribute(&url, "ApproximateNumberOfMessages").await.as_deref(), Some("0"));
}

#[tokio::test]
async fn long_polls_are_woken_by_what_arrives() {
    let cloud = Arc::new(Cloud::start());
    let url = cloud.create("q", &[("ReceiveMessageWaitTimeSeconds", "20")]).await;
    let mut polls = Vec::new();
    for _ in 0..3 {
        let (cloud, members) = (cloud.clone(), vec![("QueueUrl", url.as_str().into())]);
        polls.push(tokio::spawn(async move { messages(cloud.call("ReceiveMessage", members).await.unwrap()) }));
    }
    tokio::task::yield_now().await;
    for body in ["a", "b", "c"] {
        cloud.send(&url, body).await;
    }
    // The clock stands still, so that only messages can end these polls; and each takes one.
    let mut received = Vec::new();
    for poll in polls {
        received.extend(bodies(&poll.await.unwrap()));
    }
    received.sort();
    assert_eq!(received, ["a", "b", "c"]);
}

#[tokio::test]
async fn dead_letters_move_and_come_back() {
    let cloud = Cloud::start();
    let dead = cloud.create("dead", &[]).await;
    let arn = cloud.attribute(&dead, "QueueArn").await.unwrap();
    assert_eq!(arn, "arn:aws:sqs:eu-west-1:000000000000:dead");
    let policy = format!(r#"{{"maxReceiveCount": "1", "deadLetterTargetArn": "{arn}"}}"#);
    let url = cloud.create("q", &[("RedrivePolicy", &policy), ("VisibilityTimeout", "1")]).await;
    let printed = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":1}}"#);
    assert_eq!(cloud.attribute(&url, "RedrivePolicy").await, Some(printed));
    cloud.send(&url, "bad").await;
    assert_eq!(bodies(&cloud.receive(&url).await), ["bad"]);
    cloud.pass(2);
    assert!(cloud.receive(&url).await.is_empty());

    let cloud = cloud.restart();
    let found = cloud.receive(&dead).await;
    assert_eq!(bodies(&found), ["bad"]);
    let system = found[0].get("Attributes").unwrap();
    assert_eq!(text(system, "DeadLetterQueueSourceArn"), "arn:aws:sqs:eu-west-1:000000000000:q");
    assert_eq!(text(system, "ApproximateReceiveCount"), "2");
    let sources = cloud.call("ListDeadLetterSourceQueues", vec![("QueueUrl", dead.as_str().into())]).await.unwrap();
    assert_eq!(sources.get("queueUrls"), Some(&Val::List(vec![url.as_str().into()])));

    cloud.pass(31);
    cloud.call("StartMessageMoveTask", vec![("SourceArn", arn.as_str().into())]).await.unwrap();
    let waiting = vec![("QueueUrl", url.as_str().into()), ("WaitTimeSeconds", Val::Int(20))];
    assert_eq!(bodies(&messages(cloud.call("ReceiveMessage", waiting).await.unwrap())), ["bad"]);
    loop {
        let tasks = cloud.call("ListMessageMoveTasks", vec![("SourceArn", arn.as_str().into())]).await.unwrap();
        let Some(Val::List(tasks)) = tasks.get("Results") else { panic!("no tasks") };
        if text(&tasks[0], "Status") == "COMPLETED" {
            assert_eq!(tasks[0].get("ApproximateNumberOfMessagesMoved"), Some(&Val::Int(1)));
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn fifo_queues_keep_order_and_drop_duplicates() {
    let cloud = Cloud::start();
    let url = cloud.create("q.fifo", &[("FifoQueue", "true")]).await;
    let first = cloud.call("SendMessage", fifo(&url, "1", "g", "a")).await.unwrap();
    cloud.call("SendMessage", fifo(&url, "2", "g", "b")).await.unwrap();
    let cloud = cloud.restart();
    let again = cloud.call("SendMessage", fifo(&url, "1", "h", "a")).await.unwrap();
    assert_eq!(text(&again, "MessageId"), text(&first, "MessageId"));
    assert_eq!(text(&again, "SequenceNumber").len(), 20);
    let received = cloud.receive(&url).await;
    assert_eq!(bodies(&received), ["1", "2"]);
    cloud.pass(31);
    let error = cloud.delete(&url, &received[0]).await.unwrap_err();
    assert!(error.message.ends_with("for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."));
    cloud.pass(300);
    cloud.call("SendMessage", fifo(&url, "3", "g", "a")).await.unwrap();
    assert_eq!(bodies(&cloud.receive(&url).await), ["1", "2", "3"]);
}

#[tokio::test]
async fn attributes_that_were_not_set_are_absent() {
    let cloud = Cloud::start();
    let url = cloud.create("q", &[("VisibilityTimeout", "20")]).await;
    for name in
        ["Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "FifoQueue"]
    {
        assert_eq!(cloud.attribute(&url, name).await, None, "{name}");
    }
    assert_eq!(cloud.attribute(&url, "SqsManagedSseEnabled").await.as_deref(), Some("true"));
    let set = |attributes: &[(&str, &str)]| vec![("QueueUrl", url.as_str().into()), ("Attributes", map(attributes))];
    cloud.call("SetQueueAttributes", set(&[("KmsMasterKeyId", "key"), ("Policy", "{}")])).await.unwrap();
    assert_eq!(cloud.attribute(&url, "SqsManagedSseEnabled").await.as_deref(), Some("false"));
    assert_eq!(cloud.attribute(&url, "KmsDataKeyReusePeriodSeconds").await.as_deref(), Some("300"));
    cloud.call("SetQueueAttributes", set(&[("KmsMasterKeyId", ""), ("Policy", "")])).await.unwrap();
    assert_eq!(cloud.attribute(&url, "Policy").await, None);
    cloud.create("q", &[("VisibilityTimeout", "20")]).await;
    let cloud = cloud.restart();
    assert_eq!(cloud.attribute(&url, "VisibilityTimeout").await.as_deref(), Some("20"));
}

#[tokio::test]
async fn refusals_are_those_of_aws() {
    let cloud = Cloud::start();
    let url = cloud.create("q", &[("DelaySeconds", "1")]).await;
    let other = cloud.create("q.fifo", &[("FifoQueue", "true")]).await;
    let at = |url: &str, more: Vec<(&'static str, Val)>| [vec![("QueueUrl", Val::from(url))], more].concat();
    let body = |body: &str| ("MessageBody", Val::from(body));
    let named =
        |name: &str, attributes: &[(&str, &str)]| vec![("QueueName", name.into()), ("Attributes", map(attributes))];
    let invalid = "InvalidParameterValue";
    let type_reason = "Reason: The request include parameter that is not valid for this queue type.";
    let cases = [
        (
            "GetQueueUrl",
            vec![("QueueName", "none".into())],
            "AWS.SimpleQueueService.NonExistentQueue",
            400,
            "The specified queue does not exist.",
        ),
        (
            "SendMessage",
            at("http://localhost:4566/000000000000/none", vec![body("x")]),
            "AWS.SimpleQueueService.NonExistentQueue",
            400,
            "The specified queue does not exist.",
        ),
        (
            "CreateQueue",
            named("q", &[("DelaySeconds", "2")]),
            "QueueAlreadyExists",
            400,
            "A queue already exists with the same name and a different value for attribute DelaySeconds",
        ),
        (
            "CreateQueue",
            named("new", &[("FifoQueue", "false")]),
            "InvalidAttributeName",
            400,
            "Unknown Attribute FifoQueue.",
        ),
        (
            "CreateQueue",
            named("new.fifo", &[]),
            invalid,
            400,
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ),
        (
            "CreateQueue",
            named("new", &[("VisibilityTimeout", "43201")]),
            "InvalidAttributeValue",
            400,
            "Invalid value for the parameter VisibilityTimeout.",
        ),
        (
            "CreateQueue",
            named("new", &[("RedrivePolicy", r#"{"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}"#)]),
            invalid,
            400,
            r#"Value {"deadLetterTargetArn": "dummy", "maxReceiveCount": 42} for parameter RedrivePolicy is invalid. Reason: Invalid value for deadLetterTargetArn."#,
        ),
        (
            "ReceiveMessage",
            at(&url, vec![("MaxNumberOfMessages", Val::Int(11))]),
            invalid,
            400,
            "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            "ReceiveMessage",
            at(&url, vec![("WaitTimeSeconds", Val::Int(-1))]),
            invalid,
            400,
            "Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        ),
        (
            "SendMessage",
            at(&url, vec![body("")]),
            "MissingParameter",
            400,
            "The request must contain the parameter MessageBody.",
        ),
        (
            "SendMessage",
            at(&url, vec![body("\u{1}")]),
            "InvalidMessageContents",
            400,
            "Invalid binary character '#x1' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]",
        ),
        (
            "SendMessage",
            at(&url, vec![body(&"x".repeat(1_048_577))]),
            invalid,
            400,
            "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
        ),
        (
            "SendMessage",
            at(
                &other,
                vec![
                    body("x"),
                    ("MessageGroupId", "g".into()),
                    ("MessageDeduplicationId", "d".into()),
                    ("DelaySeconds", Val::Int(2)),
                ],
            ),
            invalid,
            400,
            &format!("Value 2 for parameter DelaySeconds is invalid. {type_reason}"),
        ),
        (
            "SendMessage",
            at(&other, vec![body("x"), ("MessageDeduplicationId", "d".into())]),
            "MissingParameter",
            400,
            "The request must contain the parameter MessageGroupId.",
        ),
        (
            "SendMessage",
            at(&other, vec![body("x"), ("MessageGroupId", "g".into())]),
            invalid,
            400,
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        ),
        (
            "SendMessageBatch",
            at(&url, vec![("Entries", Val::List(Vec::new()))]),
            "AWS.SimpleQueueService.EmptyBatchRequest",
            400,
            "There should be at least one SendMessageBatchRequestEntry in the request.",
        ),
        (
            "DeleteMessage",
            at(&url, vec![("ReceiptHandle", "x".into())]),
            "ReceiptHandleIsInvalid",
            404,
            "The input receipt handle \"x\" is not a valid receipt handle.",
        ),
        (
            "RemovePermission",
            at(&url, vec![("Label", "l".into())]),
            invalid,
            400,
            "Value l for parameter Label is invalid. Reason: can't find label.",
        ),
    ];
    for (operation, members, code, status, message) in cases {
        let expected = (code.to_owned(), status, message.to_owned());
        assert_eq!(cloud.refusal(operation, members).await, expected, "{operation}");
    }
    cloud.call("PurgeQueue", at(&url, Vec::new())).await.unwrap();
    let (code, status, message) = cloud.refusal("PurgeQueue", at(&url, Vec::new())).await;
    assert_eq!((code.as_str(), status), ("AWS.SimpleQueueService.PurgeQueueInProgress", 403));
    assert_eq!(message, "Only one PurgeQueue operation on q is allowed every 60 seconds.");
}

#[tokio::test]
async fn other_services_send_and_receive() {
    let cloud = Cloud::start();
    cloud.create("q", &[]).await;
    let calls = cloud.platform.bus.queues().unwrap();
    let arn = "arn:aws:sqs:eu-west-1:000000000000:q".to_owned();
    let message = SendMessage {
        queue_arn: arn.clone(),
        body: "hello".into(),
        trace: Some("Root=1".into()),
        ..SendMessage::default()
    };
    let sent = calls.send(&ctx(), message).await.unwrap();
    let request = ReceiveMessages {
        queue_arn: arn.clone(),
        max: 50,
        wait: Duration::ZERO,
        visibility: Some(Duration::from_secs(9)),
    };
    let received = calls.receive(&ctx(), request.clone()).await.unwrap();
    assert_eq!(received[0].message_id, sent.message_id);
    assert!(received[0].system_attributes.contains(&("AWSTraceHeader".to_owned(), "Root=1".to_owned())));
    calls.delete(&ctx(), &arn, &[received[0].receipt_handle.clone()]).await.unwrap();
    cloud.pass(10);
    assert!(calls.receive(&ctx(), request).await.unwrap().is_empty());
    assert_eq!(calls.facts(&ctx(), &arn).await.unwrap().visibility, Duration::from_secs(30));
}
