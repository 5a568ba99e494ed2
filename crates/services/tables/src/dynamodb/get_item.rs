//! GetItem.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::consumed::{ConsumedCapacity, Detail, Usage};
use super::params;
use super::wire::{self, AttributeMap, Attributes};
use crate::errors::TableError;
use crate::state::{Definition, Tables, items};
use crate::table::capacity::{Read, read_units};
use crate::table::expression::{Placeholders, Projected};
use crate::table::value::item_size;

/// What GetItem takes.
#[derive(Shape)]
pub struct GetItemInput {
    pub table_name: String,
    pub key: AttributeMap,
    pub attributes_to_get: Option<Vec<String>>,
    pub consistent_read: Option<bool>,
    pub return_consumed_capacity: Option<String>,
    pub projection_expression: Option<String>,
    pub expression_attribute_names: Option<Entries<String>>,
}

/// What GetItem answers; no item, no member.
#[derive(Shape)]
pub struct GetItemOutput {
    pub item: Option<Attributes>,
    pub consumed_capacity: Option<ConsumedCapacity>,
}

/// Reads one item.
pub async fn get_item(tables: Arc<Tables>, ctx: Ctx, input: GetItemInput) -> Result<GetItemOutput, TableError> {
    let table = params::table_key(&ctx, &input.table_name)?;
    params::check_exclusive(
        &[("ProjectionExpression", input.projection_expression.is_some())],
        &[],
        &[("AttributesToGet", input.attributes_to_get.is_some())],
        input.expression_attribute_names.is_some(),
        false,
    )?;
    let key = wire::item(input.key)?;
    let mut placeholders = params::placeholders(input.expression_attribute_names, None)?;
    let projection =
        projection(input.attributes_to_get.as_deref(), input.projection_expression.as_deref(), &mut placeholders)?;
    placeholders.check_all_used()?;
    let (definition, encoded) = tables.store.read(|tx| -> Result<_, TableError> {
        let definition = tables.finder().require(tx, &table)?;
        definition.schema.keys.check_key(&key)?;
        check_paths(&definition, projection.as_ref())?;
        let key = definition.schema.keys.encode(&key).ok_or_else(TableError::no_such_table)?;
        let encoded = items::get_encoded(tx, definition.record.id, &key)?;
        Ok((definition, encoded))
    })?;
    let item = encoded.map(|bytes| items::decode(&bytes)).transpose()?;
    let read = if input.consistent_read == Some(true) { Read::Consistent } else { Read::Eventual };
    let detail = Detail::of(input.return_consumed_capacity.as_deref());
    let usage = Usage {
        table: if detail == Detail::None { 0.0 } else { read_units(item.as_ref().map_or(0, item_size), read) },
        ..Usage::default()
    };
    Ok(GetItemOutput {
        item: item.map(|item| Attributes(projection.map(|projection| projection.apply(&item)).unwrap_or(item))),
        consumed_capacity: usage.report(&definition.record.name, detail, None),
    })
}

/// The projection of ProjectionExpression or AttributesToGet.
pub fn projection(
    attributes: Option<&[String]>,
    expression: Option<&str>,
    placeholders: &mut Placeholders,
) -> Result<Option<Projected>, TableError> {
    if let Some(names) = attributes {
        params::check_attributes_to_get(names)?;
        return Ok(Some(Projected::attributes(names.iter().map(String::as_str))));
    }
    let Some(text) = expression else { return Ok(None) };
    let projected = Projected::parse(text, placeholders);
    projected.map(Some).map_err(|error| TableError::Validation(error.of("ProjectionExpression")))
}

/// Projections may not lead into keys.
pub fn check_paths(definition: &Definition, projection: Option<&Projected>) -> Result<(), TableError> {
    for path in projection.iter().flat_map(|projection| &projection.0) {
        if path.is_nested() {
            definition.schema.check_key_path(path.head())?;
        }
    }
    Ok(())
}
