//! Scan.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::consumed::Detail;
use super::get_item::projection;
use super::params::{self, ConditionInput};
use super::query::{start_bytes, start_key, start_names};
use super::reading::{self, ReadOutput, Selection};
use super::wire::AttributeMap;
use crate::errors::TableError;
use crate::state::items::Span;
use crate::state::{Definition, Tables};
use crate::table::expression::check;
use crate::table::key;
use crate::table::value::Item;

/// What Scan takes.
#[derive(Shape)]
pub struct ScanInput {
    pub table_name: String,
    pub index_name: Option<String>,
    pub attributes_to_get: Option<Vec<String>>,
    pub limit: Option<i64>,
    pub select: Option<String>,
    pub scan_filter: Option<Entries<ConditionInput>>,
    pub conditional_operator: Option<String>,
    pub exclusive_start_key: Option<AttributeMap>,
    pub return_consumed_capacity: Option<String>,
    pub total_segments: Option<i64>,
    pub segment: Option<i64>,
    pub projection_expression: Option<String>,
    pub filter_expression: Option<String>,
    pub expression_attribute_names: Option<Entries<String>>,
    pub expression_attribute_values: Option<AttributeMap>,
    pub consistent_read: Option<bool>,
}

/// Reads all items of a table or an index, in the order of their hash keys' hashes.
pub async fn scan(tables: Arc<Tables>, ctx: Ctx, input: ScanInput) -> Result<ReadOutput, TableError> {
    let table = params::table_key(&ctx, &input.table_name)?;
    let filters = ("FilterExpression", input.filter_expression.is_some());
    params::check_exclusive(
        &[("ProjectionExpression", input.projection_expression.is_some()), filters],
        &[filters],
        &[
            ("AttributesToGet", input.attributes_to_get.is_some()),
            ("ScanFilter", input.scan_filter.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
        ],
        input.expression_attribute_names.is_some(),
        input.expression_attribute_values.is_some(),
    )?;
    let (legacy_filter, _) = params::filter(input.scan_filter, input.conditional_operator.as_deref())?;
    let start = start_key(input.exclusive_start_key)?;
    let segment = check_segments(input.segment, input.total_segments)?;
    let mut placeholders = params::placeholders(input.expression_attribute_names, input.expression_attribute_values)?;
    let filter = params::parse_condition("FilterExpression", input.filter_expression.as_deref(), &mut placeholders)?;
    let projection =
        projection(input.attributes_to_get.as_deref(), input.projection_expression.as_deref(), &mut placeholders)?;
    placeholders.check_all_used()?;
    let mut nested = Vec::new();
    if let Some(filter) = &filter {
        check::each_path(filter, &mut |path| {
            if path.is_nested() {
                nested.push(path.head().to_owned());
            }
        });
    }
    let selection = Selection {
        select: input.select,
        projection,
        filter: filter.or(legacy_filter),
        limit: input.limit.and_then(|limit| usize::try_from(limit).ok()),
        consistent: input.consistent_read == Some(true),
        detail: Detail::of(input.return_consumed_capacity.as_deref()),
    };
    reading::check_select(&selection, input.index_name.as_deref(), input.attributes_to_get.is_some())?;
    tables.store.read(|tx| {
        let definition = tables.finder().require(tx, &table)?;
        let position = reading::find_index(&definition, input.index_name.as_deref(), &selection)?;
        let mut span = Span { prefix: Vec::new(), from: None, until: None, after: None, before: None };
        if let Some((segment, total)) = segment {
            span.from = hash_bytes(key::segment_start(segment, total));
            span.until = hash_bytes(key::segment_start(segment + 1, total));
        }
        if let Some(start) = &start {
            span.after = Some(check_start(&definition, position, start, segment, &span)?);
        }
        let index = position.and_then(|at| definition.schema.indexes.get(at));
        reading::check_projection(&definition, index, &selection)?;
        for head in &nested {
            definition.schema.check_key_path(head)?;
        }
        reading::read(tx, &definition, position, &span, true, &selection)
    })
}

/// The four bytes of a hash; none for the one after the last.
fn hash_bytes(hash: u64) -> Option<Vec<u8>> {
    u32::try_from(hash).ok().map(|hash| hash.to_be_bytes().to_vec())
}

fn check_segments(segment: Option<i64>, total: Option<i64>) -> Result<Option<(u32, u32)>, TableError> {
    match (segment, total) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(TableError::invalid(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
        )),
        (None, Some(_)) => Err(TableError::invalid(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
        )),
        (Some(segment), Some(total)) if segment >= total => Err(TableError::Validation(format!(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {segment} is not less than TotalSegments: {total}"
        ))),
        (Some(segment), Some(total)) => {
            Ok(Some((u32::try_from(segment).unwrap_or(0), u32::try_from(total).unwrap_or(1))))
        }
    }
}

fn check_start(
    definition: &Definition,
    position: Option<usize>,
    start: &Item,
    segment: Option<(u32, u32)>,
    span: &Span,
) -> Result<Vec<u8>, TableError> {
    let table = &definition.schema.keys;
    let index = position.and_then(|at| definition.schema.indexes.get(at));
    if start.len() != start_names(definition, position).len() {
        return Err(TableError::invalid(match index {
            Some(_) => "The provided starting key is invalid",
            None => "The provided starting key is invalid: The provided key element does not match the schema",
        }));
    }
    if let Some(index) = index {
        for key in index.keys.iter() {
            match start.get(&key.name) {
                None => return Err(TableError::invalid("The provided starting key is invalid")),
                Some(value) if value.kind() != key.kind => return Err(TableError::invalid(key::SCHEMA_MISMATCH)),
                Some(_) => {}
            }
        }
    }
    table
        .check_key(&table.of(start))
        .map_err(|error| TableError::Validation(format!("The provided starting key is invalid: {error}")))?;
    let keys = index.map_or(table, |index| &index.keys);
    let bytes = start_bytes(definition, keys, index.is_some(), start)
        .ok_or_else(|| TableError::invalid("The provided starting key is invalid"))?;
    let outside = span.from.as_ref().is_some_and(|from| &bytes < from)
        || span.until.as_ref().is_some_and(|until| &bytes >= until);
    if let Some((segment, total)) = segment.filter(|_| outside) {
        return Err(TableError::Validation(format!(
            "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: {total} Segment: {segment}"
        )));
    }
    Ok(bytes)
}
