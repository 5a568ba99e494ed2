//! The front of the executor.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, mpsc};

use crate::clock;
use crate::config::{ExecutorConfig, TierChoice};
use crate::environment::{Environment, Running};
use crate::errors::ExecutorError;
use crate::exit::ExitReason;
use crate::output::Output;
use crate::pool::{Pools, Slot};
use crate::probe;
use crate::process::Spawner;
use crate::report::{self, Status};
use crate::result::{ErrorKind, InvokeResult, Outcome, Report};
use crate::runtimes::{Interpreters, Shims};
use crate::sdk::Sdks;
use crate::spec::{FunctionSpec, Invocation};
use crate::standby::Standbys;
use crate::starter::{Start, Starter};
use crate::stream::StreamPart;
use crate::tier::Tier;
use crate::watch;

/// How long a start may take before it is tried again within the invocation.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// How long an answer is held back for the runtime's next poll.
const REST_LIMIT: Duration = Duration::from_millis(20);

/// Runs functions in pooled environments. Cheap to clone; all clones share the pools.
#[derive(Clone)]
pub struct Executor {
    starter: Arc<Starter>,
}

/// How many environments there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolStats {
    /// Running an invocation or starting.
    pub busy: usize,
    /// Warm and waiting.
    pub idle: usize,
    /// Invocations that wait for an environment.
    pub queued: usize,
}

impl Executor {
    /// Prepares the folder. Whether the sandbox works is found out beside (it is really tried once), or here where it
    /// was demanded.
    ///
    /// # Errors
    /// When the data folder cannot be written, or the sandbox was demanded and does not work.
    pub async fn new(config: ExecutorConfig) -> Result<Self, ExecutorError> {
        let failed = |error: std::io::Error| ExecutorError::Start { name: "executor".into(), cause: error.to_string() };
        let environments = config.data.join("environments");
        // Left behind by a server that was killed.
        let _ = tokio::fs::remove_dir_all(&environments).await;
        for folder in ["environments", "layers", "runtime"] {
            tokio::fs::create_dir_all(config.data.join(folder)).await.map_err(failed)?;
        }
        let (data, sdk_folder) = (config.data.canonicalize(), std::path::absolute(&config.sdk_folder));
        let config = ExecutorConfig { data: data.map_err(failed)?, sdk_folder: sdk_folder.map_err(failed)?, ..config };
        let pools = Arc::new(Pools::new(config.max_environments));
        let spawner = Spawner::new().map_err(failed)?;
        let tier = OnceCell::new();
        if config.tier == TierChoice::Sandbox {
            let _ = tier.set(probe::choose(config.tier, &spawner, &config.data).await?);
        }
        let starter = Arc::new(Starter {
            shims: Shims::install(&config.data).map_err(failed)?,
            interpreters: Interpreters::new(config.data.join("interpreters")),
            sdks: Sdks::default(),
            spawner,
            tier,
            standbys: Standbys::new(config.max_standbys),
            next_id: AtomicU64::new(1),
            pools: pools.clone(),
            config,
        });
        let prober = starter.clone();
        tokio::spawn(async move { prober.tier().await.map(|tier| tracing::debug!(tier = tier.name(), "functions")) });
        tokio::spawn(watch::limits(Arc::downgrade(&pools)));
        tokio::spawn(watch::idle(Arc::downgrade(&starter)));
        Ok(Self { starter })
    }

    /// Runs one invocation in a warm environment, or in a new one. Dropping the future does not cancel the
    /// invocation: as on AWS it runs on to its end or its timeout.
    ///
    /// # Errors
    /// When the function could not be run at all; see [`ExecutorError`].
    pub async fn invoke(
        &self,
        spec: &Arc<FunctionSpec>,
        invocation: Invocation,
    ) -> Result<InvokeResult, ExecutorError> {
        self.run(spec, invocation, None).await
    }

    /// The same, with an answer that comes piece by piece. A function that does not stream gives its answer in the
    /// result, as always, and no piece; one that does gives the pieces and an empty result, or the error that it ended
    /// with. The pieces have to be taken while this runs: it waits for room among them.
    ///
    /// # Errors
    /// As for [`Executor::invoke`].
    pub async fn invoke_streaming(
        &self,
        spec: &Arc<FunctionSpec>,
        invocation: Invocation,
        pieces: mpsc::Sender<StreamPart>,
    ) -> Result<InvokeResult, ExecutorError> {
        self.run(spec, invocation, Some(pieces)).await
    }

