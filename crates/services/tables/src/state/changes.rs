//! The change log of tables: what DynamoDB Streams reads. A change is logged in the transaction that makes it.
//!
//! A stream begins when it is enabled and ends when it is disabled or its table is deleted; what it holds can be read for a
//! day. It has one shard. The number of a change is that of its stream's changes before it, so numbers go up without gaps.

use bytes::Bytes;
use pilvi_store::{Range, Raw, ReadTx, StoreError, Table, WriteTx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::record::TableRecord;
use crate::table::encoding;
use crate::table::key::KeySchema;
use crate::table::value::Item;

/// How long a change can be read: a day, as the developer guide documents.
pub const RETENTION_MS: i64 = 24 * 60 * 60 * 1000;

/// Account, region, table name, the stream's label.
pub type StreamKey = (String, String, String, String);

/// (account, region, table, label) → the stream.
const STREAMS: Table<StreamKey, StreamRecord> = Table::new("tables.stream");
/// (stream, number) → the change.
const CHANGES: Table<(Uuid, u64), Raw> = Table::new("tables.change");
/// stream → the number of its next change.
const NEXT: Table<Uuid, u64> = Table::new("tables.change.next");

/// A stream as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StreamRecord {
    /// What its changes are stored under.
    pub id: Uuid,
    /// Its ARN.
    pub arn: String,
    /// Which images its records have.
    pub view: String,
    /// When it was enabled, in milliseconds.
    pub created: i64,
    /// When it was disabled.
    pub ended: Option<i64>,
    /// The table's keys.
    pub keys: Vec<String>,
}

/// What happened to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// There was none.
    Insert,
    /// It was changed.
    Modify,
    /// It is gone.
    Remove,
}

/// A change as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When, in milliseconds.
    pub at: i64,
    /// What.
    pub event: Event,
    /// True where the service itself did it: the item's time was up.
    pub expired: bool,
    /// The item's key.
    pub keys: Item,
    /// The item as it was, if the view has it.
    pub before: Option<Item>,
    /// The item as it is, if the view has it.
    pub after: Option<Item>,
}

/// Who changes an item, and when.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    /// The time, in milliseconds.
    pub at: i64,
    /// True where the item's time is up.
    pub expired: bool,
}

impl Cause {
    /// A caller's write.
    pub fn call(at: i64) -> Self {
        Self { at, expired: false }
    }
}

/// Logs a change if the table has a stream. A write that changes nothing is no change.
pub fn log(
    tx: &mut WriteTx<'_>,
    record: &TableRecord,
    keys: &KeySchema,
    before: Option<&Item>,
    after: Option<&Item>,
    cause: Cause,
) -> Result<(), StoreError> {
    let (Some(view), Some(stream)) = (&record.stream, record.stream_id) else { return Ok(()) };
    let (Some(item), false) = (after.or(before), before == after) else { return Ok(()) };
    let event = match (before, after) {
        (None, _) => Event::Insert,
        (_, None) => Event::Remove,
        _ => Event::Modify,
    };
    let shows = |views: [&str; 2]| views.contains(&view.as_str());
    let bytes = encode(
        event,
        cause,
        &keys.of(item),
        before.filter(|_| shows(["OLD_IMAGE", "NEW_AND_OLD_IMAGES"])),
        after.filter(|_| shows(["NEW_IMAGE", "NEW_AND_OLD_IMAGES"])),
    );
    let number = tx.get(&NEXT, &stream)?.unwrap_or(0);
    tx.put(&CHANGES, &(stream, number), &Raw(bytes))?;
    tx.put(&NEXT, &stream, &(number + 1))
}

const EXPIRED: u8 = 4;
const HAS_BEFORE: u8 = 8;
const HAS_AFTER: u8 = 16;

/// A byte of flags, the time, and the length and bytes of each item.
fn encode(event: Event, cause: Cause, keys: &Item, before: Option<&Item>, after: Option<&Item>) -> Bytes {
    let mut flags = match event {
        Event::Insert => 0,
        Event::Modify => 1,
        Event::Remove => 2,
    };
    for (is, flag) in [(cause.expired, EXPIRED), (before.is_some(), HAS_BEFORE), (after.is_some(), HAS_AFTER)] {
        flags |= if is { flag } else { 0 };
    }
    let mut out = vec![flags];
    out.extend_from_slice(&cause.at.to_be_bytes());
    for item in [Some(keys), before, after].into_iter().flatten() {
        let bytes = encoding::encode(item);
        // An item has at most 400 KB.
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&bytes);
    }
    out.into()
}

