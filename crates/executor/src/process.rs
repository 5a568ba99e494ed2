//! Starting and ending a function's process tree, by the launcher where there is one.
#![allow(unsafe_code, reason = "flags of descriptors are set by system calls that std does not offer")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::mpsc;

use tokio::sync::oneshot;

use crate::direct;
use crate::exit::ExitReason;
#[cfg(target_os = "linux")]
use crate::launcher;
use crate::memory::{self, Usage};
use crate::tier::{Filling, Request};

/// A running process and everything it started.
#[derive(Debug)]
pub(crate) enum Process {
    Direct(direct::Tree),
    #[cfg(target_os = "linux")]
    Launched(launcher::Tree),
}

impl Process {
    /// Kills the tree; safe to call at any time, also when it has ended.
    pub(crate) fn kill(&self) {
        match self {
            Process::Direct(tree) => tree.kill(),
            #[cfg(target_os = "linux")]
            Process::Launched(tree) => tree.kill(),
        }
    }

    fn supervisor(&self) -> Option<i32> {
        match self {
            Process::Direct(_) => None,
            #[cfg(target_os = "linux")]
            Process::Launched(tree) => Some(tree.pid),
        }
    }

    /// What the function uses, without what we need to watch it.
    pub(crate) fn usage(&self) -> Usage {
        match self {
            Process::Direct(tree) => memory::usage(&[tree.pid], |pid| tree.note_descendant(pid)),
            #[cfg(target_os = "linux")]
            Process::Launched(tree) => memory::usage(&memory::children(tree.pid), |_| {}),
        }
    }
}

/// A started process.
pub(crate) struct Spawned {
    pub(crate) process: Process,
    pub(crate) stdout: File,
    pub(crate) frames: File,
    pub(crate) exit: oneshot::Receiver<ExitReason>,
}

enum Job {
    Start {
        request: Box<Request>,
        marker: String,
        runtime: tokio::runtime::Handle,
        reply: oneshot::Sender<io::Result<Spawned>>,
    },
    Fill {
        pid: i32,
        filling: Filling,
        reply: oneshot::Sender<io::Result<()>>,
    },
}

/// Starts processes on one thread that lives as long as the executor: the launcher answers one request after the
/// other, and without it Linux ties "kill me when my parent dies" to the thread that forked.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    jobs: mpsc::Sender<Job>,
}

impl Spawner {
    pub(crate) fn new() -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::Builder::new().name("pilvi-spawner".into()).spawn(move || {
            let mut starter = Starter::default();
            for job in queue {
                match job {
                    Job::Start { request, marker, runtime, reply } => {
                        let _ = reply.send(starter.start(&request, marker, &runtime));
                    }
                    Job::Fill { pid, filling, reply } => {
                        let _ = reply.send(starter.fill(pid, &filling));
                    }
                }
            }
        })?;
        Ok(Self { jobs })
    }

    /// Starts a process in a session of its own, with its output in pipes. `marker` is a variable (`NAME=value`)
    /// that no other environment's processes have.
    pub(crate) async fn spawn(&self, request: Request, marker: String) -> io::Result<Spawned> {
        let (reply, receiver) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let job = Job::Start { request: Box::new(request), marker, runtime, reply };
        self.jobs.send(job).map_err(|_| io::Error::other("the spawner has ended"))?;
        receiver.await.map_err(|_| io::Error::other("the spawner has ended"))?
    }

    /// Gives the sandbox of a process that stands by what it lacks.
    pub(crate) async fn fill(&self, process: &Process, filling: Filling) -> io::Result<()> {
        let Some(pid) = process.supervisor() else { return Err(io::Error::from(io::ErrorKind::Unsupported)) };
        let (reply, receiver) = oneshot::channel();
        let job = Job::Fill { pid, filling, reply };
        self.jobs.send(job).map_err(|_| io::Error::other("the spawner has ended"))?;
        receiver.await.map_err(|_| io::Error::other("the spawner has ended"))?
    }
}

#[derive(Default)]
struct Starter {
    #[cfg(target_os = "linux")]
    launcher: Option<launcher::Launcher>,
}

impl Starter {
    #[cfg(target_os = "linux")]
    fn start(&mut self, request: &Request, marker: String, runtime: &tokio::runtime::Handle) -> io::Result<Spawned> {
        if !launcher::is_offered() {
            return start_directly(request, marker, runtime);
        }
        if let Some(launcher) = &self.launcher {
            match launcher.launch(request, runtime) {
                // It was killed, by a plain process of the same user, say: a new one.
                Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                    self.launcher = None;
                }
                other => return other,
            }
        }
        self.launcher.insert(launcher::Launcher::start()?).launch(request, runtime)
    }

    #[cfg(target_os = "linux")]
    fn fill(&self, pid: i32, filling: &Filling) -> io::Result<()> {
        let launcher = self.launcher.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        launcher.fill(pid, filling)
    }

    #[cfg(not(target_os = "linux"))]
    fn fill(&self, _: i32, _: &Filling) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    #[cfg(not(target_os = "linux"))]
    fn start(&mut self, request: &Request, marker: String, runtime: &tokio::runtime::Handle) -> io::Result<Spawned> {
        start_directly(request, marker, runtime)
    }
}

fn start_directly(request: &Request, marker: String, runtime: &tokio::runtime::Handle) -> io::Result<Spawned> {
    match request.sandbox {
        // Never run unisolated what was to be isolated.
        Some(_) => Err(io::Error::from(io::ErrorKind::Unsupported)),
        None => direct::spawn(request, marker, runtime),
    }
}

/// Only the launcher starts several programs for one environment.
pub(crate) fn starts_extensions() -> bool {
    #[cfg(target_os = "linux")]
    return launcher::is_offered();
    #[cfg(not(target_os = "linux"))]
    return false;
}

pub(crate) fn set_nonblocking(file: &File) -> io::Result<()> {
    // SAFETY: changes a flag of a descriptor that this file owns.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
