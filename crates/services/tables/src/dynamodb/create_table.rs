//! CreateTable.

use std::sync::Arc;

use pilvi_bus::{AccessRequest, Ctx, RequestContext};
use pilvi_model::Shape;
use uuid::Uuid;

use super::description::{TableDescription, describe};
use super::indexes::{
    AttributeDefinition, GlobalIndexInput, KeySchemaElement, LocalIndexInput, OnDemandThroughput, ThroughputInput,
    bracketed, check_keys, global_index, local_index,
};
use super::params;
use super::tags::Tag;
use crate::errors::TableError;
use crate::state::record::{IndexRecord, TableRecord, Throughput};
use crate::state::{Tables, changes, put_table, stream_key};

/// What CreateTable takes.
#[derive(Shape)]
pub struct CreateTableInput {
    pub attribute_definitions: Option<Vec<AttributeDefinition>>,
    pub table_name: Option<String>,
    pub key_schema: Option<Vec<KeySchemaElement>>,
    pub local_secondary_indexes: Option<Vec<LocalIndexInput>>,
    pub global_secondary_indexes: Option<Vec<GlobalIndexInput>>,
    pub billing_mode: Option<String>,
    pub provisioned_throughput: Option<ThroughputInput>,
    pub stream_specification: Option<StreamSpecification>,
    #[shape(name = "SSESpecification")]
    pub sse_specification: Option<EncryptionInput>,
    pub tags: Option<Vec<Tag>>,
    pub table_class: Option<String>,
    pub deletion_protection_enabled: Option<bool>,
    pub resource_policy: Option<String>,
    pub on_demand_throughput: Option<OnDemandThroughput>,
}

/// StreamSpecification.
#[derive(Clone, Debug, Shape)]
pub struct StreamSpecification {
    pub stream_enabled: bool,
    pub stream_view_type: Option<String>,
}

/// SSESpecification.
#[derive(Clone, Debug, Shape)]
pub struct EncryptionInput {
    pub enabled: Option<bool>,
    #[shape(name = "SSEType")]
    pub sse_type: Option<String>,
    #[shape(name = "KMSMasterKeyId")]
    pub kms_master_key_id: Option<String>,
}

/// What CreateTable and UpdateTable answer.
#[derive(Shape)]
pub struct TableDescriptionOutput {
    pub table_description: TableDescription,
}

/// Makes a table. The answer says that it is being created; it is there at once.
pub async fn create_table(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: CreateTableInput,
) -> Result<TableDescriptionOutput, TableError> {
    let Some(name) = &input.table_name else {
        return Err(TableError::invalid("The parameter 'TableName' is required but was not present in the request"));
    };
    if name.len() < 3 {
        return Err(TableError::Validation(format!(
            "1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3"
        )));
    }
    let (account, region, name) = params::table_key(&ctx, name)?;
    if account != ctx.account || region != ctx.region {
        return Err(TableError::invalid("A table is created in the caller's own account and region"));
    }
    let now = tables.clock.now_ms();
    let record = record(&ctx, name, input, now)?;
    let key = (account, region, record.name.clone());
    let finder = tables.finder();
    let definition = tables
        .store
        .write(move |tx| -> Result<_, TableError> {
            if finder.find(tx, &key)?.is_some() {
                return Err(TableError::InUse(format!("Table already exists: {}", key.2)));
            }
            put_table(tx, &key, &record)?;
            changes::begin(tx, stream_key(&key, &record), &record, now)?;
            finder.require(tx, &key)
        })
        .await?;
    Ok(TableDescriptionOutput { table_description: describe(&definition, "CREATING", "CREATING", None) })
}

