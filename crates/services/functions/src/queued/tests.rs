//! A queued invocation whose function always fails: retries by the clock, then the destination's record.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pilvi_bus::calls::{FunctionCalls, FunctionResult, InvocationMode, InvokeFunction};
use pilvi_bus::{ApiError, Bus, Clock, Ctx, IamMode, Platform};
use pilvi_delivery::Deliveries;
use pilvi_model::Timestamp;
use pilvi_store::Store;
use pilvi_store::blobs::Blobs;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{QueueSettings, QueuedInvocations, Settings, accept};
use crate::mappings::tests::{Identities, ctx};

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:000000000000:function:f";
const DESTINATION: &str = "arn:aws:lambda:eu-west-1:000000000000:function:told";

struct Failing(mpsc::UnboundedSender<InvokeFunction>);

#[async_trait]
impl FunctionCalls for Failing {
    async fn invoke(&self, _: &Ctx, request: InvokeFunction) -> Result<FunctionResult, ApiError> {
        let _ = self.0.send(request);
        let payload = Bytes::from_static(br#"{"errorMessage":"no"}"#);
        let (error, executed_version) = (Some("Unhandled".to_owned()), "$LATEST".to_owned());
        Ok(FunctionResult { status: 200, payload, error, log_tail: None, executed_version })
    }

    async fn may_invoke(&self, _: &Ctx, _: &str) -> Result<(), ApiError> {
        Ok(())
    }
}

struct Told;

impl Settings for Told {
    fn queue_settings(&self, _: &str, _: Option<&str>) -> Result<QueueSettings, ApiError> {
        Ok(QueueSettings { on_failure: Some(DESTINATION.to_owned()), ..QueueSettings::default() })
    }
}

#[tokio::test]
async fn failures_are_retried_twice_and_then_told() {
    let settings = pilvi_bus::Settings {
        data: std::env::temp_dir(),
        host: std::net::IpAddr::from([127, 0, 0, 1]),
        port: 4566,
        iam: IamMode::Off,
        ca_pem: None,
    };
    let platform = Platform {
        store: Store::memory(),
        blobs: Blobs::temporary().unwrap(),
        clock: Clock::frozen(Timestamp::from_second(1_700_000_000).unwrap()),
        bus: Bus::new(),
        settings: Arc::new(settings),
        shutdown: CancellationToken::new(),
    };
    let (sender, mut calls) = mpsc::unbounded_channel();
    platform.bus.wire_functions(Arc::new(Failing(sender)));
    platform.bus.wire_identity(Arc::new(Identities));
    let deliveries = Deliveries::new(&platform).unwrap();
    QueuedInvocations::register(&platform, &deliveries, Arc::new(Told));
    tokio::spawn(deliveries.clone().run(platform.shutdown.clone()));
    let request = InvokeFunction {
        function: "f".to_owned(),
        qualifier: None,
        mode: InvocationMode::Queue,
        payload: Bytes::from_static(b"{\"n\":1}"),
        client_context: None,
        tail: false,
    };
    accept(&platform, &deliveries, &ctx(), FUNCTION, &request).await.unwrap();
    for wait in [60, 120, 0] {
        let call = tokio::time::timeout(Duration::from_secs(10), calls.recv()).await.unwrap().unwrap();
        assert_eq!((&*call.function, call.mode, &*call.payload), (FUNCTION, InvocationMode::Wait, &b"{\"n\":1}"[..]));
        let settled = || deliveries.backlog().iter().any(|lane| lane.waiting == 1);
        while wait > 0 && !settled() {
            tokio::task::yield_now().await;
        }
        platform.clock.advance(Duration::from_secs(wait));
    }
    let told = tokio::time::timeout(Duration::from_secs(10), calls.recv()).await.unwrap().unwrap();
    assert_eq!(told.function, DESTINATION);
    let record: Value = serde_json::from_slice(&told.payload).unwrap();
    assert_eq!(record["timestamp"], "2023-11-14T22:16:20.000Z");
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["requestPayload"], json!({"n": 1}));
    assert_eq!(record["responsePayload"], json!({"errorMessage": "no"}));
}
