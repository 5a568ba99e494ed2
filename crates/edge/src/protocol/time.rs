//! Instants on the wire.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use pilvi_model::Timestamp;
use pilvi_model::api::TimestampFormat;

/// Reads an instant in any of the three forms; clients mix them.
pub fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return from_seconds(seconds);
    }
    strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text)
        .ok()
        .and_then(|broken_down| broken_down.to_datetime().ok())
        .and_then(|datetime| datetime.to_zoned(TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp())
}

/// An instant from seconds since 1970, to the millisecond, which is as exact as AWS is.
pub fn from_seconds(seconds: f64) -> Option<Timestamp> {
    let milliseconds = (seconds * 1000.0).round();
    if !milliseconds.is_finite() || milliseconds.abs() > 2.5e14 {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "bounded above")]
    Timestamp::from_millisecond(milliseconds as i64).ok()
}

/// Seconds since 1970 as AWS writes them in JSON: whole where they are whole, else with milliseconds.
pub fn seconds(instant: Timestamp) -> String {
    let milliseconds = instant.as_millisecond();
    let (whole, fraction) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
    if fraction == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{fraction:03}");
    text.trim_end_matches('0').to_owned()
}

/// Writes an instant as text.
pub fn format(instant: Timestamp, format: TimestampFormat) -> String {
    match format {
        TimestampFormat::UnixTimestamp => seconds(instant),
        TimestampFormat::Rfc822 => instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        TimestampFormat::Iso8601 => {
            if instant.as_millisecond().rem_euclid(1000) == 0 {
                instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
            } else {
                instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_name_the_same_instant() {
        let instant = Timestamp::from_millisecond(1_398_796_238_000).unwrap();
        for format_ in [TimestampFormat::Iso8601, TimestampFormat::Rfc822, TimestampFormat::UnixTimestamp] {
            assert_eq!(parse(&format(instant, format_)), Some(instant), "{format_:?}");
        }
        assert_eq!(format(instant, TimestampFormat::Rfc822), "Tue, 29 Apr 2014 18:30:38 GMT");
        assert_eq!(format(instant, TimestampFormat::Iso8601), "2014-04-29T18:30:38Z");
        assert_eq!(seconds(Timestamp::from_millisecond(1500).unwrap()), "1.5");
    }

    #[test]
    fn nonsense_is_no_instant() {
        for text in ["", "now", "1e400", "NaN", "2014-13-01"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
