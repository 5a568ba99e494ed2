//! Filter policies: which messages a subscription wants.
//! <https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html>

use pilvi_patterns::Pattern;
use serde_json::{Map, Number, Value};

use super::json;
use crate::message::{Attribute, AttributeData};

/// The most combinations of values.
const MAX_COMBINATIONS: u64 = 150;
/// The most keys.
const MAX_KEYS: usize = 5;

/// A filter policy, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pattern: Pattern,
    body: bool,
}

impl Filter {
    /// Reads a policy; an empty one is none.
    ///
    /// # Errors
    /// What follows `Invalid parameter: `.
    pub(crate) fn parse(text: &str, body: bool) -> Result<Option<Self>, String> {
        let document = json::parse(text).map_err(|reason| format!("FilterPolicy: {reason}"))?;
        if document.as_object().is_some_and(Map::is_empty) {
            return Ok(None);
        }
        // Recorded: mistakes are told with their place in the document without its spaces.
        let pattern = Pattern::parse_filter_policy(&document.to_string())
            .map_err(|problem| format!("FilterPolicy: {problem}"))?;
        let Value::Object(policy) = &document else { return Err("FilterPolicy".to_owned()) };
        if !body && is_nested(policy) {
            return Err("Filter policy scope MessageAttributes does not support nested filter policy".to_owned());
        }
        if keys(policy).len() > MAX_KEYS {
            return Err("FilterPolicy: Filter policy can not have more than 5 keys".to_owned());
        }
        if combinations(policy, 1) > MAX_COMBINATIONS {
            return Err("FilterPolicy: Filter policy is too complex".to_owned());
        }
        Ok(Some(Self { pattern, body }))
    }

    /// Whether a message is wanted.
    pub(crate) fn wants(&self, text: &str, attributes: &[Attribute]) -> bool {
        if !self.body {
            return self.pattern.matches(&of_attributes(attributes));
        }
        match serde_json::from_str::<Value>(text) {
            Ok(document) if document.is_object() => self.pattern.matches(&document),
            _ => false,
        }
    }
}

/// The alternatives of each `$or` of an object.
fn alternatives(policy: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let listed = policy.get("$or").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_object)
}

fn is_nested(policy: &Map<String, Value>) -> bool {
    policy.values().any(Value::is_object) || alternatives(policy).any(is_nested)
}

/// The outermost keys, each once.
fn keys(policy: &Map<String, Value>) -> Vec<&str> {
    let mut found: Vec<&str> = policy.keys().map(String::as_str).filter(|key| *key != "$or").collect();
    found.extend(alternatives(policy).flat_map(keys));
    found.sort_unstable();
    found.dedup();
    found
}

/// The number of values, multiplied over the keys, each times how deep it is; alternatives are added.
fn combinations(policy: &Map<String, Value>, depth: u64) -> u64 {
    let mut product: u64 = 1;
    for (name, value) in policy {
        let factor = match value {
            Value::Object(inner) => combinations(inner, depth + 1),
            Value::Array(_) if name == "$or" => {
                alternatives(policy).map(|inner| combinations(inner, depth)).fold(0, u64::saturating_add)
            }
            Value::Array(values) => (values.len() as u64).saturating_mul(depth),
            _ => 1,
        };
        product = product.saturating_mul(factor);
    }
    product
}

