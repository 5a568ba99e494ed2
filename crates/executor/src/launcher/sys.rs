//! System calls that std does not offer, each behind a safe function.
#![allow(unsafe_code, reason = "this is where the system is called")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use libc::{c_int, c_long, c_ulong};

fn check(result: c_long) -> io::Result<c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn text(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

/// The two sides of a fork.
pub(super) enum Forked {
    Child,
    Parent { pid: i32, pidfd: OwnedFd },
}

/// Forks, into new namespaces where `flags` names some. Only for processes with one thread: in the child every lock
/// is as it was, and nobody else is there to release one.
pub(super) fn fork(flags: c_int) -> io::Result<Forked> {
    let mut pidfd: c_int = -1;
    let flags = c_ulong::try_from(flags | libc::CLONE_PIDFD | libc::SIGCHLD).unwrap_or_default();
    // SAFETY: like fork(2): no stack is given, so the child goes on with a copy of this one; the only pointer is to
    // `pidfd`, which outlives the call. The order of arguments is that of x86-64 and AArch64.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, &raw mut pidfd, 0_usize, 0_usize) })?;
    if pid == 0 {
        return Ok(Forked::Child);
    }
    // SAFETY: the kernel has just opened this descriptor for us.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Forked::Parent { pid: i32::try_from(pid).unwrap_or(-1), pidfd })
}

pub(super) fn exit(code: c_int) -> ! {
    // SAFETY: ends the process without running anything of the program's.
    unsafe { libc::_exit(code) }
}

/// Sends a signal to the process behind a pidfd; one that is gone is no error worth telling.
pub(super) fn signal(pidfd: &OwnedFd, signal: c_int) {
    // SAFETY: no memory is involved; the descriptor is open.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, 0_usize, 0_usize) };
}

pub(super) fn kill(pid: i32, signal: c_int) {
    if pid > 1 {
        // SAFETY: no memory is involved; 0, 1 and negative numbers (groups, everybody) are excluded.
        unsafe { libc::kill(pid, signal) };
    }
}

/// For waiting until the process behind a pidfd has ended.
pub(super) fn watch(pidfd: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: an `Arc<OwnedFd>` always gives the same descriptor and keeps it open as long as it lives.
    unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }.map_err(io::Error::from)
}

/// A child that has ended: its id and wait status. `Err` when there are no children at all.
pub(super) fn reap() -> Result<Option<(i32, c_int)>, ()> {
    let mut status = 0;
    // SAFETY: writes to a local.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
        0 => Ok(None),
        pid if pid > 0 => Ok(Some((pid, status))),
        _ => Err(()),
    }
}

pub(super) fn prctl(option: c_int, value: c_ulong) -> io::Result<()> {
    // SAFETY: the options that are used here take numbers only.
    check(c_long::from(unsafe { libc::prctl(option, value, 0_usize, 0_usize, 0_usize) })).map(drop)
}

pub(super) fn new_session() {
    // SAFETY: no memory is involved; fails harmlessly for a leader.
    unsafe { libc::setsid() };
}

pub(super) fn ignore_children() {
    // SAFETY: sets a disposition that needs no handler: the kernel reaps.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

pub(super) fn limit(resource: libc::__rlimit_resource_t, value: u64) {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: reads a local.
    unsafe { libc::setrlimit(resource, &raw const limit) };
}

/// Blocks the signals and gives a descriptor to read them from.
pub(super) fn catch(signals: &[c_int]) -> io::Result<OwnedFd> {
    // SAFETY: the set is a plain value, initialised by sigemptyset before any use; the descriptor is new.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
        let fd = check(c_long::from(libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)))?;
        Ok(OwnedFd::from_raw_fd(RawFd::try_from(fd).unwrap_or(-1)))
    }
}

pub(super) fn unblock_signals() {
    // SAFETY: as above.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

/// A caught signal's number.
pub(super) fn caught(fd: &OwnedFd) -> Option<c_int> {
    let mut info = std::mem::MaybeUninit::<libc::signalfd_siginfo>::zeroed();
    let size = std::mem::size_of::<libc::signalfd_siginfo>();
    // SAFETY: the buffer is as large as the call is told, and any bytes make a valid value.
    let info = unsafe {
        if libc::read(fd.as_raw_fd(), info.as_mut_ptr().cast(), size) != isize::try_from(size).unwrap_or(0) {
            return None;
        }
        info.assume_init()
    };
    c_int::try_from(info.ssi_signo).ok()
}

/// Waits until one of `fds` has something to read or has broken; gives which have broken.
pub(super) fn wait(fds: &[&OwnedFd], milliseconds: c_int) -> Vec<bool> {
    let mut polls: Vec<libc::pollfd> =
        fds.iter().map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }).collect();
    let count = libc::nfds_t::try_from(polls.len()).unwrap_or(0);
    // SAFETY: the array is ours and as long as the call is told.
    unsafe { libc::poll(polls.as_mut_ptr(), count, milliseconds) };
    polls.iter().map(|poll| poll.revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0).collect()
}

