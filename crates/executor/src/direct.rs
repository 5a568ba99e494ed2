//! Processes started by the server itself: where there is no launcher. Best effort: a daemon that clears its
//! variables outlives its environment.
#![allow(unsafe_code, reason = "sessions, signals and limits are system calls that std does not offer")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::exit::ExitReason;
use crate::process::{Process, Spawned, set_nonblocking};
use crate::tier::Request;

/// Open files of a function, as on AWS.
pub(crate) const OPEN_FILES: libc::rlim_t = 1024;
/// The record pipe's descriptor is at least this, out of the way of anything that a program expects.
pub(crate) const FRAMES_FD_FROM: RawFd = 100;
/// Set to the record pipe's number.
pub(crate) const FRAMES_VARIABLE: &str = "_LAMBDA_TELEMETRY_LOG_FD";

/// A process and what it started, as far as it was seen.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) pid: i32,
    /// A variable (`NAME=value`) that only processes of this environment have.
    marker: String,
    /// Descendants that were seen; one that left the group (a daemon) is found again here.
    descendants: Mutex<Vec<i32>>,
}

impl Tree {
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

/// Whether there is a process of that number.
pub(crate) fn is_alive(pid: i32) -> bool {
    // SAFETY: signal 0 only asks; groups are excluded.
    pid > 0 && (unsafe { libc::kill(pid, 0) } == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM))
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

/// Starts it in a session of its own, with its output in pipes.
pub(crate) fn spawn(request: &Request, marker: String, runtime: &tokio::runtime::Handle) -> io::Result<Spawned> {
    let mut command = Command::new(&request.program);
    command.args(&request.args).env_clear().current_dir(&request.directory);
    command.envs(request.variables.iter().map(|(name, value)| (name, value)));
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
    Ok(Spawned { process: Process::Direct(Tree { pid, marker, descendants: Mutex::default() }), stdout, frames, exit })
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
