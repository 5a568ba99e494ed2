//! What all batch calls have in common.

use pilvi_model::Shape;

use crate::errors::QueueError;

/// The most entries of a batch.
const MAX_ENTRIES: usize = 10;

/// An entry that failed.
#[derive(Debug, Shape)]
pub(crate) struct FailedEntry {
    pub(crate) id: String,
    pub(crate) sender_fault: bool,
    pub(crate) code: String,
    pub(crate) message: Option<String>,
}

impl FailedEntry {
    pub(crate) fn new(id: String, error: &QueueError) -> Self {
        let (_, code, status) = error.code();
        Self { id, sender_fault: status < 500, code: code.to_owned(), message: Some(error.to_string()) }
    }
}

/// Checks the ids of a batch. `entry` is what AWS calls an entry of this call.
pub(crate) fn check<'a>(ids: impl ExactSizeIterator<Item = &'a str>, entry: &'static str) -> Result<(), QueueError> {
    let count = ids.len();
    if count == 0 {
        return Err(QueueError::EmptyBatch(entry));
    }
    if count > MAX_ENTRIES {
        return Err(QueueError::TooManyEntries(count));
    }
    let mut seen: Vec<&str> = Vec::with_capacity(count);
    for id in ids {
        let valid = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
        if id.is_empty() || id.len() > 80 || !id.bytes().all(valid) {
            return Err(QueueError::InvalidBatchEntryId);
        }
        if seen.contains(&id) {
            return Err(QueueError::IdsNotDistinct(id.to_owned()));
        }
        seen.push(id);
    }
    Ok(())
}

/// A list that is left out when it is empty, as AWS does.
pub(crate) fn present<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
