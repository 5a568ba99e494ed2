//! Rules with schedules: fired at their times by the platform's clock.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html>
//!
//! A tick is an event for the rule alone, which is durable once it fired. What would have been due while the cloud was down is not made
//! up for; what becomes due because the clock is moved fires as if that time had passed.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pilvi_bus::Clock;
use pilvi_bus::context::new_trace;
use pilvi_schedules::Schedule;
use pilvi_store::StoreError;
use tokio_util::sync::CancellationToken;
use tracing::error;
use uuid::Uuid;

use crate::core::{Events, Scheduled};
use crate::event::Draft;
use crate::ingest::Arrival;
use crate::names::BusName;

/// A tick that is later than this by real time was missed: the machine slept.
const LATE: i64 = 60_000;
/// The most ticks of one rule that a move of the clock fires.
const MOST: usize = 10_000;
/// After a failure of the store, in milliseconds.
const PAUSE: i64 = 1000;

impl Scheduled {
    /// The first tick after a time, in milliseconds.
    fn next_after(&self, time: i64) -> Option<i64> {
        if let Schedule::Rate(interval) = &self.schedule {
            // A rate counts from when the rule was made or enabled.
            let interval = i64::try_from(interval.as_millis()).ok().filter(|interval| *interval > 0)?;
            let passed = (time - self.since).div_euclid(interval).max(0);
            return Some(self.since + (passed + 1) * interval);
        }
        let time = Timestamp::from_millisecond(time).ok()?;
        self.schedule.next_after(time, &TimeZone::UTC).map(Timestamp::as_millisecond)
    }
}

/// A tick: when, and of which rule.
type Tick = (i64, BusName, String);

/// Fires rules until shutdown.
pub(crate) async fn run(events: Arc<Events>, shutdown: CancellationToken) {
    let clock = events.platform.clock.clone();
    let (mut seen, mut seen_really) = (clock.now_ms(), Clock::real_time().as_millisecond());
    let mut due = VecDeque::new();
    loop {
        let (now, really) = (clock.now_ms(), Clock::real_time().as_millisecond());
        // How far the clock went on by itself since the last look; the rest it was moved.
        let by_itself = (really - seen_really).clamp(0, (now - seen).max(0));
        let missed_before = if by_itself > LATE { now - LATE } else { i64::MIN };
        due.extend(ticks(&events, seen.max(missed_before), now));
        (seen, seen_really) = (now, really);
        if let Err(problem) = fire(&events, &mut due).await {
            error!(%problem, "scheduled rules could not be fired; they are tried again");
        }
        let next = match due.is_empty() {
            true => events.schedules().iter().filter_map(|(_, scheduled)| scheduled.next_after(now)).min(),
            false => Some(now + PAUSE),
        };
        let next = next.and_then(|next| Timestamp::from_millisecond(next).ok()).unwrap_or(Timestamp::MAX);
        tokio::select! {
            () = clock.sleep_until(next) => {}
            () = events.rescheduled.notified() => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// What is due after `from` until `until`, in the order of time.
fn ticks(events: &Events, from: i64, until: i64) -> Vec<Tick> {
    let mut due = Vec::new();
    for ((bus, rule), scheduled) in events.schedules() {
        let mut time = from.max(scheduled.since);
        for _ in 0..MOST {
            match scheduled.next_after(time) {
                Some(next) if next <= until => time = next,
                _ => break,
            }
            due.push((time, bus.clone(), rule.clone()));
        }
    }
    due.sort();
    due
}

/// Fires ticks one after the other; those that could not be written stay.
async fn fire(events: &Arc<Events>, due: &mut VecDeque<Tick>) -> Result<(), StoreError> {
    while let Some((time, bus, rule)) = due.front() {
        tick(events, *time, bus.clone(), rule.clone()).await?;
        due.pop_front();
    }
    Ok(())
}

async fn tick(events: &Arc<Events>, time: i64, bus: BusName, rule: String) -> Result<(), StoreError> {
    let draft = Draft {
        id: Uuid::new_v4().to_string(),
        detail_type: "Scheduled Event".to_owned(),
        source: "aws.events".to_owned(),
        account: bus.account.clone(),
        time: time.div_euclid(1000),
        region: bus.region.clone(),
        resources: vec![bus.rule_arn(&rule)],
        detail: "{}".to_owned(),
    };
    let Some(event) = draft.build() else { return Ok(()) };
    let arrival = Arrival { bus, event, trace: new_trace(), only: None };
    let (state, now) = (events.clone(), events.now());
    events.store().write(move |tx| state.enqueue_rule(tx, &arrival, &rule, now)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_count_from_the_rule_and_crons_from_the_calendar() {
        let scheduled = |text: &str| Scheduled { schedule: Schedule::parse(text).unwrap(), since: 90_500 };
        let rate = scheduled("rate(1 minute)");
        assert_eq!(rate.next_after(90_500), Some(150_500));
        assert_eq!(rate.next_after(150_499), Some(150_500));
        assert_eq!(rate.next_after(150_500), Some(210_500));
        assert_eq!(rate.next_after(0), Some(150_500));
        assert_eq!(scheduled("cron(* * * * ? *)").next_after(90_500), Some(120_000));
    }
}
