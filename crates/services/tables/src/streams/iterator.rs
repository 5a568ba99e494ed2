//! GetShardIterator, and what an iterator is.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::{change_number, find, shard_id};
use crate::errors::TableError;
use crate::state::{Tables, changes};

/// How long an iterator can be used, as the API documents.
const LIFE_MS: i64 = 15 * 60 * 1000;

/// What GetShardIterator takes.
#[derive(Shape)]
pub struct GetShardIteratorInput {
    pub stream_arn: String,
    pub shard_id: String,
    pub shard_iterator_type: String,
    pub sequence_number: Option<String>,
}

/// What GetShardIterator answers.
#[derive(Shape)]
pub struct GetShardIteratorOutput {
    pub shard_iterator: String,
}

/// A place in a shard. On the wire it is the stream's ARN, a one, and the rest in Base64.
#[derive(Clone, Debug, PartialEq)]
pub struct Iterator {
    /// The stream.
    pub arn: String,
    /// The shard.
    pub shard: String,
    /// The number of the change to be read next.
    pub position: u64,
    /// True for the oldest change that there is, whichever that will be.
    pub oldest: bool,
    /// When it was made, in milliseconds.
    pub made: i64,
}

impl Iterator {
    /// The iterator of a text.
    pub fn parse(text: &str) -> Option<Self> {
        let (arn, rest) = text.split_once("|1|")?;
        let rest = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let mut parts = rest.split(' ');
        Some(Self {
            arn: arn.to_owned(),
            shard: parts.next()?.to_owned(),
            position: parts.next()?.parse().ok()?,
            oldest: parts.next()? == "oldest",
            made: parts.next()?.parse().ok()?,
        })
    }

    /// The text of the iterator.
    pub fn text(&self) -> String {
        let oldest = if self.oldest { "oldest" } else { "exact" };
        let rest = STANDARD.encode(format!("{} {} {oldest} {}", self.shard, self.position, self.made));
        format!("{}|1|{rest}", self.arn)
    }

    /// Refuses an iterator that is too old.
    pub fn check_age(&self, now: i64) -> Result<(), TableError> {
        if now - self.made <= LIFE_MS {
            return Ok(());
        }
        let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default();
        Err(TableError::ExpiredIterator(format!(
            "Iterator expired. The iterator was created at time {} while right now it is {} which is further in the future than the tolerated delay of 900000 milliseconds.",
            time(self.made),
            time(now)
        )))
    }
}

/// A place to read a shard from.
pub async fn get_shard_iterator(
    tables: Arc<Tables>,
    _: Ctx,
    input: GetShardIteratorInput,
) -> Result<GetShardIteratorOutput, TableError> {
    let made = tables.clock.now_ms();
    let kind = input.shard_iterator_type.as_str();
    let exact = matches!(kind, "AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER");
    let position = tables.store.read(|tx| -> Result<u64, TableError> {
        let stream = find(tx, &input.stream_arn)?;
        if input.shard_id != shard_id(&stream) {
            return Err(TableError::NotFound(format!(
                "Requested resource not found: Shard: {} in Stream: {} not found",
                input.shard_id, input.stream_arn
            )));
        }
        let next = changes::next(tx, stream.id)?;
        if !exact {
            return Ok(if kind == "LATEST" { next } else { 0 });
        }
        let Some(sequence) = &input.sequence_number else {
            return Err(TableError::invalid(format!(
                "Sequence number must be specified when shardIteratorType is {kind}"
            )));
        };
        let Some(number) = change_number(sequence) else {
            return Err(TableError::invalid(format!("Invalid SequenceNumber: {sequence}")));
        };
        let after = kind == "AFTER_SEQUENCE_NUMBER" && sequence.as_str() != super::START;
        let position = if after { number + 1 } else { number };
        // The start of the shard is always allowed: it is told where changes before it are gone.
        if position < changes::oldest(tx, stream.id, made)? {
            return Err(TableError::Trimmed);
        }
        Ok(position)
    })?;
    let iterator = Iterator {
        arn: input.stream_arn.clone(),
        shard: input.shard_id.clone(),
        position,
        oldest: kind == "TRIM_HORIZON",
        made,
    };
    Ok(GetShardIteratorOutput { shard_iterator: iterator.text() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iterator_reads_back() {
        let iterator = Iterator {
            arn: "arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/2026-01-01T00:00:00.000".to_owned(),
            shard: "shardId-00000001700000000000-0a1b2c3d".to_owned(),
            position: 17,
            oldest: false,
            made: 1_700_000_000_000,
        };
        assert_eq!(Iterator::parse(&iterator.text()), Some(iterator.clone()));
        assert!(iterator.text().starts_with(&format!("{}|1|", iterator.arn)));
        for bad in ["", "|1|", "arn|1|!!", "arn|1|YQ=="] {
            assert_eq!(Iterator::parse(bad), None);
        }
    }
}
