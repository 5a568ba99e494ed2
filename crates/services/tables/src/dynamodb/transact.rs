//! TransactGetItems and TransactWriteItems.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use pilvi_bus::{AccessRequest, Ctx, RequestContext};
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::consumed::{ConsumedCapacity, Detail, ItemCollectionMetrics, Split, Usage, collection_metrics};
use super::get_item::{check_paths, projection};
use super::params;
use super::update_item::parse_update;
use super::wire::{self, AttributeMap, Attributes};
use super::write::{self, Kind, Write};
use crate::errors::{Reason, TableError};
use crate::state::{TOKENS, TableKey, Tables, items};
use crate::table::capacity::{Read, read_units};
use crate::table::key::KeyError;
use crate::table::value::{Item, item_size};

/// How many bytes the items of a transaction may have together.
const MAX_SIZE: usize = 4 * 1024 * 1024;
/// How long a client token is remembered, in milliseconds.
const TOKEN_LIFE: i64 = 10 * 60 * 1000;

/// What TransactGetItems takes.
#[derive(Shape)]
pub struct TransactGetItemsInput {
    pub transact_items: Vec<TransactGetItem>,
    pub return_consumed_capacity: Option<String>,
}

/// One item to read.
#[derive(Shape)]
pub struct TransactGetItem {
    pub get: Get,
}

/// Which item.
#[derive(Shape)]
pub struct Get {
    pub key: AttributeMap,
    pub table_name: String,
    pub projection_expression: Option<String>,
    pub expression_attribute_names: Option<Entries<String>>,
}

/// What TransactGetItems answers.
#[derive(Shape)]
pub struct TransactGetItemsOutput {
    pub consumed_capacity: Option<Vec<ConsumedCapacity>>,
    pub responses: Option<Vec<ItemResponse>>,
}

/// One item, if it exists.
#[derive(Shape)]
pub struct ItemResponse {
    pub item: Option<Attributes>,
}

/// Reads up to 100 items in one consistent state.
pub async fn transact_get_items(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: TransactGetItemsInput,
) -> Result<TransactGetItemsOutput, TableError> {
    let detail = Detail::of(input.return_consumed_capacity.as_deref());
    let mut gets = Vec::with_capacity(input.transact_items.len());
    for TransactGetItem { get } in input.transact_items {
        params::check_exclusive(
            &[("ProjectionExpression", get.projection_expression.is_some())],
            &[],
            &[],
            get.expression_attribute_names.is_some(),
            false,
        )?;
        let table = params::table_key(&ctx, &get.table_name)?;
        let key = wire::item(get.key)?;
        let mut placeholders = params::placeholders(get.expression_attribute_names, None)?;
        let projection = projection(None, get.projection_expression.as_deref(), &mut placeholders)?;
        placeholders.check_all_used()?;
        gets.push((table, key, projection));
    }
    tables.store.read(|tx| {
        let mut seen = HashSet::new();
        let mut reasons = Vec::new();
        let mut found = Vec::with_capacity(gets.len());
        let mut usages: Vec<(String, Usage)> = Vec::new();
        let mut bytes = 0;
        for (table, key, projection) in &gets {
            let definition = tables.finder().require(tx, table)?;
            check_paths(&definition, projection.as_ref())?;
            if let Err(error) = definition.schema.keys.check_key(key) {
                reasons.push(key_reason(error)?);
                continue;
            }
            let encoded = definition.schema.keys.encode(key).unwrap_or_default();
            if !seen.insert((table.clone(), encoded.clone())) {
                return Err(TableError::invalid("Transaction request cannot include multiple operations on one item"));
            }
            reasons.push(Reason::default());
            let item = items::get(tx, definition.record.id, &encoded)?;
            let size = item.as_ref().map_or(0, item_size);
            bytes += size;
            usage_of(&mut usages, &definition.record.name).table += read_units(size, Read::Transactional);
            found.push(item.map(|item| match projection {
                Some(projection) => projection.apply(&item),
                None => item,
            }));
        }
        if reasons.iter().any(|reason| reason.code.is_some()) {
            return Err(TableError::Cancelled(reasons));
        }
        if bytes > MAX_SIZE {
            return Err(TableError::invalid("Aggregated size of all items in the transaction exceeded limit of 4MB"));
        }
        Ok(TransactGetItemsOutput {
            consumed_capacity: reports(&usages, detail, Split::Read),
            responses: Some(found.into_iter().map(|item| ItemResponse { item: item.map(Attributes) }).collect()),
        })
    })
}

