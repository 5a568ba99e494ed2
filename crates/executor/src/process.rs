//! Starting, watching and ending a function's process tree.
#![allow(unsafe_code, reason = "sessions, signals and limits are system calls that std does not offer")]

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Open files of a function, as on AWS.
const OPEN_FILES: libc::rlim_t = 1024;
/// The record pipe's descriptor is at least this, out of the way of anything that a program expects.
const FRAMES_FD_FROM: RawFd = 100;
/// Set to the record pipe's number.
const FRAMES_VARIABLE: &str = "_LAMBDA_TELEMETRY_LOG_FD";

/// How a process ended, in the words of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExitReason {
    Code(i32),
    Signal(i32),
    /// Could not be started at all (an executable of another machine, say).
    NotStarted(String),
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Code(0) => f.write_str("Runtime exited without providing a reason"),
            ExitReason::Code(code) => write!(f, "Runtime exited with error: exit status {code}"),
            ExitReason::Signal(signal) => write!(f, "Runtime exited with error: signal: {}", signal_name(*signal)),
            ExitReason::NotStarted(cause) => f.write_str(cause),
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

/// A running process and everything it started.
#[derive(Debug)]
pub(crate) struct Process {
    pid: i32,
    /// A variable (`NAME=value`) that only processes of this environment have.
    marker: String,
    /// Descendants that were seen; one that left the group (a daemon) is found again here.
    descendants: Mutex<Vec<i32>>,
}

impl Process {
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    pub(crate) fn note_descendant(&self, pid: i32) {
        let mut descendants = self.descendants.lock();
        if descendants.len() < 4096 && !descendants.contains(&pid) {
            descendants.push(pid);
        }
    }

    /// Kills the tree; safe to call at any time before the process was waited for, and by the watcher just after.
    pub(crate) fn kill(&self) {
        let group = self.pid;
        let strays: Vec<i32> =
            self.descendants.lock().drain(..).filter(|pid| session_of(*pid) != Some(group)).collect();
        send_kill(-group);
        for pid in strays {
            // Only a process that still is of this environment: its number may have been reused.
            if crate::memory::has_variable(pid, &self.marker) {
                send_kill(pid);
            }
        }
    }
}

fn session_of(pid: i32) -> Option<i32> {
    // SAFETY: getsid only reads; an unknown pid gives -1.
    let session = unsafe { libc::getsid(pid) };
    (session >= 0).then_some(session)
}

fn send_kill(target: i32) {
    if target.unsigned_abs() > 1 {
        // SAFETY: kill has no memory effects; 0, 1 and -1 (everybody) are excluded above.
        unsafe { libc::kill(target, libc::SIGKILL) };
    }
}

/// A started process.
pub(crate) struct Spawned {
    pub(crate) process: Process,
    pub(crate) stdout: File,
    pub(crate) frames: File,
    pub(crate) exit: oneshot::Receiver<ExitReason>,
}

struct Job {
    command: Command,
    marker: String,
    runtime: tokio::runtime::Handle,
    reply: oneshot::Sender<io::Result<Spawned>>,
}

/// Starts processes on one thread that lives as long as the executor: Linux ties "kill me when my parent dies"
/// to the thread that forked, and the runtime's own threads come and go.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    jobs: mpsc::Sender<Job>,
}

impl Spawner {
    pub(crate) fn new() -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::Builder::new().name("pilvi-spawner".into()).spawn(move || {
            for job in queue {
                let _ = job.reply.send(spawn(job.command, job.marker, &job.runtime));
            }
        })?;
        Ok(Self { jobs })
    }

    /// Starts `command` in a session of its own, with its output in pipes. `marker` is a variable (`NAME=value`)
    /// that no other environment's processes have.
    pub(crate) async fn spawn(&self, command: Command, marker: String) -> io::Result<Spawned> {
        let (reply, receiver) = oneshot::channel();
        let job = Job { command, marker, runtime: tokio::runtime::Handle::current(), reply };
        self.jobs.send(job).map_err(|_| io::Error::other("the spawner has ended"))?;
        receiver.await.map_err(|_| io::Error::other("the spawner has ended"))?
    }
}

fn spawn(mut command: Command, marker: String, runtime: &tokio::runtime::Handle) -> io::Result<Spawned> {
    let (stdout, stdout_writer) = io::pipe()?;
    let (frames, frames_writer) = io::pipe()?;
    let frames_writer = duplicate_from(frames_writer.as_raw_fd(), FRAMES_FD_FROM)?;
    let frames_fd = frames_writer.as_raw_fd();
    command
        .stdin(Stdio::null())
        .stdout(stdout_writer.try_clone()?)
        .stderr(stdout_writer)
        .env(FRAMES_VARIABLE, frames_fd.to_string());
    let parent = i32::try_from(std::process::id()).unwrap_or(0);
    // SAFETY: the closure runs between fork and exec and makes async-signal-safe calls only; it allocates nothing.
    unsafe { command.pre_exec(move || prepare_child(frames_fd, parent)) };
    let _runtime = runtime.enter();
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
    drop(frames_writer);
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or_else(|| io::Error::other("no process id"))?;
    let (sender, exit) = oneshot::channel();
    runtime.spawn(async move {
        let reason = match child.wait().await {
            Ok(status) => ExitReason::from(status),
            Err(error) => ExitReason::NotStarted(error.to_string()),
        };
        let _ = sender.send(reason);
    });
    let stdout = File::from(OwnedFd::from(stdout));
    let frames = File::from(OwnedFd::from(frames));
    set_nonblocking(&stdout)?;
    set_nonblocking(&frames)?;
    Ok(Spawned { process: Process { pid, marker, descendants: Mutex::default() }, stdout, frames, exit })
}

/// In the child, before exec.
fn prepare_child(frames_fd: RawFd, parent: i32) -> io::Result<()> {
    let limits = [(libc::RLIMIT_NOFILE, OPEN_FILES), (libc::RLIMIT_CORE, 0)];
    // SAFETY: plain system calls on values of this frame; all are async-signal-safe.
    unsafe {
        libc::setsid();
        if libc::fcntl(frames_fd, libc::F_SETFD, 0) < 0 {
            return Err(io::Error::last_os_error());
        }
        for (resource, value) in limits {
            let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
            libc::setrlimit(resource, &raw const limit);
        }
        die_with_parent(parent);
    }
    Ok(())
}

/// # Safety
/// Async-signal-safe; for use between fork and exec.
#[cfg(target_os = "linux")]
unsafe fn die_with_parent(parent: i32) {
    // SAFETY: system calls on constants; the path is a C string literal.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // The parent may have died before the line above.
        if libc::getppid() != parent {
            libc::_exit(1);
        }
        // When memory runs out, a function goes before the server.
        let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file >= 0 {
            libc::write(file, c"500".as_ptr().cast(), 3);
            libc::close(file);
        }
    }
}

/// # Safety
/// Does nothing here: the runtime shims end when their connection does.
#[cfg(not(target_os = "linux"))]
unsafe fn die_with_parent(_parent: i32) {}

fn duplicate_from(fd: RawFd, from: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: duplicates an open descriptor; the result is owned by nobody else.
    unsafe {
        let duplicate = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, from);
        if duplicate < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(duplicate))
    }
}

fn set_nonblocking(file: &File) -> io::Result<()> {
    // SAFETY: changes a flag of a descriptor that this file owns.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
