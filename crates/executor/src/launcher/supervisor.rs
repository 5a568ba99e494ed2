//! The supervisor of one environment: makes the sandbox, starts the function's process, sees that nothing outlives it.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::sys::{self, Forked};
use super::wire::{self, Answer, Status};
use super::{root, seccomp};
use crate::direct::{FRAMES_FD_FROM, FRAMES_VARIABLE, OPEN_FILES};
use crate::tier::{Filling, Request, Sandbox};

/// Processes and threads of one function, as on AWS.
const MOST_PROCESSES: u64 = 1024;

/// What connects a function with the server.
pub(super) struct Pipes {
    output: OwnedFd,
    frames: OwnedFd,
    status: OwnedFd,
}

impl Pipes {
    pub(super) fn new(fds: Vec<OwnedFd>) -> io::Result<Self> {
        let [output, frames, status] = <[OwnedFd; 3]>::try_from(fds).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(Self { output, frames, status })
    }
}

/// Never returns, so nothing of the launcher's goes on in its children.
pub(super) fn run(request: &Request, pipes: Pipes, control: OwnedFd) -> ! {
    let Pipes { output, frames, status } = pipes;
    let mut report = Report(File::from(status));
    // SIGTERM is how the plain tier is told to end.
    let signals = match sys::catch(&[libc::SIGCHLD, libc::SIGTERM]).and_then(|fd| prepare(request).map(|()| fd)) {
        Ok(signals) => signals,
        Err(error) => fail(&mut report, &error),
    };
    let mut extensions = Vec::new();
    for program in &request.extensions {
        match sys::fork(0) {
            Ok(Forked::Child) => start(request, &request.as_extension(program), output, frames, report),
            Ok(Forked::Parent { pid, .. }) => extensions.push(pid),
            Err(error) => fail(&mut report, &error),
        }
    }
    let function = match sys::fork(0) {
        Ok(Forked::Child) => start(request, request, output, frames, report),
        Ok(Forked::Parent { pid, .. }) => pid,
        Err(error) => fail(&mut report, &error),
    };
    drop((output, frames));
    let control = request.sandbox.as_ref().is_some_and(|sandbox| sandbox.stands_by).then_some(control);
    if request.sandbox.is_some() && control.is_none() {
        give_up_own();
    }
    let ended = wait_for(function, &extensions, &signals, &report, control);
    if request.sandbox.is_none() {
        kill_everything();
    }
    if let Some(ended) = ended {
        report.write(&ended);
    }
    // In a PID namespace the kernel ends the rest.
    sys::exit(0)
}

fn fail(report: &mut Report, error: &io::Error) -> ! {
    report.write(&Status::Setup(error.to_string()));
    sys::exit(1)
}

struct Report(File);

impl Report {
    fn write(&mut self, status: &Status) {
        let _ = serde_json::to_vec(status).map(|mut line| {
            line.push(b'\n');
            self.0.write_all(&line)
        });
    }
}

/// Makes this process what the function's will come from.
fn prepare(request: &Request) -> io::Result<()> {
    match &request.sandbox {
        Some(sandbox) => {
            // Its memory has more than the function may know, and its files below /proc are the function's otherwise.
            sys::prctl(libc::PR_SET_DUMPABLE, 0)?;
            root::enter(sandbox)?;
            sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)
        }
        None => {
            sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1)?;
            sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM as libc::c_ulong)
        }
    }
}

/// The function's process: gives up everything and becomes the program.
fn start(request: &Request, program: &Request, output: OwnedFd, frames: OwnedFd, mut report: Report) -> ! {
    let status = match become_program(request.sandbox.as_ref(), program, output, &frames) {
        Ok(never) => match never {},
        Err(Problem::Setup(error)) => Status::Setup(error.to_string()),
        Err(Problem::Exec(error)) => Status::Exec(error.raw_os_error().unwrap_or(libc::EINVAL)),
    };
    report.write(&status);
    sys::exit(127)
}

enum Problem {
    Setup(io::Error),
    Exec(io::Error),
}

