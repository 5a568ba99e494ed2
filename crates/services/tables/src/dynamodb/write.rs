//! One write of one item, whichever operation it is part of.

use std::sync::Arc;

use bytes::Bytes;
use pilvi_store::WriteTx;

use crate::errors::TableError;
use crate::state::changes::{self, Cause};
use crate::state::items::{self, IndexCosts};
use crate::state::{Definition, items::get};
use crate::table::encoding;
use crate::table::expression::update::{Action, Source};
use crate::table::expression::{Condition, Update, apply, evaluate};
use crate::table::key::{KeyError, empty_kind};
use crate::table::value::{self, Item, MAX_ITEM_SIZE, item_size};

/// What is written.
#[derive(Clone, Debug)]
pub enum Kind {
    /// The whole item, and its stored form.
    Put(Arc<Item>, Bytes),
    /// Nothing: the item with this key goes.
    Delete(Arc<Item>),
    /// Changes of the item with this key; true for UpdateItem, whose limit of size is computed otherwise.
    Update(Arc<Item>, Arc<Update>, bool),
    /// Nothing: the item with this key only has to fulfil the condition.
    Check(Arc<Item>),
}

/// A write.
#[derive(Clone, Debug)]
pub struct Write {
    /// What.
    pub kind: Kind,
    /// The condition.
    pub condition: Option<Arc<Condition>>,
    /// True where the item as it was is wanted, for the answer or for its size.
    pub wants_before: bool,
    /// True where the item that fails the condition is wanted.
    pub wants_failed: bool,
}

/// What a write has done.
#[derive(Debug)]
pub struct Written {
    /// The item as it was.
    pub before: Option<Item>,
    /// The item as it is.
    pub after: Option<Arc<Item>>,
    /// What the indexes cost.
    pub costs: IndexCosts,
}

impl Written {
    /// The size that the write costs: the larger one.
    pub fn size(&self) -> usize {
        let before = self.before.as_ref().map_or(0, item_size);
        before.max(self.after.as_ref().map_or(0, |item| item_size(item)))
    }
}

/// The stored form of an item that is put, after the checks that need no table.
pub fn put(item: Item) -> Result<Kind, TableError> {
    value::check_depth(&item)?;
    if item_size(&item) > MAX_ITEM_SIZE {
        return Err(TableError::invalid("Item size has exceeded the maximum allowed size"));
    }
    let encoded = encoding::encode(&item).into();
    Ok(Kind::Put(Arc::new(item), encoded))
}

impl Write {
    /// The item that is put, or the key.
    pub fn item(&self) -> &Item {
        match &self.kind {
            Kind::Put(item, _) => item,
            Kind::Delete(key) | Kind::Update(key, ..) | Kind::Check(key) => key,
        }
    }

    /// The checks against the table's keys.
    pub fn check(&self, definition: &Definition) -> Result<(), KeyError> {
        let schema = &definition.schema;
        match &self.kind {
            Kind::Put(item, _) => {
                schema.keys.check_item(item)?;
                schema.check_index_keys(item)
            }
            Kind::Delete(key) | Kind::Check(key) => schema.keys.check_key(key),
            Kind::Update(key, update, _) => {
                schema.keys.check_key(key)?;
                check_update(definition, update)
            }
        }
    }