fn usage_of<'a>(usages: &'a mut Vec<(String, Usage)>, table: &str) -> &'a mut Usage {
    let position = usages.iter().position(|(name, _)| name == table).unwrap_or_else(|| {
        usages.push((table.to_owned(), Usage::default()));
        usages.len() - 1
    });
    // The position is one that was just found or made.
    #[allow(clippy::indexing_slicing, reason = "just found or made")]
    &mut usages[position].1
}

fn reports(usages: &[(String, Usage)], detail: Detail, split: Split) -> Option<Vec<ConsumedCapacity>> {
    (detail != Detail::None)
        .then(|| usages.iter().filter_map(|(name, usage)| usage.report(name, detail, Some(split))).collect())
}

/// A complaint about a key, as a reason; an empty or overlong key is refused before the transaction begins.
fn key_reason(error: KeyError) -> Result<Reason, TableError> {
    match error {
        KeyError::Mismatch(message) => Ok(validation(message)),
        other => Err(TableError::from(other)),
    }
}

fn validation(message: String) -> Reason {
    Reason { code: Some("ValidationError"), message: Some(message), item: None }
}

/// What TransactWriteItems takes.
#[derive(Shape)]
pub struct TransactWriteItemsInput {
    pub transact_items: Vec<TransactWriteItem>,
    pub return_consumed_capacity: Option<String>,
    pub return_item_collection_metrics: Option<String>,
    pub client_request_token: Option<String>,
}

/// One action.
#[derive(Shape)]
pub struct TransactWriteItem {
    pub condition_check: Option<ConditionCheck>,
    pub put: Option<Put>,
    pub delete: Option<Delete>,
    pub update: Option<UpdateAction>,
}

/// A condition on an item that is not written.
#[derive(Shape)]
pub struct ConditionCheck {
    pub key: AttributeMap,
    pub table_name: String,
    pub condition_expression: String,
    pub expression_attribute_names: Option<Entries<String>>,
    pub expression_attribute_values: Option<AttributeMap>,
    pub return_values_on_condition_check_failure: Option<String>,
}

/// A put.
#[derive(Shape)]
pub struct Put {
    pub item: AttributeMap,
    pub table_name: String,
    pub condition_expression: Option<String>,
    pub expression_attribute_names: Option<Entries<String>>,
    pub expression_attribute_values: Option<AttributeMap>,
    pub return_values_on_condition_check_failure: Option<String>,
}

/// A deletion.
#[derive(Shape)]
pub struct Delete {
    pub key: AttributeMap,
    pub table_name: String,
    pub condition_expression: Option<String>,
    pub expression_attribute_names: Option<Entries<String>>,
    pub expression_attribute_values: Option<AttributeMap>,
    pub return_values_on_condition_check_failure: Option<String>,
}

/// An update.
#[derive(Shape)]
pub struct UpdateAction {
    pub key: AttributeMap,
    pub update_expression: String,
    pub table_name: String,
    pub condition_expression: Option<String>,
    pub expression_attribute_names: Option<Entries<String>>,
    pub expression_attribute_values: Option<AttributeMap>,
    pub return_values_on_condition_check_failure: Option<String>,
}

/// What TransactWriteItems answers.
#[derive(Shape)]
pub struct TransactWriteItemsOutput {
    pub consumed_capacity: Option<Vec<ConsumedCapacity>>,
    pub item_collection_metrics: Option<Entries<Vec<ItemCollectionMetrics>>>,
}

