//! TableDescription, and DescribeTable.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};

use super::create_table::StreamSpecification;
use super::indexes::{AttributeDefinition, KeySchemaElement, OnDemandThroughput, ProjectionInput};
use super::params;
use crate::errors::TableError;
use crate::state::record::{IndexRecord, TableRecord, Throughput};
use crate::state::{Definition, Tables, items};

/// How far DescribeTable counts items; beyond it the count is this (the service's own is hours old anyway).
const COUNT_LIMIT: usize = 10_000;

/// TableDescription.
#[derive(Clone, Debug, Shape)]
pub struct TableDescription {
    pub attribute_definitions: Vec<AttributeDefinition>,
    pub table_name: String,
    pub key_schema: Vec<KeySchemaElement>,
    pub table_status: String,
    pub creation_date_time: Timestamp,
    pub provisioned_throughput: ThroughputDescription,
    pub table_size_bytes: i64,
    pub item_count: i64,
    pub table_arn: String,
    pub table_id: String,
    pub billing_mode_summary: Option<BillingModeSummary>,
    pub local_secondary_indexes: Option<Vec<LocalIndexDescription>>,
    pub global_secondary_indexes: Option<Vec<GlobalIndexDescription>>,
    pub stream_specification: Option<StreamSpecification>,
    pub latest_stream_label: Option<String>,
    pub latest_stream_arn: Option<String>,
    #[shape(name = "SSEDescription")]
    pub sse_description: Option<EncryptionDescription>,
    pub table_class_summary: Option<TableClassSummary>,
    pub deletion_protection_enabled: bool,
    pub on_demand_throughput: Option<OnDemandThroughput>,
    pub warm_throughput: Option<WarmThroughput>,
}

/// ProvisionedThroughputDescription.
#[derive(Clone, Debug, Shape)]
pub struct ThroughputDescription {
    pub last_increase_date_time: Option<Timestamp>,
    pub last_decrease_date_time: Option<Timestamp>,
    pub number_of_decreases_today: i64,
    pub read_capacity_units: i64,
    pub write_capacity_units: i64,
}

/// BillingModeSummary.
#[derive(Clone, Debug, Shape)]
pub struct BillingModeSummary {
    pub billing_mode: String,
    pub last_update_to_pay_per_request_date_time: Option<Timestamp>,
}

/// SSEDescription.
#[derive(Clone, Debug, Shape)]
pub struct EncryptionDescription {
    pub status: String,
    #[shape(name = "SSEType")]
    pub sse_type: String,
    #[shape(name = "KMSMasterKeyArn")]
    pub kms_master_key_arn: String,
}

/// TableClassSummary.
#[derive(Clone, Debug, Shape)]
pub struct TableClassSummary {
    pub table_class: String,
    pub last_update_date_time: Option<Timestamp>,
}

/// WarmThroughput.
#[derive(Clone, Debug, Shape)]
pub struct WarmThroughput {
    pub read_units_per_second: i64,
    pub write_units_per_second: i64,
    pub status: String,
}

/// GlobalSecondaryIndexDescription.
#[derive(Clone, Debug, Shape)]
pub struct GlobalIndexDescription {
    pub index_name: String,
    pub key_schema: Vec<KeySchemaElement>,
    pub projection: ProjectionInput,
    pub index_status: String,
    pub provisioned_throughput: ThroughputDescription,
    pub index_size_bytes: i64,
    pub item_count: i64,
    pub index_arn: String,
    pub on_demand_throughput: Option<OnDemandThroughput>,
    pub warm_throughput: Option<WarmThroughput>,
}

/// LocalSecondaryIndexDescription.
#[derive(Clone, Debug, Shape)]
pub struct LocalIndexDescription {
    pub index_name: String,
    pub key_schema: Vec<KeySchemaElement>,
    pub projection: ProjectionInput,
    pub index_size_bytes: i64,
    pub item_count: i64,
    pub index_arn: String,
}

/// What DescribeTable takes.
#[derive(Shape)]
pub struct DescribeTableInput {
    pub table_name: String,
}

/// What DescribeTable answers.
#[derive(Shape)]
pub struct DescribeTableOutput {
    pub table: TableDescription,
}

