//! Filter patterns: texts, JSON (`{ … }`) and columns (`[ … ]`).
//!
//! "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail" of the CloudWatch Logs
//! user guide.

mod columns;
mod condition;
mod json;
mod text;
mod tokens;

use std::sync::Arc;

use serde_json::Value;

use crate::errors::LogsError;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// Terms that a text has or has not.
    Text(text::Terms),
    /// What the members of a JSON event are.
    Json(json::Test),
    /// What the columns of an event that is delimited by spaces are.
    Columns(columns::Columns),
}

/// The refusal of a pattern that cannot be read.
pub(crate) fn invalid() -> LogsError {
    LogsError::Invalid("Invalid filter pattern".to_owned())
}

impl Pattern {
    /// Reads a pattern; an empty one matches everything.
    pub(crate) fn parse(text: &str) -> Result<Pattern, LogsError> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix('{') {
            let inner = rest.strip_suffix('}').ok_or_else(invalid)?;
            return json::Test::parse(inner).map(Pattern::Json).ok_or_else(invalid);
        }
        if let Some(rest) = text.strip_prefix('[') {
            let inner = rest.strip_suffix(']').ok_or_else(invalid)?;
            return columns::Columns::parse(inner).map(Pattern::Columns).ok_or_else(invalid);
        }
        text::Terms::parse(text).map(Pattern::Text).ok_or_else(invalid)
    }

    /// Whether a message matches.
    pub(crate) fn matches(&self, message: &str) -> bool {
        match self {
            Pattern::Text(terms) => terms.matches(message),
            Pattern::Json(test) => serde_json::from_str(message).is_ok_and(|event: Value| test.matches(&event)),
            Pattern::Columns(columns) => columns.matches(message),
        }
    }

    /// The values that a pattern names: `$.member` of JSON, `$column` of columns. Only of messages that match.
    pub(crate) fn extract(&self, message: &str) -> Vec<(String, String)> {
        match self {
            Pattern::Text(_) => Vec::new(),
            Pattern::Json(test) => {
                serde_json::from_str(message).map(|event: Value| test.extract(&event)).unwrap_or_default()
            }
            Pattern::Columns(columns) => columns.extract(message),
        }
    }

    /// Whether subscriptions are told the values too: those of columns.
    pub(crate) fn has_columns(&self) -> bool {
        matches!(self, Pattern::Columns(columns) if !columns.is_empty())
    }
}

