//! Writing one blob.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Blob, BlobId, Blobs, sync_dir};

/// How much is collected in memory before it goes to the file. A body below this takes a single trip to the disk.
const CHUNK: usize = 256 << 10;

/// Takes a blob's bytes one after the other; needs the same little memory however large the blob. Dropping it forgets the blob.
pub struct BlobWriter {
    /// `None` after a failed write: what is on the disk then is unknown.
    unfinished: Option<Unfinished>,
    buffer: Vec<u8>,
}

impl BlobWriter {
    pub(super) fn new(blobs: Blobs) -> Self {
        Self { unfinished: Some(Unfinished { blobs, file: None, hash: Sha256::new(), size: 0 }), buffer: Vec::new() }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// What the system says, for instance that the disk is full; the writer is of no use afterwards.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(CHUNK - self.buffer.len().min(CHUNK)));
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.buffer.len() >= CHUNK {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Makes the blob durable and gives it its name. If the same bytes are stored already, that blob is the result.
    ///
    /// Refer to it ([`retain`](super::retain)) within [`GRACE`](super::GRACE), or a sweep takes it away.
    pub async fn finish(mut self) -> io::Result<Blob> {
        let mut unfinished = self.take()?;
        let buffer = std::mem::take(&mut self.buffer);
        blocking(move || {
            unfinished.append(&buffer)?;
            unfinished.finish()
        })
        .await
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut unfinished = self.take()?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let append = move || {
            unfinished.append(&buffer)?;
            buffer.clear();
            Ok((unfinished, buffer))
        };
        let (unfinished, buffer) = blocking(append).await?;
        self.unfinished = Some(unfinished);
        self.buffer = buffer;
        Ok(())
    }

    fn take(&mut self) -> io::Result<Unfinished> {
        self.unfinished.take().ok_or_else(|| io::Error::other("an earlier write of this blob failed"))
    }
}

async fn blocking<T: Send + 'static>(f: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(f).await.map_err(io::Error::other)?
}

struct Unfinished {
    blobs: Blobs,
    file: Option<TemporaryFile>,
    hash: Sha256,
    size: u64,
}

impl Unfinished {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        self.file()?.file.write_all(bytes)
    }

    fn file(&mut self) -> io::Result<&mut TemporaryFile> {
        let file = match self.file.take() {
            Some(file) => file,
            None => TemporaryFile::create(&self.blobs)?,
        };
        Ok(self.file.insert(file))
    }

    fn finish(mut self) -> io::Result<Blob> {
        let blobs = self.blobs.clone();
        let durable = blobs.0.durable;
        let file = self.file()?;
        if durable {
            file.file.sync_all()?;
        }
        let blob = Blob { id: BlobId::new(self.hash.clone().finalize().into()), size: self.size };
        let path = blobs.path(&blob.id);
        let dir = path.parent().unwrap_or(&path);
        if !dir.exists() {
            std::fs::create_dir_all(dir)?;
            if durable {
                sync_dir(&blobs.0.dir)?;
            }
        }
        // Renaming over a blob that exists already is fine, as it holds the same bytes; it makes it young again, and
        // those who have the old file open keep it.
        let file = self.file()?;
        let naming = blobs.0.names.lock();
        std::fs::rename(&file.path, &path)?;
        file.renamed = true;
        blobs.0.finished.lock().insert(blob.id);
        drop(naming);
        if durable {
            sync_dir(dir)?;
        }
        Ok(blob)
    }
}

/// A file that is removed when it is dropped before it has been renamed.
struct TemporaryFile {
    file: File,
    path: PathBuf,
    renamed: bool,
}

impl TemporaryFile {
    fn create(blobs: &Blobs) -> io::Result<Self> {
        let path = blobs.0.dir.join("unfinished").join(Uuid::new_v4().to_string());
        let file = File::create_new(&path)?;
        Ok(Self { file, path, renamed: false })
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.renamed {
            // Opening the directory again removes what cannot be removed now.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
