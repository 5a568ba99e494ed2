//! When a schedule is due: the expression in its time zone, between its dates. Pure.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pilvi_schedules::Schedule;

use crate::state::{Record, Spec};

/// The most invocations that are made up for at once, when the clock was moved over them.
const MOST_AT_ONCE: usize = 1000;

/// The times of a schedule.
pub(crate) struct Rhythm {
    schedule: Schedule,
    zone: TimeZone,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    /// The first time of a rate.
    anchor: Timestamp,
}

/// What became due, and what comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) times: Vec<i64>,
    pub(crate) next: Option<i64>,
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

impl Rhythm {
    /// The times of a schedule; none where its expression or zone cannot be read, which CreateSchedule does not let in.
    pub(crate) fn new(spec: &Spec, anchor: i64) -> Option<Self> {
        let schedule = Schedule::parse_lenient(&spec.expression).ok()?;
        let zone = pilvi_schedules::zone(&spec.zone)?;
        let (start, end) = (spec.start.map(time), spec.end.map(time));
        Some(Self { schedule, zone, start, end, anchor: start.unwrap_or_else(|| time(anchor)) })
    }

    pub(crate) fn of(record: &Record) -> Option<Self> {
        Self::new(&record.spec, record.anchor)
    }

    /// The first time from `from` on. The dates of a one-time schedule are ignored, as documented.
    pub(crate) fn first(&self, from: i64) -> Option<i64> {
        let from = time(from);
        let instant = SignedDuration::from_nanos(1);
        let before = |time: Timestamp| time.checked_sub(instant).unwrap_or(time);
        let next = match &self.schedule {
            Schedule::At(_) => {
                return self.schedule.next_after(before(from), &self.zone).map(Timestamp::as_millisecond);
            }
            Schedule::Cron(_) => {
                self.schedule.next_after(before(self.start.map_or(from, |start| start.max(from))), &self.zone)?
            }
            Schedule::Rate(interval) => {
                let passed = from.as_millisecond() - self.anchor.as_millisecond();
                let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
                let steps = if passed <= 0 { 0 } else { (passed - 1) / interval + 1 };
                let ms = steps.checked_mul(interval)?.checked_add(self.anchor.as_millisecond())?;
                Timestamp::from_millisecond(ms).ok()?
            }
        };
        let over = self.end.is_some_and(|end| next > end);
        (!over).then(|| next.as_millisecond())
    }

    /// The times from `next`, which is due, until `now`, and the one that follows. Of more than a thousand, the rest is left out.
    pub(crate) fn due(&self, next: i64, now: i64) -> Due {
        let mut times = vec![next];
        let mut last = next;
        while times.len() < MOST_AT_ONCE {
            match self.first(last + 1) {
                Some(time) if time <= now => {
                    times.push(time);
                    last = time;
                }
                following => return Due { times, next: following },
            }
        }
        Due { times, next: self.first(now + 1) }
    }

    /// The last time until `now` of those from `next` on, and the one that follows: what is made up for after the cloud
    /// was not running.
    pub(crate) fn missed(&self, next: i64, now: i64) -> Due {
        // A day is as long as an event may be kept; what was missed before is looked for no further.
        let day = 24 * 3600 * 1000;
        let from =
            if now - next > day { self.first(now - day).filter(|time| *time <= now).unwrap_or(next) } else { next };
        let due = self.due(from, now);
        Due { times: due.times.last().copied().into_iter().collect(), next: due.next }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::target::Target;

    const MINUTE: i64 = 60_000;

    fn rhythm(expression: &str, zone: &str, start: Option<i64>, end: Option<i64>) -> Rhythm {
        let spec = Spec {
            expression: expression.to_owned(),
            zone: zone.to_owned(),
            start,
            end,
            description: None,
            window: None,
            enabled: true,
            delete: false,
            kms_key: None,
            target: Target::default(),
        };
        Rhythm::new(&spec, 0).unwrap()
    }

    #[test]
    fn a_rate_starts_at_once_and_keeps_its_step() {
        let rate = rhythm("rate(5 minutes)", "UTC", None, None);
        assert_eq!(rate.first(0), Some(0));
        assert_eq!(rate.first(1), Some(5 * MINUTE));
        assert_eq!(rate.first(5 * MINUTE), Some(5 * MINUTE));
        let due = rate.due(5 * MINUTE, 16 * MINUTE);
        assert_eq!(due, Due { times: vec![5 * MINUTE, 10 * MINUTE, 15 * MINUTE], next: Some(20 * MINUTE) });
        let missed = rate.missed(5 * MINUTE, 3_000 * MINUTE + 1);
        assert_eq!(missed, Due { times: vec![3_000 * MINUTE], next: Some(3_005 * MINUTE) });
        assert_eq!(rate.due(0, 1_000_000 * MINUTE).times.len(), MOST_AT_ONCE);
    }

    #[test]
    fn dates_bound_what_recurs_and_not_what_comes_once() {
        let (start, end) = (Some(7 * MINUTE), Some(20 * MINUTE));
        let rate = rhythm("rate(5 minutes)", "UTC", start, end);
        assert_eq!(rate.first(0), Some(7 * MINUTE));
        assert_eq!(
            rate.due(7 * MINUTE, 60 * MINUTE),
            Due { times: vec![7, 12, 17].into_iter().map(|m| m * MINUTE).collect(), next: None }
        );
        let cron = rhythm("cron(0/10 * * * ? *)", "UTC", start, end);
        assert_eq!(cron.due(10 * MINUTE, 60 * MINUTE).times, [10 * MINUTE, 20 * MINUTE]);
        let once = rhythm("at(1970-01-01T02:00:00)", "Europe/Berlin", start, end);
        assert_eq!(once.first(0), Some(60 * MINUTE), "an hour ahead of UTC");
        assert_eq!(once.first(60 * MINUTE + 1), None);
    }

    proptest! {
        #[test]
        fn nothing_is_due_twice_or_forgotten(step in 1i64..200, start in 0i64..1_000, moves in prop::collection::vec(0i64..500, 1..20)) {
            let rate = rhythm(&format!("rate({step} minutes)"), "UTC", Some(start * MINUTE), None);
            let mut next = rate.first(0);
            let (mut now, mut seen) = (0, Vec::new());
            for minutes in moves {
                now += minutes * MINUTE;
                if let Some(time) = next.filter(|time| *time <= now) {
                    let due = rate.due(time, now);
                    seen.extend(due.times);
                    next = due.next;
                }
            }
            let expected: Vec<i64> = (0..).map(|count| (start + count * step) * MINUTE).take_while(|time| *time <= now).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