/// An action before it is told apart.
struct Action {
    table_name: String,
    item: AttributeMap,
    is_put: bool,
    is_check: bool,
    update: Option<String>,
    condition: Option<String>,
    names: Option<Entries<String>>,
    values: Option<AttributeMap>,
    on_failure: Option<String>,
}

/// Carries out up to 100 actions, all or none.
pub async fn transact_write_items(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: TransactWriteItemsInput,
) -> Result<TransactWriteItemsOutput, TableError> {
    let detail = Detail::of(input.return_consumed_capacity.as_deref());
    let metrics_wanted = input.return_item_collection_metrics;
    let mut writes = Vec::with_capacity(input.transact_items.len());
    let mut digest = DefaultHasher::new();
    for action in input.transact_items {
        let action = only_action(action)?;
        format!("{:?}{:?}{:?}", action.item, action.update, action.condition).hash(&mut digest);
        format!("{}{:?}{:?}", action.table_name, action.names, action.values).hash(&mut digest);
        writes.push(prepare(&ctx, action)?);
    }
    let bytes: usize = writes.iter().map(|(_, write)| item_size(write.item())).sum();
    if bytes > MAX_SIZE {
        return Err(TableError::invalid("Aggregated size of all items in the transaction exceeded limit of 4MB"));
    }
    let digest = digest.finish();
    let token = input.client_request_token.map(|token| (ctx.account.clone(), ctx.region.clone(), token));
    let now = tables.clock.now_ms();
    let finder = tables.finder();
    tables
        .store
        .write(move |tx| -> Result<_, TableError> {
            if let Some(token) = &token {
                match tx.get(&TOKENS, token)? {
                    Some((expires, known)) if expires > now && known != digest => return Err(TableError::TokenReused),
                    Some((expires, _)) if expires > now => {
                        return Ok(TransactWriteItemsOutput { consumed_capacity: None, item_collection_metrics: None });
                    }
                    _ => tx.put(&TOKENS, token, &(now + TOKEN_LIFE, digest))?,
                }
            }
            let mut prepared = Vec::with_capacity(writes.len());
            let mut seen = HashSet::new();
            for (table, write) in &writes {
                let definition = finder.require(tx, table)?;
                let key = definition.schema.keys.encode(write.item());
                if key.is_some() && !seen.insert((table, key)) {
                    return Err(TableError::invalid(
                        "Transaction request cannot include multiple operations on one item",
                    ));
                }
                prepared.push((write, definition));
            }
            let mut reasons = Vec::with_capacity(writes.len());
            let mut usages: Vec<(String, Usage)> = Vec::new();
            let mut metrics: Entries<Vec<ItemCollectionMetrics>> = Entries::default();
            for (write, definition) in &prepared {
                let name = &definition.record.name;
                if let Err(error) = write.check(definition) {
                    reasons.push(key_reason(error)?);
                    continue;
                }
                match write.run(tx, definition, now) {
                    Ok(written) => {
                        reasons.push(Reason::default());
                        usage_of(&mut usages, name).add_write(definition, written.size(), &written.costs, 2.0);
                        if let Some(entry) = collection_metrics(definition, write.item(), metrics_wanted.as_deref()) {
                            metrics.0.push((name.clone(), vec![entry]));
                        }
                    }
                    Err(TableError::ConditionFailed(item)) => reasons.push(Reason {
                        code: Some("ConditionalCheckFailed"),
                        message: Some("The conditional request failed".to_owned()),
                        item,
                    }),
                    Err(TableError::Validation(message)) => reasons.push(validation(message)),
                    Err(other) => return Err(other),
                }
            }
            if reasons.iter().any(|reason| reason.code.is_some()) {
                return Err(TableError::Cancelled(reasons));
            }
            Ok(TransactWriteItemsOutput {
                consumed_capacity: reports(&usages, detail, Split::Write),
                item_collection_metrics: (!metrics.0.is_empty()).then_some(metrics),
            })
        })
        .await
}