/// The value of a selector (`$.latency`, `$bytes`) or a number, as metric filters use it.
pub(crate) fn metric_value(pattern: &Pattern, message: &str, wanted: &str) -> Option<f64> {
    if !wanted.starts_with('$') {
        return wanted.parse().ok();
    }
    let text = match pattern {
        Pattern::Json(_) => {
            let event: Value = serde_json::from_str(message).ok()?;
            json::printed(json::Selector::parse(wanted)?.find(&event)?)?
        }
        _ => pattern.extract(message).into_iter().find(|(name, _)| name == wanted)?.1,
    };
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The patterns of filters, compiled once.
#[derive(Default)]
pub(crate) struct Compiled(parking_lot::RwLock<std::collections::HashMap<String, Arc<Pattern>>>);

/// More than this many patterns are not remembered.
const MOST: usize = 4096;

impl Compiled {
    /// A pattern; `None` where it cannot be read, which was refused when the filter was made.
    pub(crate) fn get(&self, text: &str) -> Option<Arc<Pattern>> {
        if let Some(found) = self.0.read().get(text) {
            return Some(found.clone());
        }
        let pattern = Arc::new(Pattern::parse(text).ok()?);
        let mut all = self.0.write();
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(text.to_owned(), pattern.clone());
        Some(pattern)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(message)
    }

    const APACHE: &str = r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 404 1534"#;

    #[test]
    fn members_of_json_are_compared() {
        let event = r#"{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another"],
            "objectList": [{"name": "a", "id": 1, "flag": false}, {"name": "b", "id": 2}], "SomeObject": null, "n": 12.5}"#;
        for (pattern, expected) in [
            (r#"{ $.eventType = "UpdateTrail" }"#, true),
            (r#"{ $.eventType = UpdateTrail }"#, true),
            (r#"{ $.eventType = "Update*" }"#, true),
            (r#"{ $.eventType != "UpdateTrail" }"#, false),
            (r#"{ $.sourceIPAddress != 123.123.* }"#, true),
            (r#"{ $.sourceIPAddress = 111.111.* }"#, true),
            (r#"{ $.arrayKey[0] = "value" }"#, true),
            (r#"{ $.arrayKey[2] = "value" }"#, false),
            (r#"{ $.objectList[1].id = 2 }"#, true),
            (r#"{ $.objectList[0].flag IS FALSE }"#, true),
            (r#"{ $.objectList[1].flag NOT EXISTS }"#, true),
            (r#"{ $.SomeObject IS NULL }"#, true),
            (r#"{ $.SomeOtherObject IS NULL }"#, false),
            (r#"{ $.n > 12 && $.n <= 12.5 }"#, true),
            (r#"{ $.n < 1.25e1 }"#, false),
            (r#"{ ($.n = 1 || $.n = 12.5) && ($.eventType = "UpdateTrail") }"#, true),
            (r#"{ $.n = 1 && $.n = 2 || $.n = 12.5 }"#, true),
            (r#"{ $.eventType = %^Update[A-Z]% }"#, true),
            (r#"{ $.missing != "x" }"#, false),
            (r#"{ $.['eventType'] = "UpdateTrail" }"#, true),
            (r#"{$.eventType = * }"#, true),
        ] {
            assert_eq!(matches(pattern, event), expected, "{pattern}");
        }
        assert!(!matches("{ $.a = 1 }", "no json"));
    }

    #[test]
    fn columns_are_compared() {
        for (pattern, expected) in [
            ("[ip, user, username, timestamp, request, status_code, bytes]", true),
            ("[ip, user, username, timestamp, request, status_code=4*, bytes > 1000]", true),
            ("[ip, user, username, timestamp, request =*.html*, status_code=4*, bytes]", false),
            ("[ip, user, username, timestamp, request, status_code = 404 || status_code = 410, bytes]", true),
            ("[ip, user, username, timestamp, request, (status_code > 404 && status_code < 410), bytes]", false),
            ("[ip, user]", false),
            ("[..., status_code, bytes]", true),
            ("[ip=127.0.0.1, ...]", true),
            ("[w1=%^127%, ...]", true),
            ("[w1!=%frank%, w2, w3!=\"frank\", ...]", false),
            ("[]", true),
        ] {
            assert_eq!(matches(pattern, APACHE), expected, "{pattern}");
        }
    }

    #[test]
    fn values_are_extracted() {
        let pattern = Pattern::parse("[..., status_code, size]").unwrap();
        let values = pattern.extract(APACHE);
        let value = |name: &str| values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(value("$size"), Some("1534"));
        assert_eq!(value("$4"), Some("10/Oct/2000:13:25:15 -0700"));
        assert_eq!(value("$5"), Some("GET /apache_pb.gif HTTP/1.0"));
        assert_eq!(metric_value(&pattern, APACHE, "$size"), Some(1534.0));
        let json = Pattern::parse("{ $.latency = * }").unwrap();
        assert_eq!(metric_value(&json, r#"{"latency": 50, "other": "7"}"#, "$.latency"), Some(50.0));
        assert_eq!(metric_value(&json, r#"{"latency": 50, "other": "7"}"#, "$.other"), Some(7.0));
        assert_eq!(metric_value(&json, "{}", "2"), Some(2.0));
    }

    #[test]
    fn nonsense_is_refused() {
        for pattern in [
            "{",
            "{}",
            "{ $.a }",
            "{ $.a = }",
            "{ a = 1 }",
            "{ ($.a = 1 }",
            "[a",
            "[a b]",
            "[..., a, ...]",
            "{ $.a > x }",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(pattern in ".{0,40}", message in ".{0,40}") {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                pattern.matches(&message);
                pattern.extract(&message);
            }
        }

        #[test]
        fn anything_between_braces_is_read_or_refused(inner in r#"[\$.a-c0-2\[\]()&|=!<>*"% ]{0,30}"#, message in r#"\{"a": ?[0-2"]{0,3}\}"#) {
            for pattern in [format!("{{{inner}}}"), format!("[{inner}]")] {
                if let Ok(pattern) = Pattern::parse(&pattern) {
                    pattern.matches(&message);
                }
            }
        }
    }
}
