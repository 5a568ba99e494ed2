//! Starting an environment: its directories, its Runtime API, its process.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, oneshot};

use crate::api::Api;
use crate::config::ExecutorConfig;
use crate::environment::{Environment, Started as InitResult};
use crate::errors::ExecutorError;
use crate::exit::ExitReason;
use crate::extensions::Extensions;
use crate::http::ReadBuffer;
use crate::output::Output;
use crate::pool::Pools;
use crate::probe;
use crate::process::{self, Spawned, Spawner};
use crate::runtime_api;
use crate::runtimes::{self, Facts, Family, Found, Interpreters, RuntimeName, Shims};
use crate::sdk::Sdks;
use crate::spec::FunctionSpec;
use crate::standby::Standbys;
use crate::tier::{Directories, Request, Tier};

/// Credentials are replaced (with their environment) this long before they end.
const CREDENTIALS_MARGIN_S: i64 = 60;

/// How long after a start another process like it is booted ahead.
const STANDBY_DELAY: Duration = Duration::from_millis(50);

/// Everything that starting takes.
pub(crate) struct Starter {
    pub(crate) config: ExecutorConfig,
    pub(crate) pools: Arc<Pools>,
    pub(crate) tier: OnceCell<Tier>,
    pub(crate) spawner: Spawner,
    pub(crate) shims: Shims,
    pub(crate) interpreters: Interpreters,
    pub(crate) sdks: Sdks,
    pub(crate) standbys: Standbys,
    pub(crate) next_id: AtomicU64,
}

/// A function's runtime, found on this machine.
pub(crate) struct Resolved {
    pub(crate) runtime: RuntimeName,
    pub(crate) interpreter: Option<Found>,
    /// For the log: another version than the one asked for is used, or the SDK is not to be had.
    pub(crate) note: Option<String>,
    /// Where the SDK is that the function needs.
    pub(crate) sdk: Option<PathBuf>,
}

/// A started environment, or why it is none.
pub(crate) enum Start {
    Ready(Arc<Environment>),
    Error { payload: bytes::Bytes, error_type: String },
    Exited(ExitReason),
    TimedOut,
}

impl Starter {
    /// The tier, found out when it is first needed.
    pub(crate) async fn tier(&self) -> Result<&Tier, ExecutorError> {
        self.tier.get_or_try_init(|| probe::choose(self.config.tier, &self.spawner, &self.config.data)).await
    }

    /// The interpreter for a function.
    pub(crate) async fn resolve(&self, spec: &FunctionSpec) -> Result<Resolved, ExecutorError> {
        let runtime =
            RuntimeName::parse(&spec.runtime).ok_or_else(|| ExecutorError::UnsupportedRuntime(spec.runtime.clone()))?;
        if matches!(runtime.family, Family::Provided | Family::Go) {
            return Ok(Resolved { runtime, interpreter: None, note: None, sdk: None });
        }
        let (found, exact) = self.interpreters.choose(&spec.runtime, &runtime).await?;
        if runtime.family == Family::Java {
            let compiled = self.shims.compile_java(&found.path, |line| (self.config.progress)(line)).await;
            compiled.map_err(|cause| ExecutorError::Start { name: spec.name.clone(), cause })?;
        }
        let mut note = (!exact).then(|| {
            format!(
                "[pilvi] {} is not installed here; running on version {} ({})\n",
                spec.runtime,
                found.version,
                found.path.display()
            )
        });
        // Here and not when the environment starts: a fetch must not count as the function's own time.
        let sdk = self.sdks.for_function(&self.config, &runtime, &found, spec).await.unwrap_or_else(|problem| {
            note.get_or_insert_default().push_str(&format!("[pilvi] {problem}\n"));
            None
        });
        Ok(Resolved { runtime, interpreter: Some(found), note, sdk })
    }

