//! Why an invocation never reached the function.

/// The executor could not run the function at all. A function that ran and failed is an [`crate::Outcome::Error`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecutorError {
    /// No interpreter of the runtime's family is on this machine.
    #[error("no interpreter for runtime {runtime} was found ({looked_for}); install one, or put it on the PATH")]
    NoInterpreter {
        /// The runtime that was asked for.
        runtime: String,
        /// What was looked for.
        looked_for: String,
    },
    /// The runtime's family is not supported here.
    #[error("runtime {0} cannot be run by this executor")]
    UnsupportedRuntime(String),
    /// The code directory or a layer is not there.
    #[error("code of function {name} is not at {path}: {cause}")]
    CodeMissing {
        /// Function name.
        name: String,
        /// Where it should be.
        path: String,
        /// The system's error.
        cause: String,
    },
    /// All environments are busy and none became free in time.
    #[error("too many environments are running (limit {limit}); the invocation waited {waited_ms} ms")]
    Saturated {
        /// The limit on environments.
        limit: usize,
        /// Waiting time in milliseconds.
        waited_ms: u64,
    },
    /// The process could not be started.
    #[error("could not start function {name}: {cause}")]
    Start {
        /// Function name.
        name: String,
        /// What went wrong.
        cause: String,
    },
    /// Credentials for the function's role could not be had.
    #[error("no credentials for function {name}: {cause}")]
    Credentials {
        /// Function name.
        name: String,
        /// The source's text.
        cause: String,
    },
    /// The executor is shutting down.
    #[error("the executor is shutting down")]
    ShuttingDown,
}
