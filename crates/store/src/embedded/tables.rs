//! The table file: everything that has left the log, in one redb table.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition};

use super::log::Position;
use crate::layer::{Layer, Source};
use crate::range::Bounds;
use crate::{OpenError, StoreError};

const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");
const APPLIED: TableDefinition<&str, u64> = TableDefinition::new("applied");

/// How much of the file is cached, in bytes; the rest is left to the system's cache.
const CACHE: usize = 16 << 20;

/// The file, which is made when there is something to put in it.
pub(super) struct Tables {
    path: PathBuf,
    database: Option<Database>,
    applied: Position,
    base: Option<Base>,
}

/// The file's content at one moment.
#[derive(Clone)]
pub(super) struct Base(Arc<ReadOnlyTable<&'static [u8], &'static [u8]>>);

impl Tables {
    pub(super) fn open(path: PathBuf) -> Result<Self, OpenError> {
        let mut tables = Self { path, database: None, applied: Position::default(), base: None };
        if tables.path.exists() {
            let read = |tables: &mut Self| -> Result<(), redb::Error> {
                tables.database()?;
                tables.look()
            };
            if let Err(error) = read(&mut tables) {
                return Err(OpenError::Database { path: tables.path, reason: error.to_string() });
            }
        }
        Ok(tables)
    }

    /// How far into the log the file's content reaches.
    pub(super) fn applied(&self) -> Position {
        self.applied
    }

    pub(super) fn base(&self) -> Option<&Base> {
        self.base.as_ref()
    }

    /// Moves changes into the file, in one durable transaction.
    pub(super) fn apply(&mut self, changes: &Layer, position: Position) -> Result<(), redb::Error> {
        let database = self.database()?;
        let mut transaction = database.begin_write()?;
        // Opening after a crash must not have to go through the whole file.
        transaction.set_quick_repair(true);
        {
            let mut entries = transaction.open_table(ENTRIES)?;
            for (key, value) in changes.iter() {
                match value {
                    Some(value) => drop(entries.insert(key.as_ref(), value.as_ref())?),
                    None => drop(entries.remove(key.as_ref())?),
                }
            }
            let mut applied = transaction.open_table(APPLIED)?;
            applied.insert("segment", position.segment)?;
            applied.insert("sequence", position.sequence)?;
        }
        transaction.commit()?;
        self.look()
    }

    fn database(&mut self) -> Result<&Database, redb::Error> {
        let database = match self.database.take() {
            Some(database) => database,
            None => Database::builder().set_cache_size(CACHE).create(&self.path)?,
        };
        Ok(self.database.insert(database))
    }

    /// Takes a snapshot of what was committed last.
    fn look(&mut self) -> Result<(), redb::Error> {
        let transaction = self.database()?.begin_read()?;
        let (entries, applied) = match (transaction.open_table(ENTRIES), transaction.open_table(APPLIED)) {
            (Ok(entries), Ok(applied)) => (entries, applied),
            // A crash came between making the file and its first transaction.
            (Err(redb::TableError::TableDoesNotExist(_)), _) => return Ok(()),
            (Err(error), _) | (_, Err(error)) => return Err(error.into()),
        };
        let number = |name| -> Result<u64, redb::Error> { Ok(applied.get(name)?.map_or(0, |number| number.value())) };
        self.applied = Position { segment: number("segment")?, sequence: number("sequence")? };
        self.base = Some(Base(Arc::new(entries)));
        Ok(())
    }
}

impl Base {
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = self.0.get(key).map_err(unreadable)?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    pub(super) fn source(&self, bounds: &Bounds) -> Result<Source<'static>, StoreError> {
        let entries = self.0.range(bounds.start.as_slice()..bounds.end.as_slice()).map_err(unreadable)?;
        Ok(Box::new(entries.map(|entry| {
            let (key, value) = entry.map_err(unreadable)?;
            Ok((Bytes::copy_from_slice(key.value()), Some(Bytes::copy_from_slice(value.value()))))
        })))
    }
}

fn unreadable(error: redb::StorageError) -> StoreError {
    StoreError::Read(error.to_string().into())
}
