//! The service as the bus calls it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use pilvi_bus::calls::{AppendLogs, LogLine};
use pilvi_bus::{ApiError, Bus, Clock, Ctx, IamMode, Platform, Principal, RequestContext, Settings};
use pilvi_delivery::Deliveries;
use pilvi_model::drift::{Role, mismatches};
use pilvi_model::{Timestamp, Val, api};
use pilvi_store::Store;
use pilvi_store::blobs::Blobs;

const NOON: i64 = 1_700_000_000_000;

fn platform() -> Platform {
    let platform = Platform {
        store: Store::memory(),
        blobs: Blobs::temporary().unwrap(),
        clock: Clock::frozen(Timestamp::from_millisecond(NOON).unwrap()),
        bus: Bus::new(),
        settings: Arc::new(Settings {
            data: std::path::PathBuf::new(),
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 4566,
            iam: IamMode::Off,
            ca_pem: None,
        }),
        shutdown: tokio_util::sync::CancellationToken::new(),
    };
    platform.bus.wire_authorizer(Arc::new(pilvi_bus::authorize::AllowAll));
    let deliveries = Deliveries::new(&platform).unwrap();
    platform.bus.wire_services(vec![crate::service(&platform, deliveries)]);
    platform
}

fn root() -> Ctx {
    let principal = Principal::Root { account: "1".to_owned() };
    Arc::new(RequestContext::internal(principal, "1", "us-east-1", ""))
}

async fn call(platform: &Platform, operation: &str, members: Vec<(&'static str, Val)>) -> Result<Val, ApiError> {
    platform.bus.call(root(), "logs", operation, Val::Struct(members)).await
}

async fn append(platform: &Platform, stream: &str, lines: &[(i64, &str)]) {
    let line = |(timestamp, message): &(i64, &str)| LogLine { timestamp: *timestamp, message: (*message).to_owned() };
    let lines = lines.iter().map(line).collect();
    let request = AppendLogs { group: "g".to_owned(), stream: stream.to_owned(), lines };
    platform.bus.logs().unwrap().append(&root(), request).await.unwrap();
}

fn messages(output: &Val) -> Vec<String> {
    let Some(Val::List(events)) = output.get("events") else { panic!("no events") };
    events.iter().map(|event| event.get("message").unwrap().as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_struct_is_of_its_models_shape() {
    let platform = platform();
    let model = api("logs").unwrap();
    for facts in platform.bus.service("logs").unwrap().operations() {
        let operation = model.operation(facts.name).unwrap();
        let mut problems = mismatches(facts.input, Role::Input, model, operation.input, "input");
        problems.extend(mismatches(facts.output, Role::Output, model, operation.output, "output"));
        assert!(problems.is_empty(), "{}: {problems:?}", facts.name);
    }
}

#[tokio::test]
async fn events_of_all_streams_are_filtered_in_the_order_of_time() {
    let platform = platform();
    append(&platform, "one", &[(NOON, "a first"), (NOON + 2, "a third")]).await;
    append(&platform, "two", &[(NOON + 1, "a second"), (NOON + 3, "b")]).await;
    let filter = |token: Option<&str>| {
        let mut members =
            vec![("logGroupName", Val::from("g")), ("filterPattern", Val::from("a")), ("limit", Val::Int(2))];
        members.extend(token.map(|token| ("nextToken", Val::from(token))));
        members
    };
    let page = call(&platform, "FilterLogEvents", filter(None)).await.unwrap();
    assert_eq!(messages(&page), ["a first", "a second"]);
    let next = page.get("nextToken").unwrap().as_str().unwrap();
    let page = call(&platform, "FilterLogEvents", filter(Some(next))).await.unwrap();
    assert_eq!((messages(&page), page.get("nextToken")), (vec!["a third".to_owned()], None));
}

#[tokio::test]
async fn a_stream_is_read_forward_to_its_end_and_on_when_more_comes() {
    let platform = platform();
    append(&platform, "s", &[(NOON, "1"), (NOON, "2"), (NOON, "3")]).await;
    let get = |token: Option<String>| {
        let mut members = vec![
            ("logGroupName", Val::from("g")),
            ("logStreamName", Val::from("s")),
            ("startFromHead", Val::Bool(true)),
            ("limit", Val::Int(2)),
        ];
        members.extend(token.map(|token| ("nextToken", Val::Str(token))));
        members
    };
    let mut token = None;
    let mut read = Vec::new();
    loop {
        let page = call(&platform, "GetLogEvents", get(token.clone())).await.unwrap();
        read.extend(messages(&page));
        let next = page.get("nextForwardToken").unwrap().as_str().unwrap().to_owned();
        if token.as_ref() == Some(&next) {
            break;
        }
        token = Some(next);
    }
    assert_eq!(read, ["1", "2", "3"]);
    append(&platform, "s", &[(NOON + 1, "4")]).await;
    let page = call(&platform, "GetLogEvents", get(token)).await.unwrap();
    assert_eq!(messages(&page), ["4"]);
}

#[tokio::test]
async fn what_is_older_than_the_group_keeps_it_is_deleted() {
    let platform = platform();
    append(&platform, "s", &[(NOON, "old")]).await;
    let members = vec![("logGroupName", Val::from("g")), ("retentionInDays", Val::Int(1))];
    call(&platform, "PutRetentionPolicy", members).await.unwrap();
    platform.clock.advance(Duration::from_secs(2 * 86_400));
    append(&platform, "s", &[(NOON + 2 * 86_400_000, "new")]).await;
    crate::Logs::new(&platform, Deliveries::new(&platform).unwrap()).sweep().await.unwrap();
    let page = call(&platform, "FilterLogEvents", vec![("logGroupName", Val::from("g"))]).await.unwrap();
    assert_eq!(messages(&page), ["new"]);
}

#[tokio::test]
async fn refusals_are_worded_as_aws_words_them() {
    let platform = platform();
    let members = || vec![("logGroupName", Val::from("g"))];
    call(&platform, "CreateLogGroup", members()).await.unwrap();
    let error = call(&platform, "CreateLogGroup", members()).await.unwrap_err();
    assert_eq!(
        (&*error.code, &*error.message),
        ("ResourceAlreadyExistsException", "The specified log group already exists")
    );
    call(&platform, "DeleteLogGroup", members()).await.unwrap();
    let error = call(&platform, "DeleteLogGroup", members()).await.unwrap_err();
    assert_eq!(
        (&*error.code, &*error.message),
        ("ResourceNotFoundException", "The specified log group does not exist.")
    );
}
