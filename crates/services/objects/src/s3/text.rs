//! Small texts: times and url encoding.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the unreserved characters of RFC 3986.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The same, but `/` stays.
const PATH: &AsciiSet = &STRICT.remove(b'/');
/// As listings with `encoding-type=url` and copies' answers have it: like a form, but `/` stays and `*` too.
const LISTING: &AsciiSet = &PATH.remove(b'*');

/// Encodes a query's name or value as signatures have it.
pub fn encode_strict(text: &str) -> String {
    utf8_percent_encode(text, STRICT).to_string()
}

/// Encodes a path as signatures have it.
pub fn encode_path(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

/// Encodes a key for a listing with `encoding-type=url`, where a space is `+`.
pub fn encode_listing(text: &str) -> String {
    utf8_percent_encode(text, LISTING).to_string().replace("%20", "+")
}

/// Decodes a path; what is no UTF-8 becomes something that no signature fits.
pub fn decode_lossy(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Milliseconds as documents have times: S3 keeps whole seconds and prints `.000`.
pub fn iso(milliseconds: i64) -> String {
    format_time(milliseconds.div_euclid(1000), "%Y-%m-%dT%H:%M:%S.000Z")
}

/// Seconds as some error documents have them.
pub fn iso_seconds(seconds: i64) -> String {
    format_time(seconds, "%Y-%m-%dT%H:%M:%SZ")
}

/// Milliseconds as events have times.
pub fn iso_milliseconds(milliseconds: i64) -> String {
    let rest = milliseconds.rem_euclid(1000);
    format_time(milliseconds.div_euclid(1000), "%Y-%m-%dT%H:%M:%S") + &format!(".{rest:03}Z")
}

/// Milliseconds as headers have times.
pub fn http_date(milliseconds: i64) -> String {
    format_time(milliseconds.div_euclid(1000), "%a, %d %b %Y %H:%M:%S GMT")
}

/// Seconds as `20260102T030405Z`.
pub fn basic_time(seconds: i64) -> String {
    format_time(seconds, "%Y%m%dT%H%M%SZ")
}

/// Reads `20260102T030405Z` to seconds.
pub fn parse_basic_time(text: &str) -> Option<i64> {
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

/// Reads a header's time (RFC 9110, 5.6.7, all three forms, and ISO 8601 as some clients send) to seconds.
pub fn parse_http_date(text: &str) -> Option<i64> {
    let text = text.trim();
    for format in ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"] {
        if let Ok(time) = DateTime::strptime(format, text) {
            return Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second());
        }
    }
    if let Ok(zoned) = jiff::fmt::rfc2822::parse(text) {
        return Some(zoned.timestamp().as_second());
    }
    text.parse::<Timestamp>().ok().map(|time| time.as_second())
}

/// Reads ISO 8601, with or without a time of day, to milliseconds.
pub fn parse_iso(text: &str) -> Option<i64> {
    if let Ok(time) = text.trim().parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let date = text.trim().parse::<jiff::civil::Date>().ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

fn format_time(seconds: i64, format: &str) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(http_date(784_111_777_123), "Sun, 06 Nov 1994 08:49:37 GMT");
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(parse_http_date(text), Some(784_111_777), "{text}");
        }
        assert_eq!(parse_http_date("yesterday"), None);
        assert_eq!(parse_basic_time("19941106T084937Z"), Some(784_111_777));
        assert_eq!(basic_time(784_111_777), "19941106T084937Z");
        assert_eq!(iso(784_111_777_999), "1994-11-06T08:49:37.000Z");
        assert_eq!(iso_milliseconds(784_111_777_009), "1994-11-06T08:49:37.009Z");
    }

    #[test]
    fn encodings() {
        assert_eq!(encode_listing("a b/ü+*~"), "a+b/%C3%BC%2B*~");
        assert_eq!(encode_path("/a b/~"), "/a%20b/~");
    }
}
