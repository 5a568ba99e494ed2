//! Reading the log back when a store is opened.

use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};

use super::log::{self, DELETED, MAGIC, Position, RECORD_HEADER, SEGMENT_HEADER};
use crate::OpenError;
use crate::layer::Layer;

pub(super) struct Replayed {
    /// What the table file does not have yet.
    pub(super) changes: Layer,
    pub(super) next_segment: u64,
    pub(super) next_sequence: u64,
}

/// Reads all segments behind `applied`, which the table file has, and removes those before.
///
/// A crash can cut the last record of the last segment short; it was never acknowledged and is cut off. Anything else that is not as it
/// was written is an error, as acknowledged writes would be missing.
pub(super) fn replay(dir: &Path, applied: Position) -> Result<Replayed, OpenError> {
    let segments = log::segments(dir).map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
    let mut replayed =
        Replayed { changes: Layer::default(), next_segment: applied.segment + 1, next_sequence: applied.sequence + 1 };
    let last = segments.last().copied();
    for number in segments {
        let path = log::segment_path(dir, number);
        if number <= applied.segment {
            std::fs::remove_file(&path).map_err(|source| OpenError::Io { path, source })?;
            continue;
        }
        Segment { path, number, last: last == Some(number) }.replay(&mut replayed)?;
        replayed.next_segment = number + 1;
    }
    Ok(replayed)
}

struct Segment {
    path: PathBuf,
    number: u64,
    last: bool,
}

/// What stands at a place of a segment.
enum Found {
    Record { sequence: u64, body: Bytes },
    End,
    Broken(&'static str),
}

impl Segment {
    fn replay(&self, replayed: &mut Replayed) -> Result<(), OpenError> {
        let content = Bytes::from(std::fs::read(&self.path).map_err(|source| self.io(source))?);
        if content.is_empty() {
            return Ok(());
        }
        let mut header = content.clone();
        if header.len() < SEGMENT_HEADER {
            return self.cut(0, "its header is cut short");
        }
        if header.split_to(MAGIC.len()).as_ref() != MAGIC || header.get_u64_le() != self.number {
            return Err(self.damaged(0, "it is no segment of this log"));
        }
        let mut offset = SEGMENT_HEADER;
        loop {
            match record(content.slice(offset..)) {
                Found::End => return Ok(()),
                Found::Record { sequence, body } => {
                    if sequence != replayed.next_sequence {
                        return Err(self.damaged(offset, "records before this one are missing"));
                    }
                    replayed.next_sequence += 1;
                    offset += RECORD_HEADER + body.len();
                    if !apply(body, &mut replayed.changes) {
                        return Err(self.damaged(offset, "a record's changes are malformed"));
                    }
                }
                Found::Broken(reason) => {
                    // Each record is synced before the next is written: if there is a whole one behind it, no crash did this.
                    let behind = content.slice(offset..).try_get_u32_le().map_or(usize::MAX, |len| len as usize);
                    let behind = behind.saturating_add(offset + RECORD_HEADER);
                    if behind < content.len() && matches!(record(content.slice(behind..)), Found::Record { .. }) {
                        return Err(self.damaged(offset, reason));
                    }
                    return self.cut(offset, reason);
                }
            }
        }
    }

    /// Cuts off what a crash left unfinished.
    fn cut(&self, offset: usize, reason: &'static str) -> Result<(), OpenError> {
        if !self.last {
            return Err(self.damaged(offset, reason));
        }
        tracing::info!(segment = %self.path.display(), offset, reason, "cutting off what a crash left unfinished");
        let cut = || {
            let file = File::options().write(true).open(&self.path)?;
            file.set_len(offset as u64)?;
            file.sync_all()
        };
        cut().map_err(|source| self.io(source))
    }

    fn io(&self, source: std::io::Error) -> OpenError {
        OpenError::Io { path: self.path.clone(), source }
    }

    fn damaged(&self, offset: usize, reason: &str) -> OpenError {
        OpenError::Damaged { path: self.path.clone(), offset: offset as u64, reason: reason.to_owned() }
    }
}

fn record(content: Bytes) -> Found {
    if content.is_empty() {
        return Found::End;
    }
    let Some((header, body)) = content.split_first_chunk::<RECORD_HEADER>() else {
        return Found::Broken("a record's header is cut short");
    };
    let Some((head, mut sum)) = header.split_first_chunk::<12>() else { return Found::End };
    let (mut length, mut sequence) = head.split_at(4);
    let length = length.get_u32_le() as usize;
    let Some(body) = body.get(..length) else {
        return Found::Broken("a record is cut short");
    };
    if log::checksum(head, body) != sum.get_u64_le() {
        return Found::Broken("a record's checksum is wrong");
    }
    Found::Record { sequence: sequence.get_u64_le(), body: content.slice_ref(body) }
}

/// `false` if the changes are malformed, which a right checksum makes very unlikely.
fn apply(mut body: Bytes, changes: &mut Layer) -> bool {
    while !body.is_empty() {
        if body.len() < 8 {
            return false;
        }
        let (key, value) = (body.get_u32_le() as usize, body.get_u32_le());
        let value_length = if value == DELETED { 0 } else { value as usize };
        if body.len() < key.saturating_add(value_length) {
            return false;
        }
        // Copied, so that a single small value does not keep the whole segment in memory.
        let key = Bytes::copy_from_slice(&body.split_to(key));
        let bytes = Bytes::copy_from_slice(&body.split_to(value_length));
        changes.set(key, (value != DELETED).then_some(bytes));
    }
    true
}
