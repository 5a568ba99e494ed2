//! What Query and Scan have in common: which attributes, how far, and the answer.

use pilvi_model::Shape;
use pilvi_store::{ReadTx, StoreError};

use super::consumed::{ConsumedCapacity, Detail, Usage};
use super::get_item::check_paths;
use super::wire::Attributes;
use crate::errors::TableError;
use crate::state::Definition;
use crate::state::items::{self, Span};
use crate::table::capacity::{Read, read_units};
use crate::table::expression::{Condition, Projected, evaluate};
use crate::table::schema::{Index, Projection};
use crate::table::value::{Item, item_size};

/// How many bytes of items one request reads at most.
const PAGE_SIZE: usize = 1024 * 1024;

/// What a request reads of each item.
pub struct Selection {
    /// Select.
    pub select: Option<String>,
    /// AttributesToGet or ProjectionExpression.
    pub projection: Option<Projected>,
    /// The filter.
    pub filter: Option<Condition>,
    /// Limit.
    pub limit: Option<usize>,
    /// ConsistentRead.
    pub consistent: bool,
    /// ReturnConsumedCapacity.
    pub detail: Detail,
}

/// What Query and Scan answer.
#[derive(Shape)]
pub struct ReadOutput {
    pub items: Option<Vec<Attributes>>,
    pub count: i64,
    pub scanned_count: i64,
    pub last_evaluated_key: Option<Attributes>,
    pub consumed_capacity: Option<ConsumedCapacity>,
}

/// The position of an index of the table, checked against what is read of it.
pub fn find_index(
    definition: &Definition,
    name: Option<&str>,
    selection: &Selection,
) -> Result<Option<usize>, TableError> {
    let Some(name) = name else { return Ok(None) };
    let position = definition.schema.indexes.iter().position(|index| index.name == name);
    let Some((position, index)) = position.and_then(|at| Some((at, definition.schema.indexes.get(at)?))) else {
        return Err(TableError::Validation(format!("The table does not have the specified index: {name}")));
    };
    if !index.local && selection.consistent {
        return Err(TableError::invalid("Consistent reads are not supported on global secondary indexes"));
    }
    Ok(Some(position))
}

/// Checks what a request wants of a global index, which holds no more than it projects.
pub fn check_projection(
    definition: &Definition,
    index: Option<&Index>,
    selection: &Selection,
) -> Result<(), TableError> {
    check_paths(definition, selection.projection.as_ref())?;
    let Some(index) = index.filter(|index| !index.local && index.projection != Projection::All) else {
        return Ok(());
    };
    if selection.select.as_deref() == Some("ALL_ATTRIBUTES") {
        return Err(TableError::invalid_parameter(format!(
            "Select type ALL_ATTRIBUTES is not supported for global secondary index {} because its projection type is not ALL",
            index.name
        )));
    }
    let missing: Vec<&str> = selection
        .projection
        .iter()
        .flat_map(|projection| &projection.0)
        .map(|path| path.head())
        .filter(|name| !held(definition, index, name))
        .collect();
    if !missing.is_empty() {
        return Err(TableError::invalid_parameter(format!(
            "Global secondary index {} does not project [{}]",
            index.name,
            missing.join(", ")
        )));
    }
    Ok(())
}

/// True where the index holds the attribute.
fn held(definition: &Definition, index: &Index, name: &str) -> bool {
    match &index.projection {
        Projection::All => true,
        Projection::KeysOnly => index.key_names(&definition.schema.keys).any(|key| key == name),
        Projection::Include(names) => {
            names.iter().any(|included| included == name)
                || index.key_names(&definition.schema.keys).any(|key| key == name)
        }
    }
}

/// The checks of Select that need no table.
pub fn check_select(selection: &Selection, index: Option<&str>, legacy: bool) -> Result<(), TableError> {
    let select = selection.select.as_deref();
    if select == Some("ALL_PROJECTED_ATTRIBUTES") && index.is_none() {
        return Err(TableError::invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"));
    }
    let projects = selection.projection.is_some();
    if select == Some("SPECIFIC_ATTRIBUTES") && !projects {
        return Err(TableError::invalid(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        ));
    }
    let Some(select) = select.filter(|select| projects && *select != "SPECIFIC_ATTRIBUTES") else { return Ok(()) };
    let parameter = if legacy { "AttributesToGet" } else { "ProjectionExpression" };
    let what = if select == "COUNT" { "only the Count" } else { select };
    Err(TableError::Validation(format!("Cannot specify the {parameter} when choosing to get {what}")))
}

/// Reads a page.
pub fn read(
    tx: &ReadTx<'_>,
    definition: &Definition,
    position: Option<usize>,
    span: &Span,
    forward: bool,
    selection: &Selection,
) -> Result<ReadOutput, TableError> {
    let schema = &definition.schema;
    let index = position.and_then(|at| schema.indexes.get(at));
    let index_id = position.and_then(|at| definition.index_ids.get(at)).copied();
    // A local index fetches from the table what it does not hold.
    let fetches = index.is_some_and(|index| {
        index.local
            && index.projection != Projection::All
            && (selection.select.as_deref() == Some("ALL_ATTRIBUTES")
                || selection
                    .projection
                    .iter()
                    .flat_map(|projection| &projection.0)
                    .any(|path| !held(definition, index, path.head())))
    });
    let mut page = Page::default();
    let table = definition.record.id;
    items::walk(tx, table, index_id, span, forward, &mut |entry| {
        page.scanned += 1;
        page.bytes += item_size(&entry);
        let item = if fetches { fetch(tx, definition, entry, &mut page)? } else { entry };
        let full = selection.limit == Some(page.scanned) || page.bytes >= PAGE_SIZE;
        if full {
            page.last = Some(match index {
                Some(index) => index
                    .key_names(&schema.keys)
                    .filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())))
                    .collect(),
                None => schema.keys.of(&item),
            });
        }
        if selection.filter.as_ref().is_none_or(|filter| evaluate::matches(filter, &item)) {
            page.found += 1;
            if selection.select.as_deref() != Some("COUNT") {
                page.items.push(Attributes(match &selection.projection {
                    Some(projection) => projection.apply(&item),
                    None => item,
                }));
            }
        }
        Ok(!full)
    })?;
    let mode = if selection.consistent { Read::Consistent } else { Read::Eventual };
    let mut usage = Usage::default();
    match index {
        Some(index) => {
            usage.add_index(&index.name, index.local, read_units(page.bytes, mode));
            usage.table = page.fetched.iter().map(|size| read_units(*size, mode)).sum();
        }
        None => usage.table = read_units(page.bytes, mode),
    }
    Ok(ReadOutput {
        items: (selection.select.as_deref() != Some("COUNT")).then_some(page.items),
        count: page.found,
        scanned_count: i64::try_from(page.scanned).unwrap_or(i64::MAX),
        last_evaluated_key: page.last.map(Attributes),
        consumed_capacity: usage.report(&definition.record.name, selection.detail, None),
    })
}

#[derive(Default)]
struct Page {
    items: Vec<Attributes>,
    found: i64,
    scanned: usize,
    bytes: usize,
    /// Sizes of the items that were fetched from the table.
    fetched: Vec<usize>,
    last: Option<Item>,
}

fn fetch(tx: &ReadTx<'_>, definition: &Definition, entry: Item, page: &mut Page) -> Result<Item, StoreError> {
    let Some(key) = definition.schema.keys.encode(&entry) else { return Ok(entry) };
    let item = items::get(tx, definition.record.id, &key)?.unwrap_or(entry);
    page.fetched.push(item_size(&item));
    Ok(item)
}
