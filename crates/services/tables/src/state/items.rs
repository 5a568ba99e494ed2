//! Items and index entries in the store.
//!
//! An item's key is its table's id and the bytes of [`crate::table::KeySchema::encode`]: a hash of the hash key, by which
//! scans go through the table, then the hash key, then the range key in order. An index entry's key is the ids of the table and the index,
//! the same bytes of the index's keys, then the table's key (many items may have the same index keys). An entry holds
//! what the index projects.

use bytes::Bytes;
use pilvi_store::{Range, Raw, ReadTx, StoreError, Table, WriteTx};
use uuid::Uuid;

use super::Definition;
use crate::table::encoding;
use crate::table::value::{Item, item_size};

const ITEMS: Table<(Uuid, Bytes), Raw> = Table::new("tables.item");
const ENTRIES: Table<(Uuid, Uuid, Bytes), Raw> = Table::new("tables.entry");

fn damaged(table: &'static str) -> StoreError {
    StoreError::Decode { table, reason: "not an item".to_owned() }
}

/// An item by its key's bytes.
pub fn get(tx: &ReadTx<'_>, table: Uuid, key: &[u8]) -> Result<Option<Item>, StoreError> {
    let Some(bytes) = get_encoded(tx, table, key)? else { return Ok(None) };
    decode(&bytes).map(Some)
}

/// An item's stored bytes.
pub fn get_encoded(tx: &ReadTx<'_>, table: Uuid, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
    Ok(tx.get(&ITEMS, &(table, key))?.map(|Raw(bytes)| bytes))
}

/// The item of stored bytes.
pub fn decode(bytes: &[u8]) -> Result<Item, StoreError> {
    encoding::decode(bytes).ok_or_else(|| damaged(ITEMS.name()))
}

/// What a write cost each index: its position in the schema and the bytes of each entry that was written or deleted.
pub type IndexCosts = Vec<(usize, Vec<usize>)>;

/// Replaces an item (or makes or deletes it) and keeps the indexes in step. `before` may be left out where the table has no
/// indexes. `encoded` is the new item's stored form, where the caller already has it.
pub fn replace(
    tx: &mut WriteTx<'_>,
    definition: &Definition,
    key: &[u8],
    before: Option<&Item>,
    after: Option<&Item>,
    encoded: Option<&Bytes>,
) -> Result<IndexCosts, StoreError> {
    let table = definition.record.id;
    match after {
        Some(item) => {
            let bytes = encoded.cloned().unwrap_or_else(|| encoding::encode(item).into());
            tx.put(&ITEMS, &(table, key), &Raw(bytes))?;
        }
        None => {
            tx.delete(&ITEMS, &(table, key))?;
        }
    }
    let mut costs = IndexCosts::new();
    for position in 0..definition.schema.indexes.len() {
        let written = replace_entry(tx, definition, position, key, before, after)?;
        if !written.is_empty() {
            costs.push((position, written));
        }
    }
    Ok(costs)
}

/// Keeps one index in step.
pub fn replace_entry(
    tx: &mut WriteTx<'_>,
    definition: &Definition,
    position: usize,
    key: &[u8],
    before: Option<&Item>,
    after: Option<&Item>,
) -> Result<Vec<usize>, StoreError> {
    let schema = &definition.schema;
    let (Some(index), Some(id)) = (schema.indexes.get(position), definition.index_ids.get(position)) else {
        return Ok(Vec::new());
    };
    let entry = |item: Option<&Item>| -> Option<(Vec<u8>, Item)> {
        let item = item.filter(|item| index.holds(item))?;
        let mut entry_key = index.keys.encode(item)?;
        entry_key.extend_from_slice(key);
        Some((entry_key, index.project(&schema.keys, item)))
    };
    let mut written = Vec::new();
    let table = definition.record.id;
    let (old, new) = (entry(before), entry(after));
    if let Some((old_key, old_item)) = &old
        && new.as_ref().is_none_or(|(new_key, _)| new_key != old_key)
    {
        tx.delete(&ENTRIES, &(table, *id, old_key.as_slice()))?;
        written.push(item_size(old_item));
    }
    if let Some((new_key, new_item)) = &new
        && old.as_ref().is_none_or(|(old_key, old_item)| old_key != new_key || old_item != new_item)
    {
        let bytes = encoding::encode(new_item).into();
        tx.put(&ENTRIES, &(table, *id, new_key.as_slice()), &Raw(bytes))?;
        written.push(item_size(new_item));
    }
    Ok(written)
}

