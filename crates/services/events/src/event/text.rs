//! An event: the JSON that rules match and targets get.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>

use jiff::Timestamp;
use serde_json::{Map, Value};

/// What an event is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) id: String,
    pub(crate) detail_type: String,
    pub(crate) source: String,
    pub(crate) account: String,
    /// Seconds since 1970.
    pub(crate) time: i64,
    pub(crate) region: String,
    pub(crate) resources: Vec<String>,
    /// JSON, an object.
    pub(crate) detail: String,
}

/// An event, as text and as what is matched.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) text: String,
    pub(crate) value: Value,
}

impl Draft {
    /// The event, with the members in AWS's order; `None` where the detail is no JSON object.
    pub(crate) fn build(self) -> Option<Event> {
        let detail: Map<String, Value> = serde_json::from_str(&self.detail).ok()?;
        let mut value = Map::new();
        value.insert("version".into(), "0".into());
        value.insert("id".into(), self.id.into());
        value.insert("detail-type".into(), self.detail_type.into());
        value.insert("source".into(), self.source.into());
        value.insert("account".into(), self.account.into());
        value.insert("time".into(), iso(self.time).into());
        value.insert("region".into(), self.region.into());
        value.insert("resources".into(), self.resources.into());
        // The detail goes on as it was written, so that its numbers keep their digits, but without the space between its tokens.
        let mut text = Value::Object(value.clone()).to_string();
        text.pop();
        text.push_str(",\"detail\":");
        text.push_str(&minify(&self.detail));
        text.push('}');
        value.insert("detail".into(), Value::Object(detail));
        Some(Event { text, value: Value::Object(value) })
    }
}

impl Event {
    /// An event from its text; `None` where that is no JSON object.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        value.is_object().then(|| Self { text: text.to_owned(), value })
    }

    /// The text of a member.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.value.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// True for an event that a replay put.
    pub(crate) fn is_replayed(&self) -> bool {
        self.value.get("replay-name").is_some()
    }

    /// The same event as a replay puts it: its name stands behind the region.
    pub(crate) fn replayed(&self, replay: &str) -> Self {
        let Value::Object(members) = &self.value else { return self.clone() };
        let mut value = Map::new();
        for (name, member) in members {
            value.insert(name.clone(), member.clone());
            if name == "region" {
                value.insert("replay-name".to_owned(), replay.into());
            }
        }
        // Only what stands before the detail changes, which is not parsed and printed again.
        let quoted = Value::from(replay).to_string();
        let text = match self.text.split_once(",\"resources\":") {
            Some((before, after)) => format!("{before},\"replay-name\":{quoted},\"resources\":{after}"),
            None => Value::Object(value.clone()).to_string(),
        };
        Self { text, value: Value::Object(value) }
    }
}

/// A time as events give it: in whole seconds, UTC.
pub(crate) fn iso(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

/// JSON without the space between its tokens.
pub(crate) fn minify(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for letter in json.chars() {
        if quoted {
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
        } else if letter == '"' {
            quoted = true;
        } else if matches!(letter, ' ' | '\n' | '\r' | '\t') {
            continue;
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(detail: &str) -> Draft {
        Draft {
            id: "1".into(),
            detail_type: "t".into(),
            source: "s".into(),
            account: "000000000000".into(),
            time: 1_641_027_600,
            region: "eu-west-1".into(),
            resources: vec!["r".into()],
            detail: detail.into(),
        }
    }

    #[test]
    fn members_are_in_the_documented_order_and_details_keep_their_digits() {
        let event = draft("{ \"a\\\" b\": [1.10, 12345678901234567890123] }").build().unwrap();
        assert_eq!(
            event.text,
            r#"{"version":"0","id":"1","detail-type":"t","source":"s","account":"000000000000","time":"2022-01-01T09:00:00Z","region":"eu-west-1","resources":["r"],"detail":{"a\" b":[1.10,12345678901234567890123]}}"#
        );
        for detail in ["", "[]", "\"x\"", "{", "{'a': 1}"] {
            assert!(draft(detail).build().is_none(), "{detail}");
        }
    }

    #[test]
    fn a_replayed_event_names_its_replay() {
        let event = draft(r#"{"resources": 1}"#).build().unwrap();
        let replayed = event.replayed("again");
        assert!(replayed.text.contains(r#""region":"eu-west-1","replay-name":"again","resources":["r"],"detail""#));
        assert_eq!(Event::parse(&replayed.text).unwrap().value, replayed.value);
        assert!(replayed.is_replayed() && !event.is_replayed());
    }
}
