//! Events as queries see them: fields with values.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use pilvi_model::Timestamp;
use serde_json::Value;

/// "Supported logs and discovered fields": at most so many of an event's own.
const MOST_FIELDS: usize = 200;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    None,
    Bool(bool),
    Number(f64),
    Text(String),
    /// Milliseconds since 1970.
    Time(i64),
}

impl Scalar {
    pub(super) fn is_none(&self) -> bool {
        *self == Scalar::None
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Scalar::None => false,
            Scalar::Bool(value) => *value,
            Scalar::Number(number) => *number != 0.0,
            Scalar::Text(text) => text == "true" || text == "1",
            Scalar::Time(_) => true,
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970")]
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Scalar::None => None,
            Scalar::Bool(value) => Some(f64::from(u8::from(*value))),
            Scalar::Number(number) => Some(*number),
            Scalar::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Scalar::Time(time) => Some(*time as f64),
        }
    }

    /// As it is shown; what is not there is not.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Scalar::None => None,
            Scalar::Bool(value) => Some(u8::from(*value).to_string()),
            Scalar::Number(number) => Some(printed(*number)),
            Scalar::Text(text) => Some(text.clone()),
            Scalar::Time(time) => {
                let time = Timestamp::from_millisecond(*time).unwrap_or_default();
                Some(time.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string())
            }
        }
    }

    /// By number where both are numbers, else by text.
    pub(super) fn compare(&self, other: &Scalar) -> Ordering {
        match (self.number(), other.number()) {
            (Some(one), Some(other)) => one.partial_cmp(&other).unwrap_or(Ordering::Equal),
            _ => self.text().cmp(&other.text()),
        }
    }
}

/// A number with at most four digits behind the point.
fn printed(number: f64) -> String {
    let text = format!("{number:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// An event's fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(BTreeMap<String, Scalar>);

impl Record {
    /// An event: its own fields, and those that are discovered in its message.
    pub(crate) fn event(message: &str, stream: &str, group: &str, time: i64, ingested: i64, pointer: &str) -> Record {
        let mut record = Record::default();
        let message = message.trim_end_matches('\n');
        if let Ok(document @ Value::Object(_)) = serde_json::from_str::<Value>(message) {
            record.flatten("", &document);
        } else {
            record.discover_lambda(message);
        }
        let text = |text: &str| Scalar::Text(text.to_owned());
        record.set("@message", text(message));
        record.set("@logStream", text(stream));
        record.set("@log", text(group));
        record.set("@timestamp", Scalar::Time(time));
        record.set("@ingestionTime", Scalar::Time(ingested));
        record.set("@ptr", text(pointer));
        record
    }

    fn flatten(&mut self, path: &str, value: &Value) {
        if self.0.len() >= MOST_FIELDS {
            return;
        }
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| self.flatten(&below(name), value)),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(place, value)| self.flatten(&below(&place.to_string()), value));
            }
            Value::Null => {}
            Value::Bool(value) => self.set(path, Scalar::Bool(*value)),
            Value::Number(number) => self.set(path, number.as_f64().map_or(Scalar::None, Scalar::Number)),
            Value::String(text) => self.set(path, Scalar::Text(text.clone())),
        }
    }

    /// What Lambda's own lines say.
    fn discover_lambda(&mut self, message: &str) {
        let kind = message.split(' ').next().unwrap_or_default();
        if !matches!(kind, "START" | "END" | "REPORT") {
            return;
        }
        self.set("@type", Scalar::Text(kind.to_owned()));
        let after = |label: &str| {
            let (_, rest) = message.split_once(label)?;
            Some(rest.split(['\t', ' ', '\n']).next().unwrap_or_default().to_owned())
        };
        if let Some(id) = after("RequestId: ") {
            self.set("@requestId", Scalar::Text(id));
        }
        // Sizes are told in bytes: of MB of a million.
        for (name, label, factor) in [
            ("@duration", "\tDuration: ", 1.0),
            ("@billedDuration", "Billed Duration: ", 1.0),
            ("@initDuration", "Init Duration: ", 1.0),
            ("@memorySize", "Memory Size: ", 1e6),
            ("@maxMemoryUsed", "Max Memory Used: ", 1e6),
        ] {
            if let Some(number) = after(label).and_then(|text| text.parse::<f64>().ok()) {
                self.set(name, Scalar::Number(number * factor));
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Scalar {
        self.0.get(name).cloned().unwrap_or(Scalar::None)
    }

    pub(super) fn set(&mut self, name: &str, value: Scalar) {
        self.0.insert(name.to_owned(), value);
    }
}
