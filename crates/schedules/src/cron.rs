//! `cron(Minutes Hours Day-of-month Month Day-of-week Year)`.

use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use crate::field::{Field, Rule};
use crate::{ScheduleError, instant};

const MINUTES: Rule = Rule { name: "minutes", least: 0, most: 59, names: &[] };
const HOURS: Rule = Rule { name: "hours", least: 0, most: 23, names: &[] };
const DAYS: Rule = Rule { name: "day-of-month", least: 1, most: 31, names: &[] };
const MONTHS: Rule = Rule {
    name: "month",
    least: 1,
    most: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const WEEKDAYS: Rule =
    Rule { name: "day-of-week", least: 1, most: 7, names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };
const YEARS: Rule = Rule { name: "year", least: 1970, most: 2199, names: &[] };

/// The times of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: Field,
    hours: Field,
    days: Days,
    months: Field,
    years: Field,
}

/// Which days of a month. One of day-of-month and day-of-week is `?`, so only one of them speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    OfMonth(Field),
    Last,
    LastWorkday,
    /// The workday nearest to this day, within the month.
    NearestWorkday(i16),
    /// Sunday is 1.
    OfWeek(Field),
    LastOfWeek(i16),
    /// The how-manieth such day of the month.
    NthOfWeek(i16, i16),
}

impl Cron {
    pub(crate) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, day, month, weekday, year] = fields.as_slice() else {
            return Err(ScheduleError(format!("{text:?} does not have six fields")));
        };
        let days = match (*day, *weekday) {
            ("?", "?") => return Err(ScheduleError("day-of-month and day-of-week cannot both be ?".to_owned())),
            (day, "?") => Days::of_month(day)?,
            ("?", weekday) => Days::of_week(weekday)?,
            _ => return Err(ScheduleError("one of day-of-month and day-of-week must be ?".to_owned())),
        };
        Ok(Self {
            minutes: Field::parse(minutes, &MINUTES)?,
            hours: Field::parse(hours, &HOURS)?,
            days,
            months: Field::parse(month, &MONTHS)?,
            years: Field::parse(year, &YEARS)?,
        })
    }

    pub(crate) fn next_after(&self, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut date = zone.to_datetime(time).date();
        while date.year() <= YEARS.most {
            if !self.years.has(date.year()) || !self.months.has(i16::from(date.month())) {
                date = date.last_of_month().tomorrow().ok()?;
                continue;
            }
            if self.days.has(date)
                && let Some(next) = self.first_of_day(date, time, zone)
            {
                return Some(next);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn first_of_day(&self, date: Date, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        for hour in self.hours.values() {
            for minute in self.minutes.values() {
                let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
                if let Some(next) = instant(date.at(hour, minute, 0, 0), zone).filter(|next| *next > time) {
                    return Some(next);
                }
            }
        }
        None
    }
}

impl Days {
    fn of_month(text: &str) -> Result<Self, ScheduleError> {
        match text.to_ascii_uppercase().as_str() {
            "L" => Ok(Self::Last),
            "LW" => Ok(Self::LastWorkday),
            upper => match upper.strip_suffix('W') {
                Some(day) => DAYS.value(day).map(Self::NearestWorkday),
                None => Field::parse(text, &DAYS).map(Self::OfMonth),
            },
        }
    }

    fn of_week(text: &str) -> Result<Self, ScheduleError> {
        if text.eq_ignore_ascii_case("L") {
            return Ok(Self::OfWeek(Field::parse("7", &WEEKDAYS)?));
        }
        if let Some((weekday, nth)) = text.split_once('#') {
            let nth =
                nth.parse::<i16>().ok().filter(|nth| (1..=5).contains(nth)).ok_or_else(|| WEEKDAYS.invalid(text))?;
            return Ok(Self::NthOfWeek(WEEKDAYS.value(weekday)?, nth));
        }
        match text.strip_suffix(['L', 'l']) {
            Some(weekday) => WEEKDAYS.value(weekday).map(Self::LastOfWeek),
            None => Field::parse(text, &WEEKDAYS).map(Self::OfWeek),
        }
    }

    fn has(&self, date: Date) -> bool {
        let day = i16::from(date.day());
        let weekday = i16::from(date.weekday().to_sunday_one_offset());
        let last = i16::from(date.days_in_month());
        match self {
            Self::OfMonth(days) => days.has(day),
            Self::Last => day == last,
            Self::LastWorkday => nearest_workday(date.last_of_month()) == Some(date),
            Self::NearestWorkday(wanted) => {
                let wanted = i8::try_from(*wanted).ok().and_then(|day| date.with().day(day).build().ok());
                wanted.and_then(nearest_workday) == Some(date)
            }
            Self::OfWeek(weekdays) => weekdays.has(weekday),
            Self::LastOfWeek(wanted) => weekday == *wanted && day + 7 > last,
            Self::NthOfWeek(wanted, nth) => weekday == *wanted && (day - 1) / 7 + 1 == *nth,
        }
    }
}

/// The workday nearest to a date, in the same month.
fn nearest_workday(date: Date) -> Option<Date> {
    let days = match date.weekday() {
        Weekday::Saturday if date.day() == 1 => 2,
        Weekday::Saturday => -1,
        Weekday::Sunday if date == date.last_of_month() => -2,
        Weekday::Sunday => 1,
        _ => 0,
    };
    date.checked_add(days.days()).ok()
}
