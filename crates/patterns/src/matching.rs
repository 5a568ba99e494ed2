//! Matches events against patterns.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{Field, Node, Test, TextTest};

/// Whether `value`, or one of it if it is a list, looks like `node`. Absent is what only `exists: false` matches.
pub(crate) fn object_matches(node: &Node, value: Option<&Value>) -> bool {
    match value {
        Some(Value::Array(items)) if !items.is_empty() => items.iter().any(|item| object_matches(node, Some(item))),
        Some(Value::Object(object)) => has_all(node, Some(object)),
        _ => has_all(node, None),
    }
}

fn has_all(node: &Node, object: Option<&Map<String, Value>>) -> bool {
    for (name, field) in &node.fields {
        let value = object.and_then(|object| look_up(object, name));
        let matches = match field {
            Field::Object(node) => object_matches(node, value.as_deref()),
            Field::Values(tests) => value_matches(tests, value.as_deref()),
        };
        if !matches {
            return false;
        }
    }
    node.alternatives.iter().all(|nodes| nodes.iter().any(|node| has_all(node, object)))
}

/// A field. To AWS, `{"a": {"b": 1}}` and `{"a.b": 1}` are the same.
pub(crate) fn look_up<'a>(object: &'a Map<String, Value>, name: &str) -> Option<Cow<'a, Value>> {
    if let Some(value) = object.get(name) {
        return Some(Cow::Borrowed(value));
    }
    for (dot, _) in name.match_indices('.') {
        let (Some(outer), Some(inner)) = (name.get(..dot), name.get(dot + 1..)) else { continue };
        let Some(Value::Object(child)) = object.get(outer) else { continue };
        if let Some(value) = look_up(child, inner) {
            return Some(value);
        }
    }
    let mut joined = Map::new();
    for (key, value) in object {
        if let Some(rest) = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) {
            joined.insert(rest.to_owned(), value.clone());
        }
    }
    (!joined.is_empty()).then_some(Cow::Owned(Value::Object(joined)))
}

fn value_matches(tests: &[Test], value: Option<&Value>) -> bool {
    match value {
        Some(Value::Array(items)) if !items.is_empty() => items.iter().any(|item| value_matches(tests, Some(item))),
        // Only leaves exist: neither an object nor an empty list is one.
        None | Some(Value::Array(_) | Value::Object(_)) => tests.contains(&Test::Exists(false)),
        Some(value) => tests.iter().any(|test| test_matches(test, value)),
    }
}

fn test_matches(test: &Test, value: &Value) -> bool {
    match test {
        Test::Equal(expected) => expected == value,
        Test::Number(number) => number.equals(value),
        Test::Range(range) => range.contains(value),
        Test::Text(test) => value.as_str().is_some_and(|text| text_matches(test, text)),
        Test::Cidr(cidr) => value.as_str().is_some_and(|text| cidr.contains(text)),
        Test::Exists(exists) => *exists,
        Test::AnythingBut(tests) => !tests.iter().any(|test| test_matches(test, value)),
    }
}

fn text_matches(test: &TextTest, text: &str) -> bool {
    match test {
        TextTest::Prefix(prefix) => text.starts_with(prefix.as_str()),
        TextTest::PrefixIgnoreCase(prefix) => text.to_lowercase().starts_with(prefix.as_str()),
        TextTest::Suffix(suffix) => text.ends_with(suffix.as_str()),
        TextTest::SuffixIgnoreCase(suffix) => text.to_lowercase().ends_with(suffix.as_str()),
        TextTest::EqualsIgnoreCase(expected) => text.to_lowercase() == *expected,
        TextTest::Wildcard(wildcard) => wildcard.matches(text),
    }
}
