//! UpdateTable.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{StoreError, WriteTx};
use uuid::Uuid;

use super::create_table::{
    EncryptionInput, StreamSpecification, TableDescriptionOutput, check_throughput, encryption_key, stream_label,
    stream_view,
};
use super::description::{EncryptionDescription, describe};
use super::indexes::{AttributeDefinition, GlobalIndexInput, OnDemandThroughput, ThroughputInput, global_index};
use super::params;
use crate::errors::TableError;
use crate::state::record::{TableRecord, Throughput};
use crate::state::{Definition, Tables, changes, drop_index, items, put_table, stream_key};

/// What UpdateTable takes.
#[derive(Clone, Shape)]
pub struct UpdateTableInput {
    pub attribute_definitions: Option<Vec<AttributeDefinition>>,
    pub table_name: String,
    pub billing_mode: Option<String>,
    pub provisioned_throughput: Option<ThroughputInput>,
    pub global_secondary_index_updates: Option<Vec<IndexUpdate>>,
    pub stream_specification: Option<StreamSpecification>,
    #[shape(name = "SSESpecification")]
    pub sse_specification: Option<EncryptionInput>,
    pub table_class: Option<String>,
    pub deletion_protection_enabled: Option<bool>,
    pub on_demand_throughput: Option<OnDemandThroughput>,
}

/// A change of the global indexes.
#[derive(Clone, Shape)]
pub struct IndexUpdate {
    pub update: Option<UpdateIndex>,
    pub create: Option<GlobalIndexInput>,
    pub delete: Option<DeleteIndex>,
}

/// New throughput of an index.
#[derive(Clone, Shape)]
pub struct UpdateIndex {
    pub index_name: String,
    pub provisioned_throughput: Option<ThroughputInput>,
    pub on_demand_throughput: Option<OnDemandThroughput>,
}

/// An index to delete.
#[derive(Clone, Shape)]
pub struct DeleteIndex {
    pub index_name: String,
}

/// Changes a table. The answer says that it is being updated; it is done at once.
pub async fn update_table(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: UpdateTableInput,
) -> Result<TableDescriptionOutput, TableError> {
    let key = params::table_key(&ctx, &input.table_name)?;
    let nothing = input.billing_mode.is_none()
        && input.provisioned_throughput.is_none()
        && input.global_secondary_index_updates.as_ref().is_none_or(Vec::is_empty)
        && input.stream_specification.is_none()
        && input.sse_specification.is_none()
        && input.table_class.is_none()
        && input.deletion_protection_enabled.is_none()
        && input.on_demand_throughput.is_none();
    if nothing {
        return Err(TableError::invalid(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required",
        ));
    }
    let now = tables.clock.now_ms();
    let finder = tables.finder();
    let context = Arc::clone(&ctx);
    let encryption = input.sse_specification.is_some();
    let (before, definition) = tables
        .store
        .write(move |tx| -> Result<_, TableError> {
            let before = finder.require_named(tx, &key)?;
            let mut record = before.record.clone();
            change_billing(&mut record, &input, now)?;
            if let Some(stream) = &input.stream_specification {
                let view = stream_view(Some(stream))?;
                if view.is_some() && record.stream.is_some() {
                    return Err(TableError::Validation(format!(
                        "Table already has an enabled stream: TableName: {}",
                        record.name
                    )));
                }
                if view.is_none() && record.stream.is_none() {
                    return Err(TableError::Validation(format!(
                        "Table already has a disabled stream: TableName: {}",
                        record.name
                    )));
                }
                changes::end(tx, &stream_key(&key, &record), now)?;
                record.stream_id = view.as_ref().map(|_| Uuid::new_v4());
                if view.is_some() {
                    record.stream_label = Some(stream_label(now));
                }
                record.stream = view;
                changes::begin(tx, stream_key(&key, &record), &record, now)?;
            }
            if input.sse_specification.is_some() {
                record.encryption_key = encryption_key(&context, input.sse_specification.as_ref());
            }
            if let Some(class) = &input.table_class {
                record.class = Some((class.clone(), Some(now)));
            }
            record.deletion_protection = input.deletion_protection_enabled.unwrap_or(record.deletion_protection);
            if let Some(limits) = input.on_demand_throughput {
                record.on_demand_limits = Some(limits.limits());
            }
            let made = change_indexes(tx, &mut record, &input, now)?;
            put_table(tx, &key, &record)?;
            let definition = finder.require_named(tx, &key)?;
            for name in made {
                fill_index(tx, &definition, &name)?;
            }
            Ok((before, definition))
        })
        .await?;
    let mut table_description = describe(&definition, "UPDATING", "UPDATING", None);
    let keys = [&definition.record, &before.record].map(|record| record.encryption_key.clone());
    if let (true, Some(key)) = (encryption, keys.into_iter().flatten().next()) {
        // The key is named until encryption by it has ended.
        table_description.sse_description = Some(EncryptionDescription {
            status: "UPDATING".to_owned(),
            sse_type: "KMS".to_owned(),
            kms_master_key_arn: key,
        });
    }
    Ok(TableDescriptionOutput { table_description })
}

