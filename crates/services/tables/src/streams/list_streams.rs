//! ListStreams.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::key;
use crate::errors::TableError;
use crate::state::{Tables, changes};

/// What ListStreams takes.
#[derive(Shape)]
pub struct ListStreamsInput {
    pub table_name: Option<String>,
    pub limit: Option<i64>,
    pub exclusive_start_stream_arn: Option<String>,
}

/// What ListStreams answers.
#[derive(Shape)]
pub struct ListStreamsOutput {
    pub streams: Vec<Stream>,
    pub last_evaluated_stream_arn: Option<String>,
}

/// A stream.
#[derive(Shape)]
pub struct Stream {
    pub stream_arn: String,
    pub table_name: String,
    pub stream_label: String,
}

/// The caller's streams, a hundred at a time.
pub async fn list_streams(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: ListStreamsInput,
) -> Result<ListStreamsOutput, TableError> {
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100).min(100);
    let after = input.exclusive_start_stream_arn.as_deref().map(key).transpose()?;
    let name = input.table_name.as_deref();
    let mut found =
        tables.store.read(|tx| changes::streams(tx, &ctx.account, &ctx.region, name, after.as_ref(), limit + 1))?;
    let more = found.len() > limit;
    found.truncate(limit);
    let streams: Vec<Stream> = found
        .into_iter()
        .map(|((_, _, table, label), stream)| Stream { stream_arn: stream.arn, table_name: table, stream_label: label })
        .collect();
    let last_evaluated_stream_arn = streams.last().filter(|_| more).map(|stream| stream.stream_arn.clone());
    Ok(ListStreamsOutput { streams, last_evaluated_stream_arn })
}