/// Attributes as a document. Binary ones are ignored: "Amazon SNS ignores message attributes with the Binary data type".
fn of_attributes(attributes: &[Attribute]) -> Value {
    let mut document = Map::new();
    for attribute in attributes {
        let AttributeData::Text(text) = &attribute.value else { continue };
        let value = match attribute.data_type.as_str() {
            "Number" => text
                .parse::<Number>()
                .map(Value::Number)
                .ok()
                .or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)),
            "String.Array" => serde_json::from_str(text).ok().filter(Value::is_array),
            _ if attribute.data_type.starts_with("Number.") => {
                text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
            }
            _ => Some(Value::String(text.clone())),
        };
        document.insert(attribute.name.clone(), value.unwrap_or_else(|| Value::String(text.clone())));
    }
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(policy: &str, body: bool) -> String {
        Filter::parse(policy, body).unwrap_err()
    }

    fn attribute(name: &str, data_type: &str, text: &str) -> Attribute {
        let value = AttributeData::Text(text.to_owned());
        Attribute { name: name.to_owned(), data_type: data_type.to_owned(), value }
    }

    #[test]
    fn a_policy_that_is_too_much_is_refused() {
        let values = |count: usize| Value::from((0..count).collect::<Vec<_>>()).to_string();
        let complex = "FilterPolicy: Filter policy is too complex";
        assert_eq!(refusal(&format!(r#"{{"k": {}}}"#, values(151)), false), complex);
        assert!(Filter::parse(&format!(r#"{{"k": {}}}"#, values(150)), false).is_ok());
        // Depth counts: 2 values two levels deep and 38 alone are 152.
        assert_eq!(refusal(&format!(r#"{{"a": {{"b": {}}}, "c": {}}}"#, values(2), values(38)), true), complex);
        let either =
            |a, b| format!(r#"{{"s": {}, "$or": [{{"a": {}}}, {{"b": {}}}]}}"#, values(10), values(a), values(b));
        assert!(Filter::parse(&either(7, 8), false).is_ok());
        assert_eq!(refusal(&either(8, 8), false), complex);
        let six = r#"{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}"#;
        assert_eq!(refusal(six, false), "FilterPolicy: Filter policy can not have more than 5 keys");
    }

    #[test]
    fn a_mistake_is_told_with_its_place_in_the_document_without_spaces() {
        assert_eq!(
            refusal(r#"{"key_a": "value_one"}"#, true),
            "FilterPolicy: \"key_a\" must be an object or an array\n at [Source: (String)\"{\"key_a\":\"value_one\"}\"; line: 1, column: 11]"
        );
        assert!(
            refusal(r#"{"key": [{"anything-but": {"suffix": "test"}}]}"#, false)
                .starts_with("FilterPolicy: Unsupported anything-but pattern: suffix\n")
        );
        assert_eq!(
            refusal(r#"{"object": {"key": [{"prefix": "auto-"}]}}"#, false),
            "Filter policy scope MessageAttributes does not support nested filter policy"
        );
    }

    #[test]
    fn attributes_match_by_their_type() {
        let filter = Filter::parse(r#"{"n": [{"numeric": [">", 0, "<=", 100]}]}"#, false).unwrap().unwrap();
        assert!(filter.wants("", &[attribute("n", "Number", "99.12")]));
        assert!(!filter.wants("", &[attribute("n", "Number", "111")]));
        assert!(!filter.wants("", &[attribute("n", "String", "99")]));
        let filter = Filter::parse(r#"{"tags": ["b"]}"#, false).unwrap().unwrap();
        assert!(filter.wants("", &[attribute("tags", "String.Array", r#"["a", "b"]"#)]));
        assert!(!filter.wants("", &[attribute("tags", "String", r#"["a", "b"]"#)]));
        let filter = Filter::parse(r#"{"a": [null, {"anything-but": "x"}]}"#, false).unwrap().unwrap();
        assert!(!filter.wants("", &[]), "a missing attribute is nothing but missing");
    }

    proptest::proptest! {
        #[test]
        fn reading_a_policy_never_panics(text in r#"[\[\]{}":,a-e0-9.$or -]{0,40}"#, body: bool) {
            let _ = Filter::parse(&text, body);
        }

        #[test]
        fn a_list_of_texts_wants_just_those(
            wanted in proptest::collection::vec("[a-c]{1,2}", 1..4),
            name in "[a-c.]{1,3}",
            value in "[a-c]{1,2}",
        ) {
            let policy = serde_json::json!({ "a.b": wanted }).to_string();
            let filter = Filter::parse(&policy, false).unwrap().unwrap();
            let expected = name == "a.b" && wanted.contains(&value);
            proptest::prop_assert_eq!(filter.wants("", &[attribute(&name, "String", &value)]), expected);
        }
    }

    #[test]
    fn a_body_matches_only_if_it_is_an_object() {
        let filter = Filter::parse(r#"{"object": {"nested": ["x"]}}"#, true).unwrap().unwrap();
        assert!(filter.wants(r#"{"object": {"nested": ["y", "x"]}}"#, &[]));
        assert!(filter.wants(r#"{"object.nested": "x"}"#, &[]));
        assert!(!filter.wants("x", &[]) && !filter.wants("[]", &[]));
    }
}
