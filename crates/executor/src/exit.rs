//! How a process ended, in the words of AWS.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExitReason {
    Code(i32),
    Signal(i32),
    /// Could not be started at all.
    NotStarted(String),
    /// The program could not be executed (it is one of another machine, say): the system's error number.
    NotExecuted(i32),
    /// An extension's program ended, and the environment with it.
    Extension(Box<ExitReason>),
}

impl ExitReason {
    /// AWS's name for it.
    pub(crate) fn error_type(&self) -> &'static str {
        match self {
            ExitReason::Code(_) | ExitReason::Signal(_) => "Runtime.ExitError",
            ExitReason::NotStarted(_) | ExitReason::NotExecuted(_) => "Runtime.InvalidEntrypoint",
            ExitReason::Extension(_) => "Extension.Crash",
        }
    }

    /// AWS names the program that could not be executed, as Go's exec words it.
    pub(crate) fn naming(self, program: &str) -> Self {
        let ExitReason::NotExecuted(error) = self else { return self };
        let what = match error {
            libc::ENOEXEC => "exec format error".to_owned(),
            libc::EACCES => "permission denied".to_owned(),
            libc::ENOENT => "no such file or directory".to_owned(),
            other => std::io::Error::from_raw_os_error(other).to_string(),
        };
        ExitReason::NotStarted(format!("fork/exec {program}: {what}"))
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Code(0) => f.write_str("Runtime exited without providing a reason"),
            ExitReason::Code(code) => write!(f, "Runtime exited with error: exit status {code}"),
            ExitReason::Signal(signal) => write!(f, "Runtime exited with error: signal: {}", signal_name(*signal)),
            ExitReason::NotStarted(cause) => f.write_str(cause),
            ExitReason::Extension(reason) => {
                let text = reason.to_string();
                f.write_str(text.strip_prefix("Runtime exited with error: ").unwrap_or(&text))
            }
            ExitReason::NotExecuted(error) => write!(f, "{}", std::io::Error::from_raw_os_error(*error)),
        }
    }
}

impl From<ExitStatus> for ExitReason {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => ExitReason::Code(code),
            (None, Some(signal)) => ExitReason::Signal(signal),
            (None, None) => ExitReason::Code(1),
        }
    }
}

/// Signals as Go prints them, because AWS's supervisor is a Go program.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGHUP => "hangup",
        libc::SIGINT => "interrupt",
        libc::SIGQUIT => "quit",
        libc::SIGILL => "illegal instruction",
        libc::SIGTRAP => "trace/breakpoint trap",
        libc::SIGABRT => "aborted",
        libc::SIGBUS => "bus error",
        libc::SIGFPE => "floating point exception",
        libc::SIGKILL => "killed",
        libc::SIGSEGV => "segmentation fault",
        libc::SIGPIPE => "broken pipe",
        libc::SIGALRM => "alarm clock",
        libc::SIGTERM => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
