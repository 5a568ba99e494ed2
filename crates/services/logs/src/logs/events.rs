//! PutLogEvents, GetLogEvents.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::Range;

use crate::core::{Logs, group, named, stream};
use crate::errors::LogsError;
use crate::state::EVENTS;

/// "PutLogEvents", the constraints of a batch.
const MOST_BYTES: usize = 1_048_576;
const EVENT_OVERHEAD: usize = 26;
const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

/// A log event.
#[derive(Shape)]
pub(crate) struct InputLogEvent {
    #[shape(name = "timestamp")]
    timestamp: i64,
    #[shape(name = "message")]
    message: String,
}

/// What PutLogEvents takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutLogEventsInput {
    pub(crate) log_group_name: String,
    pub(crate) log_stream_name: String,
    log_events: Vec<InputLogEvent>,
}

/// What became of them.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutLogEventsOutput {
    next_sequence_token: Option<String>,
    rejected_log_events_info: Option<RejectedLogEventsInfo>,
}

#[derive(Shape)]
#[shape(rename_all = "camelCase")]
struct RejectedLogEventsInfo {
    too_new_log_event_start_index: Option<i64>,
    too_old_log_event_end_index: Option<i64>,
    expired_log_event_end_index: Option<i64>,
}

fn index(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

pub(crate) async fn put_log_events(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: PutLogEventsInput,
) -> Result<PutLogEventsOutput, LogsError> {
    let events = input.log_events;
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum();
    if bytes > MOST_BYTES {
        let text = format!("Upload too large: {bytes} bytes exceeds limit of {MOST_BYTES}");
        return Err(LogsError::Invalid(text));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        let text = "Log events in a single PutLogEvents request must be in chronological order.";
        return Err(LogsError::Invalid(text.to_owned()));
    }
    if let (Some(first), Some(last)) = (events.first(), events.last())
        && last.timestamp - first.timestamp > DAY
    {
        let text = "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.";
        return Err(LogsError::Invalid(text.to_owned()));
    }
    let (account, region, now) = (ctx.account.clone(), ctx.region.clone(), logs.now());
    let events: Vec<(i64, String)> = events.into_iter().map(|event| (event.timestamp, event.message)).collect();
    let (group_name, stream_name) = (input.log_group_name, input.log_stream_name);
    let service = logs.clone();
    logs.store()
        .write(move |tx| {
            let retention = group(tx, &account, &region, &group_name)?.retention_days;
            let mut record = stream(tx, &account, &region, &group_name, &stream_name)?;
            let too_old = events.partition_point(|(time, _)| *time < now - 14 * DAY);
            let expired = retention.map_or(0, |days| events.partition_point(|(time, _)| *time < now - days * DAY));
            let too_new = events.partition_point(|(time, _)| *time <= now + 2 * HOUR);
            let accepted = events.get(too_old.max(expired)..too_new).unwrap_or_default();
            let key = (account.as_str(), region.as_str(), group_name.as_str(), stream_name.as_str());
            service.append(tx, key, &mut record, accepted, now)?;
            let rejected = RejectedLogEventsInfo {
                too_new_log_event_start_index: (too_new < events.len()).then(|| index(too_new)),
                too_old_log_event_end_index: (too_old > 0).then(|| index(too_old)),
                expired_log_event_end_index: (expired > 0).then(|| index(expired)),
            };
            let any = accepted.len() < events.len();
            Ok(PutLogEventsOutput {
                next_sequence_token: Some(format!("{:056}", record.next)),
                rejected_log_events_info: any.then_some(rejected),
            })
        })
        .await
}

/// What GetLogEvents takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct GetLogEventsInput {
    pub(crate) log_group_name: Option<String>,
    pub(crate) log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
    unmask: Option<bool>,
}

/// An event.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct OutputLogEvent {
    timestamp: Option<i64>,
    message: Option<String>,
    ingestion_time: Option<i64>,
}

/// A page of events, and the tokens of the pages around it.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct GetLogEventsOutput {
    events: Option<Vec<OutputLogEvent>>,
    next_forward_token: Option<String>,
    next_backward_token: Option<String>,
}