/// Describes a table.
pub async fn describe_table(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: DescribeTableInput,
) -> Result<DescribeTableOutput, TableError> {
    let key = params::table_key(&ctx, &input.table_name)?;
    tables.store.read(|tx| {
        let definition = tables.finder().require_named(tx, &key)?;
        let count = |index| items::count(tx, definition.record.id, index, COUNT_LIMIT);
        let mut counts = vec![count(None)?];
        for index in &definition.record.indexes {
            counts.push(count(Some(index.id))?);
        }
        Ok(DescribeTableOutput { table: describe(&definition, "ACTIVE", "ACTIVE", Some(&counts)) })
    })
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn throughput(given: &Throughput) -> ThroughputDescription {
    ThroughputDescription {
        last_increase_date_time: given.increased.map(time),
        last_decrease_date_time: given.decreased.map(time),
        number_of_decreases_today: 0,
        read_capacity_units: given.read,
        write_capacity_units: given.write,
    }
}

fn warm(record: &TableRecord, given: &Throughput, status: &str) -> WarmThroughput {
    // What an on-demand table begins with, as the developer guide documents.
    let (read, write) = if record.on_demand { (12000, 4000) } else { (given.read, given.write) };
    WarmThroughput { read_units_per_second: read, write_units_per_second: write, status: status.to_owned() }
}

fn key_schema(keys: &[String]) -> Vec<KeySchemaElement> {
    let types = ["HASH", "RANGE"];
    keys.iter()
        .zip(types)
        .map(|(name, kind)| KeySchemaElement { attribute_name: name.clone(), key_type: kind.to_owned() })
        .collect()
}

fn projection(index: &IndexRecord) -> ProjectionInput {
    ProjectionInput {
        projection_type: Some(index.projection.clone()),
        non_key_attributes: (!index.included.is_empty()).then(|| index.included.clone()),
    }
}

fn on_demand(limits: Option<(Option<i64>, Option<i64>)>) -> Option<OnDemandThroughput> {
    limits.map(|(read, write)| OnDemandThroughput { max_read_request_units: read, max_write_request_units: write })
}

/// The description of a table. `counts` are the numbers of items of the table and of its indexes, with their bytes.
pub fn describe(
    definition: &Definition,
    status: &str,
    index_status: &str,
    counts: Option<&[(usize, usize)]>,
) -> TableDescription {
    let record = &definition.record;
    let figures = |at: usize| counts.and_then(|counts| counts.get(at)).copied().unwrap_or_default();
    let count = |at: usize| i64::try_from(figures(at).0).unwrap_or(i64::MAX);
    let size = |at: usize| i64::try_from(figures(at).1).unwrap_or(i64::MAX);
    let mut locals = Vec::new();
    let mut globals = Vec::new();
    for (position, index) in record.indexes.iter().enumerate() {
        let index_arn = format!("{}/index/{}", record.arn, index.name);
        if index.local {
            locals.push(LocalIndexDescription {
                index_name: index.name.clone(),
                key_schema: key_schema(&index.keys),
                projection: projection(index),
                index_size_bytes: size(position + 1),
                item_count: count(position + 1),
                index_arn,
            });
        } else {
            globals.push(GlobalIndexDescription {
                index_name: index.name.clone(),
                key_schema: key_schema(&index.keys),
                projection: projection(index),
                index_status: index_status.to_owned(),
                provisioned_throughput: throughput(&index.throughput),
                index_size_bytes: size(position + 1),
                item_count: count(position + 1),
                index_arn,
                on_demand_throughput: on_demand(index.on_demand_limits),
                warm_throughput: counts.map(|_| warm(record, &index.throughput, index_status)),
            });
        }
    }
    let mut attribute_definitions: Vec<AttributeDefinition> = record
        .attributes
        .iter()
        .map(|(name, kind)| AttributeDefinition { attribute_name: name.clone(), attribute_type: kind.clone() })
        .collect();
    // In the order of their names, whichever order the client gave them in.
    attribute_definitions.sort_by(|one, two| one.attribute_name.cmp(&two.attribute_name));
    TableDescription {
        attribute_definitions,
        table_name: record.name.clone(),
        key_schema: key_schema(&record.keys),
        table_status: status.to_owned(),
        creation_date_time: time(record.created),
        provisioned_throughput: throughput(&record.throughput),
        table_size_bytes: size(0),
        item_count: count(0),
        table_arn: record.arn.clone(),
        table_id: record.id.to_string(),
        billing_mode_summary: record.billing_named.then(|| BillingModeSummary {
            billing_mode: if record.on_demand { "PAY_PER_REQUEST" } else { "PROVISIONED" }.to_owned(),
            last_update_to_pay_per_request_date_time: record.on_demand_since.map(time),
        }),
        local_secondary_indexes: (!locals.is_empty()).then_some(locals),
        global_secondary_indexes: (!globals.is_empty()).then_some(globals),
        stream_specification: record
            .stream
            .clone()
            .map(|view| StreamSpecification { stream_enabled: true, stream_view_type: Some(view) }),
        latest_stream_label: record.stream_label.clone(),
        latest_stream_arn: record.stream_arn(),
        sse_description: record.encryption_key.clone().map(|key| EncryptionDescription {
            status: "ENABLED".to_owned(),
            sse_type: "KMS".to_owned(),
            kms_master_key_arn: key,
        }),
        table_class_summary: record
            .class
            .clone()
            .map(|(class, changed)| TableClassSummary { table_class: class, last_update_date_time: changed.map(time) }),
        deletion_protection_enabled: record.deletion_protection,
        on_demand_throughput: on_demand(record.on_demand_limits),
        // Answers that only announce a change are without it.
        warm_throughput: counts.map(|_| warm(record, &record.throughput, status)),
    }
}
