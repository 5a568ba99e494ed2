//! Times warm calls of a trivial Node handler: `cargo run --release -p pilvi-executor --example warm`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measuring program")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pilvi_executor::{Credentials, Executor, ExecutorConfig, FunctionSpec, Invocation, NoLogs};

#[tokio::main]
async fn main() {
    let root = std::env::temp_dir().join(format!("pilvi-warm-{}", std::process::id()));
    std::fs::create_dir_all(root.join("code")).unwrap();
    std::fs::write(root.join("code/index.js"), "exports.handler = async (event) => event").unwrap();
    let executor = Executor::new(ExecutorConfig::new(root.join("data"))).await.unwrap();
    let spec = Arc::new(FunctionSpec {
        key: "f".into(),
        name: "f".into(),
        version: "$LATEST".into(),
        runtime: "nodejs20.x".into(),
        handler: "index.handler".into(),
        code: root.join("code"),
        layers: Vec::new(),
        environment: BTreeMap::new(),
        memory_mb: 256,
        timeout: Duration::from_secs(3),
        ephemeral_storage_mb: 512,
        log_group: "/aws/lambda/f".into(),
        region: "us-east-1".into(),
        logs: Arc::new(NoLogs),
        credentials: Arc::new(None::<Credentials>),
        endpoint: None,
    });
    let mut times = Vec::new();
    for n in 0..5000 {
        let invocation = Invocation {
            request_id: format!("00000000-0000-0000-0000-{n:012}"),
            payload: r#"{"hello":"world"}"#.into(),
            invoked_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
            trace_id: None,
            client_context: None,
            cognito_identity: None,
        };
        let begun = Instant::now();
        executor.invoke(&spec, invocation).await.unwrap();
        times.push(begun.elapsed());
    }
    println!("cold {:?}", times[0]);
    times.drain(..500);
    times.sort();
    println!("warm min {:?} p50 {:?} p99 {:?}", times[0], times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{:?}", executor.stats());
    executor.shutdown().await;
    let _ = std::fs::remove_dir_all(root);
}
