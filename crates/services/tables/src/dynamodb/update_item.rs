//! UpdateItem.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::consumed::{Detail, Usage, collection_metrics};
use super::params::{self, ExpectedInput};
use super::put_item::WriteItemOutput;
use super::wire::{self, Attribute, AttributeMap, Attributes};
use super::write::{Kind, Write};
use crate::errors::TableError;
use crate::state::Tables;
use crate::table::expression::{Placeholders, Update, apply, projection};
use crate::table::legacy;
use crate::table::value::Item;

/// What UpdateItem takes.
#[derive(Shape)]
pub struct UpdateItemInput {
    pub table_name: String,
    pub key: AttributeMap,
    pub attribute_updates: Option<Entries<AttributeUpdateInput>>,
    pub update_expression: Option<String>,
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

/// An entry of AttributeUpdates.
#[derive(Shape)]
pub struct AttributeUpdateInput {
    pub value: Option<Attribute>,
    pub action: Option<String>,
}

/// Changes attributes of an item, which is made if it does not exist.
pub async fn update_item(tables: Arc<Tables>, ctx: Ctx, input: UpdateItemInput) -> Result<WriteItemOutput, TableError> {
    let table = params::table_key(&ctx, &input.table_name)?;
    let expressions = [
        ("UpdateExpression", input.update_expression.is_some()),
        ("ConditionExpression", input.condition_expression.is_some()),
    ];
    params::check_exclusive(
        &expressions,
        &expressions,
        &[
            ("AttributeUpdates", input.attribute_updates.is_some()),
            ("Expected", input.expected.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
        ],
        input.expression_attribute_names.is_some(),
        input.expression_attribute_values.is_some(),
    )?;
    let key = wire::item(input.key)?;
    let legacy = legacy_update(input.attribute_updates)?;
    let expected = params::expected(input.expected, input.conditional_operator.as_deref())?;
    let mut placeholders = params::placeholders(input.expression_attribute_names, input.expression_attribute_values)?;
    let update = parse_update(input.update_expression.as_deref(), &mut placeholders)?;
    let parsed =
        params::parse_condition("ConditionExpression", input.condition_expression.as_deref(), &mut placeholders)?;
    placeholders.check_all_used()?;
    let update = Arc::new(update.or(legacy).unwrap_or_default());
    let returned = input.return_values.unwrap_or_default();
    let detail = Detail::of(input.return_consumed_capacity.as_deref());
    let write = Write {
        kind: Kind::Update(Arc::new(key), Arc::clone(&update), true),
        condition: expected.or(parsed).map(Arc::new),
        wants_before: true,
        wants_failed: input.return_values_on_condition_check_failure.as_deref() == Some("ALL_OLD"),
    };
    let metrics = input.return_item_collection_metrics;
    let now = tables.clock.now_ms();
    let finder = tables.finder();
    let (definition, written, metrics) = tables
        .store
        .write(move |tx| -> Result<_, TableError> {
            let definition = finder.require(tx, &table)?;
            write.check(&definition)?;
            let metrics = collection_metrics(&definition, write.item(), metrics.as_deref());
            let written = write.run(tx, &definition, now)?;
            Ok((definition, written, metrics))
        })
        .await?;
    let mut usage = Usage::default();
    usage.add_write(&definition, written.size(), &written.costs, 1.0);
    let after = written.after.as_deref();
    Ok(WriteItemOutput {
        attributes: returned_attributes(&returned, &update, written.before.as_ref(), after).map(Attributes),
        consumed_capacity: usage.report(&definition.record.name, detail, None),
        item_collection_metrics: metrics,
    })
}

/// Parses an update expression.
pub fn parse_update(text: Option<&str>, placeholders: &mut Placeholders) -> Result<Option<Update>, TableError> {
    let Some(text) = text else { return Ok(None) };
    let update = Update::parse(text, placeholders);
    update.map(Some).map_err(|error| TableError::Validation(error.of("UpdateExpression")))
}

fn legacy_update(updates: Option<Entries<AttributeUpdateInput>>) -> Result<Option<Update>, TableError> {
    let Some(updates) = updates else { return Ok(None) };
    let mut entries = Vec::with_capacity(updates.0.len());
    for (name, update) in updates.0 {
        entries.push((name, update.action, update.value.map(Attribute::value).transpose()?));
    }
    Ok(Some(legacy::attribute_updates(entries)?))
}

fn returned_attributes(wanted: &str, update: &Update, before: Option<&Item>, after: Option<&Item>) -> Option<Item> {
    let part = |item: &Item| {
        let part = projection::select(&apply::paths(update), item);
        (!part.is_empty()).then_some(part)
    };
    match wanted {
        "ALL_OLD" => before.cloned(),
        "ALL_NEW" => after.cloned(),
        "UPDATED_OLD" => before.and_then(part),
        "UPDATED_NEW" => after.and_then(part),
        _ => None,
    }
}