fn null(member: &str) -> TableError {
    TableError::Validation(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

fn record(ctx: &RequestContext, name: String, input: CreateTableInput, now: i64) -> Result<TableRecord, TableError> {
    let definitions = input.attribute_definitions.ok_or_else(|| null("attributeDefinitions"))?;
    let keys = input.key_schema.ok_or_else(|| null("keySchema"))?;
    check_count(&keys)?;
    let on_demand = input.billing_mode.as_deref() == Some("PAY_PER_REQUEST");
    check_billing(on_demand, input.provisioned_throughput)?;
    if keys.len() > definitions.len() {
        return Err(TableError::invalid("Invalid KeySchema: Some index key attribute have no definition"));
    }
    check_keys(&keys, &definitions)?;
    let mut indexes: Vec<IndexRecord> = Vec::new();
    if let Some(local) = input.local_secondary_indexes {
        if local.is_empty() {
            return Err(TableError::invalid_parameter("List of LocalSecondaryIndexes is empty"));
        }
        if keys.len() < 2 {
            return Err(TableError::invalid_parameter(
                "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
            ));
        }
        for index in local {
            indexes.push(local_index(index, &definitions, &keys, &indexes)?);
        }
        if indexes.len() > 5 {
            return Err(TableError::invalid_parameter("Number of LocalSecondaryIndexes exceeds per-table limit of 5"));
        }
    }
    let locals = indexes.len();
    if let Some(global) = input.global_secondary_indexes {
        if global.is_empty() {
            return Err(TableError::invalid_parameter("List of GlobalSecondaryIndexes is empty"));
        }
        for index in global {
            indexes.push(global_index(index, &definitions, on_demand, &indexes)?);
        }
        if indexes.len() - locals > 20 {
            return Err(TableError::invalid_parameter("GlobalSecondaryIndex count exceeds the per-table limit of 20"));
        }
    }
    check_all_used(&keys, &definitions, &indexes)?;
    let stream = stream_view(input.stream_specification.as_ref())?;
    let arn = ctx.arn("dynamodb", format!("table/{name}")).to_string();
    let throughput = input.provisioned_throughput.map(|given| Throughput {
        read: given.read_capacity_units,
        write: given.write_capacity_units,
        ..Throughput::default()
    });
    Ok(TableRecord {
        id: Uuid::new_v4(),
        created: now,
        attributes: definitions.into_iter().map(|one| (one.attribute_name, one.attribute_type)).collect(),
        keys: keys.into_iter().map(|key| key.attribute_name).collect(),
        indexes,
        on_demand,
        on_demand_since: on_demand.then_some(now),
        billing_named: on_demand,
        throughput: throughput.unwrap_or_default(),
        on_demand_limits: input.on_demand_throughput.map(OnDemandThroughput::limits),
        class: input.table_class.map(|class| (class, None)),
        deletion_protection: input.deletion_protection_enabled == Some(true),
        stream_id: stream.as_ref().map(|_| Uuid::new_v4()),
        stream_label: stream.as_ref().map(|_| stream_label(now)),
        stream,
        encryption_key: encryption_key(ctx, input.sse_specification.as_ref()),
        ttl: None,
        ttl_changed: None,
        recovery: None,
        tags: input.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
        policy: input.resource_policy.map(|policy| (policy, now.to_string())),
        arn,
        name,
    })
}

/// A table has one or two keys (newer indexes may have more, so the model allows it).
fn check_count(keys: &[KeySchemaElement]) -> Result<(), TableError> {
    if keys.len() <= 2 {
        return Ok(());
    }
    let shown: Vec<String> = keys
        .iter()
        .map(|key| format!("KeySchemaElement(attributeName={}, keyType={})", key.attribute_name, key.key_type))
        .collect();
    Err(TableError::Validation(format!(
        "1 validation error detected: Value '[{}]' at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2",
        shown.join(", ")
    )))
}

fn check_billing(on_demand: bool, throughput: Option<ThroughputInput>) -> Result<(), TableError> {
    match (on_demand, throughput) {
        (true, Some(_)) => Err(TableError::invalid_parameter(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        )),
        (false, None) => Err(TableError::invalid_parameter(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        )),
        (false, Some(given)) => check_throughput(given),
        (true, None) => Ok(()),
    }
}

/// No figure may be absurd.
pub fn check_throughput(given: ThroughputInput) -> Result<(), TableError> {
    const MAX: i64 = 1_000_000_000_000;
    for (name, value) in
        [("ReadCapacityUnits", given.read_capacity_units), ("WriteCapacityUnits", given.write_capacity_units)]
    {
        if value > MAX {
            return Err(TableError::Validation(format!("Given value {value} for {name} is out of bounds")));
        }
    }
    Ok(())
}

fn check_all_used(
    keys: &[KeySchemaElement],
    definitions: &[AttributeDefinition],
    indexes: &[IndexRecord],
) -> Result<(), TableError> {
    let mut used: Vec<&str> = Vec::new();
    let all = keys.iter().map(|key| &key.attribute_name).chain(indexes.iter().flat_map(|index| &index.keys));
    for name in all {
        if !used.contains(&name.as_str()) {
            used.push(name);
        }
    }
    if definitions.len() == used.len() {
        return Ok(());
    }
    if indexes.is_empty() {
        return Err(TableError::invalid_parameter(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
        ));
    }
    Err(TableError::invalid_parameter(format!(
        "Some AttributeDefinitions are not used. AttributeDefinitions: {}, keys used: {}",
        bracketed(definitions.iter().map(|definition| definition.attribute_name.as_str())),
        bracketed(used.into_iter())
    )))
}

/// The view type of a stream that is switched on.
pub fn stream_view(stream: Option<&StreamSpecification>) -> Result<Option<String>, TableError> {
    match stream {
        None => Ok(None),
        Some(StreamSpecification { stream_enabled: true, stream_view_type: Some(view) }) => Ok(Some(view.clone())),
        Some(StreamSpecification { stream_enabled: false, stream_view_type: None }) => Ok(None),
        Some(StreamSpecification { stream_enabled: true, .. }) => Err(TableError::invalid_parameter(
            "StreamSpecification: StreamViewType is required when StreamEnabled is true",
        )),
        Some(_) => Err(TableError::invalid_parameter(
            "StreamSpecification: StreamViewType cannot be specified when StreamEnabled is false",
        )),
    }
}

/// A stream's label: the time of its making.
pub fn stream_label(now: i64) -> String {
    jiff::Timestamp::from_millisecond(now)
        .map(|time| format!("{time:.3}").trim_end_matches('Z').to_owned())
        .unwrap_or_default()
}

/// The ARN of the key that encrypts a table, where one is asked for.
pub fn encryption_key(ctx: &RequestContext, input: Option<&EncryptionInput>) -> Option<String> {
    let input = input.filter(|input| input.enabled == Some(true))?;
    Some(match &input.kms_master_key_id {
        Some(key) if key.starts_with("arn:") => key.clone(),
        Some(key) if key.starts_with("alias/") => ctx.arn("kms", key.clone()).to_string(),
        Some(key) => ctx.arn("kms", format!("key/{key}")).to_string(),
        // The account's key for DynamoDB, one in each region; its id never changes.
        None => {
            let of = format!("{}/{}/alias/aws/dynamodb", ctx.account, ctx.region);
            ctx.arn("kms", format!("key/{}", Uuid::new_v5(&Uuid::NAMESPACE_URL, of.as_bytes()))).to_string()
        }
    })
}

/// What CreateTable needs.
pub fn access(input: &CreateTableInput, ctx: &RequestContext) -> Vec<AccessRequest> {
    let arn = crate::access::arn(ctx, input.table_name.as_deref().unwrap_or_default());
    vec![AccessRequest::new("dynamodb:CreateTable", arn)]
}