    /// `INIT_START Runtime Version: …`
    pub(crate) fn init_start_line(&self, spec: &FunctionSpec, resolved: &Resolved) -> String {
        let name = resolved.runtime.log_name(&spec.runtime);
        let version = resolved.interpreter.as_ref().map_or("1", |found| found.version.as_str());
        let hash = hex::encode(Sha256::digest(format!("{name}.v{version}")));
        let partition = match spec.region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if spec.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        format!(
            "INIT_START Runtime Version: {name}.v{version}\tRuntime Version ARN: arn:{partition}:lambda:{}::runtime:{hash}\n",
            spec.region
        )
    }

    /// Starts an environment and waits, for at most `limit`, until it is ready.
    pub(crate) async fn start(
        self: &Arc<Self>,
        spec: &Arc<FunctionSpec>,
        resolved: &Resolved,
        output: &Arc<Output>,
        permit: OwnedSemaphorePermit,
        limit: Duration,
    ) -> Result<Start, ExecutorError> {
        let failed = |error: io::Error| ExecutorError::Start { name: spec.name.clone(), cause: error.to_string() };
        check_present(spec, &spec.code)?;
        for layer in &spec.layers {
            check_present(spec, layer)?;
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let home = self.environments().join(format!("{}-{id}", std::process::id()));
        let opt = runtimes::merge_layers(&self.config.data.join("layers"), &spec.layers).map_err(failed)?;
        let directories = Directories { code: spec.code.clone(), opt, tmp: home.join("tmp"), root: home.join("root") };
        if let Some(cause) = runtimes::custom_missing(spec, &resolved.runtime, &directories) {
            return Ok(Start::Exited(ExitReason::NotStarted(cause)));
        }
        let credentials = spec.credentials.credentials().await;
        let credentials = credentials.map_err(|cause| ExecutorError::Credentials { name: spec.name.clone(), cause })?;
        let expires = credentials.as_ref().and_then(|c| c.expires).map(|at| at.saturating_sub(CREDENTIALS_MARGIN_S));
        let extensions = match process::starts_extensions() {
            true => runtimes::extensions_of(&directories),
            false => Vec::new(),
        };
        let tier = self.tier().await?;
        let request = runtimes::prepare(
            &Facts {
                extensions: &extensions,
                spec,
                runtime: &resolved.runtime,
                interpreter: resolved.interpreter.as_ref(),
                shims: &self.shims,
                sdk: resolved.sdk.clone(),
                directories,
                log_stream: output.stream(),
                credentials,
                data: &self.config.data,
            },
            tier,
        );
        let program = runtimes::custom_path(spec, &resolved.runtime);
        let started = match self.spawn(request, home, tier).await {
            Ok(started) => started,
            Err(error) => {
                let reason = match error.raw_os_error() {
                    Some(number) => ExitReason::NotExecuted(number),
                    None => ExitReason::NotStarted(error.to_string()),
                };
                return Ok(Start::Exited(reason.naming(&program)));
            }
        };
        let Spawned { process, stdout, frames, exit } = started.spawned;
        let (environment, ready) = Environment::new(
            id,
            spec.clone(),
            output.clone(),
            started.home,
            expires,
            process,
            Extensions::new(&extensions),
            Arc::downgrade(&self.pools),
            permit,
        );
        output.attach(stdout, frames, &environment.closed).map_err(failed)?;
        self.pools.add(environment.clone());
        tokio::spawn(watch(environment.clone(), self.pools.clone(), exit, program));
        tokio::spawn(runtime_api::serve(started.listener, started.connection, environment.clone(), started.api));
        wait_until_ready(&environment, ready, limit).await
    }

    /// A process for the request: one that stands by, or a new one.
    async fn spawn(self: &Arc<Self>, mut request: Request, home: PathBuf, tier: &Tier) -> io::Result<Started> {
        let boot = request.boot_part();
        let standby = boot.as_ref().and_then(|boot| self.standbys.take(boot));
        if let Some(boot) = boot {
            let starter = self.clone();
            tokio::spawn(async move {
                // The function that is being started has the machine first.
                tokio::time::sleep(STANDBY_DELAY).await;
                let folder = starter.environments();
                let Ok(tier) = starter.tier().await else { return };
                starter.standbys.refill(boot, tier, &starter.spawner, &folder).await;
            });
        }
        if let Some(standby) = standby {
            let api = standby.api.clone();
            let mut assigned = request.clone();
            match standby.assign(&self.spawner, &mut assigned).await {
                Ok((home, parts)) => {
                    let connection = Some((parts.connection, parts.buffer));
                    return Ok(Started { home, api, listener: parts.listener, connection, spawned: parts.spawned });
                }
                Err(error) => tracing::debug!(%error, "a runtime that stood by could not be used"),
            }
        }
        for folder in ["tmp", "root"] {
            std::fs::create_dir_all(home.join(folder))?;
        }
        let (listener, api) = Api::bind(tier).await?;
        request.connect(&api);
        let marker = format!("AWS_LAMBDA_RUNTIME_API={}", api.name());
        match self.spawner.spawn(request, marker).await {
            Ok(spawned) => Ok(Started { home, api, listener, connection: None, spawned }),
            Err(error) => {
                let _ = std::fs::remove_dir_all(&home);
                Err(error)
            }
        }
    }

    fn environments(&self) -> PathBuf {
        self.config.data.join("environments")
    }
}

/// A process and the ways to it.
struct Started {
    home: PathBuf,
    api: Api,
    listener: TcpListener,
    /// One that stood by has its connection already.
    connection: Option<(TcpStream, ReadBuffer)>,
    spawned: Spawned,
}

async fn wait_until_ready(
    environment: &Arc<Environment>,
    ready: oneshot::Receiver<InitResult>,
    limit: Duration,
) -> Result<Start, ExecutorError> {
    let ready = async {
        let ready = ready.await;
        if matches!(ready, Ok(InitResult::Ready)) {
            tokio::select! {
                () = environment.extensions.ready() => {}
                () = environment.closed.cancelled() => return Ok(InitResult::Exited(environment.exit_reason())),
            }
        }
        ready
    };
    match tokio::time::timeout(limit, ready).await {
        Ok(Ok(InitResult::Ready)) => {
            for line in environment.extensions.lines() {
                environment.output.write(line);
            }
            Ok(Start::Ready(environment.clone()))
        }
        Ok(Ok(InitResult::Error { payload, error_type })) => {
            // The runtime ends itself after its report; what it prints until then belongs to the log.
            let _ = tokio::time::timeout(Duration::from_millis(200), environment.closed.cancelled()).await;
            end(environment).await;
            Ok(Start::Error { payload, error_type })
        }
        Ok(Ok(InitResult::Exited(reason))) => Ok(Start::Exited(reason)),
        Ok(Err(_)) => {
            end(environment).await;
            Ok(Start::Exited(ExitReason::Signal(libc::SIGKILL)))
        }
        Err(_) => {
            end(environment).await;
            Ok(Start::TimedOut)
        }
    }
}

/// Kills and waits until it is gone.
async fn end(environment: &Arc<Environment>) {
    environment.kill();
    environment.closed.cancelled().await;
}

/// Sees to the end of an environment.
async fn watch(
    environment: Arc<Environment>,
    pools: Arc<Pools>,
    exit: tokio::sync::oneshot::Receiver<ExitReason>,
    program: String,
) {
    let reason = exit.await.unwrap_or(ExitReason::Signal(libc::SIGKILL)).naming(&program);
    // What it left running goes with it.
    environment.kill();
    environment.exited(&reason);
    pools.remove(&environment);
    let home = environment.home.clone();
    drop(environment);
    let _ = tokio::fs::remove_dir_all(home).await;
}

fn check_present(spec: &FunctionSpec, path: &std::path::Path) -> Result<(), ExecutorError> {
    let missing =
        |cause: String| ExecutorError::CodeMissing { name: spec.name.clone(), path: path.display().to_string(), cause };
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(missing("not a directory".to_owned())),
        Err(error) => Err(missing(error.to_string())),
    }
}
