//! Log lines and error documents, letter by letter as AWS Lambda writes them.
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html>

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;

use crate::clock;
use crate::exit::ExitReason;
use crate::result::Report;

/// Largest answer of a function, in bytes (6 MB and the room that AWS leaves for its own fields).
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(crate) const MAX_RESPONSE: usize = 6 * 1024 * 1024 + 100;

/// What the REPORT line adds when an invocation did not end by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// The runtime answered (with a result or an error of the function's own).
    Answered,
    Timeout,
    /// The runtime failed; holds the error type.
    Error(String),
}

impl Status {
    fn suffix(&self) -> String {
        match self {
            Status::Answered => String::new(),
            Status::Timeout => "Status: timeout".to_owned(),
            Status::Error(error_type) => format!("Status: error\tError Type: {error_type}"),
        }
    }
}

pub(crate) fn start_line(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}\n")
}

pub(crate) fn end_line(request_id: &str) -> String {
    format!("END RequestId: {request_id}\n")
}

pub(crate) fn report_line(request_id: &str, report: &Report, status: &Status) -> String {
    let mut line = format!(
        "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
        millis(report.duration),
        report.billed.as_millis(),
        report.memory_mb,
        report.max_memory_mb,
    );
    if let Some(init) = report.init {
        let _ = write!(line, "Init Duration: {:.2} ms\t", millis(init));
    }
    line.push_str(&status.suffix());
    line.push('\n');
    line
}

/// The line of a failed start. `phase` is `init`, or `invoke` for the second attempt.
pub(crate) fn init_report_line(duration: Duration, phase: &str, status: &Status) -> String {
    format!("INIT_REPORT Init Duration: {:.2} ms\tPhase: {phase}\t{}\n", millis(duration), status.suffix())
}

pub(crate) fn timeout_line(request_id: &str, timeout: Duration) -> String {
    format!("{} {request_id} Task timed out after {:.2} seconds\n\n", clock::iso_now(), timeout.as_secs_f64())
}

pub(crate) fn exit_line(request_id: &str, reason: &ExitReason) -> String {
    format!("RequestId: {request_id} Error: {reason}\n{}\n", reason.error_type())
}

pub(crate) fn timeout_payload(request_id: &str, timeout: Duration) -> Bytes {
    let message = format!("RequestId: {request_id} Error: Task timed out after {:.2} seconds", timeout.as_secs_f64());
    error_payload("Sandbox.Timedout", &message)
}

pub(crate) fn exit_payload(request_id: &str, reason: &ExitReason) -> Bytes {
    error_payload(reason.error_type(), &format!("RequestId: {request_id} Error: {reason}"))
}

pub(crate) fn too_large_payload() -> Bytes {
    let message = format!("Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes).");
    error_payload("Function.ResponseSizeTooLarge", &message)
}

/// `{"errorType": …, "errorMessage": …}`
pub(crate) fn error_payload(error_type: &str, message: &str) -> Bytes {
    let error_type = serde_json::Value::from(error_type);
    let message = serde_json::Value::from(message);
    Bytes::from(format!("{{\"errorType\":{error_type},\"errorMessage\":{message}}}"))
}

/// Rounded up to whole milliseconds; the start counts too (since August 2025 it is billed).
pub(crate) fn billed(duration: Duration, init: Option<Duration>) -> Duration {
    let micros = (duration + init.unwrap_or_default()).as_micros();
    Duration::from_millis(u64::try_from(micros.div_ceil(1000)).unwrap_or(u64::MAX).max(1))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aws_own() {
        let mut report = Report {
            duration: Duration::from_micros(1234),
            billed: billed(Duration::from_micros(1234), None),
            init: None,
            max_memory_mb: 48,
            memory_mb: 128,
        };
        assert_eq!(
            report_line("a-b", &report, &Status::Answered),
            "REPORT RequestId: a-b\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 48 MB\t\n"
        );
        report.init = Some(Duration::from_millis(100));
        report.billed = billed(report.duration, report.init);
        assert_eq!(
            report_line("a-b", &report, &Status::Timeout),
            "REPORT RequestId: a-b\tDuration: 1.23 ms\tBilled Duration: 102 ms\tMemory Size: 128 MB\tMax Memory Used: 48 MB\tInit Duration: 100.00 ms\tStatus: timeout\n"
        );
        assert_eq!(
            init_report_line(Duration::from_millis(9), "init", &Status::Error("Runtime.ExitError".into())),
            "INIT_REPORT Init Duration: 9.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\n"
        );
    }

    #[test]
    fn error_documents() {
        assert_eq!(
            timeout_payload("id", Duration::from_secs(3)),
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: id Error: Task timed out after 3.00 seconds"}"#
        );
    }
}
