//! Tables and items in the store.

pub mod changes;
pub mod items;
pub mod record;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use pilvi_bus::{Clock, Platform};
use pilvi_store::{Range, Raw, ReadTx, Store, StoreError, Table, Value as _, WriteTx};
use uuid::Uuid;

pub use record::TableRecord;

use crate::errors::TableError;
use crate::table::Schema;

/// Account, region, table name.
pub type TableKey = (String, String, String);

/// (account, region, name) → the table's record. In the order of ListTables.
const TABLES: Table<TableKey, Raw> = Table::new("tables.table");
/// Ids of deleted tables and indexes whose items still have to go: (table, index; the nil id for the table itself).
const DROPPED: Table<(Uuid, Uuid), u8> = Table::new("tables.dropped");
/// (account, region, client token) → when it expires (ms) and the digest of the request that it came with.
pub const TOKENS: Table<(String, String, String), (i64, u64)> = Table::new("tables.token");

/// The tables of this cloud.
pub struct Tables {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    decoded: Decoded,
}

/// Decoded records, each beside the bytes that it was decoded from.
type Decoded = Arc<RwLock<HashMap<TableKey, (Bytes, Arc<Definition>)>>>;

/// A table's record with what follows from it.
pub struct Definition {
    /// The record.
    pub record: TableRecord,
    /// Keys and indexes.
    pub schema: Schema,
    /// The ids of the indexes, in the schema's order.
    pub index_ids: Vec<Uuid>,
}

impl Tables {
    /// The tables that the platform's store holds.
    pub fn new(platform: &Platform) -> Self {
        Self { store: platform.store.clone(), clock: platform.clock.clone(), decoded: Arc::default() }
    }

    /// Something that finds tables, to be taken into a transaction.
    pub fn finder(&self) -> Finder {
        Finder(Arc::clone(&self.decoded))
    }

    /// The table, for an operation outside of a transaction.
    pub fn table(&self, key: &TableKey) -> Result<Option<Arc<Definition>>, StoreError> {
        self.store.read(|tx| self.finder().find(tx, key))
    }
}

/// Finds tables within transactions. A record is decoded once as long as its bytes are the same, so that finding a table
/// costs one look-up, and is right even where another process changes tables.
#[derive(Clone)]
pub struct Finder(Decoded);

impl Finder {
    /// The table of that name.
    pub fn find(&self, tx: &ReadTx<'_>, key: &TableKey) -> Result<Option<Arc<Definition>>, StoreError> {
        let Some(Raw(bytes)) = tx.get(&TABLES, key)? else {
            if self.0.read().contains_key(key) {
                self.0.write().remove(key);
            }
            return Ok(None);
        };
        if let Some((known, definition)) = self.0.read().get(key)
            && *known == bytes
        {
            return Ok(Some(Arc::clone(definition)));
        }
        let record =
            TableRecord::decode(bytes.clone()).map_err(|reason| StoreError::Decode { table: TABLES.name(), reason })?;
        let definition = Arc::new(Definition::new(record));
        self.0.write().insert(key.clone(), (bytes, Arc::clone(&definition)));
        Ok(Some(definition))
    }

    /// The table of a data operation.
    pub fn require(&self, tx: &ReadTx<'_>, key: &TableKey) -> Result<Arc<Definition>, TableError> {
        self.find(tx, key)?.ok_or_else(TableError::no_such_table)
    }

    /// The table of a control operation.
    pub fn require_named(&self, tx: &ReadTx<'_>, key: &TableKey) -> Result<Arc<Definition>, TableError> {
        self.find(tx, key)?.ok_or_else(|| TableError::no_such_table_named(&key.2))
    }
}

impl Definition {
    fn new(record: TableRecord) -> Self {
        let schema = record.schema();
        let index_ids = schema.indexes.iter().map(|index| record.index_id(&index.name)).collect();
        Self { record, schema, index_ids }
    }
}

/// Stores a table's record.
pub fn put_table(tx: &mut WriteTx<'_>, key: &TableKey, record: &TableRecord) -> Result<(), StoreError> {
    let bytes = record.encode().map_err(|reason| StoreError::Encode { table: TABLES.name(), reason })?;
    tx.put(&TABLES, key, &Raw(bytes))
}

/// The key of the stream that was enabled last.
pub fn stream_key(key: &TableKey, record: &TableRecord) -> changes::StreamKey {
    (key.0.clone(), key.1.clone(), key.2.clone(), record.stream_label.clone().unwrap_or_default())
}

/// Deletes a table; its items are removed in the background, and its stream ends.
pub fn delete_table(tx: &mut WriteTx<'_>, key: &TableKey, definition: &Definition, now: i64) -> Result<(), StoreError> {
    tx.delete(&TABLES, key)?;
    changes::end(tx, &stream_key(key, &definition.record), now)?;
    tx.put(&DROPPED, &(definition.record.id, Uuid::nil()), &0)?;
    for index in &definition.index_ids {
        tx.put(&DROPPED, &(definition.record.id, *index), &0)?;
    }
    Ok(())
}

/// Notes that an index is gone; its entries are removed in the background.
pub fn drop_index(tx: &mut WriteTx<'_>, table: Uuid, index: Uuid) -> Result<(), StoreError> {
    tx.put(&DROPPED, &(table, index), &0)
}

/// The names of an account's tables in a region, after `start`, at most `limit`.
pub fn table_names(
    tx: &ReadTx<'_>,
    account: &str,
    region: &str,
    start: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let mut range = Range::prefix(&(account, region));
    if let Some(start) = start {
        range = range.after(&(account, region, start));
    }
    tx.keys(&TABLES, range).take(limit).map(|key| key.map(|(_, _, name)| name)).collect()
}

/// Every table of every account, for background work.
pub fn all_tables(tx: &ReadTx<'_>) -> Result<Vec<TableKey>, StoreError> {
    tx.keys(&TABLES, Range::all()).collect()
}

/// Removes the client tokens that have expired.
pub async fn forget_tokens(store: &Store, now: i64) -> Result<(), StoreError> {
    let expired = store.read(|tx| -> Result<Vec<_>, StoreError> {
        let mut expired = Vec::new();
        for entry in tx.range(&TOKENS, Range::all()) {
            let (key, (expires, _)) = entry?;
            if expires <= now {
                expired.push(key);
            }
        }
        Ok(expired)
    })?;
    if expired.is_empty() {
        return Ok(());
    }
    let delete = move |tx: &mut WriteTx<'_>| -> Result<(), StoreError> {
        for key in &expired {
            // It may have been used again meanwhile.
            if tx.get(&TOKENS, key)?.is_some_and(|(expires, _)| expires <= now) {
                tx.delete(&TOKENS, key)?;
            }
        }
        Ok(())
    };
    store.write(delete).await
}

/// Removes some of what deleted tables and indexes have left; true where there may be more.
pub async fn sweep(store: &Store) -> Result<bool, StoreError> {
    /// Few enough that other writes need not wait long.
    const BATCH: usize = 500;
    let dropped = store.read(|tx| {
        let first = tx.keys(&DROPPED, Range::all()).next();
        first.transpose()
    })?;
    let Some((table, index)) = dropped else { return Ok(false) };
    store
        .write(move |tx| -> Result<(), StoreError> {
            let left = items::remove_some(tx, table, index, BATCH)?;
            if !left {
                tx.delete(&DROPPED, &(table, index))?;
            }
            Ok(())
        })
        .await?;
    Ok(true)
}
