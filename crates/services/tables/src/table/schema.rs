//! What a table's items are keyed by, and its indexes.

use super::expression::Projected;
use super::key::{KeyAttribute, KeySchema};
use super::value::{Item, Value};

/// Which attributes an index holds besides its keys and the table's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projection {
    /// All.
    All,
    /// None.
    KeysOnly,
    /// These.
    Include(Vec<String>),
}

/// A secondary index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its keys.
    pub keys: KeySchema,
    /// What it holds.
    pub projection: Projection,
    /// True for a local index: the table's hash key and another range key.
    pub local: bool,
}

/// A table's keys and indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The table's keys.
    pub keys: KeySchema,
    /// The indexes by name, in that order (in which complaints about index keys come).
    pub indexes: Vec<Index>,
}

impl Index {
    /// True where an item appears in the index: it has all of the index's keys, with the right types.
    pub fn holds(&self, item: &Item) -> bool {
        self.keys.iter().all(|key| item.get(&key.name).is_some_and(|value| value.kind() == key.kind))
    }

    /// What the index holds of an item.
    pub fn project(&self, table: &KeySchema, item: &Item) -> Item {
        match &self.projection {
            Projection::All => item.clone(),
            Projection::KeysOnly => Projected::attributes(self.key_names(table)).apply(item),
            Projection::Include(names) => {
                Projected::attributes(self.key_names(table).chain(names.iter().map(String::as_str))).apply(item)
            }
        }
    }

    /// The names of the table's keys and the index's, each once; the table's come first.
    pub fn key_names<'a>(&'a self, table: &'a KeySchema) -> impl Iterator<Item = &'a str> {
        let own = self.keys.iter().filter(move |key| !table.contains(&key.name));
        table.iter().chain(own).map(|key| key.name.as_str())
    }
}

impl Schema {
    /// The index of that name.
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name)
    }

    /// The index keys that a value is given for, each with its index.
    pub fn index_keys(&self) -> impl Iterator<Item = (&Index, &KeyAttribute)> {
        self.indexes.iter().flat_map(|index| index.keys.iter().map(move |key| (index, key)))
    }

    /// The complaint about an item whose value for an index's key has another type or is empty.
    pub fn check_index_keys(&self, item: &Item) -> Result<(), super::key::KeyError> {
        for (index, key) in self.index_keys() {
            if self.keys.contains(&key.name) {
                continue;
            }
            if let Some(value) = item.get(&key.name) {
                check_index_key(index, key, value)?;
            }
        }
        Ok(())
    }

    /// The complaint about a path into a key, which is always a scalar.
    pub fn check_key_path(&self, head: &str) -> Result<(), String> {
        let message = |what: &str| {
            format!(
                "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: {what}: {head}"
            )
        };
        if self.keys.contains(head) {
            return Err(message("Key"));
        }
        if self.index_keys().any(|(_, key)| key.name == head) {
            return Err(message("IndexKey"));
        }
        Ok(())
    }
}

fn check_index_key(index: &Index, key: &KeyAttribute, value: &Value) -> Result<(), super::key::KeyError> {
    use super::key::{KeyError, empty_kind};
    if value.kind() != key.kind {
        return Err(KeyError::Mismatch(format!(
            "One or more parameter values were invalid: Type mismatch for Index Key {} Expected: {} Actual: {} IndexName: {}",
            key.name,
            key.kind.name(),
            value.kind().name(),
            index.name
        )));
    }
    if let Some(kind) = empty_kind(value) {
        return Err(KeyError::Empty(format!(
            "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty {kind} value. IndexName: {}, IndexKey: {}",
            index.name, key.name
        )));
    }
    Ok(())
}
