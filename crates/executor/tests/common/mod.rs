//! A function made of files, run by a real executor.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pilvi_executor::{
    Credentials, Executor, ExecutorConfig, FunctionSpec, Invocation, InvokeResult, LogSink, Outcome, TierChoice,
};

#[derive(Default)]
pub(crate) struct Logs(pub Mutex<Vec<String>>);

impl LogSink for Logs {
    fn write(&self, _stream: &str, events: Vec<String>) {
        self.0.lock().unwrap().extend(events);
    }
}

impl Logs {
    pub(crate) fn events(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) struct Bench {
    pub(crate) executor: Executor,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) logs: Arc<Logs>,
}

pub(crate) async fn bench() -> Bench {
    bench_with(|_| {}).await
}

pub(crate) async fn bench_with(change: impl FnOnce(&mut ExecutorConfig)) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ExecutorConfig::new(folder.path().join("data"));
    config.tier = TierChoice::Process;
    change(&mut config);
    Bench { executor: Executor::new(config).await.unwrap(), folder, logs: Arc::default() }
}

impl Bench {
    pub(crate) fn spec(&self, name: &str, runtime: &str, handler: &str, files: &[(&str, &str)]) -> FunctionSpec {
        let code = self.folder.path().join("code").join(name);
        for (file, text) in files {
            let path = code.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            if *file == "bootstrap" {
                use std::os::unix::fs::PermissionsExt;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        FunctionSpec {
            key: name.into(),
            name: name.into(),
            version: "$LATEST".into(),
            runtime: runtime.into(),
            handler: handler.into(),
            code,
            layers: Vec::new(),
            environment: BTreeMap::new(),
            memory_mb: 256,
            timeout: Duration::from_secs(20),
            ephemeral_storage_mb: 512,
            log_group: format!("/aws/lambda/{name}"),
            region: "eu-west-1".into(),
            logs: self.logs.clone(),
            credentials: Arc::new(None::<Credentials>),
            endpoint: None,
        }
    }

    pub(crate) async fn call(&self, spec: &Arc<FunctionSpec>, payload: &str) -> InvokeResult {
        self.executor.invoke(spec, event(payload)).await.unwrap()
    }
}

pub(crate) fn event(payload: &str) -> Invocation {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Invocation {
        request_id: format!("11111111-2222-3333-4444-{:012}", NEXT.fetch_add(1, Ordering::Relaxed)),
        payload: Bytes::from(payload.to_owned()),
        invoked_arn: "arn:aws:lambda:eu-west-1:000000000000:function:f".into(),
        trace_id: None,
        client_context: None,
        cognito_identity: None,
    }
}

pub(crate) fn success(result: &InvokeResult) -> String {
    match &result.outcome {
        Outcome::Success(payload) => String::from_utf8(payload.to_vec()).unwrap(),
        Outcome::Error { payload, .. } => panic!("{}", String::from_utf8_lossy(payload)),
    }
}

pub(crate) fn failure(result: &InvokeResult) -> String {
    match &result.outcome {
        Outcome::Success(payload) => panic!("succeeded: {}", String::from_utf8_lossy(payload)),
        Outcome::Error { payload, .. } => String::from_utf8(payload.to_vec()).unwrap(),
    }
}

pub(crate) fn is_alive(pid: i32) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"));
    status.is_ok_and(|text| !text.contains("State:\tZ"))
}
