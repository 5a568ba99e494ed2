//! The launcher's own life: forks a supervisor for each request.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use super::supervisor::{self, Pipes};
use super::sys::{self, Forked};
use super::wire::{self, Answer};
use crate::tier::{Request, Sandbox};

/// Serves the socket that is standard input until the server's end of it closes.
pub(super) fn run() -> ! {
    // Not in the server's session: Ctrl-C is for the server, which ends functions in order.
    sys::new_session();
    sys::ignore_children();
    // When memory runs out, a function goes before the server; children inherit it.
    let _ = fs::write("/proc/self/oom_score_adj", "500");
    // What a supervisor that was killed leaves behind comes here.
    let _ = sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else { sys::exit(1) };
    if sys::forget_stdin().is_err() {
        sys::exit(1);
    }
    serve(&socket);
    supervisor::kill_everything();
    sys::exit(0)
}

fn serve(socket: &OwnedFd) {
    loop {
        let Ok(Some((request, fds))) = wire::receive::<Request>(socket) else { return };
        let (answer, pidfd) = match start(&request, fds, socket) {
            Ok((pid, pidfd)) => (Answer::Started(pid), Some(pidfd)),
            Err(error) => (Answer::Failed(error.to_string()), None),
        };
        let fds: Vec<_> = pidfd.iter().map(AsFd::as_fd).collect();
        if wire::send(socket, &answer, &fds).is_err() {
            return;
        }
    }
}

fn start(request: &Request, fds: Vec<OwnedFd>, socket: &OwnedFd) -> io::Result<(i32, OwnedFd)> {
    let pipes = Pipes::new(fds)?;
    let (mut go, mut going) = io::pipe()?;
    let flags = match request.sandbox {
        Some(_) => {
            libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS
        }
        None => 0,
    };
    match sys::fork(flags)? {
        Forked::Child => {
            drop(going);
            // The server must see it when the launcher ends.
            sys::close(socket.as_raw_fd());
            let mut byte = [0];
            // The launcher has mapped the ids, or ended.
            if go.read_exact(&mut byte).is_err() {
                sys::exit(1);
            }
            drop(go);
            supervisor::run(request, pipes)
        }
        Forked::Parent { pid, pidfd } => {
            let mapped = request.sandbox.as_ref().map_or(Ok(()), |sandbox| map_ids(pid, sandbox));
            match mapped.and_then(|()| going.write_all(b"x")) {
                Ok(()) => Ok((pid, pidfd)),
                Err(error) => {
                    sys::signal(&pidfd, libc::SIGKILL);
                    Err(error)
                }
            }
        }
    }
}

/// Which users of the machine those of the sandbox are. Root keeps its own number for the setup, which reads files that
/// only root may read; the function runs as another user. An ordinary user has one number for both.
fn map_ids(pid: i32, sandbox: &Sandbox) -> io::Result<()> {
    let (users, groups) = match sandbox.ids.setup {
        0 => (
            format!("0 0 1\n{} {} 1\n", Sandbox::USER, sandbox.ids.user),
            format!("0 0 1\n{} {} 1\n", Sandbox::GROUP, sandbox.ids.group),
        ),
        _ => {
            fs::write(format!("/proc/{pid}/setgroups"), "deny")?;
            (
                format!("{} {} 1\n", Sandbox::USER, sandbox.ids.user),
                format!("{} {} 1\n", Sandbox::GROUP, sandbox.ids.group),
            )
        }
    };
    fs::write(format!("/proc/{pid}/gid_map"), groups)?;
    fs::write(format!("/proc/{pid}/uid_map"), users)
}
