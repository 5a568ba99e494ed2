//! DescribeStream.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};

use super::{START, find, key, sequence_number, shard_id};
use crate::dynamodb::indexes::KeySchemaElement;
use crate::errors::TableError;
use crate::state::{Tables, changes};

/// What DescribeStream takes.
#[derive(Shape)]
pub struct DescribeStreamInput {
    pub stream_arn: String,
    pub limit: Option<i64>,
    pub exclusive_start_shard_id: Option<String>,
    pub shard_filter: Option<ShardFilter>,
}

/// Only the children of a shard.
#[derive(Shape)]
pub struct ShardFilter {
    #[shape(name = "Type")]
    pub kind: Option<String>,
    pub shard_id: Option<String>,
}

/// What DescribeStream answers.
#[derive(Shape)]
pub struct DescribeStreamOutput {
    pub stream_description: StreamDescription,
}

/// StreamDescription.
#[derive(Shape)]
pub struct StreamDescription {
    pub stream_arn: String,
    pub stream_label: String,
    pub stream_status: String,
    pub stream_view_type: String,
    pub creation_request_date_time: Option<Timestamp>,
    pub table_name: String,
    pub key_schema: Vec<KeySchemaElement>,
    pub shards: Vec<Shard>,
}

/// Shard.
#[derive(Shape)]
pub struct Shard {
    pub shard_id: String,
    pub sequence_number_range: SequenceNumberRange,
}

/// SequenceNumberRange.
#[derive(Shape)]
pub struct SequenceNumberRange {
    pub starting_sequence_number: String,
    pub ending_sequence_number: Option<String>,
}

/// Describes a stream and its shards.
pub async fn describe_stream(
    tables: Arc<Tables>,
    _: Ctx,
    input: DescribeStreamInput,
) -> Result<DescribeStreamOutput, TableError> {
    let (stream, next) = tables.store.read(|tx| -> Result<_, TableError> {
        let stream = find(tx, &input.stream_arn)?;
        let next = changes::next(tx, stream.id)?;
        Ok((stream, next))
    })?;
    let (_, _, table_name, stream_label) = key(&stream.arn)?;
    let id = shard_id(&stream);
    // The only shard has no children.
    let children_only = input.shard_filter.is_some_and(|filter| filter.kind.is_some());
    let ending = next.checked_sub(1).map_or_else(|| START.to_owned(), sequence_number);
    let shards = if children_only || input.exclusive_start_shard_id.is_some_and(|start| start >= id) {
        Vec::new()
    } else {
        let sequence_number_range = SequenceNumberRange {
            starting_sequence_number: START.to_owned(),
            ending_sequence_number: stream.ended.map(|_| ending),
        };
        vec![Shard { shard_id: id, sequence_number_range }]
    };
    let key_schema = stream
        .keys
        .iter()
        .zip(["HASH", "RANGE"])
        .map(|(name, kind)| KeySchemaElement { attribute_name: name.clone(), key_type: kind.to_owned() })
        .collect();
    Ok(DescribeStreamOutput {
        stream_description: StreamDescription {
            stream_arn: stream.arn,
            stream_label,
            stream_status: if stream.ended.is_some() { "DISABLED" } else { "ENABLED" }.to_owned(),
            stream_view_type: stream.view,
            creation_request_date_time: Timestamp::from_millisecond(stream.created).ok(),
            table_name,
            key_schema,
            shards,
        },
    })
}