/// A duplicate with the lowest free number from `from` on, kept over exec.
pub(super) fn keep_from(fd: &OwnedFd, from: RawFd) -> io::Result<RawFd> {
    // SAFETY: duplicates an open descriptor.
    let fd = check(c_long::from(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD, from) }))?;
    Ok(RawFd::try_from(fd).unwrap_or(-1))
}

/// Closes a descriptor of the parent's that a child has no use for. The caller must not use it again.
pub(super) fn close(fd: RawFd) {
    // SAFETY: no memory is involved; the process goes on without whoever owned the number.
    unsafe { libc::close(fd) };
}

/// Makes reading from it fail instead of waiting.
pub(super) fn do_not_wait(fd: &OwnedFd) {
    // SAFETY: changes a flag of an open descriptor.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
}

/// Makes standard input empty.
pub(super) fn forget_stdin() -> io::Result<()> {
    let null = std::fs::File::open("/dev/null")?;
    // SAFETY: replaces descriptor 0, which is standard input and nobody's own.
    check(c_long::from(unsafe { libc::dup2(null.as_raw_fd(), 0) })).map(drop)
}

// ---- identity ----

/// Becomes this user and group, for good, where that is allowed at all.
pub(super) fn become_user(user: u32, group: u32, forget_groups: bool) -> io::Result<()> {
    // SAFETY: numbers only; an empty list of groups is a null pointer with length 0.
    unsafe {
        if forget_groups {
            check(c_long::from(libc::setgroups(0, std::ptr::null())))?;
        }
        check(c_long::from(libc::setresgid(group, group, group)))?;
        check(c_long::from(libc::setresuid(user, user, user)))?;
    }
    Ok(())
}

/// Gives up the capabilities that a program could bring. Takes one to do so, hence before the others are dropped.
pub(super) fn drop_future_capabilities() {
    for capability in 0..64 {
        // Beyond the last one that the kernel knows it fails.
        if prctl(libc::PR_CAPBSET_DROP, capability).is_err() {
            break;
        }
    }
}

/// Gives up every capability that this process has.
pub(super) fn drop_capabilities() -> io::Result<()> {
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as c_ulong)?;
    let header = [0x2008_0522_u32, 0]; // version 3, this process
    let none = [0_u32; 6];
    // SAFETY: version 3 takes a header of two and data of six words, as given.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) }).map(drop)
}

// ---- mounts ----

pub(super) fn mount(kind: &str, target: &Path, flags: c_ulong, options: &str) -> io::Result<()> {
    let (kind, options) = (text(Path::new(kind))?, text(Path::new(options))?);
    let target = text(target)?;
    // SAFETY: all are C strings that outlive the call.
    let result = unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast()) };
    check(c_long::from(result)).map(drop)
}

/// Mounts of this namespace are no business of the one that it came from.
pub(super) fn make_mounts_private() -> io::Result<()> {
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    let none = std::ptr::null();
    // SAFETY: a C string literal; the other pointers are not looked at for this kind of call.
    check(c_long::from(unsafe { libc::mount(none, c"/".as_ptr(), none, flags, none.cast()) })).map(drop)
}

/// Gives an ordinary user a mount namespace to take copies from. Root has one that allows it.
pub(super) fn own_mounts() -> io::Result<()> {
    let (user, group) = own_ids();
    if user == 0 {
        return Ok(());
    }
    // SAFETY: the process has one thread; only its view of users and mounts changes.
    check(c_long::from(unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) }))?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/gid_map", format!("{group} {group} 1\n"))?;
    std::fs::write("/proc/self/uid_map", format!("{user} {user} 1\n"))
}

/// Changes the size of the `/tmp` that there is.
pub(super) fn resize_tmp(options: &str) -> io::Result<()> {
    mount("tmpfs", Path::new("/tmp"), libc::MS_REMOUNT | libc::MS_NOSUID | libc::MS_NODEV, options)
}

/// A copy of what is at `path`, with everything mounted below it, not attached anywhere yet.
pub(super) fn open_tree(path: &Path) -> io::Result<OwnedFd> {
    let path = text(path)?;
    let flags = libc::c_int::try_from(libc::OPEN_TREE_CLONE).unwrap_or(0) | libc::O_CLOEXEC | libc::AT_RECURSIVE;
    // SAFETY: a C string that outlives the call; the descriptor is new.
    unsafe {
        let fd = check(libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags))?;
        Ok(OwnedFd::from_raw_fd(RawFd::try_from(fd).unwrap_or(-1)))
    }
}

/// Read-only, without set-user-id programs and, unless they are wanted, devices.
pub(super) fn restrict(tree: &OwnedFd, devices: bool) -> io::Result<()> {
    let mut attributes = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID;
    if !devices {
        attributes |= libc::MOUNT_ATTR_NODEV;
    }
    set_attributes(tree.as_raw_fd(), attributes, libc::AT_EMPTY_PATH | libc::AT_RECURSIVE)
}

