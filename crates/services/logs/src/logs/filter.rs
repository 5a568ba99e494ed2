//! FilterLogEvents.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::Range;

use crate::core::{Logs, group, named};
use crate::errors::LogsError;
use crate::pattern::Pattern;
use crate::state::{EVENTS, STREAMS, event_id};

/// What FilterLogEvents takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct FilterLogEventsInput {
    pub(crate) log_group_name: Option<String>,
    pub(crate) log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// An event that matches.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct FilteredLogEvent {
    log_stream_name: Option<String>,
    timestamp: Option<i64>,
    message: Option<String>,
    ingestion_time: Option<i64>,
    event_id: Option<String>,
}

/// A page of events, in the order of time over all streams.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct FilterLogEventsOutput {
    events: Option<Vec<FilteredLogEvent>>,
    searched_log_streams: Option<Vec<SearchedLogStream>>,
    next_token: Option<String>,
}

#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct SearchedLogStream {
    log_stream_name: Option<String>,
    searched_completely: Option<bool>,
}

/// Where a page ended: timestamp, stream, number.
type Place = (i64, String, u64);

fn parse_token(token: &str) -> Option<Place> {
    let mut parts = token.splitn(3, '/');
    let (time, number, stream) = (parts.next()?, parts.next()?, parts.next()?);
    Some((time.parse().ok()?, stream.to_owned(), number.parse().ok()?))
}

pub(crate) async fn filter_log_events(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: FilterLogEventsInput,
) -> Result<FilterLogEventsOutput, LogsError> {
    let name = named(input.log_group_name.as_ref(), input.log_group_identifier.as_ref())?;
    if input.log_stream_names.is_some() && input.log_stream_name_prefix.is_some() {
        let text = "logStreamNamePrefix and logStreamNames are mutually exclusive.";
        return Err(LogsError::Invalid(text.to_owned()));
    }
    let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default())?;
    let after = match &input.next_token {
        Some(token) => {
            let invalid = || LogsError::Invalid("The specified nextToken is invalid.".to_owned());
            Some(parse_token(token).ok_or_else(invalid)?)
        }
        None => None,
    };
    let most = usize::try_from(input.limit.unwrap_or(10_000)).unwrap_or(10_000).clamp(1, 10_000);
    let scope = (ctx.account.as_str(), ctx.region.as_str(), name.as_str());
    let start = input.start_time.unwrap_or(i64::MIN).max(after.as_ref().map_or(i64::MIN, |(time, _, _)| *time));
    let mut found: Vec<(Place, FilteredLogEvent)> = Vec::new();
    logs.store().read(|tx| {
        group(tx, scope.0, scope.1, scope.2)?;
        let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
        let mut streams = Vec::new();
        for key in tx.keys(&STREAMS, Range::starts_with(&scope, prefix)) {
            streams.push(key?.3);
        }
        if let Some(wanted) = &input.log_stream_names {
            if wanted.iter().any(|stream| !streams.contains(stream)) {
                return Err(LogsError::NoStream);
            }
            streams.retain(|stream| wanted.contains(stream));
        }
        for stream in streams {
            let mut range = Range::prefix(&(scope.0, scope.1, scope.2, stream.as_str()));
            range = range.from(&(scope.0, scope.1, scope.2, stream.as_str(), start));
            if let Some(end) = input.end_time {
                range = range.through(&(scope.0, scope.1, scope.2, stream.as_str(), end));
            }
            let mut taken = 0;
            for entry in tx.range(&EVENTS, range) {
                let ((_, _, _, _, time, number), event) = entry?;
                let place = (time, stream.clone(), number);
                if after.as_ref().is_some_and(|after| place <= *after) || !pattern.matches(&event.message) {
                    continue;
                }
                let shown = FilteredLogEvent {
                    log_stream_name: Some(stream.clone()),
                    timestamp: Some(time),
                    message: Some(event.message),
                    ingestion_time: Some(event.ingested),
                    event_id: Some(event_id(time, &stream, number)),
                };
                found.push((place, shown));
                taken += 1;
                // One more than a page of each stream is enough to know the page of all.
                if taken > most {
                    break;
                }
            }
        }
        Ok::<(), LogsError>(())
    })?;
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let more = found.len() > most;
    found.truncate(most);
    let last = found.last().filter(|_| more).map(|((time, stream, number), _)| format!("{time}/{number}/{stream}"));
    Ok(FilterLogEventsOutput {
        events: Some(found.into_iter().map(|(_, event)| event).collect()),
        searched_log_streams: Some(Vec::new()),
        next_token: last,
    })
}
