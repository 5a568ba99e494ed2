//! The log: numbered segments of checksummed records, one record per batch.
//!
//! | segment | bytes |
//! | --- | --- |
//! | magic | 8 |
//! | its number | 8, little-endian as all that follow |
//! | records | |
//!
//! | record | bytes |
//! | --- | --- |
//! | length of the changes | 4 |
//! | sequence number, one more than the record's before | 8 |
//! | CRC-64/NVME of length, sequence number and changes | 8 |
//! | changes: key length (4), value length (4; `FFFFFFFF`: deleted), key, value | |

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crc_fast::{CrcAlgorithm, Digest};

use crate::blobs::sync_dir;
use crate::layer::Layer;

pub(super) const MAGIC: &[u8; 8] = b"PILVLOG1";
pub(super) const SEGMENT_HEADER: usize = 16;
pub(super) const RECORD_HEADER: usize = 20;
pub(super) const DELETED: u32 = u32::MAX;

/// The end of the log, where batches are appended.
pub(super) struct Log {
    dir: PathBuf,
    /// The number of the segment that is being written, or will be.
    segment: u64,
    /// Made with the first record, so that opening a store costs no fsync.
    file: Option<File>,
    next_sequence: u64,
    /// Reused from record to record.
    buffer: Vec<u8>,
}

/// How far the log has got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The last segment.
    pub(super) segment: u64,
    /// The last record's sequence number.
    pub(super) sequence: u64,
}

impl Log {
    pub(super) fn new(dir: PathBuf, segment: u64, next_sequence: u64) -> Self {
        Self { dir, segment, file: None, next_sequence, buffer: Vec::new() }
    }

    /// Appends the changes as one record; when this returns they are durable.
    ///
    /// # Errors
    /// What the system says; nothing may be appended afterwards, as what the disk holds is unknown.
    pub(super) fn append(&mut self, changes: &Layer) -> io::Result<()> {
        self.buffer.clear();
        if self.file.is_none() {
            self.buffer.extend_from_slice(MAGIC);
            self.buffer.extend_from_slice(&self.segment.to_le_bytes());
        }
        encode(changes, self.next_sequence, &mut self.buffer)?;
        match &mut self.file {
            Some(file) => {
                file.write_all(&self.buffer)?;
                file.sync_data()?;
            }
            None => {
                let mut file = File::create_new(segment_path(&self.dir, self.segment))?;
                file.write_all(&self.buffer)?;
                file.sync_data()?;
                sync_dir(&self.dir)?;
                self.file = Some(file);
            }
        }
        self.next_sequence += 1;
        // A rare large batch must not keep its memory for ever.
        self.buffer.shrink_to(1 << 20);
        Ok(())
    }

    /// Ends the segment; the next record starts a new one.
    pub(super) fn rotate(&mut self) -> Position {
        let ended = Position { segment: self.segment, sequence: self.next_sequence - 1 };
        self.file = None;
        self.segment += 1;
        ended
    }
}

pub(super) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016}"))
}

/// The numbers of all segments, ascending. Files of other names are none of ours.
pub(super) fn segments(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for file in std::fs::read_dir(dir)? {
        if let Some(number) = file?.file_name().to_str().and_then(|name| name.parse().ok()) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn encode(changes: &Layer, sequence: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let too_large = |_| io::Error::other("a batch of more than 4 GiB");
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).ok().filter(|&len| len != DELETED);
    let mut body = 0;
    for (key, value) in changes.iter() {
        body += 8 + key.len() + value.as_ref().map_or(0, |value| value.len());
    }
    let start = out.len();
    out.reserve(RECORD_HEADER + body);
    out.extend_from_slice(&u32::try_from(body).map_err(too_large)?.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    for (key, value) in changes.iter() {
        // The sum fits into 32 bits, so each does.
        out.extend_from_slice(&length(key).unwrap_or_default().to_le_bytes());
        let value_length = value.as_ref().map_or(Some(DELETED), |value| length(value)).unwrap_or_default();
        out.extend_from_slice(&value_length.to_le_bytes());
        out.extend_from_slice(key);
        out.extend_from_slice(value.as_deref().unwrap_or_default());
    }
    let record = out.get_mut(start..).unwrap_or_default();
    if let Some((header, body)) = record.split_first_chunk_mut::<RECORD_HEADER>()
        && let Some((head, sum)) = header.split_first_chunk_mut::<12>()
    {
        sum.copy_from_slice(&checksum(head, body).to_le_bytes());
    }
    Ok(())
}

pub(super) fn checksum(head: &[u8; 12], body: &[u8]) -> u64 {
    let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
    digest.update(head);
    digest.update(body);
    digest.finalize()
}
