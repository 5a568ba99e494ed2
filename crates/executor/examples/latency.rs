//! Times cold starts and warm calls: `cargo run --release -p pilvi-executor --example latency [process|sandbox]`.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::indexing_slicing, reason = "a measuring program")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pilvi_executor::{Credentials, Executor, ExecutorConfig, FunctionSpec, Invocation, NoLogs, TierChoice};

const COLD: usize = 30;
const WARM: usize = 5000;
const PAUSE: Duration = Duration::from_millis(400);

fn main() {
    pilvi_executor::be_launcher_if_asked();
    tokio::runtime::Runtime::new().unwrap().block_on(measure());
}

async fn measure() {
    let root = std::env::temp_dir().join(format!("pilvi-latency-{}", std::process::id()));
    std::fs::create_dir_all(root.join("code")).unwrap();
    std::fs::write(root.join("code/index.js"), "exports.handler = async (event) => event").unwrap();
    std::fs::write(root.join("code/app.py"), "def handler(event, context):\n    return event\n").unwrap();
    let mut config = ExecutorConfig::new(root.join("data"));
    config.tier = match std::env::args().nth(1).as_deref() {
        Some("process") => TierChoice::Process,
        Some("sandbox") => TierChoice::Sandbox,
        _ => TierChoice::Auto,
    };
    let executor = Executor::new(config).await.unwrap();
    println!("tier {}", executor.tier().await.unwrap());
    for (runtime, handler) in [("nodejs20.x", "index.handler"), ("python3.11", "app.handler")] {
        let mut times = Vec::new();
        for n in 0..=COLD {
            // Time for the next runtime to boot, as there mostly is between cold starts.
            tokio::time::sleep(PAUSE).await;
            let begun = Instant::now();
            executor.invoke(&spec(&root, runtime, handler, n), invocation(n)).await.unwrap();
            times.push(begun.elapsed());
        }
        println!("{runtime} first {:?}", times.remove(0));
        show(&format!("{runtime} cold"), &mut times);
        let spec = spec(&root, runtime, handler, 0);
        let mut times = Vec::new();
        for n in 0..WARM {
            let begun = Instant::now();
            executor.invoke(&spec, invocation(n)).await.unwrap();
            times.push(begun.elapsed());
        }
        times.drain(..WARM / 10);
        show(&format!("{runtime} warm"), &mut times);
    }
    executor.shutdown().await;
    let _ = std::fs::remove_dir_all(root);
}

fn show(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("{what}: min {:?} p50 {:?} p99 {:?}", at(0), at(50), at(99));
}

fn spec(root: &Path, runtime: &str, handler: &str, n: usize) -> Arc<FunctionSpec> {
    Arc::new(FunctionSpec {
        key: format!("{runtime}-{n}"),
        name: "f".into(),
        version: "$LATEST".into(),
        runtime: runtime.into(),
        handler: handler.into(),
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
    })
}

fn invocation(n: usize) -> Invocation {
    Invocation {
        request_id: format!("00000000-0000-0000-0000-{n:012}"),
        payload: r#"{"hello":"world"}"#.into(),
        invoked_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
        trace_id: None,
        client_context: None,
        cognito_identity: None,
    }
}
