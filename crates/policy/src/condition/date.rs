//! Instants as IAM reads them: the W3C profile of ISO 8601 with any tail left out, or seconds since 1970.

const NANOS: i128 = 1_000_000_000;

/// Nanoseconds since 1970 of an ISO 8601 date (`2026`, `2026-01-31T09:30:15.25+01:00`, …) or of epoch seconds.
pub(crate) fn parse_instant(text: &str) -> Option<i128> {
    if !text.contains(['t', 'T', '-']) {
        let seconds: i64 = text.parse().ok()?;
        return (seconds >= 0).then_some(i128::from(seconds) * NANOS);
    }
    let (date, time) = text.split_once(['t', 'T']).unwrap_or((text, ""));
    let days = parse_date(date)?;
    let (seconds, nanos) = if time.is_empty() { (0, 0) } else { parse_time(time)? };
    Some((i128::from(days) * 86_400 + i128::from(seconds)) * NANOS + i128::from(nanos))
}

/// Days since 1970. The year may be negative and has the range of Java's dates, which IAM's own parser uses.
fn parse_date(date: &str) -> Option<i64> {
    let (negative, digits) = match date.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, date),
    };
    let mut parts = digits.split('-');
    let year = number(parts.next()?, i64::MAX)?;
    let year = if negative { -year } else { year };
    if !(-292_275_054..=292_278_993).contains(&year) {
        return None;
    }
    let month = parts.next().map_or(Some(1), |part| number(part, 12))?;
    let day = parts.next().map_or(Some(1), |part| number(part, 31))?;
    if parts.next().is_some() || month < 1 || day < 1 {
        return None;
    }
    Some(days_from_civil(year, month, day))
}

/// Seconds of the day in UTC, and nanoseconds. A time without a zone is UTC.
fn parse_time(time: &str) -> Option<(i64, i64)> {
    let zone_at = time.find(['z', 'Z', '+', '-']);
    let (clock, zone) = match zone_at {
        Some(at) => (time.get(..at)?, time.get(at..)?),
        None => (time, ""),
    };
    let mut parts = clock.split(':');
    let hours = number(parts.next()?, 23)?;
    let minutes = parts.next().map_or(Some(0), |part| number(part, 59))?;
    let (seconds, nanos) = match parts.next() {
        None => (0, 0),
        Some(part) => match part.split_once('.') {
            None => (number(part, 59)?, 0),
            Some((whole, fraction)) => (number(whole, 59)?, fraction_nanos(fraction)?),
        },
    };
    if parts.next().is_some() {
        return None;
    }
    Some((hours * 3600 + minutes * 60 + seconds - zone_offset(zone)?, nanos))
}

/// Seconds east of UTC of `Z`, `+01`, `+01:00` or nothing.
fn zone_offset(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let body = zone.get(1..)?;
    let (hours, minutes) = body.split_once(':').unwrap_or((body, "00"));
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    Some(sign * (number(hours, 23)? * 3600 + number(minutes, 59)? * 60))
}

fn fraction_nanos(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10_i64.checked_pow(9 - u32::try_from(fraction.len()).ok()?)?;
    Some(number(fraction, 999_999_999)? * scale)
}

fn number(digits: &str, most: i64) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|n| *n <= most)
}

/// Howard Hinnant's algorithm: days since 1970-01-01 in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        let seconds = |text: &str| parse_instant(text).map(|n| n / NANOS);
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2000-03-01"), Some(951_868_800));
        assert_eq!(seconds("2016-12-13T21:20:37.593194+00:00"), Some(1_481_664_037));
        assert_eq!(seconds("1969-12-31T23:59:59Z"), Some(-1));
        assert_eq!(seconds("1767225600"), Some(1_767_225_600));
        for fine in ["01T", "-292275054", "2016-12-13t2:00:00.593194+23", "2019-07-01T13:20:15Z"] {
            assert!(parse_instant(fine).is_some(), "{fine}");
        }
        for bad in [
            "sdfdsf",
            "234-13",
            "2016-12-13t2:00:00.593194+1",
            "2016-12-13t2:00:00.1999999999+10:59",
            "9223372036854775808",
            "",
            "2016-1-1-1",
            "é-01",
        ] {
            assert_eq!(parse_instant(bad), None, "{bad}");
        }
    }
}
