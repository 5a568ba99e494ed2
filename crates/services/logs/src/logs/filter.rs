//! FilterLogEvents.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{Range, ReadTx};

use crate::core::{Logs, group, named, weight};
use crate::errors::LogsError;
use crate::pattern::Pattern;
use crate::state::{EVENTS, Event, STREAMS, event_id};

/// "FilterLogEvents": as many events as fit into 1 MB, up to 10,000.
const MOST_BYTES: u64 = 1_048_576;
const MOST: i64 = 10_000;

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
    /// Streams are always interleaved since June 2019, whatever this says.
    interleaved: Option<bool>,
    unmask: Option<bool>,
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
    let most = usize::try_from(input.limit.unwrap_or(MOST).clamp(1, MOST)).unwrap_or(1);
    let scope = (ctx.account.as_str(), ctx.region.as_str(), name.as_str());
    let start = input.start_time.unwrap_or(i64::MIN).max(after.as_ref().map_or(i64::MIN, |(time, _, _)| *time));
    logs.store().read(|tx| {
        group(tx, scope.0, scope.1, scope.2)?;
        let streams = streams(tx, scope, &input)?;
        let mut events = Vec::new();
        let (mut bytes, mut last) = (0, None);
        for entry in merged(tx, scope, &streams, start, input.end_time) {
            let (place, event) = entry?;
            if after.as_ref().is_some_and(|after| place <= *after) || !pattern.matches(&event.message) {
                continue;
            }
            bytes += weight(&event.message);
            if events.len() == most || (bytes > MOST_BYTES && !events.is_empty()) {
                let token = last.map(|(time, stream, number): Place| format!("{time}/{number}/{stream}"));
                return Ok(output(events, token));
            }
            events.push(FilteredLogEvent {
                log_stream_name: Some(place.1.clone()),
                timestamp: Some(place.0),
                message: Some(event.message),
                ingestion_time: Some(event.ingested),
                event_id: Some(event_id(place.0, &place.1, place.2)),
            });
            last = Some(place);
        }
        Ok(output(events, None))
    })
}

fn output(events: Vec<FilteredLogEvent>, next_token: Option<String>) -> FilterLogEventsOutput {
    FilterLogEventsOutput { events: Some(events), searched_log_streams: Some(Vec::new()), next_token }
}

/// The streams that a request names, or all.
fn streams(tx: &ReadTx<'_>, scope: (&str, &str, &str), input: &FilterLogEventsInput) -> Result<Vec<String>, LogsError> {
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
    Ok(streams)
}

/// The events of streams from `start` through `end`, in the order of time, then of streams, then of arrival. Only the next event
/// of each stream is held.
pub(crate) fn merged<'t>(
    tx: &'t ReadTx<'t>,
    scope: (&str, &str, &str),
    streams: &'t [String],
    start: i64,
    end: Option<i64>,
) -> impl Iterator<Item = Result<(Place, Event), LogsError>> + use<'t> {
    let ranges = streams.iter().map(|stream| {
        let mut range = Range::prefix(&(scope.0, scope.1, scope.2, stream.as_str()));
        range = range.from(&(scope.0, scope.1, scope.2, stream.as_str(), start));
        if let Some(end) = end {
            range = range.through(&(scope.0, scope.1, scope.2, stream.as_str(), end));
        }
        tx.range(&EVENTS, range)
    });
    let mut ranges: Vec<_> = ranges.collect();
    let mut heads: Vec<Option<Event>> = Vec::new();
    let mut heap = BinaryHeap::new();
    let mut failed = None;
    for (place, range) in ranges.iter_mut().enumerate() {
        heads.push(None);
        match range.next() {
            Some(Ok((key, event))) => {
                heap.push(Reverse((key.4, place, key.5)));
                if let Some(head) = heads.get_mut(place) {
                    *head = Some(event);
                }
            }
            Some(Err(problem)) => failed = Some(problem),
            None => {}
        }
    }
    std::iter::from_fn(move || {
        if let Some(problem) = failed.take() {
            return Some(Err(LogsError::Store(problem)));
        }
        let Reverse((time, place, number)) = heap.pop()?;
        let event = heads.get_mut(place)?.take()?;
        match ranges.get_mut(place)?.next() {
            Some(Ok((key, next))) => {
                heap.push(Reverse((key.4, place, key.5)));
                *heads.get_mut(place)? = Some(next);
            }
            Some(Err(problem)) => failed = Some(problem),
            None => {}
        }
        Some(Ok(((time, streams.get(place)?.clone(), number), event)))
    })
}
