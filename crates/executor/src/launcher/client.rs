//! The server's side of the launcher.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::wire::{self, Answer, Order, Status};
use super::{NAME, sys};
use crate::exit::ExitReason;
use crate::process::{Process, Spawned, set_nonblocking};
use crate::tier::{Filling, Request};

/// A running launcher.
#[derive(Debug)]
pub(crate) struct Launcher {
    socket: OwnedFd,
    child: Child,
}

impl Drop for Launcher {
    fn drop(&mut self) {
        // Its end of the socket tells it to end what it started and itself; it must not stay behind as a zombie.
        let (socket, _) = match sys::socket_pair() {
            Ok(pair) => pair,
            Err(_) => return,
        };
        drop(std::mem::replace(&mut self.socket, socket));
        let _ = self.child.wait();
    }
}

impl Launcher {
    /// Starts this very program (also when its file has been replaced since) under the launcher's name, with nothing
    /// of our environment.
    pub(crate) fn start() -> io::Result<Self> {
        let (socket, theirs) = sys::socket_pair()?;
        let child = Command::new("/proc/self/exe")
            .arg0(NAME)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { socket, child })
    }

    /// Starts a process; waits for the launcher only, not for the process to get anywhere.
    pub(crate) fn launch(&self, request: &Request, runtime: &tokio::runtime::Handle) -> io::Result<Spawned> {
        let (stdout, stdout_writer) = io::pipe()?;
        let (frames, frames_writer) = io::pipe()?;
        let (status, status_writer) = io::pipe()?;
        let theirs = [stdout_writer.as_fd(), frames_writer.as_fd(), status_writer.as_fd()];
        wire::send(&self.socket, &Order::Start(request.clone()), &theirs)?;
        drop((stdout_writer, frames_writer, status_writer));
        let Some((answer, fds)) = wire::receive::<Answer>(&self.socket)? else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        };
        let pid = match answer {
            Answer::Started(pid) => pid,
            Answer::Failed(cause) => return Err(io::Error::other(cause)),
            Answer::Filled => return Err(io::Error::from(io::ErrorKind::InvalidData)),
        };
        let pidfd = fds.into_iter().next().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        let tree = Tree { pid, pidfd: Arc::new(pidfd), isolated: request.sandbox.is_some() };
        let (stdout, frames, status) =
            (File::from(OwnedFd::from(stdout)), File::from(OwnedFd::from(frames)), File::from(OwnedFd::from(status)));
        for file in [&stdout, &frames, &status] {
            set_nonblocking(file)?;
        }
        let (sender, exit) = oneshot::channel();
        let _runtime = runtime.enter();
        let gone = sys::watch(tree.pidfd.clone())?;
        runtime.spawn(async move {
            // Readable when the supervisor has ended, and with it everything of a PID namespace.
            let _ = gone.readable().await;
            let _ = sender.send(reason(status));
        });
        Ok(Spawned { process: Process::Launched(tree), stdout, frames, exit })
    }

    /// Gives the sandbox of a process that stands by what it lacks.
    pub(crate) fn fill(&self, pid: i32, filling: &Filling) -> io::Result<()> {
        wire::send(&self.socket, &Order::Fill(pid, filling.clone()), &[])?;
        match wire::receive::<Answer>(&self.socket)? {
            Some((Answer::Filled, _)) => Ok(()),
            Some((Answer::Failed(cause), _)) => Err(io::Error::other(cause)),
            _ => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
        }
    }
}

/// What the supervisor said; one that said nothing was killed.
fn reason(mut status: File) -> ExitReason {
    let mut text = Vec::new();
    // Ends with the supervisor's last line, or with an error when somebody else still holds the pipe.
    let _ = status.read_to_end(&mut text);
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match serde_json::from_slice(first) {
        Ok(Status::Setup(cause)) => ExitReason::NotStarted(format!("the sandbox could not be made: {cause}")),
        Ok(Status::Exec(error)) => ExitReason::NotExecuted(error),
        Ok(Status::Exited(code)) => ExitReason::Code(code),
        Ok(Status::Signalled(signal)) => ExitReason::Signal(signal),
        Ok(Status::ExtensionExited(code)) => ExitReason::Extension(Box::new(ExitReason::Code(code))),
        Ok(Status::ExtensionSignalled(signal)) => ExitReason::Extension(Box::new(ExitReason::Signal(signal))),
        Err(_) => ExitReason::Signal(libc::SIGKILL),
    }
}

/// A supervisor and everything below it.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) pid: i32,
    /// Names the process for good, where a number could be another one's soon.
    pidfd: Arc<OwnedFd>,
    isolated: bool,
}

impl Tree {
    pub(crate) fn kill(&self) {
        if self.isolated {
            // The kernel ends the PID namespace.
            return sys::signal(&self.pidfd, libc::SIGKILL);
        }
        sys::signal(&self.pidfd, libc::SIGTERM);
        // A function may have stopped it.
        sys::signal(&self.pidfd, libc::SIGCONT);
    }
}
