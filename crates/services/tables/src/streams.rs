//! The front of Amazon DynamoDB Streams.

pub mod describe_stream;
pub mod get_records;
pub mod iterator;
pub mod list_streams;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use pilvi_bus::{Access, AccessRequest, Manifest, Service};

use crate::errors::TableError;
use crate::state::changes::{StreamKey, StreamRecord};
use crate::state::{Tables, changes};
use describe_stream::DescribeStreamInput;
use get_records::GetRecordsInput;
use iterator::{GetShardIteratorInput, Iterator};

/// The service: four operations over the tables' change logs.
pub fn service(tables: Arc<Tables>) -> Arc<dyn Service> {
    let describe = Access::to(|input: &DescribeStreamInput, _| {
        vec![AccessRequest::new("dynamodb:DescribeStream", input.stream_arn.clone())]
    });
    let iterate = Access::to(|input: &GetShardIteratorInput, _| {
        vec![AccessRequest::new("dynamodb:GetShardIterator", input.stream_arn.clone())]
    });
    // An iterator that cannot be read is refused by the operation.
    let read = Access::to(|input: &GetRecordsInput, _| {
        let arn = Iterator::parse(&input.shard_iterator).map_or_else(|| "*".to_owned(), |iterator| iterator.arn);
        vec![AccessRequest::new("dynamodb:GetRecords", arn)]
    });
    Manifest::new("dynamodbstreams", tables)
        .operation("DescribeStream", describe_stream::describe_stream, describe)
        .operation("GetRecords", get_records::get_records, read)
        .operation("GetShardIterator", iterator::get_shard_iterator, iterate)
        .operation("ListStreams", list_streams::list_streams, Access::any("dynamodb:ListStreams"))
        .into_service()
}

/// Where `arn:aws:dynamodb:region:account:table/name/stream/label` is stored.
pub fn key(arn: &str) -> Result<StreamKey, TableError> {
    let not_an_arn = || TableError::invalid("Invalid StreamArn");
    let mut parts = arn.splitn(6, ':').skip(3);
    let (Some(region), Some(account), Some(resource)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(not_an_arn());
    };
    let (table, label) =
        resource.strip_prefix("table/").and_then(|rest| rest.split_once("/stream/")).ok_or_else(not_an_arn)?;
    Ok((account.to_owned(), region.to_owned(), table.to_owned(), label.to_owned()))
}

/// The stream of an ARN.
pub fn find(tx: &pilvi_store::ReadTx<'_>, arn: &str) -> Result<StreamRecord, TableError> {
    changes::stream(tx, &key(arn)?)?
        .filter(|stream| stream.arn == arn)
        .ok_or_else(|| TableError::NotFound(format!("Requested resource not found: Stream: {arn} not found")))
}

/// The id of a stream's only shard.
pub fn shard_id(stream: &StreamRecord) -> String {
    format!("shardId-{:020}-{:08x}", stream.created, stream.id.as_fields().0)
}

/// A change's sequence number: at least 21 digits. That of the shard is 0, so that it comes before every change.
pub fn sequence_number(change: u64) -> String {
    (FIRST + u128::from(change) * STEP).to_string()
}

/// The change that a sequence number is at or before.
pub fn change_number(sequence: &str) -> Option<u64> {
    let sequence: u128 = sequence.parse().ok()?;
    u64::try_from(sequence.saturating_sub(FIRST).div_ceil(STEP)).ok()
}

/// The first change's sequence number.
const FIRST: u128 = 100_000_000_000_000_000_100;
/// How far sequence numbers are apart.
const STEP: u128 = 100;
/// Where a shard begins.
pub const START: &str = "100000000000000000000";

#[cfg(test)]
mod numbers {
    use super::*;

    #[test]
    fn sequence_numbers_read_back_and_keep_their_order() {
        for change in [0, 1, 7, 1 << 40] {
            assert_eq!(change_number(&sequence_number(change)), Some(change));
            assert!(sequence_number(change).len() >= 21 && sequence_number(change) < sequence_number(change + 1));
        }
        assert_eq!(change_number(START), Some(0));
        assert!(START < sequence_number(0).as_str());
    }
}
