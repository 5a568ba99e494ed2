//! PutItem.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::consumed::{ConsumedCapacity, Detail, ItemCollectionMetrics, Usage, collection_metrics};
use super::params::{self, ExpectedInput};
use super::wire::{self, AttributeMap, Attributes};
use super::write::{self, Write};
use crate::errors::TableError;
use crate::state::Tables;

/// What PutItem takes.
#[derive(Shape)]
pub struct PutItemInput {
    pub table_name: String,
    pub item: AttributeMap,
    pub expected: Option<Entries<ExpectedInput>>,
    pub conditional_operator: Option<String>,
    pub condition_expression: Option<String>,
    pub expression_attribute_names: Option<Entries<String>>,
    pub expression_attribute_values: Option<AttributeMap>,
    pub return_values: Option<String>,
    pub return_consumed_capacity: Option<String>,
    pub return_item_collection_metrics: Option<String>,
    pub return_values_on_condition_check_failure: Option<String>,
}

/// What PutItem and DeleteItem answer.
#[derive(Shape)]
pub struct WriteItemOutput {
    pub attributes: Option<Attributes>,
    pub consumed_capacity: Option<ConsumedCapacity>,
    pub item_collection_metrics: Option<ItemCollectionMetrics>,
}

/// Makes an item, or replaces the one that has its key.
pub async fn put_item(tables: Arc<Tables>, ctx: Ctx, input: PutItemInput) -> Result<WriteItemOutput, TableError> {
    let key = params::table_key(&ctx, &input.table_name)?;
    let expression = ("ConditionExpression", input.condition_expression.is_some());
    params::check_exclusive(
        &[expression],
        &[expression],
        &[("Expected", input.expected.is_some()), ("ConditionalOperator", input.conditional_operator.is_some())],
        input.expression_attribute_names.is_some(),
        input.expression_attribute_values.is_some(),
    )?;
    let kind = write::put(wire::item(input.item)?)?;
    let wants_old = check_return_values(input.return_values.as_deref())?;
    let mut condition = params::expected(input.expected, input.conditional_operator.as_deref())?;
    let mut placeholders = params::placeholders(input.expression_attribute_names, input.expression_attribute_values)?;
    let parsed =
        params::parse_condition("ConditionExpression", input.condition_expression.as_deref(), &mut placeholders)?;
    placeholders.check_all_used()?;
    condition = condition.or(parsed);
    let detail = Detail::of(input.return_consumed_capacity.as_deref());
    let write = Write {
        kind,
        condition: condition.map(Arc::new),
        wants_before: wants_old || detail != Detail::None,
        wants_failed: input.return_values_on_condition_check_failure.as_deref() == Some("ALL_OLD"),
    };
    finish(&tables, key, write, wants_old, detail, input.return_item_collection_metrics).await
}

/// PutItem and DeleteItem return the old item or nothing.
pub fn check_return_values(wanted: Option<&str>) -> Result<bool, TableError> {
    match wanted {
        None | Some("NONE") => Ok(false),
        Some("ALL_OLD") => Ok(true),
        Some(_) => Err(TableError::invalid("ReturnValues can only be ALL_OLD or NONE")),
    }
}

/// Writes, and answers what PutItem and DeleteItem answer.
pub async fn finish(
    tables: &Tables,
    key: crate::state::TableKey,
    write: Write,
    wants_old: bool,
    detail: Detail,
    metrics: Option<String>,
) -> Result<WriteItemOutput, TableError> {
    let now = tables.clock.now_ms();
    let finder = tables.finder();
    let (definition, written, metrics) = tables
        .store
        .write(move |tx| -> Result<_, TableError> {
            let definition = finder.require(tx, &key)?;
            write.check(&definition)?;
            let metrics = collection_metrics(&definition, write.item(), metrics.as_deref());
            let written = write.run(tx, &definition, now)?;
            Ok((definition, written, metrics))
        })
        .await?;
    let consumed_capacity = (detail != Detail::None).then(|| {
        let mut usage = Usage::default();
        usage.add_write(&definition, written.size(), &written.costs, 1.0);
        usage.report(&definition.record.name, detail, None)
    });
    Ok(WriteItemOutput {
        attributes: written.before.filter(|_| wants_old).map(Attributes),
        consumed_capacity: consumed_capacity.flatten(),
        item_collection_metrics: metrics,
    })
}
