//! Log streams.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::Range;

use crate::core::{Logs, group, group_arn, named, stream};
use crate::errors::LogsError;
use crate::state::{EVENTS, STREAMS, Stream};

/// A stream by name.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct StreamInput {
    pub(crate) log_group_name: String,
    pub(crate) log_stream_name: String,
}

pub(crate) async fn create_log_stream(logs: Arc<Logs>, ctx: Ctx, input: StreamInput) -> Result<(), LogsError> {
    let (account, region, now) = (ctx.account.clone(), ctx.region.clone(), logs.now());
    logs.store()
        .write(move |tx| {
            group(tx, &account, &region, &input.log_group_name)?;
            let key =
                (account.as_str(), region.as_str(), input.log_group_name.as_str(), input.log_stream_name.as_str());
            if tx.contains(&STREAMS, &key)? {
                return Err(LogsError::StreamExists);
            }
            tx.put(&STREAMS, &key, &Stream { created: now, ..Stream::default() })?;
            Ok(())
        })
        .await
}

pub(crate) async fn delete_log_stream(logs: Arc<Logs>, ctx: Ctx, input: StreamInput) -> Result<(), LogsError> {
    let (account, region) = (ctx.account.clone(), ctx.region.clone());
    logs.store()
        .write(move |tx| {
            group(tx, &account, &region, &input.log_group_name)?;
            stream(tx, &account, &region, &input.log_group_name, &input.log_stream_name)?;
            let key =
                (account.as_str(), region.as_str(), input.log_group_name.as_str(), input.log_stream_name.as_str());
            tx.delete(&STREAMS, &key)?;
            tx.delete_range(&EVENTS, Range::prefix(&key))?;
            Ok(())
        })
        .await
}

/// What DescribeLogStreams takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeLogStreamsInput {
    pub(crate) log_group_name: Option<String>,
    pub(crate) log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A stream.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct LogStream {
    log_stream_name: Option<String>,
    creation_time: Option<i64>,
    first_event_timestamp: Option<i64>,
    last_event_timestamp: Option<i64>,
    last_ingestion_time: Option<i64>,
    upload_sequence_token: Option<String>,
    arn: Option<String>,
    stored_bytes: Option<i64>,
}

/// A page of streams.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeLogStreamsOutput {
    log_streams: Option<Vec<LogStream>>,
    next_token: Option<String>,
}

pub(crate) async fn describe_log_streams(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DescribeLogStreamsInput,
) -> Result<DescribeLogStreamsOutput, LogsError> {
    let name = named(input.log_group_name.as_ref(), input.log_group_identifier.as_ref())?;
    let by_time = input.order_by.as_deref() == Some("LastEventTime");
    if by_time && input.log_stream_name_prefix.is_some() {
        let text = "Cannot order by LastEventTime with a logStreamNamePrefix.";
        return Err(LogsError::Invalid(text.to_owned()));
    }
    let scope = (ctx.account.as_str(), ctx.region.as_str(), name.as_str());
    let mut streams: Vec<(String, Stream)> = logs.store().read(|tx| {
        group(tx, scope.0, scope.1, scope.2)?;
        let range = Range::starts_with(&scope, input.log_stream_name_prefix.as_deref().unwrap_or_default());
        tx.range(&STREAMS, range)
            .map(|entry| entry.map(|((_, _, _, name), stream)| (name, stream)).map_err(LogsError::from))
            .collect::<Result<_, _>>()
    })?;
    if by_time {
        streams.sort_by_key(|(_, stream)| stream.last.unwrap_or(0));
    }
    if input.descending.unwrap_or(false) {
        streams.reverse();
    }
    let start = match &input.next_token {
        Some(token) => {
            token.parse::<usize>().map_err(|_| LogsError::Invalid("The specified nextToken is invalid.".to_owned()))?
        }
        None => 0,
    };
    let most = usize::try_from(input.limit.unwrap_or(50)).unwrap_or(50).clamp(1, 50);
    let arn = group_arn(&ctx, &name);
    let page: Vec<LogStream> = streams
        .iter()
        .skip(start)
        .take(most)
        .map(|(name, stream)| LogStream {
            log_stream_name: Some(name.clone()),
            creation_time: Some(stream.created),
            first_event_timestamp: stream.first,
            last_event_timestamp: stream.last,
            last_ingestion_time: stream.last_ingestion,
            upload_sequence_token: (stream.next > 0).then(|| format!("{:056}", stream.next)),
            arn: Some(format!("{arn}:log-stream:{name}")),
            stored_bytes: Some(0),
        })
        .collect();
    let end = start + page.len();
    Ok(DescribeLogStreamsOutput { log_streams: Some(page), next_token: (end < streams.len()).then(|| end.to_string()) })
}
