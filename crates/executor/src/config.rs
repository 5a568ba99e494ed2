//! Settings of the executor.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// How function processes are isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TierChoice {
    /// The sandbox where it works, else plain processes.
    #[default]
    Auto,
    /// Plain processes.
    Process,
    /// The Linux sandbox; creating the executor fails where it does not work.
    Sandbox,
}

impl FromStr for TierChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(TierChoice::Auto),
            "process" => Ok(TierChoice::Process),
            "sandbox" => Ok(TierChoice::Sandbox),
            other => Err(format!("{other} is none of auto, process, sandbox")),
        }
    }
}

/// Where the SDKs that AWS puts into its runtimes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SdkPolicy {
    /// What is installed, else fetched once by the user's own npm or pip.
    #[default]
    Fetch,
    /// Only what is installed.
    InstalledOnly,
}

/// Settings of an [`crate::Executor`].
#[derive(Clone)]
pub struct ExecutorConfig {
    /// The executor's own folder: runtime shims, SDKs, each environment's `/tmp`.
    pub data: PathBuf,
    /// The isolation to use.
    pub tier: TierChoice,
    /// Upper bound of environments, of all functions together; further invocations wait.
    pub max_environments: usize,
    /// Most runtimes that are booted before it is known what for (in the sandbox).
    pub max_standbys: usize,
    /// How long an invocation waits for an environment when the bound is reached.
    pub queue_timeout: Duration,
    /// An environment that was idle for this long is ended.
    pub idle_eviction: Duration,
    /// SDK policy.
    pub sdk: SdkPolicy,
    /// Where fetched SDKs are kept.
    pub sdk_folder: PathBuf,
    /// Most bytes of log that one invocation may write; the rest is dropped, and a line says so.
    pub max_log_bytes: usize,
    /// Told what takes long ("fetching the AWS SDK for Node…"), one line each.
    pub progress: Arc<dyn Fn(&str) + Send + Sync>,
    /// A folder that functions must not be able to read (the server's data); the sandbox hides it.
    pub hidden: Vec<PathBuf>,
}

impl ExecutorConfig {
    /// Defaults, with the executor's files below `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        let data = data.into();
        Self {
            sdk_folder: data.join("sdk"),
            data,
            tier: TierChoice::Auto,
            max_environments: 256,
            max_standbys: 4,
            queue_timeout: Duration::from_secs(60),
            idle_eviction: Duration::from_secs(600),
            sdk: SdkPolicy::Fetch,
            max_log_bytes: 16 << 20,
            progress: Arc::new(|line| tracing::info!("{line}")),
            hidden: Vec::new(),
        }
    }
}

impl fmt::Debug for ExecutorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutorConfig").field("data", &self.data).field("tier", &self.tier).finish_non_exhaustive()
    }
}