    /// Writes. The checks have been passed.
    pub fn run(&self, tx: &mut WriteTx<'_>, definition: &Definition, now: i64) -> Result<Written, TableError> {
        let schema = &definition.schema;
        let key = schema.keys.encode(self.item()).ok_or_else(TableError::no_such_table)?;
        let table = definition.record.id;
        let reads = self.wants_before
            || self.condition.is_some()
            || !schema.indexes.is_empty()
            || definition.record.stream_id.is_some()
            || !matches!(self.kind, Kind::Put(..));
        let before = if reads { get(tx, table, &key)? } else { None };
        if let Some(condition) = &self.condition {
            let nothing = Item::new();
            if !evaluate::matches(condition, before.as_ref().unwrap_or(&nothing)) {
                return Err(TableError::ConditionFailed(before.filter(|_| self.wants_failed)));
            }
        }
        let (after, encoded) = match &self.kind {
            Kind::Put(item, encoded) => (Some(Arc::clone(item)), Some(encoded)),
            Kind::Delete(_) => (None, None),
            Kind::Check(_) => return Ok(Written { before, after: None, costs: Vec::new() }),
            Kind::Update(key, update, standalone) => {
                let after = apply::apply(update, before.as_ref().unwrap_or(key))?;
                check_updated(definition, update, &after, *standalone)?;
                (Some(Arc::new(after)), None)
            }
        };
        if before.is_none() && after.is_none() {
            return Ok(Written { before, after, costs: Vec::new() });
        }
        let costs = items::replace(tx, definition, &key, before.as_ref(), after.as_deref(), encoded)?;
        let cause = Cause::call(now);
        changes::log(tx, &definition.record, &schema.keys, before.as_ref(), after.as_deref(), cause)?;
        Ok(Written { before, after, costs })
    }
}

/// What can be told of an update without the item: keys stay as they are, index keys keep their type.
fn check_update(definition: &Definition, update: &Update) -> Result<(), KeyError> {
    let schema = &definition.schema;
    for key in schema.keys.iter() {
        if update.clauses.iter().any(|clause| clause.path.head() == key.name) {
            let nested = update.clauses.iter().any(|clause| clause.path.head() == key.name && clause.path.is_nested());
            if nested {
                schema.check_key_path(&key.name).map_err(KeyError::Mismatch)?;
            }
            return Err(KeyError::Mismatch(format!(
                "One or more parameter values were invalid: Cannot update attribute {}. This attribute is part of the key",
                key.name
            )));
        }
    }
    for (index, key) in schema.index_keys() {
        for clause in update.clauses.iter().filter(|clause| clause.path.head() == key.name) {
            if clause.path.is_nested() {
                schema.check_key_path(&key.name).map_err(KeyError::Mismatch)?;
            }
            let (Action::Set(Source::Value(value)) | Action::Add(Source::Value(value))) = &clause.action else {
                continue;
            };
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
                return Err(KeyError::Empty(empty_update(kind)));
            }
        }
    }
    Ok(())
}

fn empty_update(kind: &str) -> String {
    format!(
        "One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty {kind} value."
    )
}

/// The checks of an updated item.
fn check_updated(definition: &Definition, update: &Update, after: &Item, standalone: bool) -> Result<(), TableError> {
    definition.schema.check_index_keys(after).map_err(|error| match error {
        KeyError::Empty(message) => {
            let kind = if message.contains("empty binary") { "binary" } else { "string" };
            KeyError::Empty(empty_update(kind))
        }
        other => other,
    })?;
    value::check_depth(after)?;
    let size = item_size(after);
    let charged = if standalone { size.max(charged_size(update, after)) } else { size };
    if charged > MAX_ITEM_SIZE {
        return Err(TableError::invalid("Item size to update has exceeded the maximum allowed size"));
    }
    Ok(())
}

/// What UpdateItem counts besides the item's own size (measured, not documented): the attributes that the update writes, three
/// bytes, and for each clause 19 bytes (SET and ADD; one more through a list index) or 2 (REMOVE and DELETE).
fn charged_size(update: &Update, after: &Item) -> usize {
    use crate::table::expression::Step;
    let mut size = 3;
    let mut counted: Vec<&str> = Vec::new();
    for clause in &update.clauses {
        match clause.action {
            Action::Set(_) | Action::Add(_) => {
                size += 19 + usize::from(matches!(clause.path.0.last(), Some(Step::Index(_))));
            }
            Action::Remove | Action::Delete(_) => {
                size += 2;
                continue;
            }
        }
        let head = clause.path.head();
        if !counted.contains(&head) {
            counted.push(head);
            size += after.get(head).map_or(0, |value| head.len() + value.size());
        }
    }
    size
}