fn only_action(item: TransactWriteItem) -> Result<Action, TableError> {
    let TransactWriteItem { condition_check, put, delete, update } = item;
    match (condition_check, put, delete, update) {
        (Some(check), None, None, None) => Ok(Action {
            table_name: check.table_name,
            item: check.key,
            is_put: false,
            is_check: true,
            update: None,
            condition: Some(check.condition_expression),
            names: check.expression_attribute_names,
            values: check.expression_attribute_values,
            on_failure: check.return_values_on_condition_check_failure,
        }),
        (None, Some(put), None, None) => Ok(Action {
            table_name: put.table_name,
            item: put.item,
            is_put: true,
            is_check: false,
            update: None,
            condition: put.condition_expression,
            names: put.expression_attribute_names,
            values: put.expression_attribute_values,
            on_failure: put.return_values_on_condition_check_failure,
        }),
        (None, None, Some(delete), None) => Ok(Action {
            table_name: delete.table_name,
            item: delete.key,
            is_put: false,
            is_check: false,
            update: None,
            condition: delete.condition_expression,
            names: delete.expression_attribute_names,
            values: delete.expression_attribute_values,
            on_failure: delete.return_values_on_condition_check_failure,
        }),
        (None, None, None, Some(update)) => Ok(Action {
            table_name: update.table_name,
            item: update.key,
            is_put: false,
            is_check: false,
            update: Some(update.update_expression),
            condition: update.condition_expression,
            names: update.expression_attribute_names,
            values: update.expression_attribute_values,
            on_failure: update.return_values_on_condition_check_failure,
        }),
        _ => Err(TableError::invalid("TransactItems can only contain one of Check, Put, Update or Delete")),
    }
}

fn prepare(ctx: &Ctx, action: Action) -> Result<(TableKey, Write), TableError> {
    let table = params::table_key(ctx, &action.table_name)?;
    let mut expressions = vec![("ConditionExpression", action.condition.is_some())];
    if action.update.is_some() {
        expressions.insert(0, ("UpdateExpression", true));
    }
    params::check_exclusive(&expressions, &expressions, &[], action.names.is_some(), action.values.is_some())?;
    let item: Item = wire::item(action.item)?;
    let mut placeholders = params::placeholders(action.names, action.values)?;
    let update = parse_update(action.update.as_deref(), &mut placeholders)?;
    let condition = params::parse_condition("ConditionExpression", action.condition.as_deref(), &mut placeholders)?;
    placeholders.check_all_used()?;
    let kind = match update {
        Some(update) => Kind::Update(Arc::new(item), Arc::new(update), false),
        None if action.is_put => write::put(item)?,
        None if action.is_check => Kind::Check(Arc::new(item)),
        None => Kind::Delete(Arc::new(item)),
    };
    let write = Write {
        kind,
        condition: condition.map(Arc::new),
        wants_before: true,
        wants_failed: action.on_failure.as_deref() == Some("ALL_OLD"),
    };
    Ok((table, write))
}

/// What TransactGetItems needs: to read each item.
pub fn get_access(input: &TransactGetItemsInput, ctx: &RequestContext) -> Vec<AccessRequest> {
    let items = input.transact_items.iter();
    items.map(|item| AccessRequest::new("dynamodb:GetItem", crate::access::arn(ctx, &item.get.table_name))).collect()
}

/// What TransactWriteItems needs: what each action would need by itself.
pub fn write_access(input: &TransactWriteItemsInput, ctx: &RequestContext) -> Vec<AccessRequest> {
    let mut requests = Vec::with_capacity(input.transact_items.len());
    let mut add = |action: &'static str, table: Option<&String>| {
        requests.extend(table.map(|table| AccessRequest::new(action, crate::access::arn(ctx, table))));
    };
    for item in &input.transact_items {
        add("dynamodb:ConditionCheckItem", item.condition_check.as_ref().map(|check| &check.table_name));
        add("dynamodb:PutItem", item.put.as_ref().map(|put| &put.table_name));
        add("dynamodb:DeleteItem", item.delete.as_ref().map(|delete| &delete.table_name));
        add("dynamodb:UpdateItem", item.update.as_ref().map(|update| &update.table_name));
    }
    requests
}
