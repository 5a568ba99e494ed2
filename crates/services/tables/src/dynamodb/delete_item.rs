//! DeleteItem.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::consumed::Detail;
use super::params::{self, ExpectedInput};
use super::put_item::{WriteItemOutput, check_return_values, finish};
use super::wire::{self, AttributeMap};
use super::write::{Kind, Write};
use crate::errors::TableError;
use crate::state::Tables;

/// What DeleteItem takes.
#[derive(Shape)]
pub struct DeleteItemInput {
    pub table_name: String,
    pub key: AttributeMap,
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

/// Deletes an item; there need not be one.
pub async fn delete_item(tables: Arc<Tables>, ctx: Ctx, input: DeleteItemInput) -> Result<WriteItemOutput, TableError> {
    let table = params::table_key(&ctx, &input.table_name)?;
    let expression = ("ConditionExpression", input.condition_expression.is_some());
    params::check_exclusive(
        &[expression],
        &[expression],
        &[("Expected", input.expected.is_some()), ("ConditionalOperator", input.conditional_operator.is_some())],
        input.expression_attribute_names.is_some(),
        input.expression_attribute_values.is_some(),
    )?;
    let key = wire::item(input.key)?;
    let wants_old = check_return_values(input.return_values.as_deref())?;
    let expected = params::expected(input.expected, input.conditional_operator.as_deref())?;
    let mut placeholders = params::placeholders(input.expression_attribute_names, input.expression_attribute_values)?;
    let parsed =
        params::parse_condition("ConditionExpression", input.condition_expression.as_deref(), &mut placeholders)?;
    placeholders.check_all_used()?;
    let write = Write {
        kind: Kind::Delete(Arc::new(key)),
        condition: expected.or(parsed).map(Arc::new),
        wants_before: true,
        wants_failed: input.return_values_on_condition_check_failure.as_deref() == Some("ALL_OLD"),
    };
    let detail = Detail::of(input.return_consumed_capacity.as_deref());
    finish(&tables, table, write, wants_old, detail, input.return_item_collection_metrics).await
}
