//! Real interpreters through the whole executor.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{bench, bench_with, failure, success};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn node_handlers_of_every_form() {
    let bench = bench().await;
    let forms = [
        ("async", "index.handler", "index.js", "exports.handler = async (e) => ({ got: e.x })"),
        (
            "callback",
            "index.handler",
            "index.js",
            "exports.handler = (e, c, cb) => { setTimeout(() => cb(null, { got: e.x }), 5) }",
        ),
        ("promise", "index.handler", "index.js", "exports.handler = (e) => Promise.resolve({ got: e.x })"),
        ("succeed", "index.handler", "index.js", "exports.handler = (e, c) => c.succeed({ got: e.x })"),
        (
            "module",
            "index.handler",
            "index.mjs",
            "const y = await Promise.resolve(0); export const handler = async (e) => ({ got: e.x + y })",
        ),
        ("nested", "src/app.a.b", "src/app.cjs", "exports.a = { b: async (e) => ({ got: e.x }) }"),
        (
            "stream",
            "index.handler",
            "index.js",
            "exports.handler = awslambda.streamifyResponse(async (e, out) => { out.write('{\"got\":'); out.write(String(e.x)); out.end('}') })",
        ),
    ];
    for (name, handler, file, code) in forms {
        let spec = Arc::new(bench.spec(name, "nodejs20.x", handler, &[(file, code)]));
        for _ in 0..3 {
            assert_eq!(success(&bench.call(&spec, r#"{"x":7}"#).await), r#"{"got":7}"#, "{name}");
        }
    }
    assert_eq!(bench.executor.stats().idle, forms.len(), "each function's environment was used again");
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_pieces() {
    use pilvi_executor::StreamPart;
    let bench = bench().await;
    let code = "exports.handler = awslambda.streamifyResponse(async (e, out) => {
        out = awslambda.HttpResponseStream.from(out, { statusCode: 201 });
        out.write('one'); await new Promise((then) => setTimeout(then, 300)); out.write('two');
        if (e.fail) throw new Error('midway');
        out.end() })";
    let spec = Arc::new(bench.spec("pieces", "nodejs20.x", "index.handler", &[("index.js", code)]));
    for fail in [false, true] {
        let (sender, mut pieces) = tokio::sync::mpsc::channel(1);
        let executor = bench.executor.clone();
        let (called, event) = (spec.clone(), common::event(&format!("{{\"fail\":{fail}}}")));
        let result = tokio::spawn(async move { executor.invoke_streaming(&called, event, sender).await.unwrap() });
        let Some(StreamPart::Begin { content_type }) = pieces.recv().await else { panic!("no beginning") };
        assert_eq!(content_type, "application/vnd.awslambda.http-integration-response");
        let mut body = Vec::new();
        let mut before_the_end = false;
        while let Some(StreamPart::Chunk(chunk)) = pieces.recv().await {
            body.extend_from_slice(&chunk);
            before_the_end |= body.ends_with(b"one") && !result.is_finished();
        }
        assert_eq!(body, b"{\"statusCode\":201}\0\0\0\0\0\0\0\0onetwo");
        assert!(before_the_end, "pieces come when they are written");
        let result = result.await.unwrap();
        match fail {
            false => assert_eq!(success(&result), ""),
            true => assert!(failure(&result).contains("midway")),
        }
    }
    // A function that does not stream answers as always, and one that does can be called without.
    let plain =
        Arc::new(bench.spec("plain", "nodejs20.x", "i.handler", &[("i.js", "exports.handler = async () => 1")]));
    let (sender, mut pieces) = tokio::sync::mpsc::channel(1);
    let result = bench.executor.invoke_streaming(&plain, common::event("{}"), sender).await.unwrap();
    assert_eq!((success(&result).as_str(), pieces.recv().await), ("1", None));
    assert!(success(&bench.call(&spec, "{}").await).ends_with("onetwo"));
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_log_and_errors() {
    let bench = bench().await;
    let code = "exports.handler = async (e, c) => {
        console.log('two\\nlines', { a: 1 }); process.stdout.write('raw\\n');
        if (e.fail) { const error = new RangeError('too far'); error.code = 'E1'; throw error }
        return [c.functionName, c.memoryLimitInMB, c.awsRequestId.length, c.getRemainingTimeInMillis() > 15000, process.env.PATH_OF_MINE]
    }";
    let mut spec = bench.spec("logs", "nodejs20.x", "index.handler", &[("index.js", code)]);
    spec.environment.insert("PATH_OF_MINE".into(), "yes".into());
    let spec = Arc::new(spec);
    let result = bench.call(&spec, "{}").await;
    assert_eq!(success(&result), r#"["logs","256",36,true,"yes"]"#);
    assert!(result.report.init.is_some());
    let events = bench.logs.events();
    let kinds: Vec<&str> = events.iter().map(|e| e.split([' ', ':']).next().unwrap()).collect();
    assert_eq!(
        (kinds[0], kinds[1], kinds[4], kinds[5], events.len()),
        ("INIT_START", "START", "END", "REPORT", 6),
        "{events:?}"
    );
    assert!(events.iter().any(|e| e.ends_with("\tINFO\ttwo\nlines { a: 1 }\n")), "{events:?}");
    assert!(events.contains(&"raw\n".to_owned()));
    let tail = String::from_utf8(result.log_tail.to_vec()).unwrap();
    assert!(
        tail.starts_with("START RequestId: ") && tail.contains("Init Duration: ") && tail.ends_with("\t\n"),
        "{tail}"
    );

    let result = bench.call(&spec, r#"{"fail":true}"#).await;
    assert!(result.report.init.is_none(), "warm");
    let error: Value = serde_json::from_str(&failure(&result)).unwrap();
    assert_eq!((&error["errorType"], &error["errorMessage"]), (&"RangeError".into(), &"too far".into()));
    assert!(error["trace"][1].as_str().unwrap().contains("index.js:3"), "{error}");
    assert!(bench.logs.events().iter().any(|e| e.contains("\tERROR\tInvoke Error \t{\"errorType\":\"RangeError\"")));
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_failures_to_load() {
    let bench = bench().await;
    let cases = [
        (
            "nodejs20.x",
            "index.handler",
            "exports.x = 1",
            "Runtime.HandlerNotFound",
            "index.handler is undefined or not exported",
        ),
        ("nodejs20.x", "nodot", "", "Runtime.MalformedHandlerName", "Bad handler"),
        ("nodejs20.x", "index.handler", "const = 1", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
        (
            "nodejs20.x",
            "index.handler",
            "require('not-there')",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'not-there'",
        ),
        ("nodejs20.x", "index.handler", "process.exit(3)", "Runtime.ExitError", "RequestId: "),
    ];
    for (index, (runtime, handler, code, error_type, message)) in cases.into_iter().enumerate() {
        let spec = Arc::new(bench.spec(&format!("bad{index}"), runtime, handler, &[("index.js", code)]));
        let error: Value = serde_json::from_str(&failure(&bench.call(&spec, "{}").await)).unwrap();
        assert_eq!(error["errorType"], error_type, "{error}");
        assert!(error["errorMessage"].as_str().unwrap().starts_with(message), "{error}");
    }
    let log = bench.logs.events().concat();
    assert!(log.contains("Phase: init\tStatus: error\tError Type: Runtime.HandlerNotFound\n"), "{log}");
    assert!(log.contains("Phase: invoke\tStatus: error\tError Type: Runtime.ExitError\n"), "{log}");
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_is_there_for_require_and_import_and_its_absence_is_told() {
    let bench = bench_with(|config| {
        config.sdk = pilvi_executor::SdkPolicy::InstalledOnly;
        config.sdk_folder = config.data.join("../sdk");
    })
    .await;
    let forms = [
        ("r", "index.js", "const { name } = require('@aws-sdk/client-s3'); exports.handler = async () => name"),
        ("i", "index.mjs", "import { name } from '@aws-sdk/client-s3'; export const handler = async () => name"),
    ];
    let spec = |n| {
        let (name, file, code): (&str, &str, &str) = forms[n];
        let mut spec = bench.spec(name, "nodejs20.x", "index.handler", &[(file, code)]);
        spec.key = format!("{name}-{}", bench.logs.events().len());
        Arc::new(spec)
    };
    let error = failure(&bench.call(&spec(1), "{}").await);
    assert!(error.contains("Cannot find package '@aws-sdk/client-s3'"), "{error}");
    assert!(bench.logs.events().contains(&"[pilvi] the AWS SDK is not installed here\n".to_owned()));

    let sdk = pilvi_executor::node_sdk_folder(&bench.folder.path().join("sdk")).join("node_modules/@aws-sdk/client-s3");
    std::fs::create_dir_all(&sdk).unwrap();
    std::fs::write(sdk.join("package.json"), r#"{"name":"@aws-sdk/client-s3","main":"index.js"}"#).unwrap();
    std::fs::write(sdk.join("index.js"), "exports.name = require('../client-s3/other.js')").unwrap();
    std::fs::write(sdk.join("other.js"), "module.exports = 'found'").unwrap();
    for (n, form) in forms.iter().enumerate() {
        assert_eq!(success(&bench.call(&spec(n), "{}").await), r#""found""#, "{}", form.0);
    }
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unhandled_rejections_and_exits() {
    let bench = bench().await;
    let code = "exports.handler = (e, c, cb) => { if (e.exit) process.exit(7); if (e.hang) return new Promise(() => {}); Promise.reject(new Error('nobody')); setTimeout(() => {}, 5000) }";
    let spec = Arc::new(bench.spec("rejects", "nodejs20.x", "index.handler", &[("index.js", code)]));
    let error = failure(&bench.call(&spec, "{}").await);
    assert!(
        error.contains(r#""errorType":"Runtime.UnhandledPromiseRejection","errorMessage":"Error: nobody""#),
        "{error}"
    );
    let error = failure(&bench.call(&spec, r#"{"exit":1}"#).await);
    assert!(error.ends_with(r#"Error: Runtime exited with error: exit status 7"}"#), "{error}");
    assert_eq!(success(&bench.call(&spec, r#"{"hang":1}"#).await), "null", "an empty loop ends a callback handler");
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_of_every_version() {
    let bench = bench().await;
    let code = "import logging, decimal, sys\nlogging.getLogger().setLevel('INFO')\ndef handler(event, context):\n    print('printed')\n    logging.info('logged\\ntwice')\n    if event.get('fail'):\n        raise ValueError('bad ' + event['fail'])\n    return {'v': '%d.%d' % sys.version_info[:2], 'n': decimal.Decimal('1.5'), 'id': len(context.aws_request_id), 'left': context.get_remaining_time_in_millis() > 1000}\n";
    let found = pilvi_executor::discover().await;
    let mut ran = 0;
    for minor in 6..=13 {
        if !found.iter().any(|f| f.version.starts_with(&format!("3.{minor}."))) {
            continue;
        }
        ran += 1;
        let spec = Arc::new(bench.spec(
            &format!("py{minor}"),
            &format!("python3.{minor}"),
            "pkg/app.handler",
            &[("pkg/app.py", code)],
        ));
        let answer: Value = serde_json::from_str(&success(&bench.call(&spec, "{}").await)).unwrap();
        assert_eq!(answer, serde_json::json!({ "v": format!("3.{minor}"), "n": 1.5, "id": 36, "left": true }));
        let error: Value = serde_json::from_str(&failure(&bench.call(&spec, r#"{"fail":"x"}"#).await)).unwrap();
        assert_eq!((&error["errorType"], &error["errorMessage"]), (&"ValueError".into(), &"bad x".into()));
        let trace = error["stackTrace"].as_array().unwrap();
        assert!(
            trace.len() == 1
                && trace[0]
                    .as_str()
                    .unwrap()
                    .ends_with("line 7, in handler\n    raise ValueError('bad ' + event['fail'])\n"),
            "{error}"
        );
    }
    let events = bench.logs.events();
    assert_eq!(
        events.iter().filter(|e| e.starts_with("[INFO]\t") && e.ends_with("\tlogged\ntwice\n")).count(),
        ran * 2
    );
    assert_eq!(events.iter().filter(|e| *e == "printed\n").count(), ran * 2);
    assert!(
        events
            .iter()
            .any(|e| e.starts_with("[ERROR] ValueError: bad x\nTraceback (most recent call last):\n\u{a0}\u{a0}File "))
    );
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_failures_to_load() {
    let bench = bench().await;
    for (name, code, error_type, message) in [
        ("a", "def other(): pass", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        (
            "b",
            "import nothing_here",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'nothing_here'",
        ),
        ("c", "def x(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': invalid syntax"),
        ("d", "raise KeyError('top')", "KeyError", "'top'"),
    ] {
        let spec = Arc::new(bench.spec(name, "python3.11", "app.handler", &[("app.py", code)]));
        let error: Value = serde_json::from_str(&failure(&bench.call(&spec, "{}").await)).unwrap();
        assert_eq!(error["errorType"], error_type, "{error}");
        assert!(error["errorMessage"].as_str().unwrap().starts_with(message), "{error}");
    }
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_runtime_in_shell() {
    let bench = bench().await;
    let bootstrap = "#!/bin/bash\nwhile true; do\n H=$(mktemp); E=$(curl -sS -D $H http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next)\n ID=$(grep -i '^lambda-runtime-aws-request-id' $H | tr -d '\\r' | cut -d' ' -f2)\n echo \"handling $E\"\n curl -sS -o /dev/null -w '%{http_code}\\n' http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/wrong/response -d 1\n curl -sS -o /dev/null http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$ID/response -d \"{\\\"echo\\\":$E}\"\ndone\n";
    let spec = Arc::new(bench.spec("shell", "provided.al2023", "any", &[("bootstrap", bootstrap)]));
    for _ in 0..2 {
        assert_eq!(success(&bench.call(&spec, r#"{"a":1}"#).await), r#"{"echo":{"a":1}}"#);
    }
    assert!(bench.logs.events().contains(&"400\n".to_owned()), "an unknown id is refused: {:?}", bench.logs.events());
    let none = Arc::new(bench.spec("none", "provided", "any", &[("readme", "")]));
    let error = failure(&bench.call(&none, "{}").await);
    assert!(
        error.contains("Runtime.InvalidEntrypoint") && error.contains("Couldn't find valid bootstrap(s)"),
        "{error}"
    );
    bench.executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_calls_get_environments_of_their_own() {
    let bench = bench().await;
    let code = "exports.handler = (e, c, cb) => setTimeout(() => cb(null, process.pid), e.wait)";
    let spec = Arc::new(bench.spec("many", "nodejs20.x", "index.handler", &[("index.js", code)]));
    let calls = (0..3).map(|_| bench.call(&spec, r#"{"wait":1500}"#));
    let pids: std::collections::HashSet<String> = futures_join(calls).await.iter().map(success).collect();
    assert_eq!(pids.len(), 3);
    let again = success(&bench.call(&spec, r#"{"wait":0}"#).await);
    assert!(pids.contains(&again), "a warm one is used again");
    bench.executor.retire("many");
    let fresh = success(&bench.call(&spec, r#"{"wait":0}"#).await);
    assert!(!pids.contains(&fresh), "none that was retired");
    bench.executor.shutdown().await;
    for pid in pids.iter().chain([&fresh]) {
        assert!(!common::is_alive(pid.parse().unwrap()), "nothing is left behind");
    }
}

async fn futures_join<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.map(|f| (Some(Box::pin(f)), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut pending {
            if let Some(running) = future
                && let std::task::Poll::Ready(value) = running.as_mut().poll(context)
            {
                *output = Some(value);
                *future = None;
            }
        }
        if pending.iter().all(|(_, output)| output.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    pending.into_iter().map(|(_, output)| output.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit() {
    let bench = bench().await;
    let code = "exports.handler = async () => { console.log('before'); for (;;); }";
    let mut spec = bench.spec("slow", "nodejs20.x", "index.handler", &[("index.js", code)]);
    spec.timeout = Duration::from_secs(1);
    let spec = Arc::new(spec);
    let result = bench.call(&spec, "{}").await;
    let error = failure(&result);
    assert!(error.starts_with(r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: "#), "{error}");
    assert!(error.ends_with(r#"Error: Task timed out after 1.00 seconds"}"#), "{error}");
    let tail = String::from_utf8(result.log_tail.to_vec()).unwrap();
    assert!(
        tail.contains("before")
            && tail.contains("Task timed out after 1.00 seconds\n\nEND ")
            && tail.ends_with("Status: timeout\n"),
        "{tail}"
    );
    bench.executor.shutdown().await;
}