fn become_program(
    sandbox: Option<&Sandbox>,
    request: &Request,
    output: OwnedFd,
    frames: &OwnedFd,
) -> Result<std::convert::Infallible, Problem> {
    sys::new_session();
    sys::unblock_signals();
    sys::limit(libc::RLIMIT_NOFILE, OPEN_FILES);
    sys::limit(libc::RLIMIT_CORE, 0);
    let frames = sys::keep_from(frames, FRAMES_FD_FROM).map_err(Problem::Setup)?;
    let error_output = output.try_clone().map_err(Problem::Setup)?;
    if let Some(sandbox) = sandbox {
        sys::limit(libc::RLIMIT_NPROC, MOST_PROCESSES);
        give_up(sandbox).map_err(Problem::Setup)?;
    }
    sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong).map_err(Problem::Setup)?;
    let error = Command::new(&request.program)
        .args(&request.args)
        .env_clear()
        .envs(request.variables.iter().map(|(name, value)| (name, value)))
        .env(FRAMES_VARIABLE, frames.to_string())
        .current_dir(&request.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(error_output))
        .exec();
    Err(Problem::Exec(error))
}

/// No way back from here: an ordinary user without capabilities, new privileges, or calls that change the system.
fn give_up(sandbox: &Sandbox) -> io::Result<()> {
    sys::drop_future_capabilities();
    sys::become_user(Sandbox::USER, Sandbox::GROUP, sandbox.ids.setup == 0)?;
    sys::drop_capabilities()?;
    sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    sys::install_filter(&seccomp::program())
}

/// The supervisor itself needs nothing any more but to wait.
fn give_up_own() {
    sys::drop_future_capabilities();
    let _ = sys::drop_capabilities();
}

/// Takes the filling of a sandbox that stands by. True when it has come, or never will.
fn take_filling(control: &OwnedFd) -> bool {
    let answer = match wire::receive::<Filling>(control) {
        Ok(Some((filling, trees))) => match root::fill(&filling, &trees) {
            Ok(()) => Answer::Filled,
            Err(error) => Answer::Failed(error.to_string()),
        },
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
        Ok(None) | Err(_) => return true,
    };
    give_up_own();
    let _ = wire::send(control, &answer, &[]);
    true
}

/// How the function's process ended; `None` when the end was asked for.
fn wait_for(
    function: i32,
    extensions: &[i32],
    signals: &OwnedFd,
    report: &Report,
    mut control: Option<OwnedFd>,
) -> Option<Status> {
    if let Some(control) = &control {
        sys::do_not_wait(control);
    }
    let Ok(status) = report.0.try_clone().map(OwnedFd::from) else { return None };
    loop {
        let fds: Vec<&OwnedFd> = [signals, &status].into_iter().chain(&control).collect();
        let broken = sys::wait(&fds, -1);
        if control.as_ref().is_some_and(take_filling) {
            control = None;
        }
        // The server has closed its end of the status pipe: it is gone.
        if broken.get(1).copied().unwrap_or(true) {
            return None;
        }
        while let Some(signal) = sys::caught(signals) {
            if signal == libc::SIGTERM {
                return None;
            }
        }
        while let Ok(Some((pid, wait))) = sys::reap() {
            let is_extension = extensions.contains(&pid);
            if pid != function && !is_extension {
                continue;
            }
            return Some(match (is_extension, libc::WIFSIGNALED(wait)) {
                (false, true) => Status::Signalled(libc::WTERMSIG(wait)),
                (false, false) => Status::Exited(libc::WEXITSTATUS(wait)),
                (true, true) => Status::ExtensionSignalled(libc::WTERMSIG(wait)),
                (true, false) => Status::ExtensionExited(libc::WEXITSTATUS(wait)),
            });
        }
    }
}

/// Kills all descendants until none is left. Orphans come to this process, so none can hide; those that are stopped
/// first cannot fork faster than they are killed.
pub(super) fn kill_everything() {
    let own = i32::try_from(std::process::id()).unwrap_or(-1);
    loop {
        for signal in [libc::SIGSTOP, libc::SIGKILL] {
            for pid in crate::memory::descendants(own) {
                sys::kill(pid, signal);
            }
        }
        loop {
            match sys::reap() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(()) => return,
            }
        }
        sys::wait(&[], 1);
    }
}
