//! StartReplay, DescribeReplay, CancelReplay, ListReplays.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};
use pilvi_store::{Range, ReadTx, StoreError};

use super::archives::archive;
use super::buses::check_bus;
use crate::core::{Events, time};
use crate::errors::EventsError;
use crate::names::{BusName, named};
use crate::page::Page;
use crate::state::{REPLAYS, Replay};

/// "Amazon EventBridge quotas": concurrent replays.
const MOST: usize = 10;

/// Where a replay's events go.
#[derive(Shape)]
pub(crate) struct ReplayDestination {
    arn: String,
    filter_arns: Option<Vec<String>>,
}

/// What StartReplay takes.
#[derive(Shape)]
pub(crate) struct StartReplayInput {
    pub(crate) replay_name: String,
    description: Option<String>,
    pub(crate) event_source_arn: String,
    event_start_time: Timestamp,
    event_end_time: Timestamp,
    destination: ReplayDestination,
}

/// The replay that was started.
#[derive(Shape)]
pub(crate) struct StartReplayOutput {
    replay_arn: Option<String>,
    state: Option<String>,
    state_reason: Option<String>,
    replay_start_time: Option<Timestamp>,
}

pub(crate) fn replay_arn(ctx: &Ctx, name: &str) -> String {
    ctx.arn("events", format!("replay/{name}")).to_string()
}

/// A replay that exists.
fn replay(tx: &ReadTx<'_>, ctx: &Ctx, name: &str) -> Result<Replay, EventsError> {
    let replay = tx.get(&REPLAYS, &(ctx.account.as_str(), ctx.region.as_str(), name))?;
    replay.ok_or_else(|| EventsError::NotFound(format!("Replay {name} does not exist.")))
}

impl Replay {
    /// Events are still to be put.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self.state.as_str(), "STARTING" | "RUNNING" | "CANCELLING")
    }
}

pub(crate) async fn start_replay(
    events: Arc<Events>,
    ctx: Ctx,
    input: StartReplayInput,
) -> Result<StartReplayOutput, EventsError> {
    let destination = input.destination.arn;
    let bus = BusName::from_arn(&destination)
        .ok_or_else(|| EventsError::parameter("Destination.Arn", "Must contain an event bus ARN."))?;
    check_bus(&events, &bus)?;
    let from = named("archive", &input.event_source_arn).to_owned();
    let source = events.store().read(|tx| archive(tx, &ctx, &from)).map_err(|error| match error {
        EventsError::NotFound(text) => EventsError::parameter("EventSourceArn", &text),
        other => other,
    })?;
    if source.source_arn != destination {
        let reason = "Cross event bus replay is not permitted.";
        return Err(EventsError::parameter("Destination.Arn", reason));
    }
    if input.event_start_time >= input.event_end_time {
        let reason = "EventStartTime must be before EventEndTime.";
        return Err(EventsError::parameter("EventEndTime", reason));
    }
    let now = events.now();
    let record = Replay {
        archive_arn: input.event_source_arn,
        description: input.description,
        destination,
        filter_arns: input.destination.filter_arns,
        state: "STARTING".to_owned(),
        from: input.event_start_time.as_millisecond(),
        until: input.event_end_time.as_millisecond(),
        last: None,
        started: now,
        ended: None,
        cursor: None,
    };
    let (caller, name) = (ctx.clone(), input.replay_name.clone());
    events
        .store()
        .write(move |tx| {
            let scope = (caller.account.as_str(), caller.region.as_str());
            let key = (scope.0, scope.1, name.as_str());
            if tx.contains(&REPLAYS, &key)? {
                return Err(EventsError::Exists(format!("Replay {name} already exists.")));
            }
            let replays = tx.range(&REPLAYS, Range::prefix(&scope)).collect::<Result<Vec<_>, StoreError>>()?;
            if replays.iter().filter(|(_, replay)| replay.is_active()).count() >= MOST {
                return Err(EventsError::Limit);
            }
            tx.put(&REPLAYS, &key, &record)?;
            Ok(())
        })
        .await?;
    events.replays.notify_one();
    Ok(StartReplayOutput {
        replay_arn: Some(replay_arn(&ctx, &input.replay_name)),
        state: Some("STARTING".to_owned()),
        state_reason: None,
        replay_start_time: Some(time(now)),
    })
}

/// A replay by name.
#[derive(Shape)]
pub(crate) struct ReplayInput {
    pub(crate) replay_name: String,
}

