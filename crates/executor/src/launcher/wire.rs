//! What server and launcher say to each other: one message each way per process.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::sys;
use crate::tier::{Filling, Request};

/// Longest message; variables have 4 KB at most, so this is far away.
const MOST: usize = 160 << 10;

/// What the server wants.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// A new process; the pipes come with the message.
    Start(Request),
    /// The supervisor that stands by gets what its sandbox lacks.
    Fill(i32, Filling),
}

/// The answer to an order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The supervisor's process id; a pidfd comes with the message.
    Started(i32),
    Filled,
    Failed(String),
}

/// What a supervisor writes into its status pipe; the first counts.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    /// The sandbox could not be made.
    Setup(String),
    /// The program could not be executed: the system's error number.
    Exec(i32),
    Exited(i32),
    Signalled(i32),
    /// The same of an extension.
    ExtensionExited(i32),
    ExtensionSignalled(i32),
}

pub(super) fn send(socket: &OwnedFd, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let data = serde_json::to_vec(message)?;
    if data.len() > MOST {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    sys::send(socket, &data, fds)
}

/// `None` when the other side is gone.
pub(super) fn receive<T: DeserializeOwned>(socket: &OwnedFd) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut buffer = vec![0; MOST];
    let (length, fds) = sys::receive(socket, &mut buffer)?;
    if length == 0 {
        return Ok(None);
    }
    let message = serde_json::from_slice(buffer.get(..length).unwrap_or_default())?;
    Ok(Some((message, fds)))
}
