//! Where log lines go.

/// Takes the log events of a function's environments, in order.
///
/// Called from async tasks: it must not block (queue, and write elsewhere). The volume is bounded by the executor.
pub trait LogSink: Send + Sync {
    /// Appends `events` to the stream of one environment (`2026/11/21/[$LATEST]<32 hex digits>`). An event may contain newlines.
    fn write(&self, stream: &str, events: Vec<String>);
}

/// Forgets everything.
#[derive(Debug, Clone, Copy)]
pub struct NoLogs;

impl LogSink for NoLogs {
    fn write(&self, _stream: &str, _events: Vec<String>) {}
}