/// A replay.
#[derive(Shape)]
pub(crate) struct DescribeReplayOutput {
    replay_name: Option<String>,
    replay_arn: Option<String>,
    description: Option<String>,
    state: Option<String>,
    state_reason: Option<String>,
    event_source_arn: Option<String>,
    destination: Option<ReplayDestination>,
    event_start_time: Option<Timestamp>,
    event_end_time: Option<Timestamp>,
    event_last_replayed_time: Option<Timestamp>,
    replay_start_time: Option<Timestamp>,
    replay_end_time: Option<Timestamp>,
}

pub(crate) async fn describe_replay(
    events: Arc<Events>,
    ctx: Ctx,
    input: ReplayInput,
) -> Result<DescribeReplayOutput, EventsError> {
    let name = input.replay_name;
    let replay = events.store().read(|tx| replay(tx, &ctx, &name))?;
    Ok(DescribeReplayOutput {
        replay_arn: Some(replay_arn(&ctx, &name)),
        replay_name: Some(name),
        description: replay.description,
        state: Some(replay.state),
        state_reason: None,
        event_source_arn: Some(replay.archive_arn),
        destination: Some(ReplayDestination { arn: replay.destination, filter_arns: replay.filter_arns }),
        event_start_time: Some(time(replay.from)),
        event_end_time: Some(time(replay.until)),
        event_last_replayed_time: replay.last.map(time),
        replay_start_time: Some(time(replay.started)),
        replay_end_time: replay.ended.map(time),
    })
}

/// The replay that is cancelled.
#[derive(Shape)]
pub(crate) struct CancelReplayOutput {
    replay_arn: Option<String>,
    state: Option<String>,
    state_reason: Option<String>,
}

pub(crate) async fn cancel_replay(
    events: Arc<Events>,
    ctx: Ctx,
    input: ReplayInput,
) -> Result<CancelReplayOutput, EventsError> {
    let (caller, name) = (ctx.clone(), input.replay_name.clone());
    events
        .store()
        .write(move |tx| {
            let mut own = replay(tx, &caller, &name)?;
            if !matches!(own.state.as_str(), "STARTING" | "RUNNING") {
                let text = format!("Replay {name} is not in a valid state for this operation.");
                return Err(EventsError::IllegalStatus(text));
            }
            "CANCELLING".clone_into(&mut own.state);
            tx.put(&REPLAYS, &(caller.account.as_str(), caller.region.as_str(), name.as_str()), &own)?;
            Ok(())
        })
        .await?;
    events.replays.notify_one();
    Ok(CancelReplayOutput {
        replay_arn: Some(replay_arn(&ctx, &input.replay_name)),
        state: Some("CANCELLING".to_owned()),
        state_reason: None,
    })
}

/// What ListReplays takes.
#[derive(Shape)]
pub(crate) struct ListReplaysInput {
    name_prefix: Option<String>,
    state: Option<String>,
    event_source_arn: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A replay in a list.
#[derive(Shape)]
pub(crate) struct ListedReplay {
    replay_name: Option<String>,
    event_source_arn: Option<String>,
    state: Option<String>,
    state_reason: Option<String>,
    event_start_time: Option<Timestamp>,
    event_end_time: Option<Timestamp>,
    event_last_replayed_time: Option<Timestamp>,
    replay_start_time: Option<Timestamp>,
    replay_end_time: Option<Timestamp>,
}

/// A page of replays.
#[derive(Shape)]
pub(crate) struct ListReplaysOutput {
    replays: Option<Vec<ListedReplay>>,
    next_token: Option<String>,
}

pub(crate) async fn list_replays(
    events: Arc<Events>,
    ctx: Ctx,
    input: ListReplaysInput,
) -> Result<ListReplaysOutput, EventsError> {
    let filters = [input.name_prefix.is_some(), input.event_source_arn.is_some(), input.state.is_some()];
    if filters.into_iter().filter(|given| *given).count() > 1 {
        let text = "At most one filter is allowed for ListReplays. Use either : State, EventSourceArn, or NamePrefix.";
        return Err(EventsError::Invalid(text.to_owned()));
    }
    let page = Page { prefix: input.name_prefix, token: input.next_token, limit: input.limit };
    let listing = page.of(events.store(), &ctx, &REPLAYS, |_, replay| {
        input.event_source_arn.as_ref().is_none_or(|arn| *arn == replay.archive_arn)
            && input.state.as_ref().is_none_or(|state| *state == replay.state)
    })?;
    let (replays, next_token) = listing.show(|name, replay| ListedReplay {
        replay_name: Some(name),
        event_source_arn: Some(replay.archive_arn),
        state: Some(replay.state),
        state_reason: None,
        event_start_time: Some(time(replay.from)),
        event_end_time: Some(time(replay.until)),
        event_last_replayed_time: replay.last.map(time),
        replay_start_time: Some(time(replay.started)),
        replay_end_time: replay.ended.map(time),
    });
    Ok(ListReplaysOutput { replays, next_token })
}
