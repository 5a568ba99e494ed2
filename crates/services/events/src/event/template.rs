//! Input templates: text with `<variables>`.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Event, JsonPath};

/// Variables that need no path: "Predefined variables".
const RULE_ARN: &str = "aws.events.rule-arn";
const RULE_NAME: &str = "aws.events.rule-name";
const INGESTION_TIME: &str = "aws.events.event.ingestion-time";
const EVENT: &str = "aws.events.event";
const EVENT_JSON: &str = "aws.events.event.json";
const PREDEFINED: [&str; 5] = [RULE_ARN, RULE_NAME, INGESTION_TIME, EVENT, EVENT_JSON];

/// A template, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part<'a> {
    Text(&'a str),
    /// A variable, and whether it stands within quotes.
    Variable(&'a str, bool),
}

/// What variables stand for.
pub(crate) struct Variables<'a> {
    pub(crate) event: &'a Event,
    pub(crate) rule_arn: &'a str,
    pub(crate) rule_name: &'a str,
    /// When the event arrived, as ISO 8601.
    pub(crate) ingested: &'a str,
    pub(crate) paths: &'a BTreeMap<String, String>,
}

impl<'a> Template<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let mut parts = Vec::new();
        let (mut rest, mut quoted) = (text, false);
        while let Some((before, after)) = rest.split_once('<') {
            quoted ^= odd_quotes(before);
            match after.split_once('>').filter(|(name, _)| is_name(name)) {
                Some((name, behind)) => {
                    parts.push(Part::Text(before));
                    parts.push(Part::Variable(name, quoted));
                    rest = behind;
                }
                None => {
                    // A lone `<` stands for itself.
                    let (through, behind) = rest.split_at_checked(before.len() + 1).unwrap_or((rest, ""));
                    parts.push(Part::Text(through));
                    rest = behind;
                }
            }
        }
        parts.push(Part::Text(rest));
        Self { parts }
    }

    /// The first variable that neither has a path nor is predefined.
    pub(crate) fn unknown_variable(&self, paths: &BTreeMap<String, String>) -> Option<&'a str> {
        let names = self.parts.iter().filter_map(|part| match part {
            Part::Variable(name, _) => Some(*name),
            Part::Text(_) => None,
        });
        names.into_iter().find(|name| !PREDEFINED.contains(name) && !paths.contains_key(*name))
    }

    pub(crate) fn render(&self, variables: &Variables<'_>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(own) => text.push_str(own),
                Part::Variable(name, quoted) => text.push_str(&variables.print(name, *quoted)),
            }
        }
        text
    }
}

impl Variables<'_> {
    fn print(&self, name: &str, quoted: bool) -> String {
        let value = match name {
            // "Can only be used as a value for a JSON field, as its contents are not escaped."
            EVENT_JSON => return self.event.text.clone(),
            EVENT => return self.event_without_detail().to_string(),
            RULE_ARN => Value::from(self.rule_arn),
            RULE_NAME => Value::from(self.rule_name),
            INGESTION_TIME => Value::from(self.ingested),
            name => {
                let path = self.paths.get(name).and_then(|path| JsonPath::parse(path));
                // What is not there is an empty text.
                path.and_then(|path| path.find(&self.event.value)).unwrap_or_else(|| Value::from(""))
            }
        };
        if !quoted {
            return value.to_string();
        }
        let text = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let literal = Value::from(text).to_string();
        literal.get(1..literal.len().saturating_sub(1)).unwrap_or_default().to_owned()
    }

    /// In the order and under the names that AWS gives it here.
    fn event_without_detail(&self) -> Value {
        let mut value = Map::new();
        for (name, member) in [
            ("id", "id"),
            ("account", "account"),
            ("detailType", "detail-type"),
            ("time", "time"),
            ("source", "source"),
            ("region", "region"),
            ("resources", "resources"),
            ("version", "version"),
        ] {
            if let Some(member) = self.event.value.get(member) {
                value.insert(name.to_owned(), member.clone());
            }
        }
        Value::Object(value)
    }
}

/// `InputTransformerPathKey`, and the dots of predefined variables.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// Whether a text opens or closes a quotation that it does not close or open itself.
fn odd_quotes(text: &str) -> bool {
    let (mut odd, mut escaped) = (false, false);
    for letter in text.chars() {
        odd ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
    }
    odd
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str) -> String {
        let text = r#"{"version":"0","id":"i","detail-type":"t","source":"s","account":"1","time":"2022-01-01T09:00:00Z","region":"r","resources":[],"detail":{"text":"say \"x\"","number":1.5,"object":{"a":[1]}}}"#;
        let event = Event::parse(text).unwrap();
        let paths =
            [("text", "$.detail.text"), ("number", "$.detail.number"), ("object", "$.detail.object"), ("none", "$.x")];
        let paths = paths.map(|(name, path)| (name.to_owned(), path.to_owned())).into();
        let variables =
            Variables { event: &event, rule_arn: "arn:rule", rule_name: "rule", ingested: "now", paths: &paths };
        Template::parse(template).render(&variables)
    }

    #[test]
    fn variables_keep_their_type_outside_of_quotes_and_are_text_within() {
        assert_eq!(
            render(r#"{"a": <text>, "b": <number>, "c": <object>, "d": <none>}"#),
            r#"{"a": "say \"x\"", "b": 1.5, "c": {"a":[1]}, "d": ""}"#
        );
        assert_eq!(render(r#""<text>, <number>, <none>.""#), r#""say \"x\", 1.5, .""#);
        assert_eq!(render(r#""\"<number>\"" <number> < 3 <not a name>"#), r#""\"1.5\"" 1.5 < 3 <not a name>"#);
        assert_eq!(
            render(r#""<aws.events.rule-arn> <aws.events.rule-name> <aws.events.event.ingestion-time>""#),
            r#""arn:rule rule now""#
        );
    }

    #[test]
    fn the_event_is_inserted_as_it_is() {
        let rendered = render(r#"{"whole": <aws.events.event.json>, "rest": <aws.events.event>}"#);
        let value: Value = serde_json::from_str(&rendered).unwrap();
        assert_eq!(value["whole"]["detail"]["number"], 1.5);
        assert_eq!(
            value["rest"].to_string(),
            r#"{"id":"i","account":"1","detailType":"t","time":"2022-01-01T09:00:00Z","source":"s","region":"r","resources":[],"version":"0"}"#
        );
    }

    #[test]
    fn variables_without_a_path_are_found() {
        let paths = BTreeMap::from([("a".to_owned(), "$".to_owned())]);
        assert_eq!(Template::parse("<a> <b> <aws.events.event>").unknown_variable(&paths), Some("b"));
        assert_eq!(Template::parse("<a> <aws.events.event>").unknown_variable(&paths), None);
    }
}
