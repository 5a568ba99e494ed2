//! Append log lines.

use async_trait::async_trait;

use crate::{ApiError, Ctx};

/// A log event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The text.
    pub message: String,
}

/// Lines for a stream.
#[derive(Clone, Debug)]
pub struct AppendLogs {
    /// The group; made where it does not exist and the caller may (`logs:CreateLogGroup`).
    pub group: String,
    /// The stream; made likewise (`logs:CreateLogStream`).
    pub stream: String,
    /// The lines, in order of time.
    pub lines: Vec<LogLine>,
}

/// The typed calls of logs.
#[async_trait]
pub trait LogCalls: Send + Sync {
    /// Appends lines as the caller of `ctx` (`logs:PutLogEvents`).
    async fn append(&self, ctx: &Ctx, request: AppendLogs) -> Result<(), ApiError>;
}
