//! Finds what is due, and enqueues its invocations in the step that plans the next.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use pilvi_bus::context::new_trace;
use pilvi_delivery::{NewDelivery, Origin};
use pilvi_store::{StoreError, WriteTx};
use tokio_util::sync::CancellationToken;
use tracing::error;
use uuid::Uuid;

use super::invoke::{self, Invocation};
use crate::core::Timers;
use crate::rhythm::Rhythm;
use crate::state::{Key, Next, Record, SCHEDULES, Spec, schedule_arn};

/// The most schedules that fire in one step of the store.
const TOGETHER: usize = 256;
/// The wait after the store failed.
const FAILED: Duration = Duration::from_secs(1);

/// The next invocation of a schedule whose expression says `scheduled`.
pub(crate) fn plan_next(spec: &Spec, scheduled: Option<i64>) -> Option<Next> {
    let scheduled = scheduled.filter(|_| spec.enabled)?;
    let window = spec.window.unwrap_or(0).saturating_mul(60_000);
    // Anywhere in the window, and nowhere in particular: any number will do that differs from schedule to schedule.
    let put_off = if window > 0 { i64::try_from(Uuid::new_v4().as_u128() >> 66).unwrap_or(0) % window } else { 0 };
    Some(Next { scheduled, fire: scheduled.saturating_add(put_off) })
}

/// Fires what is due until shutdown. What came due while the cloud was not running is made up for once per schedule.
pub(crate) async fn run(timers: Arc<Timers>, shutdown: CancellationToken) {
    let started = timers.now();
    loop {
        let (next, due) = timers.due(timers.now(), TOGETHER);
        if due.is_empty() {
            let next = next.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = timers.changed.notified() => {}
                () = timers.platform.clock.sleep_until(next) => {}
            }
            continue;
        }
        if let Err(problem) = fire(&timers, due, started).await {
            error!(%problem, "schedules could not fire");
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = timers.platform.clock.sleep(FAILED) => {}
            }
        }
    }
}

async fn fire(timers: &Arc<Timers>, keys: Vec<Key>, started: i64) -> Result<(), StoreError> {
    let (fired, now, inner) = (keys.clone(), timers.now(), timers.clone());
    timers
        .store()
        .write::<_, StoreError>(move |tx| {
            for key in &keys {
                fire_one(&inner, tx, key, now, started)?;
            }
            Ok(())
        })
        .await?;
    timers.replan(&fired)?;
    timers.deliveries.wake();
    Ok(())
}

fn fire_one(timers: &Timers, tx: &mut WriteTx<'_>, key: &Key, now: i64, started: i64) -> Result<(), StoreError> {
    let Some(mut record) = tx.get(&SCHEDULES, key)? else { return Ok(()) };
    let Some(next) = record.next.filter(|next| next.fire <= now) else { return Ok(()) };
    let Some(rhythm) = Rhythm::of(&record) else { return Ok(()) };
    let due = match (next.fire < started, record.spec.window) {
        (true, _) => rhythm.missed(next.scheduled, now),
        (false, None) => rhythm.due(next.scheduled, now),
        // Each has a moment of its own in its window.
        (false, Some(_)) => crate::rhythm::Due { times: vec![next.scheduled], next: rhythm.first(next.scheduled + 1) },
    };
    for scheduled in due.times {
        timers.deliveries.enqueue(tx, invocation(key, &record, scheduled)?)?;
    }
    record.next = plan_next(&record.spec, due.next);
    if record.next.is_none() && record.spec.delete {
        tx.delete(&SCHEDULES, key)?;
        return Ok(());
    }
    tx.put(&SCHEDULES, key, &record)
}

fn invocation(key: &Key, record: &Record, scheduled: i64) -> Result<NewDelivery, StoreError> {
    let id = Uuid::new_v4().simple().to_string();
    let source_arn = schedule_arn(key);
    let invocation = Invocation {
        target: record.spec.target.clone(),
        scheduled,
        execution_id: id.get(..16).unwrap_or(&id).to_owned(),
    };
    let payload = serde_json::to_vec(&invocation)
        .map_err(|error| StoreError::Encode { table: "timers.schedule", reason: error.to_string() })?;
    Ok(NewDelivery {
        kind: invoke::KIND.to_owned(),
        target: source_arn.clone(),
        payload: Bytes::from(payload),
        origin: Origin { source_arn, account: key.0.clone(), region: key.1.clone(), trace: new_trace() },
        due: 0,
    })
}
