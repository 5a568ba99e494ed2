//! What can go wrong with the store itself. Domain errors of a service wrap [`StoreError`] with `#[from]`.

use std::path::PathBuf;
use std::sync::Arc;

/// A transaction could not be carried out. None of these is the caller's doing: a service answers them as an internal failure.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store was closed; the server is shutting down.
    #[error("the store is closed")]
    Closed,
    /// Writing to the disk failed earlier or just now. After a failed fsync nobody knows what the disk holds, so every later
    /// write is refused until the store is opened again.
    #[error("the store cannot write any more, restart after solving this: {0}")]
    Failed(Arc<str>),
    /// A stored key or value cannot be decoded as its table's type.
    #[error("an entry of table {table} cannot be decoded: {reason}")]
    Decode {
        /// The table's name.
        table: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// A value cannot be encoded.
    #[error("a value for table {table} cannot be encoded: {reason}")]
    Encode {
        /// The table's name.
        table: &'static str,
        /// What the encoder said.
        reason: String,
    },
    /// The engine could not read its files.
    #[error("the store cannot be read: {0}")]
    Read(Arc<str>),
}

/// A store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the directory open.
    #[error("{} is in use by another process", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// A file or directory could not be read, created or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was being opened.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds something else than what was written, and not just at its end where a crash may have cut it.
    #[error("{} is damaged at byte {offset}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, in bytes from its start.
        offset: u64,
        /// What was found.
        reason: String,
    },
    /// The table file cannot be opened.
    #[error("{}: {reason}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
}