/// A part of a table or index, in the order of its keys.
pub struct Span {
    /// The bytes that all keys begin with (a partition), or none.
    pub prefix: Vec<u8>,
    /// The first key.
    pub from: Option<Vec<u8>>,
    /// The key before the end.
    pub until: Option<Vec<u8>>,
    /// The key to go on after.
    pub after: Option<Vec<u8>>,
    /// The key to go on before, going backwards.
    pub before: Option<Vec<u8>>,
}

/// Goes through the items of a span, or the entries of an index; `visit` gets the stored bytes and says whether to go on.
pub fn walk(
    tx: &ReadTx<'_>,
    table: Uuid,
    index: Option<Uuid>,
    span: &Span,
    forward: bool,
    visit: &mut dyn FnMut(Item) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    macro_rules! range {
        ($($id:expr),+) => {{
            let mut range = Range::starts_with(&($($id,)+), &span.prefix);
            if let Some(from) = &span.from {
                range = range.from(&($($id,)+ from.as_slice()));
            }
            if let Some(until) = &span.until {
                range = range.until(&($($id,)+ until.as_slice()));
            }
            if let Some(after) = &span.after {
                range = range.after(&($($id,)+ after.as_slice()));
            }
            if let Some(before) = &span.before {
                range = range.until(&($($id,)+ before.as_slice()));
            }
            range
        }};
    }
    match index {
        None => {
            let mut entries = tx.range(&ITEMS, range!(table));
            while let Some(entry) = if forward { entries.next() } else { entries.next_back() } {
                if !visit(decode(&entry?.1.0)?)? {
                    break;
                }
            }
        }
        Some(index) => {
            let mut entries = tx.range(&ENTRIES, range!(table, index));
            while let Some(entry) = if forward { entries.next() } else { entries.next_back() } {
                if !visit(decode(&entry?.1.0)?)? {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// The items of a table after a key, with their keys, at most `limit`: for background work.
pub fn page(
    tx: &ReadTx<'_>,
    table: Uuid,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Bytes, Item)>, StoreError> {
    let mut range = Range::prefix(&(table,));
    if let Some(after) = after {
        range = range.after(&(table, after));
    }
    let entries = tx.range(&ITEMS, range).take(limit);
    entries.map(|entry| entry.and_then(|((_, key), Raw(bytes))| Ok((key, decode(&bytes)?)))).collect()
}

/// How many items a table (or entries an index) has, and their bytes; counting ends at `limit`.
pub fn count(tx: &ReadTx<'_>, table: Uuid, index: Option<Uuid>, limit: usize) -> Result<(usize, usize), StoreError> {
    let (mut count, mut bytes) = (0, 0);
    let span = Span { prefix: Vec::new(), from: None, until: None, after: None, before: None };
    walk(tx, table, index, &span, true, &mut |item| {
        count += 1;
        bytes += item_size(&item);
        Ok(count < limit)
    })?;
    Ok((count, bytes))
}

/// Removes at most `limit` items of a deleted table or entries of a deleted index; true where some may be left.
pub fn remove_some(tx: &mut WriteTx<'_>, table: Uuid, index: Uuid, limit: usize) -> Result<bool, StoreError> {
    if index.is_nil() {
        let keys: Vec<_> = tx.keys(&ITEMS, Range::prefix(&(table,))).take(limit).collect::<Result<_, _>>()?;
        for key in &keys {
            tx.delete(&ITEMS, key)?;
        }
        return Ok(keys.len() == limit);
    }
    let keys: Vec<_> = tx.keys(&ENTRIES, Range::prefix(&(table, index))).take(limit).collect::<Result<_, _>>()?;
    for key in &keys {
        tx.delete(&ENTRIES, key)?;
    }
    Ok(keys.len() == limit)
}
