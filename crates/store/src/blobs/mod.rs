//! Large bodies, as files named by the SHA-256 of what they hold: `blobs/ab/cdef…`.
//!
//! A body is written to a temporary file, synced and renamed, so a file under its final name is whole. Who refers to a blob counts
//! it in the store, in the transaction that writes the referring record ([`retain`], [`release`]); [`Blobs::sweep`]
//! removes what nobody refers to.

mod id;
mod references;
mod writer;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::OpenError;
pub use id::{Blob, BlobId, ParseBlobIdError};
pub use references::{GRACE, release, retain};
pub use writer::BlobWriter;

/// A directory of blobs. Cloning it is cheap, and every clone is the same directory.
#[derive(Clone)]
pub struct Blobs(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    /// Whether finished blobs survive the process; without it nothing is synced, and the directory goes with the last clone.
    durable: bool,
    /// Held while a file gets its final name or loses it, so that a sweep cannot take what was just written again.
    names: Mutex<()>,
    /// Blobs finished since the last sweep: if nobody ever refers to one, only this list knows.
    finished: Mutex<HashSet<BlobId>>,
    /// Whether a sweep has looked at every file, for those that a crash left without a reference.
    walked: AtomicBool,
}

impl Blobs {
    /// Opens the blobs in `dir/blobs`, which is created if it does not exist. What unfinished writers left is removed.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_at(dir.join("blobs"), true)
    }

    /// Blobs in a new directory of the system's temporary one, for `--ephemeral` and tests; removed with the last clone.
    pub fn temporary() -> Result<Self, OpenError> {
        Self::open_at(std::env::temp_dir().join(format!("pilvi-blobs-{}", Uuid::new_v4())), false)
    }

    fn open_at(dir: PathBuf, durable: bool) -> Result<Self, OpenError> {
        let unfinished = dir.join("unfinished");
        let prepare = || {
            match std::fs::remove_dir_all(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            std::fs::create_dir_all(&unfinished)
        };
        prepare().map_err(|source| OpenError::Io { path: unfinished.clone(), source })?;
        Ok(Self(Arc::new(Inner {
            dir,
            durable,
            names: Mutex::default(),
            finished: Mutex::default(),
            walked: AtomicBool::new(false),
        })))
    }

    /// A writer of one new blob. Nothing is on the disk before something is written.
    pub async fn writer(&self) -> io::Result<BlobWriter> {
        Ok(BlobWriter::new(self.clone()))
    }

    /// Stores a body that is at hand as a whole.
    pub async fn put(&self, body: &[u8]) -> io::Result<Blob> {
        let mut writer = self.writer().await?;
        writer.write(body).await?;
        writer.finish().await
    }

    /// Where a blob's file is (or would be).
    pub fn path(&self, id: &BlobId) -> PathBuf {
        let hex = id.to_string();
        let (shard, name) = hex.split_at(2);
        self.0.dir.join(shard).join(name)
    }

    /// Opens a blob for reading.
    ///
    /// # Errors
    /// `NotFound` if there is no such blob.
    pub async fn open_read(&self, id: &BlobId) -> io::Result<tokio::fs::File> {
        tokio::fs::File::open(self.path(id)).await
    }

    /// A whole blob, for small ones.
    ///
    /// # Errors
    /// `NotFound` if there is no such blob.
    pub async fn read(&self, id: &BlobId) -> io::Result<Bytes> {
        tokio::fs::read(self.path(id)).await.map(Bytes::from)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.durable {
            // A leftover in the system's temporary directory does no harm.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) {
        std::fs::File::open(dir)?.sync_all()?;
    }
    Ok(())
}
