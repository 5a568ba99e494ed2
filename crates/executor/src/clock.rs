//! Real time. Functions see the machine's own clock, so deadlines and log streams are named by it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// `2026-11-21T01:24:08.123Z`
pub(crate) fn iso_now() -> String {
    format_now("%Y-%m-%dT%H:%M:%S%.3fZ")
}

/// `2026/11/21`, the start of a log stream's name.
pub(crate) fn date_path() -> String {
    format_now("%Y/%m/%d")
}

fn format_now(format: &str) -> String {
    let ms = i64::try_from(unix_ms()).unwrap_or(0);
    jiff::Timestamp::from_millisecond(ms).map(|t| t.strftime(format).to_string()).unwrap_or_default()
}
