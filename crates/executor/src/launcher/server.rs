//! The launcher's own life: forks a supervisor for each request.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use super::supervisor::{self, Pipes};
use super::sys::{self, Forked};
use super::wire::{self, Answer, Order};
use crate::tier::{Filling, Request, Sandbox};

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
    // To take directories for sandboxes, which an ordinary user may do in a namespace only.
    let _ = sys::own_mounts();
    serve(&socket);
    supervisor::kill_everything();
    sys::exit(0)
}

fn serve(socket: &OwnedFd) {
    let mut launcher = Launcher { socket, standing_by: HashMap::new() };
    loop {
        let Ok(Some((order, fds))) = wire::receive::<Order>(socket) else { return };
        let result = match order {
            Order::Start(request) => {
                launcher.start(&request, fds).map(|(pid, pidfd)| (Answer::Started(pid), Some(pidfd)))
            }
            Order::Fill(pid, filling) => launcher.fill(pid, &filling).map(|()| (Answer::Filled, None)),
        };
        let (answer, pidfd) = result.unwrap_or_else(|error| (Answer::Failed(error.to_string()), None));
        let fds: Vec<_> = pidfd.iter().map(AsFd::as_fd).collect();
        if wire::send(socket, &answer, &fds).is_err() {
            return;
        }
    }
}

struct Launcher<'a> {
    socket: &'a OwnedFd,
    /// The way to each supervisor that stands by, by its process id.
    standing_by: HashMap<i32, OwnedFd>,
}

impl Launcher<'_> {
    fn start(&mut self, request: &Request, fds: Vec<OwnedFd>) -> io::Result<(i32, OwnedFd)> {
        // Those that were ended while they stood by.
        self.standing_by.retain(|_, control| !sys::wait(&[control], 0).contains(&true));
        let pipes = Pipes::new(fds)?;
        let (mut go, mut going) = io::pipe()?;
        let (control, their_control) = sys::socket_pair()?;
        let flags = match request.sandbox {
            Some(_) => {
                libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS
            }
            None => 0,
        };
        match sys::fork(flags)? {
            Forked::Child => {
                drop((going, control));
                // The server must see it when the launcher ends, and a supervisor when its own launcher does.
                sys::close(self.socket.as_raw_fd());
                self.standing_by.clear();
                let mut byte = [0];
                // The launcher has mapped the ids, or ended.
                if go.read_exact(&mut byte).is_err() {
                    sys::exit(1);
                }
                drop(go);
                supervisor::run(request, pipes, their_control)
            }
            Forked::Parent { pid, pidfd } => {
                let mapped = request.sandbox.as_ref().map_or(Ok(()), |sandbox| map_ids(pid, sandbox));
                if let Err(error) = mapped.and_then(|()| going.write_all(b"x")) {
                    sys::signal(&pidfd, libc::SIGKILL);
                    return Err(error);
                }
                if request.sandbox.as_ref().is_some_and(|sandbox| sandbox.stands_by) {
                    self.standing_by.insert(pid, control);
                }
                Ok((pid, pidfd))
            }
        }
    }

    /// Takes the directories, which are out of the supervisor's sight, and hands them over to be attached.
    fn fill(&mut self, pid: i32, filling: &Filling) -> io::Result<()> {
        let control = self.standing_by.remove(&pid).ok_or(io::ErrorKind::NotFound)?;
        let trees = filling.mounts.iter().map(|mount| {
            let tree = sys::open_tree(&mount.from)?;
            sys::restrict(&tree, false).map(|()| tree)
        });
        let trees = trees.collect::<io::Result<Vec<OwnedFd>>>()?;
        wire::send(&control, filling, &trees.iter().map(AsFd::as_fd).collect::<Vec<_>>())?;
        match wire::receive::<Answer>(&control)? {
            Some((Answer::Filled, _)) => Ok(()),
            Some((Answer::Failed(cause), _)) => Err(io::Error::other(cause)),
            _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
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