/// Makes the mount at the root, and only that, read-only.
pub(super) fn restrict_root() -> io::Result<()> {
    let attributes = libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: a C string literal and a local of the size that is told.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            c"/".as_ptr(),
            0,
            &raw const attributes,
            std::mem::size_of::<libc::mount_attr>(),
        )
    };
    check(result).map(drop)
}

fn set_attributes(fd: RawFd, set: u64, flags: c_int) -> io::Result<()> {
    let attributes = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let size = std::mem::size_of::<libc::mount_attr>();
    // SAFETY: a C string literal and a local of the size that is told.
    let result =
        unsafe { libc::syscall(libc::SYS_mount_setattr, fd, c"".as_ptr(), flags, &raw const attributes, size) };
    check(result).map(drop)
}

/// Attaches a copy at `target`.
pub(super) fn attach(tree: &OwnedFd, target: &Path) -> io::Result<()> {
    let target = text(target)?;
    // SAFETY: C strings that outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            target.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    check(result).map(drop)
}

/// Makes `root` the root, and the old one unreachable.
pub(super) fn enter_root(root: &Path) -> io::Result<()> {
    std::env::set_current_dir(root)?;
    // SAFETY: C string literals. With both names the same the old root lies over the new one until it is taken away.
    unsafe {
        check(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()))?;
        check(c_long::from(libc::umount2(c".".as_ptr(), libc::MNT_DETACH)))?;
    }
    std::env::set_current_dir("/")
}

pub(super) fn set_host_name(name: &str) {
    // SAFETY: a pointer with its length; the call fails where it is not allowed, which does no harm.
    unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) };
}

/// Installs a seccomp program for this process and its children.
pub(super) fn install_filter(program: &[libc::sock_filter]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    let mode = c_ulong::from(libc::SECCOMP_MODE_FILTER);
    // SAFETY: the kernel only reads the program, which outlives the call.
    check(c_long::from(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) })).map(drop)
}

// ---- messages with descriptors ----

/// Room for the descriptors of one message, aligned as control messages have to be.
#[repr(C, align(8))]
struct Control([u8; 64]);

const MOST_FDS: usize = 4;

pub(super) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: writes two descriptors, which are new, into a local.
    unsafe {
        check(c_long::from(libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr())))?;
        Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])))
    }
}

pub(super) fn send(socket: &OwnedFd, data: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let numbers: Vec<RawFd> = fds.iter().take(MOST_FDS).map(AsRawFd::as_raw_fd).collect();
    let size = u32::try_from(std::mem::size_of_val(numbers.as_slice())).unwrap_or(0);
    let mut part = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    let mut control = Control([0; 64]);
    // SAFETY: the header points to locals that outlive the call; the control buffer has room for MOST_FDS descriptors,
    // and CMSG_FIRSTHDR and CMSG_DATA stay inside it because msg_controllen is its length.
    unsafe {
        let mut header = std::mem::zeroed::<libc::msghdr>();
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        if !numbers.is_empty() {
            header.msg_control = (&raw mut control).cast();
            header.msg_controllen = libc::CMSG_SPACE(size) as _;
            let message = libc::CMSG_FIRSTHDR(&raw const header);
            if message.is_null() {
                return Err(io::Error::from(io::ErrorKind::InvalidInput));
            }
            (*message).cmsg_level = libc::SOL_SOCKET;
            (*message).cmsg_type = libc::SCM_RIGHTS;
            (*message).cmsg_len = libc::CMSG_LEN(size) as _;
            std::ptr::copy_nonoverlapping(numbers.as_ptr(), libc::CMSG_DATA(message).cast(), numbers.len());
        }
        let sent = libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL);
        check(sent as c_long).map(drop)
    }
}

/// One message and its descriptors (closed on exec); an empty one is the end.
pub(super) fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = Control([0; 64]);
    let mut fds = Vec::new();
    // SAFETY: as in `send`; every descriptor that comes is new and taken into ownership once.
    unsafe {
        let mut header = std::mem::zeroed::<libc::msghdr>();
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = (&raw mut control).cast();
        header.msg_controllen = std::mem::size_of::<Control>() as _;
        let length = loop {
            match check(libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC) as c_long) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        let mut message = libc::CMSG_FIRSTHDR(&raw const header);
        while !message.is_null() {
            if (*message).cmsg_level == libc::SOL_SOCKET && (*message).cmsg_type == libc::SCM_RIGHTS {
                let bytes = ((*message).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
                let data: *const RawFd = libc::CMSG_DATA(message).cast();
                for n in 0..bytes / std::mem::size_of::<RawFd>() {
                    fds.push(OwnedFd::from_raw_fd(data.add(n).read_unaligned()));
                }
            }
            message = libc::CMSG_NXTHDR(&raw const header, message);
        }
        if header.msg_flags & libc::MSG_TRUNC != 0 {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        Ok((usize::try_from(length).unwrap_or(0), fds))
    }
}

/// The server's own user and group.
pub(super) fn own_ids() -> (u32, u32) {
    // SAFETY: these only read.
    unsafe { (libc::geteuid(), libc::getegid()) }
}
