//! Query.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::consumed::Detail;
use super::get_item::projection;
use super::params::{self, ConditionInput};
use super::reading::{self, ReadOutput, Selection};
use super::wire::{self, AttributeMap};
use crate::errors::TableError;
use crate::state::items::Span;
use crate::state::{Definition, Tables};
use crate::table::expression::condition::Comparator;
use crate::table::expression::key_condition::{self, KeyCondition, RangeCondition, Term};
use crate::table::expression::{Condition, check};
use crate::table::key::{self, KeySchema};
use crate::table::legacy;
use crate::table::value::{Item, Value};

/// What Query takes.
#[derive(Shape)]
pub struct QueryInput {
    pub table_name: String,
    pub index_name: Option<String>,
    pub select: Option<String>,
    pub attributes_to_get: Option<Vec<String>>,
    pub limit: Option<i64>,
    pub consistent_read: Option<bool>,
    pub key_conditions: Option<Entries<ConditionInput>>,
    pub query_filter: Option<Entries<ConditionInput>>,
    pub conditional_operator: Option<String>,
    pub scan_index_forward: Option<bool>,
    pub exclusive_start_key: Option<AttributeMap>,
    pub return_consumed_capacity: Option<String>,
    pub projection_expression: Option<String>,
    pub filter_expression: Option<String>,
    pub key_condition_expression: Option<String>,
    pub expression_attribute_names: Option<Entries<String>>,
    pub expression_attribute_values: Option<AttributeMap>,
}