    async fn run(
        &self,
        spec: &Arc<FunctionSpec>,
        invocation: Invocation,
        pieces: Option<mpsc::Sender<StreamPart>>,
    ) -> Result<InvokeResult, ExecutorError> {
        let pools = &self.starter.pools;
        loop {
            match pools.acquire(&spec.key, self.starter.config.queue_timeout).await? {
                Slot::Warm(environment) => {
                    if let Some(running) = environment.invoke(&invocation, None, Instant::now(), "", pieces.as_ref()) {
                        pools.activity.notify_one();
                        return follow(environment, running).await.ok_or(ExecutorError::ShuttingDown);
                    }
                }
                Slot::Cold(permit) => {
                    let cold = cold(self.starter.clone(), spec.clone(), invocation, permit, pieces);
                    let result = tokio::spawn(cold).await;
                    return result.unwrap_or(Err(ExecutorError::ShuttingDown));
                }
            }
        }
    }

    /// Ends the idle environments of a key and those running as soon as they have answered.
    pub fn retire(&self, key: &str) {
        self.starter.pools.retire(key);
    }

    /// Figures over all functions.
    pub fn stats(&self) -> PoolStats {
        let (all, idle, queued) = self.starter.pools.counts();
        PoolStats { busy: all.saturating_sub(idle), idle, queued }
    }

    /// The name of the tier in use: `process` or `sandbox`.
    ///
    /// # Errors
    /// As for [`Executor::new`].
    pub async fn tier(&self) -> Result<&'static str, ExecutorError> {
        self.starter.tier().await.map(Tier::name)
    }

    /// Ends every environment; invocations that are running fail. Returns when all processes are gone.
    pub async fn shutdown(&self) {
        self.starter.pools.close();
        self.starter.standbys.close().await;
        for environment in self.starter.pools.every() {
            environment.kill();
            let _ = tokio::time::timeout(Duration::from_secs(5), environment.closed.cancelled()).await;
        }
        let _ = tokio::fs::remove_dir_all(self.starter.config.data.join("environments")).await;
    }
}

/// Waits for the answer, or for the time limit. When the caller goes away the wait goes on without it.
async fn follow(environment: Arc<Environment>, running: Running) -> Option<InvokeResult> {
    let mut guard = Guard { parts: Some((environment, running)) };
    let (environment, running) = guard.parts.as_mut()?;
    let result = wait(environment, running).await;
    // The runtime asks for more a moment after it answered. A caller that saw the answer in between would find no
    // idle environment and start another one.
    environment.rest(running.sequence, REST_LIMIT).await;
    let (environment, running) = guard.parts.take()?;
    if environment.lingers(running.sequence) {
        tokio::spawn(end_lingering(environment, running));
    }
    result
}

struct Guard {
    parts: Option<(Arc<Environment>, Running)>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some((environment, mut running)) = self.parts.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                wait(&environment, &mut running).await;
                end_lingering(environment, running).await;
            });
        }
    }
}

async fn wait(environment: &Arc<Environment>, running: &mut Running) -> Option<InvokeResult> {
    match tokio::time::timeout_at(running.deadline.into(), &mut running.reply).await {
        Ok(result) => result.ok(),
        Err(_) => {
            environment.time_out(running.sequence);
            (&mut running.reply).await.ok()
        }
    }
}

/// A runtime that answered and does not ask for more is ended when its time is up.
async fn end_lingering(environment: Arc<Environment>, running: Running) {
    tokio::time::sleep_until(running.deadline.into()).await;
    if environment.lingers(running.sequence) {
        environment.kill();
    }
}

