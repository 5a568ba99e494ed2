//! GetRecords.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};

use super::iterator::Iterator;
use super::{find, sequence_number, shard_id};
use crate::dynamodb::wire::Attributes;
use crate::errors::TableError;
use crate::state::changes::{Change, Event, StreamRecord};
use crate::state::{Tables, changes};
use crate::table::value::item_size;

/// The most records of an answer, unless fewer are asked for.
const MAX_RECORDS: usize = 1000;
/// The most bytes of an answer.
const MAX_BYTES: usize = 1 << 20;

/// What GetRecords takes.
#[derive(Shape)]
pub struct GetRecordsInput {
    pub shard_iterator: String,
    pub limit: Option<i64>,
}

/// What GetRecords answers.
#[derive(Shape)]
pub struct GetRecordsOutput {
    pub records: Vec<Record>,
    pub next_shard_iterator: Option<String>,
}

/// A record.
#[derive(Shape)]
pub struct Record {
    #[shape(name = "eventID")]
    pub event_id: String,
    #[shape(name = "eventName")]
    pub event_name: String,
    #[shape(name = "eventVersion")]
    pub event_version: String,
    #[shape(name = "eventSource")]
    pub event_source: String,
    #[shape(name = "awsRegion")]
    pub aws_region: String,
    #[shape(name = "dynamodb")]
    pub dynamodb: StreamRecordOutput,
    #[shape(name = "userIdentity")]
    pub user_identity: Option<Identity>,
}

/// StreamRecord.
#[derive(Shape)]
pub struct StreamRecordOutput {
    pub approximate_creation_date_time: Option<Timestamp>,
    pub keys: Attributes,
    pub new_image: Option<Attributes>,
    pub old_image: Option<Attributes>,
    pub sequence_number: String,
    pub size_bytes: i64,
    pub stream_view_type: String,
}

/// Who made the change, where it was the service.
#[derive(Shape)]
pub struct Identity {
    pub principal_id: String,
    #[shape(name = "Type")]
    pub kind: String,
}

/// The changes from the iterator on, and an iterator for those after them. The last one of a shard that is closed has none.
pub async fn get_records(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: GetRecordsInput,
) -> Result<GetRecordsOutput, TableError> {
    let Some(iterator) = Iterator::parse(&input.shard_iterator) else {
        return Err(TableError::invalid("Invalid ShardIterator"));
    };
    let now = tables.clock.now_ms();
    iterator.check_age(now)?;
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_RECORDS).min(MAX_RECORDS);
    tables.store.read(|tx| {
        let stream = find(tx, &iterator.arn)?;
        if iterator.shard != shard_id(&stream) {
            return Err(TableError::NotFound("Invalid ShardId in ShardIterator".to_owned()));
        }
        let mut position = iterator.position;
        if !iterator.oldest && position < changes::oldest(tx, stream.id, now)? {
            return Err(TableError::Trimmed);
        }
        let (mut records, mut bytes) = (Vec::new(), 0);
        changes::read(tx, stream.id, position, now, &mut |number, change, size| {
            bytes += size;
            if !records.is_empty() && bytes > MAX_BYTES {
                return false;
            }
            records.push(record(&stream, &ctx.region, number, change));
            position = number + 1;
            records.len() < limit
        })?;
        let finished = stream.ended.is_some() && position >= changes::next(tx, stream.id)?;
        let oldest = iterator.oldest && records.is_empty();
        let next = Iterator { position, oldest, made: now, ..iterator };
        Ok(GetRecordsOutput { records, next_shard_iterator: (!finished).then(|| next.text()) })
    })
}

fn record(stream: &StreamRecord, region: &str, number: u64, change: Change) -> Record {
    let images = change.before.iter().chain(change.after.iter());
    let size = item_size(&change.keys) + images.map(item_size).sum::<usize>();
    let name = match change.event {
        Event::Insert => "INSERT",
        Event::Modify => "MODIFY",
        Event::Remove => "REMOVE",
    };
    let identity = || Identity { principal_id: "dynamodb.amazonaws.com".to_owned(), kind: "Service".to_owned() };
    Record {
        event_id: uuid::Uuid::new_v5(&stream.id, &number.to_be_bytes()).simple().to_string(),
        event_name: name.to_owned(),
        event_version: "1.1".to_owned(),
        event_source: "aws:dynamodb".to_owned(),
        aws_region: region.to_owned(),
        dynamodb: StreamRecordOutput {
            // To the second, as the service gives it.
            approximate_creation_date_time: Timestamp::from_second(change.at.div_euclid(1000)).ok(),
            keys: Attributes(change.keys),
            new_image: change.after.map(Attributes),
            old_image: change.before.map(Attributes),
            sequence_number: sequence_number(number),
            size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
            stream_view_type: stream.view.clone(),
        },
        user_identity: change.expired.then(identity),
    }
}
