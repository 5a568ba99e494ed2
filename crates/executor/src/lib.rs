//! Function processes: environments, pools and the Runtime API.
//!
//! The executor gets a [`FunctionSpec`] (code directory, runtime, environment, limits) and an
//! [`Invocation`] (event, deadline) and gives back an [`InvokeResult`] and log lines. It knows no
//! service: where the code came from, who may call and where logs are kept is the caller's business.
//!
//! Read in this order: `spec` (what goes in), `result` (what comes out), `executor` (the front),
//! `pool` (which environment runs it), `environment` (one process and its Runtime API), `runtimes`
//! (how each language is started), `tier` (how a process is isolated), `launcher` (who starts it).

#![allow(clippy::disallowed_methods, reason = "functions run in real time: their deadlines are wall-clock times")]

mod api;
mod clock;
mod config;
mod direct;
mod environment;
mod errors;
mod examine;
mod executor;
mod exit;
mod extension_api;
mod extensions;
mod http;
#[cfg(target_os = "linux")]
mod launcher;
mod logs;
mod memory;
mod output;
mod pool;
mod probe;
mod process;
mod report;
mod result;
mod runtime_api;
mod runtimes;
mod sdk;
mod spec;
mod standby;
mod starter;
mod stream;
mod tier;
mod watch;

pub use config::{ExecutorConfig, SdkPolicy, TierChoice};
pub use errors::ExecutorError;
pub use examine::{Ready, RuntimeState, examine_runtimes, examine_sandbox};
pub use executor::{Executor, PoolStats};
pub use logs::{LogSink, NoLogs};
pub use result::{ErrorKind, InvokeResult, Outcome, Report};
pub use runtimes::{Family, Found, discover};
pub use sdk::node_sdk_folder;
pub use spec::{Credentials, CredentialsSource, Endpoint, FunctionSpec, Invocation};
pub use stream::StreamPart;

/// Must be the first call of a program that wants the launcher, and with it the sandbox: such a program is started
/// once more under another name, and that second process never returns from here. A program that does not call this
/// (a test, say) runs functions as plain processes.
pub fn be_launcher_if_asked() {
    #[cfg(target_os = "linux")]
    launcher::be_launcher_if_asked();
}