fn change_billing(record: &mut TableRecord, input: &UpdateTableInput, now: i64) -> Result<(), TableError> {
    let was_provisioned = !record.on_demand;
    match input.billing_mode.as_deref() {
        Some("PAY_PER_REQUEST") => {
            if input.provisioned_throughput.is_some() {
                return Err(TableError::invalid_parameter(
                    "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
                ));
            }
            if !record.on_demand {
                record.on_demand_since = Some(now);
                record.throughput = Throughput::default();
                record.indexes.iter_mut().for_each(|index| index.throughput = Throughput::default());
            }
            (record.on_demand, record.billing_named) = (true, true);
        }
        Some(_) => {
            if record.on_demand && input.provisioned_throughput.is_none() {
                return Err(TableError::invalid_parameter(
                    "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
                ));
            }
            if record.on_demand {
                // Indexes that the request does not mention get the table's figures, so that none is left without.
                let units =
                    input.provisioned_throughput.map_or((1, 1), |t| (t.read_capacity_units, t.write_capacity_units));
                for index in record.indexes.iter_mut().filter(|index| !index.local) {
                    (index.throughput.read, index.throughput.write) = units;
                }
            }
            record.on_demand = false;
        }
        None => {}
    }
    let Some(given) = input.provisioned_throughput else { return Ok(()) };
    if record.on_demand {
        return Err(TableError::invalid_parameter(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ));
    }
    check_throughput(given)?;
    let (read, write) = (given.read_capacity_units, given.write_capacity_units);
    let current = record.throughput;
    let only_this = was_provisioned && input.global_secondary_index_updates.is_none();
    if only_this && (read, write) == (current.read, current.write) {
        return Err(TableError::Validation(format!(
            "The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the table: {0}. Requested ReadCapacityUnits: {0}. Current WriteCapacityUnits provisioned for the table: {1}. Requested WriteCapacityUnits: {1}. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
            read, write
        )));
    }
    record.throughput.change(read, write, now);
    Ok(())
}

/// Changes the record's indexes; gives the names of new ones, which have to be filled.
fn change_indexes(
    tx: &mut WriteTx<'_>,
    record: &mut TableRecord,
    input: &UpdateTableInput,
    now: i64,
) -> Result<Vec<String>, TableError> {
    let mut made = Vec::new();
    for change in input.global_secondary_index_updates.iter().flatten() {
        let position = |record: &TableRecord, name: &str| {
            record
                .indexes
                .iter()
                .position(|index| !index.local && index.name == name)
                .ok_or_else(|| TableError::NotFound("Requested resource not found".to_owned()))
        };
        if let Some(create) = &change.create {
            for definition in input.attribute_definitions.iter().flatten() {
                if !record.attributes.iter().any(|(name, _)| *name == definition.attribute_name) {
                    record.attributes.push((definition.attribute_name.clone(), definition.attribute_type.clone()));
                }
            }
            let definitions: Vec<AttributeDefinition> = record
                .attributes
                .iter()
                .map(|(name, kind)| AttributeDefinition { attribute_name: name.clone(), attribute_type: kind.clone() })
                .collect();
            if record.indexes.iter().any(|index| index.name == create.index_name) {
                return Err(TableError::Validation(format!(
                    "Attempting to create an index which already exists: {}",
                    create.index_name
                )));
            }
            let index = global_index(create.clone(), &definitions, record.on_demand, &record.indexes)?;
            made.push(index.name.clone());
            record.indexes.push(index);
        }
        if let Some(delete) = &change.delete {
            let at = position(record, &delete.index_name)?;
            let index = record.indexes.remove(at);
            drop_index(tx, record.id, index.id)?;
        }
        if let Some(update) = &change.update {
            let at = position(record, &update.index_name)?;
            if let Some(index) = record.indexes.get_mut(at) {
                if let Some(given) = update.provisioned_throughput {
                    index.throughput.change(given.read_capacity_units, given.write_capacity_units, now);
                }
                index.on_demand_limits = update.on_demand_throughput.map(OnDemandThroughput::limits);
            }
        }
    }
    // Attributes that no key uses any more are no longer defined.
    let (keys, indexes) = (&record.keys, &record.indexes);
    let used = |name: &String| keys.contains(name) || indexes.iter().any(|index| index.keys.contains(name));
    record.attributes.retain(|(name, _)| used(name));
    Ok(made)
}

/// Puts the table's items into a new index.
fn fill_index(tx: &mut WriteTx<'_>, definition: &Definition, name: &str) -> Result<(), StoreError> {
    const PAGE: usize = 1000;
    let Some(position) = definition.schema.indexes.iter().position(|index| index.name == name) else { return Ok(()) };
    let mut after = None;
    loop {
        let page = items::page(tx, definition.record.id, after.as_deref(), PAGE)?;
        for (key, item) in &page {
            items::replace_entry(tx, definition, position, key, None, Some(item))?;
        }
        if page.len() < PAGE {
            return Ok(());
        }
        after = page.into_iter().last().map(|(key, _)| key.to_vec());
    }
}