fn decode(bytes: &[u8]) -> Option<Change> {
    let (flags, rest) = bytes.split_first()?;
    let (at, mut rest) = rest.split_first_chunk::<8>()?;
    let mut item = |present: bool| -> Option<Option<Item>> {
        if !present {
            return Some(None);
        }
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (bytes, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
        rest = after;
        encoding::decode(bytes).map(Some)
    };
    let event = match flags & 3 {
        0 => Event::Insert,
        1 => Event::Modify,
        _ => Event::Remove,
    };
    let keys = item(true)??;
    let before = item(flags & HAS_BEFORE != 0)?;
    let after = item(flags & HAS_AFTER != 0)?;
    Some(Change { at: i64::from_be_bytes(*at), event, expired: flags & EXPIRED != 0, keys, before, after })
}

fn decoded(bytes: &[u8]) -> Result<Change, StoreError> {
    decode(bytes).ok_or_else(|| StoreError::Decode { table: CHANGES.name(), reason: "not a change".to_owned() })
}

/// Begins the stream that the record names.
pub fn begin(tx: &mut WriteTx<'_>, key: StreamKey, record: &TableRecord, now: i64) -> Result<(), StoreError> {
    let (Some(id), Some(view), Some(arn)) = (record.stream_id, &record.stream, record.stream_arn()) else {
        return Ok(());
    };
    let keys = record.keys.clone();
    tx.put(&STREAMS, &key, &StreamRecord { id, arn, view: view.clone(), created: now, ended: None, keys })
}

/// Ends a stream: nothing is added, what there is can be read for a day.
pub fn end(tx: &mut WriteTx<'_>, key: &StreamKey, now: i64) -> Result<(), StoreError> {
    let Some(mut stream) = tx.get(&STREAMS, key)? else { return Ok(()) };
    stream.ended.get_or_insert(now);
    tx.put(&STREAMS, key, &stream)
}

/// A stream.
pub fn stream(tx: &ReadTx<'_>, key: &StreamKey) -> Result<Option<StreamRecord>, StoreError> {
    tx.get(&STREAMS, key)
}

/// The streams of an account in a region (of one table only, if it is named) after one of them, at most `limit`.
pub fn streams(
    tx: &ReadTx<'_>,
    account: &str,
    region: &str,
    table: Option<&str>,
    after: Option<&StreamKey>,
    limit: usize,
) -> Result<Vec<(StreamKey, StreamRecord)>, StoreError> {
    let mut range = match table {
        Some(table) => Range::prefix(&(account, region, table)),
        None => Range::prefix(&(account, region)),
    };
    if let Some(after) = after {
        range = range.after(after);
    }
    tx.range(&STREAMS, range).take(limit).collect()
}

/// The number of the stream's next change.
pub fn next(tx: &ReadTx<'_>, stream: Uuid) -> Result<u64, StoreError> {
    Ok(tx.get(&NEXT, &stream)?.unwrap_or(0))
}

/// Goes through the changes from a number on that are not too old, until `visit` says to stop.
pub fn read(
    tx: &ReadTx<'_>,
    stream: Uuid,
    from: u64,
    now: i64,
    visit: &mut dyn FnMut(u64, Change, usize) -> bool,
) -> Result<(), StoreError> {
    for entry in tx.range(&CHANGES, Range::prefix(&(stream,)).from(&(stream, from))) {
        let ((_, number), Raw(bytes)) = entry?;
        let size = bytes.len();
        let change = decoded(&bytes)?;
        if change.at > now - RETENTION_MS && !visit(number, change, size) {
            break;
        }
    }
    Ok(())
}

/// The number of the oldest change that can still be read, or else of the next one.
pub fn oldest(tx: &ReadTx<'_>, stream: Uuid, now: i64) -> Result<u64, StoreError> {
    let mut first = None;
    read(tx, stream, 0, now, &mut |number, _, _| {
        first = Some(number);
        false
    })?;
    first.map_or_else(|| next(tx, stream), Ok)
}

/// Removes some of the changes and streams that are too old; true where there may be more.
pub fn trim(tx: &mut WriteTx<'_>, now: i64) -> Result<bool, StoreError> {
    /// Few enough that other writes need not wait long.
    const BATCH: usize = 500;
    let all: Vec<(StreamKey, StreamRecord)> = tx.range(&STREAMS, Range::all()).collect::<Result<_, _>>()?;
    for (key, stream) in all {
        let gone = stream.ended.is_some_and(|ended| ended <= now - RETENTION_MS);
        let mut old = Vec::new();
        for entry in tx.range(&CHANGES, Range::prefix(&(stream.id,))).take(BATCH) {
            let (change, Raw(bytes)) = entry?;
            if !gone && decoded(&bytes)?.at > now - RETENTION_MS {
                break;
            }
            old.push(change);
        }
        for change in &old {
            tx.delete(&CHANGES, change)?;
        }
        if old.len() == BATCH {
            return Ok(true);
        }
        if gone {
            tx.delete(&STREAMS, &key)?;
            tx.delete(&NEXT, &stream.id)?;
        }
    }
    Ok(false)
}

/// True where [`trim`] has something to do.
pub fn has_old(tx: &ReadTx<'_>, now: i64) -> Result<bool, StoreError> {
    for entry in tx.range(&STREAMS, Range::all()) {
        let (_, stream) = entry?;
        if stream.ended.is_some_and(|ended| ended <= now - RETENTION_MS) {
            return Ok(true);
        }
        if let Some(first) = tx.range(&CHANGES, Range::prefix(&(stream.id,))).next()
            && decoded(&first?.1.0)?.at <= now - RETENTION_MS
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::value::Value;

    #[test]
    fn a_change_reads_back_and_damage_is_told() {
        let item = |text: &str| Item::from_iter([("id".to_owned(), Value::S(text.to_owned()))]);
        let cause = Cause { at: 1_700_000_000_123, expired: true };
        for (before, after) in [(None, Some(item("new"))), (Some(item("old")), None), (None, None)] {
            let bytes = encode(Event::Modify, cause, &item("key"), before.as_ref(), after.as_ref());
            let change = decode(&bytes).unwrap();
            assert_eq!((change.at, change.expired, change.event), (cause.at, true, Event::Modify));
            assert_eq!((change.keys, change.before, change.after), (item("key"), before, after));
            assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        }
    }
}
