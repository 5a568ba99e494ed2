//! The front of the executor.

use std::sync::Arc;

use crate::config::ExecutorConfig;
use crate::errors::ExecutorError;
use crate::result::InvokeResult;
use crate::spec::{FunctionSpec, Invocation};

/// Runs functions in pooled environments. Cheap to clone; all clones share the pools.
#[derive(Clone)]
pub struct Executor {
    _config: Arc<ExecutorConfig>,
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
    /// Prepares the folder and decides the tier (the sandbox is really tried once).
    pub async fn new(config: ExecutorConfig) -> Result<Self, ExecutorError> {
        Ok(Self { _config: Arc::new(config) })
    }

    /// Runs one invocation in a warm environment, or in a new one. Dropping the future does not cancel the
    /// invocation: as on AWS it runs on to its end or its timeout.
    pub async fn invoke(
        &self,
        spec: &Arc<FunctionSpec>,
        _invocation: Invocation,
    ) -> Result<InvokeResult, ExecutorError> {
        Err(ExecutorError::UnsupportedRuntime(spec.runtime.clone()))
    }

    /// Ends the idle environments of a key and those running as soon as they have answered.
    pub fn retire(&self, _key: &str) {}

    /// Figures over all functions.
    pub fn stats(&self) -> PoolStats {
        PoolStats::default()
    }

    /// Ends every environment; invocations that are running fail with [`ExecutorError::ShuttingDown`].
    pub async fn shutdown(&self) {}
}
