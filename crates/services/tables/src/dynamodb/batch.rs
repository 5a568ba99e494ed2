//! BatchGetItem and BatchWriteItem.

use std::collections::HashSet;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;

use super::consumed::{ConsumedCapacity, Detail, ItemCollectionMetrics, Usage, collection_metrics};
use super::get_item::{check_paths, projection};
use super::indexes::bracketed;
use super::params;
use super::wire::{self, AttributeMap, Attributes};
use super::write::{self, Kind, Write};
use crate::errors::TableError;
use crate::state::{TableKey, Tables, items};
use crate::table::capacity::{Read, read_units};
use crate::table::expression::Projected;
use crate::table::key::{KeyError, SCHEMA_MISMATCH};
use crate::table::value::{Item, item_size};

/// How many bytes BatchGetItem answers at most; the rest is unprocessed.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// Most keys of a BatchGetItem.
const MAX_KEYS: usize = 100;
/// Most requests of a BatchWriteItem.
const MAX_WRITES: usize = 25;

/// What BatchGetItem takes.
#[derive(Shape)]
pub struct BatchGetItemInput {
    pub request_items: Entries<KeysAndAttributes>,
    pub return_consumed_capacity: Option<String>,
}

/// What is read of a table.
#[derive(Clone, Shape)]
pub struct KeysAndAttributes {
    pub keys: Vec<AttributeMap>,
    pub attributes_to_get: Option<Vec<String>>,
    pub consistent_read: Option<bool>,
    pub projection_expression: Option<String>,
    pub expression_attribute_names: Option<Entries<String>>,
}

/// What BatchGetItem answers.
#[derive(Shape)]
pub struct BatchGetItemOutput {
    pub responses: Entries<Vec<Attributes>>,
    pub unprocessed_keys: Entries<KeysAndAttributes>,
    pub consumed_capacity: Option<Vec<ConsumedCapacity>>,
}

struct Part {
    name: String,
    table: TableKey,
    request: KeysAndAttributes,
    keys: Vec<Item>,
    projection: Option<Projected>,
}

/// Reads up to 100 items of several tables.
pub async fn batch_get_item(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: BatchGetItemInput,
) -> Result<BatchGetItemOutput, TableError> {
    if input.request_items.0.is_empty() {
        return Err(TableError::invalid("The requestItems parameter is required for BatchGetItem"));
    }
    let total: usize = input.request_items.0.iter().map(|(_, request)| request.keys.len()).sum();
    if let Some((name, _)) = input.request_items.0.iter().find(|(_, request)| request.keys.len() > MAX_KEYS) {
        return Err(TableError::Validation(format!(
            "1 validation error detected: Value at 'RequestItems.{name}.member.Keys' failed to satisfy constraint: Member must have length less than or equal to {MAX_KEYS}"
        )));
    }
    if total > MAX_KEYS {
        return Err(TableError::invalid("Too many items requested for the BatchGetItem call"));
    }
    let legacy = input.request_items.0.iter().any(|(_, request)| request.attributes_to_get.is_some());
    let modern = input.request_items.0.iter().any(|(_, request)| request.projection_expression.is_some());
    let mut parts = Vec::with_capacity(input.request_items.0.len());
    for (name, request) in input.request_items.0 {
        params::check_exclusive(
            &[("ProjectionExpression", modern)],
            &[],
            &[("AttributesToGet", legacy)],
            request.expression_attribute_names.is_some() && request.projection_expression.is_none(),
            false,
        )?;
        let keys = request.keys.iter().cloned().map(wire::item).collect::<Result<Vec<_>, _>>()?;
        let mut placeholders = params::placeholders(request.expression_attribute_names.clone(), None)?;
        let projection = projection(
            request.attributes_to_get.as_deref(),
            request.projection_expression.as_deref(),
            &mut placeholders,
        )?;
        placeholders.check_all_used()?;
        parts.push(Part { table: params::table_key(&ctx, &name)?, name, request, keys, projection });
    }
    let detail = Detail::of(input.return_consumed_capacity.as_deref());
    tables.store.read(|tx| {
        let mut answer = BatchGetItemOutput {
            responses: Entries::default(),
            unprocessed_keys: Entries::default(),
            consumed_capacity: (detail != Detail::None).then(Vec::new),
        };
        let mut bytes = 0;
        let mut prepared = Vec::with_capacity(parts.len());
        for part in parts {
            let definition = tables.finder().require(tx, &part.table)?;
            let mut seen = HashSet::new();
            for key in &part.keys {
                definition.schema.keys.check_key(key)?;
                if !seen.insert(definition.schema.keys.encode(key)) {
                    return Err(TableError::invalid("Provided list of item keys contains duplicates"));
                }
            }
            check_paths(&definition, part.projection.as_ref())?;
            prepared.push((part, definition));
        }
        for (part, definition) in prepared {
            let mode = if part.request.consistent_read == Some(true) { Read::Consistent } else { Read::Eventual };
            let mut found = Vec::new();
            let mut usage = Usage::default();
            let mut left = Vec::new();
            for (key, sent) in part.keys.iter().zip(&part.request.keys) {
                if bytes >= MAX_ANSWER {
                    left.push(sent.clone());
                    continue;
                }
                let encoded = definition.schema.keys.encode(key).unwrap_or_default();
                let item = items::get(tx, definition.record.id, &encoded)?;
                let size = item.as_ref().map_or(0, item_size);
                usage.table += read_units(size, mode);
                bytes += size;
                if let Some(item) = item {
                    found.push(Attributes(match &part.projection {
                        Some(projection) => projection.apply(&item),
                        None => item,
                    }));
                }
            }
            if !left.is_empty() {
                answer.unprocessed_keys.0.push((part.name.clone(), KeysAndAttributes { keys: left, ..part.request }));
            }
            if let (Some(list), Some(report)) =
                (&mut answer.consumed_capacity, usage.report(&definition.record.name, detail, None))
            {
                list.push(report);
            }
            answer.responses.0.push((part.name, found));
        }
        Ok(answer)
    })
}

