//! Functions that misbehave: each gets its error, and another function goes on working.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{bench, bench_with, failure, success};

const FRIEND: &str = "exports.handler = async () => 'fine'";

#[tokio::test(flavor = "multi_thread")]
async fn allocating_without_end() {
    let bench = bench().await;
    let code = "import time\ndef handler(e, c):\n    kept = []\n    while True:\n        kept.append(bytearray(8 << 20))\n        time.sleep(0.005)\n";
    let mut spec = bench.spec("hog", "python3.11", "app.handler", &[("app.py", code)]);
    spec.memory_mb = 128;
    let (hog, friend) =
        (Arc::new(spec), Arc::new(bench.spec("friend", "nodejs20.x", "i.handler", &[("i.js", FRIEND)])));
    let (hogged, friendly) = tokio::join!(bench.call(&hog, "{}"), bench.call(&friend, "{}"));
    let error = failure(&hogged);
    assert!(error.contains(r#""errorType":"Runtime.ExitError""#) && error.ends_with(r#"signal: killed"}"#), "{error}");
    assert_eq!(hogged.report.max_memory_mb, 128);
    assert_eq!(success(&friendly), r#""fine""#);
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn printing_without_end_is_cut() {
    let bench = bench_with(|config| config.max_log_bytes = 100_000).await;
    let code = "import sys\ndef handler(e, c):\n    for i in range(e['lines']):\n        sys.stdout.write('x' * 999 + '\\n')\n    return 'done'\n";
    let spec = Arc::new(bench.spec("flood", "python3.11", "app.handler", &[("app.py", code)]));
    let result = bench.call(&spec, r#"{"lines":50000}"#).await;
    assert_eq!(success(&result), r#""done""#, "50 MB of log do not block the function");
    let events = bench.logs.events();
    assert_eq!(events.iter().filter(|e| e.starts_with('x')).count(), 100);
    assert_eq!(events.iter().filter(|e| e.contains("was cut after 100000 bytes")).count(), 1);
    assert!(events.last().unwrap().starts_with("REPORT "));
    assert!(result.log_tail.len() <= 4096);
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_left_behind_die_with_the_environment() {
    let bench = bench().await;
    // One child in the group, one in a session of its own; then it never answers.
    let code = "import subprocess, time\ndef handler(e, c):\n    a = subprocess.Popen(['sleep', '300'])\n    b = subprocess.Popen(['sleep', '300'], start_new_session=True)\n    print('pids', a.pid, b.pid)\n    time.sleep(60)\n";
    let mut spec = bench.spec("leaver", "python3.11", "app.handler", &[("app.py", code)]);
    spec.timeout = Duration::from_secs(1);
    let result = bench.call(&Arc::new(spec), "{}").await;
    assert!(failure(&result).contains("Sandbox.Timedout"));
    let line = bench.logs.events().into_iter().find(|e| e.starts_with("pids ")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    for pid in line.split_whitespace().skip(1) {
        while common::is_alive(pid.parse().unwrap()) {
            assert!(Instant::now() < deadline, "{pid} is alive");
            tokio::task::yield_now().await;
        }
    }
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_large() {
    let bench = bench().await;
    let code = "exports.handler = async (e) => 'x'.repeat(e.size)";
    let spec = Arc::new(bench.spec("large", "nodejs20.x", "i.handler", &[("i.js", code)]));
    let error = failure(&bench.call(&spec, r#"{"size":7000000}"#).await);
    assert!(
        error.starts_with(
            r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."#
        ),
        "{error}"
    );
    assert_eq!(success(&bench.call(&spec, r#"{"size":1}"#).await), r#""x""#, "the environment goes on");
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_our_environment_reaches_a_function_and_clouds_lead_home() {
    let bench = bench().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut hosts = Vec::new();
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 4096];
            let n = stream.read(&mut buffer).await.unwrap();
            let text = String::from_utf8_lossy(&buffer[..n]).to_lowercase();
            hosts.push(text.lines().find_map(|l| l.strip_prefix("host: ").map(str::to_owned)).unwrap());
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await.unwrap();
        }
        hosts
    });
    let node = "const http = require('http'); exports.handler = (e, c, cb) => http.get('http://sqs.ap-south-1.amazonaws.com/1/q', (r) => { r.resume(); r.on('end', async () => { const f = typeof fetch === 'function' ? await (await fetch('http://b.s3.amazonaws.com/')).text() : 'ok'; cb(null, [f, process.env.CARGO_PKG_NAME || null, Object.keys(process.env).filter((k) => k.startsWith('_PILVI')).length]) }) })";
    let python = "import os, urllib.request\ndef handler(e, c):\n    return [urllib.request.urlopen('http://q.oss-cn-x.aliyuncs.com/').read().decode(), os.environ.get('CARGO_PKG_NAME'), len([k for k in os.environ if k.startswith('_PILVI')])]\n";
    for (runtime, file, code) in [("nodejs20.x", "app.js", node), ("python3.11", "app.py", python)] {
        let mut spec = bench.spec(runtime, runtime, "app.handler", &[(file, code)]);
        spec.endpoint = Some(pilvi_executor::Endpoint { address, url: format!("http://{address}"), ca_pem: None });
        let answer: serde_json::Value =
            serde_json::from_str(&success(&bench.call(&Arc::new(spec), "{}").await)).unwrap();
        assert_eq!(answer, serde_json::json!(["ok", null, 0]), "{runtime}");
    }
    let hosts = server.await.unwrap();
    assert_eq!(hosts, ["sqs.ap-south-1.amazonaws.com", "b.s3.amazonaws.com", "q.oss-cn-x.aliyuncs.com"]);
    bench.executor.shutdown().await;
}