/// A place between events: everything from here on lies forward.
type Place = (i64, u64);

fn token(direction: char, place: Place) -> String {
    format!("{direction}/{:020}{:036}", place.0, place.1)
}

fn place(token: &str) -> Option<(bool, Place)> {
    let (direction, digits) = token.split_once('/')?;
    let (time, number) = digits.split_at_checked(20)?;
    let forward = match direction {
        "f" => true,
        "b" => false,
        _ => return None,
    };
    Some((forward, (time.parse().ok()?, number.parse().ok()?)))
}

pub(crate) async fn get_log_events(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: GetLogEventsInput,
) -> Result<GetLogEventsOutput, LogsError> {
    let name = named(input.log_group_name.as_ref(), input.log_group_identifier.as_ref())?;
    let most = usize::try_from(input.limit.unwrap_or(10_000)).unwrap_or(10_000).clamp(1, 10_000);
    let from = match &input.next_token {
        Some(text) => {
            let invalid = || LogsError::Invalid("The specified nextToken is invalid.".to_owned());
            Some(place(text).ok_or_else(invalid)?)
        }
        None => None,
    };
    let forward = from.map_or(input.start_from_head.unwrap_or(false), |(forward, _)| forward);
    let (account, region, stream_name) = (ctx.account.as_str(), ctx.region.as_str(), input.log_stream_name.as_str());
    let scope = (account, region, name.as_str(), stream_name);
    let mut events: Vec<(Place, OutputLogEvent)> = logs.store().read(|tx| {
        group(tx, account, region, &name)?;
        stream(tx, account, region, &name, stream_name)?;
        let mut range = Range::prefix(&scope);
        let start = input.start_time.unwrap_or(i64::MIN);
        let (first, last) = match from {
            Some((true, place)) => ((start, 0).max(place), None),
            Some((false, place)) => ((start, 0), Some(place)),
            None => ((start, 0), None),
        };
        range = range.from(&(scope.0, scope.1, scope.2, scope.3, first.0, first.1));
        if let Some((time, number)) = last {
            range = range.until(&(scope.0, scope.1, scope.2, scope.3, time, number));
        }
        if let Some(end) = input.end_time {
            range = range.until(&(scope.0, scope.1, scope.2, scope.3, end));
        }
        let entries = tx.range(&EVENTS, range);
        let read = |entry: Result<(crate::state::EventKey, crate::state::Event), pilvi_store::StoreError>| {
            let ((_, _, _, _, time, number), event) = entry?;
            let shown = OutputLogEvent {
                timestamp: Some(time),
                message: Some(event.message),
                ingestion_time: Some(event.ingested),
            };
            Ok::<_, LogsError>(((time, number), shown))
        };
        let mut bytes = 0;
        let fits = |entry: &Result<(Place, OutputLogEvent), LogsError>| {
            bytes +=
                entry.as_ref().map_or(0, |(_, event)| event.message.as_ref().map_or(0, String::len) + EVENT_OVERHEAD);
            bytes <= MOST_BYTES
        };
        if forward {
            entries.take(most).map(read).take_while(fits).collect()
        } else {
            entries.rev().take(most).map(read).take_while(fits).collect()
        }
    })?;
    if !forward {
        events.reverse();
    }
    // At an end the token given is given back ("GetLogEvents", nextToken).
    let here = from.map_or((input.start_time.unwrap_or(0).max(0), 0), |(_, place)| place);
    let ahead = events.last().map_or(here, |((time, number), _)| (*time, number + 1));
    let behind = events.first().map_or(here, |(place, _)| *place);
    Ok(GetLogEventsOutput {
        events: Some(events.into_iter().map(|(_, event)| event).collect()),
        next_forward_token: Some(token('f', ahead)),
        next_backward_token: Some(token('b', behind)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_nonsense_is_none() {
        assert_eq!(place(&token('f', (1_700_000_000_000, 7))), Some((true, (1_700_000_000_000, 7))));
        for text in ["", "f", "x/0", "f/é", "b/12"] {
            assert_eq!(place(text), None, "{text}");
        }
    }
}
