//! What comes back from an invocation.

use std::time::Duration;

use bytes::Bytes;

/// The answer to an invocation that reached an environment.
#[derive(Debug, Clone)]
pub struct InvokeResult {
    /// The function's answer, or how it failed.
    pub outcome: Outcome,
    /// The last 4 KB of the invocation's log (START, the function's lines, END, REPORT): what `LogType: Tail` returns, not yet in base64.
    pub log_tail: Bytes,
    /// The figures of the REPORT line.
    pub report: Report,
    /// The log stream of the environment that ran it.
    pub log_stream: String,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The handler returned; the payload as it was posted to the Runtime API.
    Success(Bytes),
    /// The function failed; `payload` is AWS's JSON with errorType, errorMessage and stack trace.
    Error {
        /// The value of the `FunctionError` field.
        kind: ErrorKind,
        /// JSON text.
        payload: Bytes,
    },
}

impl InvokeResult {
    /// What the function failed with, in a line; none where it answered.
    pub fn problem(&self) -> Option<String> {
        let Outcome::Error { payload, .. } = &self.outcome else { return None };
        let document: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
        let text = |name: &str| document.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        Some(format!("{}: {}", text("errorType"), text("errorMessage").lines().next().unwrap_or_default()))
    }
}

/// Value of `FunctionError` in an invocation's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Reported by old runtimes for errors that the handler passed on.
    Handled,
    /// What every current runtime reports.
    Unhandled,
}

impl ErrorKind {
    /// As it is written in `X-Amz-Function-Error`.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Handled => "Handled",
            ErrorKind::Unhandled => "Unhandled",
        }
    }
}

/// The figures of a REPORT line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// From handing the event over to the answer.
    pub duration: Duration,
    /// Rounded up to whole milliseconds.
    pub billed: Duration,
    /// How long the environment took to start; only for the invocation that it was started for.
    pub init: Option<Duration>,
    /// Peak memory of the process tree in MB.
    pub max_memory_mb: u64,
    /// The memory setting in MB.
    pub memory_mb: u32,
}