/// A first start, a second one within the invocation when that failed, and the invocation.
async fn cold(
    starter: Arc<Starter>,
    spec: Arc<FunctionSpec>,
    invocation: Invocation,
    permit: OwnedSemaphorePermit,
    pieces: Option<mpsc::Sender<StreamPart>>,
) -> Result<InvokeResult, ExecutorError> {
    let resolved = starter.resolve(&spec).await?;
    let stream = format!("{}/[{}]{}", clock::date_path(), spec.version, uuid::Uuid::new_v4().simple());
    let output = Arc::new(Output::new(spec.logs.clone(), stream, starter.config.max_log_bytes));
    if let Some(note) = &resolved.note {
        output.write(note.clone());
    }
    output.write(starter.init_start_line(&spec, &resolved));
    output.take_tail();

    let begun = Instant::now();
    let failure = match starter.start(&spec, &resolved, &output, permit, INIT_LIMIT).await? {
        Start::Ready(environment) => {
            let init = begun.elapsed();
            let earlier = output.take_tail();
            return hand_over(
                &starter,
                environment,
                &invocation,
                Some(init),
                Instant::now(),
                &earlier,
                pieces.as_ref(),
            )
            .await;
        }
        failure => failure,
    };
    output.write(report::init_report_line(begun.elapsed(), "init", &failure.status()));

    // The second attempt counts against the function's own time limit.
    let begun = Instant::now();
    let permit = match starter.pools.acquire(&format!("\0{}", spec.key), starter.config.queue_timeout).await? {
        Slot::Cold(permit) => permit,
        Slot::Warm(_) => return Err(ExecutorError::ShuttingDown),
    };
    match starter.start(&spec, &resolved, &output, permit, spec.timeout).await? {
        Start::Ready(environment) => {
            let earlier = output.take_tail();
            hand_over(&starter, environment, &invocation, None, begun, &earlier, pieces.as_ref()).await
        }
        failure => {
            output.write(report::init_report_line(begun.elapsed(), "invoke", &failure.status()));
            Ok(failed_start(&spec, &invocation, &output, &failure, begun))
        }
    }
}

async fn hand_over(
    starter: &Arc<Starter>,
    environment: Arc<Environment>,
    invocation: &Invocation,
    init: Option<Duration>,
    begun: Instant,
    earlier: &str,
    pieces: Option<&mpsc::Sender<StreamPart>>,
) -> Result<InvokeResult, ExecutorError> {
    let running = environment.invoke(invocation, init, begun, earlier, pieces);
    starter.pools.activity.notify_one();
    match running {
        Some(running) => follow(environment, running).await.ok_or(ExecutorError::ShuttingDown),
        None if starter.pools.is_closing() => Err(ExecutorError::ShuttingDown),
        // It became ready and ended at once.
        None => {
            let output = environment.output.clone();
            Ok(failed_start(&environment.spec, invocation, &output, &Start::Exited(ExitReason::Code(0)), begun))
        }
    }
}

impl Start {
    fn status(&self) -> Status {
        match self {
            Start::Ready(_) => Status::Answered,
            Start::Error { error_type, .. } => Status::Error(error_type.clone()),
            Start::Exited(reason) => Status::Error(reason.error_type().into()),
            Start::TimedOut => Status::Timeout,
        }
    }
}

/// The answer to an invocation whose environment never got ready.
fn failed_start(
    spec: &FunctionSpec,
    invocation: &Invocation,
    output: &Arc<Output>,
    failure: &Start,
    begun: Instant,
) -> InvokeResult {
    let id = &invocation.request_id;
    let (payload, line) = match failure {
        Start::Error { payload, .. } => (payload.clone(), None),
        Start::Exited(reason) => (report::exit_payload(id, reason), Some(report::exit_line(id, reason))),
        Start::TimedOut | Start::Ready(_) => {
            (report::timeout_payload(id, spec.timeout), Some(report::timeout_line(id, spec.timeout)))
        }
    };
    let duration = begun.elapsed();
    let report = Report {
        duration,
        billed: report::billed(duration, None),
        init: None,
        max_memory_mb: 1,
        memory_mb: spec.memory_mb,
    };
    let earlier = output.take_tail();
    output.begin(&earlier, report::start_line(id, &spec.version));
    let last = [report::end_line(id), report::report_line(id, &report, &failure.status())];
    let tail = output.finish(line.into_iter().chain(last));
    InvokeResult {
        outcome: Outcome::Error { kind: ErrorKind::Unhandled, payload },
        log_tail: Bytes::from(tail),
        report,
        log_stream: output.stream().to_owned(),
    }
}