/// What BatchWriteItem takes.
#[derive(Shape)]
pub struct BatchWriteItemInput {
    pub request_items: Entries<Vec<WriteRequest>>,
    pub return_consumed_capacity: Option<String>,
    pub return_item_collection_metrics: Option<String>,
}

/// A put or a deletion.
#[derive(Shape)]
pub struct WriteRequest {
    pub put_request: Option<PutRequest>,
    pub delete_request: Option<DeleteRequest>,
}

/// A put.
#[derive(Shape)]
pub struct PutRequest {
    pub item: AttributeMap,
}

/// A deletion.
#[derive(Shape)]
pub struct DeleteRequest {
    pub key: AttributeMap,
}

/// What BatchWriteItem answers.
#[derive(Shape)]
pub struct BatchWriteItemOutput {
    pub unprocessed_items: Entries<Vec<WriteRequest>>,
    pub item_collection_metrics: Option<Entries<Vec<ItemCollectionMetrics>>>,
    pub consumed_capacity: Option<Vec<ConsumedCapacity>>,
}

/// Puts and deletes up to 25 items of several tables. All of them are done, at once.
pub async fn batch_write_item(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: BatchWriteItemInput,
) -> Result<BatchWriteItemOutput, TableError> {
    if input.request_items.0.is_empty() {
        return Err(TableError::invalid("The requestItems parameter is required for BatchWriteItem"));
    }
    if let Some((name, requests)) =
        input.request_items.0.iter().find(|(_, requests)| requests.is_empty() || requests.len() > MAX_WRITES)
    {
        // The service shows every request in full; here each stands for itself.
        let shown = requests.iter().map(|request| match request.put_request {
            Some(_) => "WriteRequest(putRequest=PutRequest(...), deleteRequest=null)",
            None => "WriteRequest(putRequest=null, deleteRequest=DeleteRequest(...))",
        });
        return Err(TableError::Validation(format!(
            "1 validation error detected: Value '{{{name}={}}}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]",
            bracketed(shown)
        )));
    }
    let total: usize = input.request_items.0.iter().map(|(_, requests)| requests.len()).sum();
    if total > MAX_WRITES {
        return Err(TableError::invalid("Too many items requested for the BatchWriteItem call"));
    }
    let detail = Detail::of(input.return_consumed_capacity.as_deref());
    let mut parts = Vec::with_capacity(input.request_items.0.len());
    for (name, requests) in input.request_items.0 {
        let table = params::table_key(&ctx, &name)?;
        let mut writes = Vec::with_capacity(requests.len());
        for request in requests {
            let kind = match (request.put_request, request.delete_request) {
                (Some(put), None) => write::put(wire::item(put.item)?)?,
                (None, Some(delete)) => Kind::Delete(Arc::new(wire::item(delete.key)?)),
                (Some(_), Some(_)) => {
                    return Err(TableError::invalid(
                        "Supplied WriteRequest has more than one operation set, must contain exactly one of DeleteRequest, PutRequest",
                    ));
                }
                (None, None) => {
                    return Err(TableError::invalid(
                        "Supplied WriteRequest is empty, must contain exactly one of DeleteRequest, PutRequest",
                    ));
                }
            };
            writes.push(Write { kind, condition: None, wants_before: detail != Detail::None, wants_failed: false });
        }
        parts.push((name, table, writes));
    }
    let now = tables.clock.now_ms();
    let finder = tables.finder();
    let metrics_wanted = input.return_item_collection_metrics;
    tables
        .store
        .write(move |tx| -> Result<_, TableError> {
            let mut prepared = Vec::with_capacity(parts.len());
            for (name, table, writes) in &parts {
                let definition = finder.require(tx, table)?;
                let mut seen = HashSet::new();
                for write in writes {
                    check(write, &definition)?;
                    if !seen.insert(definition.schema.keys.encode(write.item())) {
                        return Err(TableError::invalid("Provided list of item keys contains duplicates"));
                    }
                }
                prepared.push((name, definition, writes));
            }
            let mut answer = BatchWriteItemOutput {
                unprocessed_items: Entries::default(),
                item_collection_metrics: None,
                consumed_capacity: (detail != Detail::None).then(Vec::new),
            };
            for (name, definition, writes) in prepared {
                let mut usage = Usage::default();
                let mut metrics = Vec::new();
                for write in writes {
                    metrics.extend(collection_metrics(&definition, write.item(), metrics_wanted.as_deref()));
                    let written = write.run(tx, &definition, now)?;
                    usage.add_write(&definition, written.size(), &written.costs, 1.0);
                }
                if !metrics.is_empty() {
                    answer.item_collection_metrics.get_or_insert_default().0.push((name.clone(), metrics));
                }
                if let (Some(list), Some(report)) =
                    (&mut answer.consumed_capacity, usage.report(&definition.record.name, detail, None))
                {
                    list.push(report);
                }
            }
            Ok(answer)
        })
        .await
}

/// In a batch, a table key of the wrong type is told as a key that does not match, whichever the request.
fn check(write: &Write, definition: &crate::state::Definition) -> Result<(), KeyError> {
    let keys = &definition.schema.keys;
    if let Kind::Put(item, _) = &write.kind
        && keys.iter().any(|key| item.get(&key.name).is_some_and(|value| value.kind() != key.kind))
    {
        return Err(KeyError::Mismatch(SCHEMA_MISMATCH.to_owned()));
    }
    write.check(definition)
}
