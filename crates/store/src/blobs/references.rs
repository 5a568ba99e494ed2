//! Who still needs a blob.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{BlobId, Blobs};
use crate::{Range, ReadTx, Store, StoreError, Table, WriteTx};

/// How many records refer to a blob; absent when none does.
const REFERENCES: Table<BlobId, u64> = Table::new("blobs.references");
/// Blobs that lost their last reference and wait for a sweep.
const UNUSED: Table<BlobId, ()> = Table::new("blobs.unused");

/// How long a file is left alone although nobody refers to it: its writer may be about to. Measured in real time, as files' times are.
pub const GRACE: Duration = Duration::from_secs(3600);

/// Counts one more reference to a blob, in the transaction that writes the record which refers to it.
pub fn retain(tx: &mut WriteTx<'_>, id: &BlobId) -> Result<(), StoreError> {
    let count = count(tx, id)?;
    if count == 0 {
        tx.delete(&UNUSED, id)?;
    }
    tx.put(&REFERENCES, id, &(count + 1))
}

/// Counts one reference less, in the transaction that deletes or changes the record which referred to the blob.
pub fn release(tx: &mut WriteTx<'_>, id: &BlobId) -> Result<(), StoreError> {
    let count = count(tx, id)?;
    if count > 1 {
        return tx.put(&REFERENCES, id, &(count - 1));
    }
    tx.delete(&REFERENCES, id)?;
    tx.put(&UNUSED, id, &())
}

fn count(tx: &ReadTx<'_>, id: &BlobId) -> Result<u64, StoreError> {
    Ok(tx.get(&REFERENCES, id)?.unwrap_or(0))
}

impl Blobs {
    /// Removes the files that nobody refers to and that are older than [`GRACE`]; returns how many. Costs as much as changed since
    /// the last sweep; the first one looks at every file, as a crash may have left some.
    pub async fn sweep(&self, store: &Store) -> io::Result<u64> {
        self.sweep_older_than(store, GRACE).await
    }

    async fn sweep_older_than(&self, store: &Store, grace: Duration) -> io::Result<u64> {
        let (blobs, reader) = (self.clone(), store.clone());
        let sweep = move || -> io::Result<(u64, Vec<BlobId>)> {
            let unused: HashSet<BlobId> = reader
                .read(|tx| tx.keys(&UNUSED, Range::all()).collect::<Result<_, StoreError>>())
                .map_err(io::Error::other)?;
            let mut candidates = unused.clone();
            candidates.extend(blobs.0.finished.lock().iter());
            if !blobs.0.walked.load(Ordering::Acquire) {
                candidates.extend(blobs.all()?);
            }
            let mut removed = 0;
            let mut settled = Vec::new();
            for id in candidates {
                match blobs.sweep_one(&reader, &id, grace)? {
                    Swept::Young => {
                        // Looked at again, whether or not the store knows that it is unused.
                        blobs.0.finished.lock().insert(id);
                    }
                    Swept::Used => {}
                    Swept::Gone { now } => {
                        removed += u64::from(now);
                        if unused.contains(&id) {
                            settled.push(id);
                        }
                    }
                }
            }
            blobs.0.walked.store(true, Ordering::Release);
            Ok((removed, settled))
        };
        let (removed, settled) = tokio::task::spawn_blocking(sweep).await.map_err(io::Error::other)??;
        if !settled.is_empty() {
            let forget = move |tx: &mut WriteTx<'_>| {
                for id in &settled {
                    tx.delete(&UNUSED, id)?;
                }
                Ok::<(), StoreError>(())
            };
            store.write(forget).await.map_err(io::Error::other)?;
        }
        Ok(removed)
    }

    fn sweep_one(&self, store: &Store, id: &BlobId, grace: Duration) -> io::Result<Swept> {
        let path = self.path(id);
        // From here on nobody can write the same bytes again and be told that they are stored.
        let _naming = self.0.names.lock();
        if store.read(|tx| count(tx, id)).map_err(io::Error::other)? > 0 {
            self.0.finished.lock().remove(id);
            return Ok(Swept::Used);
        }
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.0.finished.lock().remove(id);
                return Ok(Swept::Gone { now: false });
            }
            Err(error) => return Err(error),
        };
        // A file from the future is young.
        if metadata.modified()?.elapsed().unwrap_or_default() < grace {
            return Ok(Swept::Young);
        }
        std::fs::remove_file(&path)?;
        self.0.finished.lock().remove(id);
        Ok(Swept::Gone { now: true })
    }

    fn all(&self) -> io::Result<Vec<BlobId>> {
        let mut ids = Vec::new();
        for shard in std::fs::read_dir(&self.0.dir)? {
            let shard = shard?;
            if shard.file_name() == "unfinished" || !shard.file_type()?.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(shard.path())? {
                let name =
                    [shard.file_name(), file?.file_name()].map(|name| name.to_string_lossy().into_owned()).concat();
                // Files that are not ours are left alone.
                ids.extend(name.parse::<BlobId>());
            }
        }
        Ok(ids)
    }
}

enum Swept {
    Used,
    Young,
    Gone { now: bool },
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sweep(blobs: &Blobs, store: &Store) -> u64 {
        blobs.sweep_older_than(store, Duration::ZERO).await.unwrap()
    }

    #[tokio::test]
    async fn a_blob_is_kept_while_it_is_referred_to() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let store = Store::memory();
        let kept = blobs.put(b"kept").await.unwrap().id;
        let never = blobs.put(b"never referred to").await.unwrap().id;
        store.write(move |tx| retain(tx, &kept).and_then(|()| retain(tx, &kept))).await.unwrap();

        assert_eq!(blobs.sweep(&store).await.unwrap(), 0, "young files stay");
        assert_eq!(sweep(&blobs, &store).await, 1);
        assert!(blobs.read(&never).await.is_err());

        store.write(move |tx| release(tx, &kept)).await.unwrap();
        assert_eq!(sweep(&blobs, &store).await, 0);
        store.write(move |tx| release(tx, &kept)).await.unwrap();
        assert_eq!(sweep(&blobs, &store).await, 1);
        assert!(blobs.read(&kept).await.is_err());
        assert_eq!(store.read(|tx| Ok::<_, StoreError>(tx.keys(&UNUSED, Range::all()).count())).unwrap(), 0);

        // After a crash nothing but the directory knows of an unreferenced file.
        blobs.put(b"left by a crash").await.unwrap();
        let reopened = Blobs::open(dir.path()).unwrap();
        assert_eq!(sweep(&reopened, &store).await, 1);
    }

    #[tokio::test]
    async fn a_blob_written_again_after_its_last_release_survives() {
        let blobs = Blobs::temporary().unwrap();
        let store = Store::memory();
        let id = blobs.put(b"again").await.unwrap().id;
        store.write(move |tx| retain(tx, &id).and_then(|()| release(tx, &id))).await.unwrap();
        assert_eq!(blobs.put(b"again").await.unwrap().id, id);
        store.write(move |tx| retain(tx, &id)).await.unwrap();
        assert_eq!(sweep(&blobs, &store).await, 0);
        assert_eq!(blobs.read(&id).await.unwrap(), "again");
    }
}
