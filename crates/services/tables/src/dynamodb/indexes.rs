//! Key schemas, projections and throughput as clients send them, and their checks.

use pilvi_model::Shape;
use uuid::Uuid;

use crate::errors::TableError;
use crate::state::record::{IndexRecord, Throughput};

/// An element of KeySchema.
#[derive(Clone, Debug, Shape)]
pub struct KeySchemaElement {
    pub attribute_name: String,
    pub key_type: String,
}

/// An element of AttributeDefinitions.
#[derive(Clone, Debug, Shape)]
pub struct AttributeDefinition {
    pub attribute_name: String,
    pub attribute_type: String,
}

/// Projection.
#[derive(Clone, Debug, Shape)]
pub struct ProjectionInput {
    pub projection_type: Option<String>,
    pub non_key_attributes: Option<Vec<String>>,
}

/// ProvisionedThroughput.
#[derive(Clone, Copy, Debug, Shape)]
pub struct ThroughputInput {
    pub read_capacity_units: i64,
    pub write_capacity_units: i64,
}

/// OnDemandThroughput.
#[derive(Clone, Copy, Debug, Shape)]
pub struct OnDemandThroughput {
    pub max_read_request_units: Option<i64>,
    pub max_write_request_units: Option<i64>,
}

impl OnDemandThroughput {
    /// As it is stored.
    pub fn limits(self) -> (Option<i64>, Option<i64>) {
        (self.max_read_request_units, self.max_write_request_units)
    }
}

/// A global index to make.
#[derive(Clone, Debug, Shape)]
pub struct GlobalIndexInput {
    pub index_name: String,
    pub key_schema: Vec<KeySchemaElement>,
    pub projection: ProjectionInput,
    pub provisioned_throughput: Option<ThroughputInput>,
    pub on_demand_throughput: Option<OnDemandThroughput>,
}

/// A local index to make.
#[derive(Clone, Debug, Shape)]
pub struct LocalIndexInput {
    pub index_name: String,
    pub key_schema: Vec<KeySchemaElement>,
    pub projection: ProjectionInput,
}

/// The names of a list in brackets.
pub fn bracketed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", names.collect::<Vec<_>>().join(", "))
}

/// Checks a key schema: its attributes are defined, the hash key comes first, then perhaps a range key.
pub fn check_keys(keys: &[KeySchemaElement], definitions: &[AttributeDefinition]) -> Result<(), TableError> {
    let defined = |name: &str| definitions.iter().any(|definition| definition.attribute_name == name);
    if keys.iter().any(|key| !defined(&key.attribute_name)) {
        return Err(TableError::invalid_parameter(format!(
            "Some index key attributes are not defined in AttributeDefinitions. Keys: {}, AttributeDefinitions: {}",
            bracketed(keys.iter().map(|key| key.attribute_name.as_str())),
            bracketed(definitions.iter().map(|definition| definition.attribute_name.as_str()))
        )));
    }
    if let [first, second] = keys
        && first.attribute_name == second.attribute_name
    {
        return Err(TableError::invalid(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ));
    }
    if keys.first().is_none_or(|key| key.key_type != "HASH") {
        return Err(TableError::invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type"));
    }
    if keys.get(1).is_some_and(|key| key.key_type != "RANGE") {
        return Err(TableError::invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"));
    }
    Ok(())
}

fn check_projection(projection: &ProjectionInput) -> Result<(), TableError> {
    let Some(kind) = &projection.projection_type else {
        return Err(TableError::invalid_parameter("Unknown ProjectionType: null"));
    };
    match (kind.as_str(), &projection.non_key_attributes) {
        ("INCLUDE", None) => {
            Err(TableError::invalid_parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified"))
        }
        ("INCLUDE", Some(_)) | (_, None) => Ok(()),
        (kind, Some(_)) => {
            Err(TableError::invalid_parameter(format!("ProjectionType is {kind}, but NonKeyAttributes is specified")))
        }
    }
}

fn names(keys: &[KeySchemaElement]) -> Vec<String> {
    keys.iter().map(|key| key.attribute_name.clone()).collect()
}

/// Checks a global index and turns it into a record. `taken` are the names of the table's other indexes.
pub fn global_index(
    input: GlobalIndexInput,
    definitions: &[AttributeDefinition],
    on_demand: bool,
    taken: &[IndexRecord],
) -> Result<IndexRecord, TableError> {
    check_keys(&input.key_schema, definitions)?;
    check_projection(&input.projection)?;
    if on_demand && input.provisioned_throughput.is_some() {
        return Err(TableError::invalid_parameter(format!(
            "ProvisionedThroughput should not be specified for index: {} when BillingMode is PAY_PER_REQUEST",
            input.index_name
        )));
    }
    if !on_demand && input.provisioned_throughput.is_none() {
        return Err(TableError::invalid_parameter(format!(
            "ProvisionedThroughput must be specified for index: {}",
            input.index_name
        )));
    }
    check_name(&input.index_name, taken)?;
    let throughput = input.provisioned_throughput.map(|given| Throughput {
        read: given.read_capacity_units,
        write: given.write_capacity_units,
        ..Throughput::default()
    });
    Ok(IndexRecord {
        name: input.index_name,
        id: Uuid::new_v4(),
        local: false,
        keys: names(&input.key_schema),
        projection: input.projection.projection_type.unwrap_or_default(),
        included: input.projection.non_key_attributes.unwrap_or_default(),
        throughput: throughput.unwrap_or_default(),
        on_demand_limits: input.on_demand_throughput.map(OnDemandThroughput::limits),
    })
}

/// Checks a local index and turns it into a record.
pub fn local_index(
    input: LocalIndexInput,
    definitions: &[AttributeDefinition],
    table_keys: &[KeySchemaElement],
    taken: &[IndexRecord],
) -> Result<IndexRecord, TableError> {
    check_keys(&input.key_schema, definitions)?;
    if input.key_schema.len() != 2 {
        return Err(TableError::invalid_parameter(format!(
            "Index KeySchema does not have a range key for index: {}",
            input.index_name
        )));
    }
    let hash = |keys: &[KeySchemaElement]| keys.first().map(|key| key.attribute_name.clone()).unwrap_or_default();
    let (index_hash, table_hash) = (hash(&input.key_schema), hash(table_keys));
    if index_hash != table_hash {
        return Err(TableError::invalid_parameter(format!(
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: {}. index hash key: {index_hash}, table hash key: {table_hash}",
            input.index_name
        )));
    }
    check_projection(&input.projection)?;
    check_name(&input.index_name, taken)?;
    Ok(IndexRecord {
        name: input.index_name,
        id: Uuid::new_v4(),
        local: true,
        keys: names(&input.key_schema),
        projection: input.projection.projection_type.unwrap_or_default(),
        included: input.projection.non_key_attributes.unwrap_or_default(),
        throughput: Throughput::default(),
        on_demand_limits: None,
    })
}

fn check_name(name: &str, taken: &[IndexRecord]) -> Result<(), TableError> {
    if taken.iter().any(|index| index.name == name) {
        return Err(TableError::invalid_parameter(format!("Duplicate index name: {name}")));
    }
    Ok(())
}
