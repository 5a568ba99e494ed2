//! Replays: events of an archive are put on their bus again; and archives forget what is older than they keep it.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html>

use std::sync::Arc;
use std::time::Duration;

use pilvi_bus::context::new_trace;
use pilvi_store::{Range, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::core::Events;
use crate::event::Event;
use crate::ingest::Arrival;
use crate::names::{BusName, named};
use crate::state::{ARCHIVED, ARCHIVES, Archive, Key, REPLAYS, Replay};

/// A replay takes some time to start, in which it can be cancelled; on AWS it is minutes.
const START: Duration = Duration::from_secs(2);
/// How many events are put in one step.
const BATCH: usize = 100;
/// How often archives are looked through for what is too old.
const SWEEP: Duration = Duration::from_secs(3600);
const DAY: i64 = 86_400_000;

/// Replays until shutdown.
pub(crate) async fn run(events: Arc<Events>, shutdown: CancellationToken) {
    loop {
        let active = active(&events).unwrap_or_else(|problem| {
            error!(%problem, "replays cannot be read");
            Vec::new()
        });
        let now = events.now();
        let start = i64::try_from(START.as_millis()).unwrap_or(0);
        let mut waiting = false;
        for (key, replay) in active {
            if replay.state != "RUNNING" && replay.started + start > now {
                waiting = true;
                continue;
            }
            if let Err(problem) = go_on(&events, key, replay).await {
                error!(%problem, "a replay could not go on; it is tried again");
            }
            waiting = true;
        }
        let pause = if waiting { Duration::from_millis(100) } else { SWEEP };
        tokio::select! {
            () = events.platform.clock.sleep(pause) => {}
            () = events.replays.notified() => {}
            () = shutdown.cancelled() => return,
        }
    }
}

fn active(events: &Events) -> Result<Vec<(Key, Replay)>, StoreError> {
    events.store().read(|tx| {
        let replays = tx.range(&REPLAYS, Range::all());
        replays.filter(|entry| entry.as_ref().map_or(true, |(_, replay)| replay.is_active())).collect()
    })
}

/// Puts the next events of a replay.
async fn go_on(events: &Arc<Events>, key: Key, replay: Replay) -> Result<(), StoreError> {
    if replay.state == "CANCELLING" {
        return settle(events, key, |replay, now| {
            "CANCELLED".clone_into(&mut replay.state);
            replay.ended = Some(now);
        })
        .await;
    }
    let batch = next(events, &key, &replay)?;
    let Some(bus) = BusName::from_arn(&replay.destination) else { return Ok(()) };
    let only: Option<Arc<[String]>> = replay.filter_arns.clone().filter(|arns| !arns.is_empty()).map(Arc::from);
    let arrivals = batch.iter().filter_map(|(_, _, text)| {
        let event = Event::parse(text)?.replayed(&key.2);
        Some(Arrival { bus: bus.clone(), event, trace: new_trace(), only: only.clone() })
    });
    events.ingest(arrivals.collect()).await?;
    let last = batch.last().map(|(time, id, _)| (*time, id.clone()));
    settle(events, key, move |replay, now| match &last {
        Some((time, id)) => {
            if replay.state == "STARTING" {
                "RUNNING".clone_into(&mut replay.state);
            }
            replay.last = Some(*time);
            replay.cursor = Some((*time, id.clone()));
        }
        None if replay.state == "CANCELLING" => {}
        None => {
            "COMPLETED".clone_into(&mut replay.state);
            replay.ended = Some(now);
        }
    })
    .await
}

/// The time, id and text of the next events.
fn next(events: &Events, key: &Key, replay: &Replay) -> Result<Vec<(i64, String, String)>, StoreError> {
    events.store().read(|tx| {
        let name = named("archive", &replay.archive_arn);
        let archive = tx.get(&ARCHIVES, &(key.0.as_str(), key.1.as_str(), name))?;
        let Some(Archive { id, .. }) = archive else { return Ok(Vec::new()) };
        let range = Range::all().from(&(id.as_str(), replay.from)).until(&(id.as_str(), replay.until));
        let range = match &replay.cursor {
            Some((time, last)) => range.after(&(id.as_str(), *time, last.as_str())),
            None => range,
        };
        let entries = tx.range(&ARCHIVED, range).take(BATCH);
        entries.map(|entry| entry.map(|((_, time, id), text)| (time, id, text))).collect()
    })
}

async fn settle(
    events: &Events,
    key: Key,
    change: impl Fn(&mut Replay, i64) + Send + 'static,
) -> Result<(), StoreError> {
    let now = events.now();
    events
        .store()
        .write(move |tx| {
            if let Some(mut replay) = tx.get(&REPLAYS, &key)? {
                change(&mut replay, now);
                tx.put(&REPLAYS, &key, &replay)?;
            }
            Ok(())
        })
        .await
}

/// Drops what archives no longer keep, until shutdown.
pub(crate) async fn sweep(events: Arc<Events>, shutdown: CancellationToken) {
    loop {
        if let Err(problem) = drop_old(&events).await {
            error!(%problem, "archives could not be looked through");
        }
        tokio::select! {
            () = events.platform.clock.sleep(SWEEP) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn drop_old(events: &Events) -> Result<(), StoreError> {
    let now = events.now();
    let archives = events.store().read(|tx| {
        let archives = tx.range(&ARCHIVES, Range::all());
        archives
            .filter(|entry| entry.as_ref().map_or(true, |(_, archive)| archive.retention_days > 0 && archive.count > 0))
            .collect::<Result<Vec<_>, StoreError>>()
    })?;
    for (key, archive) in archives {
        let end = now - archive.retention_days * DAY;
        let start = archive.id;
        let range = move || Range::prefix(&(start.as_str(),)).until(&(start.as_str(), end));
        if events.store().read(|tx| Ok::<_, StoreError>(tx.keys(&ARCHIVED, range()).next().is_none()))? {
            continue;
        }
        events
            .store()
            .write(move |tx| {
                let gone = tx.delete_range(&ARCHIVED, range())?;
                if let Some(mut archive) = tx.get(&ARCHIVES, &key)? {
                    let gone = i64::try_from(gone).unwrap_or(i64::MAX);
                    // Sizes are not kept event by event: what is left counts in proportion.
                    let left = (archive.count - gone).max(0);
                    archive.size = archive.size.saturating_mul(left).checked_div(archive.count.max(1)).unwrap_or(0);
                    archive.count = left;
                    tx.put(&ARCHIVES, &key, &archive)?;
                }
                Ok::<(), StoreError>(())
            })
            .await?;
    }
    Ok(())
}
