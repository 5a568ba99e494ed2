//! The launcher: a small process that starts all others.
//!
//! The server is large, has many threads and holds secrets. So it starts itself once more as the launcher, which has
//! one thread and an empty environment, and asks that for each environment of a function. The launcher forks a
//! *supervisor*, which forks the function's process. In the sandbox the supervisor is the first process of a PID
//! namespace, so that nothing of the function outlives it; elsewhere it adopts orphans and kills them by hand.
//!
//! Every part ends with what it serves: the launcher when the server's end of its socket closes, a supervisor when the
//! read end of its status pipe does. No signal has to be caught, so it holds for `kill -9` too.

mod client;
mod root;
mod seccomp;
mod server;
mod supervisor;
mod sys;
mod wire;

use std::ffi::OsStr;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use client::{Launcher, Tree};

/// The name under which the program finds itself started as the launcher.
const NAME: &str = "pilvi-launcher";

/// Only a program that says so may be started again as the launcher: another one would do its own work twice.
static OFFERED: AtomicBool = AtomicBool::new(false);

pub(crate) fn be_launcher_if_asked() {
    if std::env::args_os().next().as_deref() == Some(OsStr::new(NAME)) {
        server::run();
    }
    OFFERED.store(true, Ordering::Relaxed);
}

pub(crate) fn is_offered() -> bool {
    OFFERED.load(Ordering::Relaxed)
}

/// The user and group that this process runs as.
pub(crate) fn own_ids() -> (u32, u32) {
    sys::own_ids()
}