/// Reads the items of one partition, of the table or of an index, in the order of their range keys.
pub async fn query(tables: Arc<Tables>, ctx: Ctx, input: QueryInput) -> Result<ReadOutput, TableError> {
    let table = params::table_key(&ctx, &input.table_name)?;
    if input.limit.is_some_and(|limit| limit < 1) {
        return Err(TableError::invalid(
            "1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ));
    }
    check_exclusive(&input)?;
    let (legacy_filter, mut filtered) = params::filter(input.query_filter, input.conditional_operator.as_deref())?;
    let is_legacy_filter = legacy_filter.is_some();
    if let Some(names) = &input.attributes_to_get {
        params::check_attributes_to_get(names)?;
    }
    let start = start_key(input.exclusive_start_key)?;
    if input.key_conditions.is_none() && input.key_condition_expression.is_none() {
        return Err(TableError::invalid(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
        ));
    }
    let mut placeholders = params::placeholders(input.expression_attribute_names, input.expression_attribute_values)?;
    let key_expression =
        input.key_condition_expression.map(|text| key_condition::parse(&text, &mut placeholders)).transpose()?;
    let filter = params::parse_condition("FilterExpression", input.filter_expression.as_deref(), &mut placeholders)?;
    let projection =
        projection(input.attributes_to_get.as_deref(), input.projection_expression.as_deref(), &mut placeholders)?;
    placeholders.check_all_used()?;
    let terms = terms(key_expression.as_ref(), input.key_conditions)?;
    let mut nested = Vec::new();
    if let Some(filter) = &filter {
        check::each_path(filter, &mut |path| {
            filtered.push(path.head().to_owned());
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
    let forward = input.scan_index_forward != Some(false);
    tables.store.read(|tx| {
        let definition = tables.finder().require(tx, &table)?;
        let position = reading::find_index(&definition, input.index_name.as_deref(), &selection)?;
        let index = position.and_then(|at| definition.schema.indexes.get(at));
        let keys = index.map_or(&definition.schema.keys, |index| &index.keys);
        if let Some(start) = &start
            && start.len() != start_names(&definition, position).len()
        {
            return Err(TableError::invalid("The provided starting key is invalid"));
        }
        let condition = key_condition::resolve(&terms, keys)?;
        let mut span = span(&condition);
        if let Some(start) = &start {
            let key = check_start(&definition, position, keys, &condition, start)?;
            if forward {
                span.after = Some(key);
            } else {
                span.before = Some(key);
            }
        }
        reading::check_projection(&definition, index, &selection)?;
        check_filter(keys, &filtered, is_legacy_filter)?;
        for head in &nested {
            definition.schema.check_key_path(head)?;
        }
        reading::read(tx, &definition, position, &span, forward, &selection)
    })
}

fn check_exclusive(input: &QueryInput) -> Result<(), TableError> {
    let projects = ("ProjectionExpression", input.projection_expression.is_some());
    let filters = ("FilterExpression", input.filter_expression.is_some());
    let keys = ("KeyConditionExpression", input.key_condition_expression.is_some());
    let mut legacy = vec![
        ("AttributesToGet", input.attributes_to_get.is_some()),
        ("QueryFilter", input.query_filter.is_some()),
        ("ConditionalOperator", input.conditional_operator.is_some()),
    ];
    // KeyConditions goes together with a FilterExpression, but not with the expression that replaces it.
    if input.key_condition_expression.is_some() {
        legacy.push(("KeyConditions", input.key_conditions.is_some()));
    }
    params::check_exclusive(
        &[projects, filters, keys],
        &[filters, keys],
        &legacy,
        input.expression_attribute_names.is_some(),
        input.expression_attribute_values.is_some(),
    )
}

fn terms(expression: Option<&Condition>, conditions: Option<Entries<ConditionInput>>) -> Result<Vec<Term>, TableError> {
    let terms = match expression {
        Some(condition) => {
            let terms = key_condition::terms(condition)?;
            terms.iter().try_for_each(legacy::check_term)?;
            terms
        }
        None => params::terms(conditions.unwrap_or_default())?,
    };
    if !matches!(terms.len(), 1 | 2) {
        return Err(TableError::invalid("Conditions can be of length 1 or 2 only"));
    }
    Ok(terms)
}

/// ExclusiveStartKey, checked as far as it goes without the table.
pub fn start_key(key: Option<AttributeMap>) -> Result<Option<Item>, TableError> {
    let Some(key) = key else { return Ok(None) };
    let checked = wire::item(key);
    checked.map(Some).map_err(|error| TableError::Validation(format!("The provided starting key is invalid: {error}")))
}

/// The attributes that a start key has to have.
pub fn start_names(definition: &Definition, index: Option<usize>) -> Vec<&str> {
    let keys = &definition.schema.keys;
    match index.and_then(|at| definition.schema.indexes.get(at)) {
        Some(index) => index.key_names(keys).collect(),
        None => keys.iter().map(|key| key.name.as_str()).collect(),
    }
}

/// The bytes of a start key: those of the item, or of the index's entry.
pub fn start_bytes(definition: &Definition, keys: &KeySchema, is_index: bool, start: &Item) -> Option<Vec<u8>> {
    let table = definition.schema.keys.encode(start)?;
    if !is_index {
        return Some(table);
    }
    let mut bytes = keys.encode(start)?;
    bytes.extend_from_slice(&table);
    Some(bytes)
}

fn check_start(
    definition: &Definition,
    index: Option<usize>,
    keys: &KeySchema,
    condition: &KeyCondition,
    start: &Item,
) -> Result<Vec<u8>, TableError> {
    for key in keys.iter() {
        match start.get(&key.name) {
            None => return Err(TableError::invalid("The provided starting key is invalid")),
            Some(value) if value.kind() != key.kind => return Err(TableError::invalid(key::SCHEMA_MISMATCH)),
            Some(_) => {}
        }
    }
    let table = &definition.schema.keys;
    table
        .check_key(&table.of(start))
        .map_err(|error| TableError::Validation(format!("The provided starting key is invalid: {error}")))?;
    let same_hash = start.get(&keys.hash.name) == Some(&condition.hash);
    match (&condition.range, &keys.range) {
        (Some(range), Some(key)) => {
            if !start.get(&key.name).is_some_and(|value| range.matches(value)) {
                return Err(TableError::invalid("The provided starting key does not match the range key predicate"));
            }
            if !same_hash {
                return Err(TableError::invalid("The query can return at most one row and cannot be restarted"));
            }
        }
        _ if !same_hash => {
            return Err(TableError::invalid(
                "The provided starting key is outside query boundaries based on provided conditions",
            ));
        }
        _ => {}
    }
    start_bytes(definition, keys, index.is_some(), start)
        .ok_or_else(|| TableError::invalid("The provided starting key is invalid"))
}

/// A filter may not name the keys that the key condition is about.
fn check_filter(keys: &KeySchema, filtered: &[String], legacy: bool) -> Result<(), TableError> {
    let parameter = if legacy { "QueryFilter" } else { "Filter Expression" };
    match keys.iter().find(|key| filtered.contains(&key.name)) {
        Some(key) => Err(TableError::Validation(format!(
            "{parameter} can only contain non-primary key attributes: Primary key attribute: {}",
            key.name
        ))),
        None => Ok(()),
    }
}

/// The keys that fulfil a condition.
fn span(condition: &KeyCondition) -> Span {
    let partition = key::partition(&condition.hash);
    let at = |value: &Value| {
        let mut bytes = partition.clone();
        key::write_ordered(value, &mut bytes);
        bytes
    };
    let (from, until) = match &condition.range {
        None => (None, None),
        Some(RangeCondition::Compare(comparator, value)) => match comparator {
            Comparator::Less => (None, Some(at(value))),
            Comparator::LessOrEqual => (None, key::after_prefix(at(value))),
            Comparator::Greater => (key::after_prefix(at(value)), None),
            Comparator::GreaterOrEqual => (Some(at(value)), None),
            _ => (Some(at(value)), key::after_prefix(at(value))),
        },
        Some(RangeCondition::Between(low, high)) => (Some(at(low)), key::after_prefix(at(high))),
        Some(RangeCondition::BeginsWith(value)) => {
            let mut bytes = partition.clone();
            bytes.extend_from_slice(&key::ordered_prefix(value));
            (Some(bytes.clone()), key::after_prefix(bytes))
        }
    };
    Span { prefix: partition, from, until, after: None, before: None }
}
