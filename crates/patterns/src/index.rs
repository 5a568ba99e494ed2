//! Many patterns at once: those that an event may match are found by the texts that they ask for, and only they are looked at.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use serde_json::Value;

use crate::matching::look_up;
use crate::{Field, Node, Pattern, Test};

/// The names that lead to a field.
type Path = Vec<String>;

/// Patterns by id.
///
/// A pattern that asks for one of certain texts in a field is kept under those texts in that field. Where it asks so of several fields
/// the one counts that fewest others are kept under, so that a thousand rules with one source are told apart by what else they ask for.
#[derive(Debug)]
pub struct PatternIndex<Id> {
    patterns: HashMap<Id, (Pattern, Place)>,
    by_text: BTreeMap<Path, HashMap<String, Vec<Id>>>,
    /// Patterns that ask for no text: looked at for every event.
    others: Vec<Id>,
}

/// Where a pattern is kept.
#[derive(Clone, Debug)]
enum Place {
    Texts(Path, Vec<String>),
    Others,
}

impl<Id> Default for PatternIndex<Id> {
    fn default() -> Self {
        Self { patterns: HashMap::new(), by_text: BTreeMap::new(), others: Vec::new() }
    }
}

impl<Id: Clone + Eq + Hash + Ord> PatternIndex<Id> {
    /// Adds a pattern, in place of an earlier one of that id.
    pub fn insert(&mut self, id: Id, pattern: Pattern) {
        self.remove(&id);
        let mut choices = Vec::new();
        asked_texts(&pattern.root, &mut Vec::new(), &mut choices);
        let best = choices.into_iter().min_by_key(|(path, texts)| self.kept_under(path, texts));
        let place = match best {
            Some((path, texts)) => {
                let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
                let kept = self.by_text.entry(path.clone()).or_default();
                for text in &texts {
                    kept.entry(text.clone()).or_default().push(id.clone());
                }
                Place::Texts(path, texts)
            }
            None => {
                self.others.push(id.clone());
                Place::Others
            }
        };
        self.patterns.insert(id, (pattern, place));
    }

    /// Removes a pattern.
    pub fn remove(&mut self, id: &Id) {
        match self.patterns.remove(id) {
            None => {}
            Some((_, Place::Others)) => self.others.retain(|other| other != id),
            Some((_, Place::Texts(path, texts))) => {
                let Some(kept) = self.by_text.get_mut(&path) else { return };
                for text in texts {
                    if let Some(ids) = kept.get_mut(&text) {
                        ids.retain(|other| other != id);
                        if ids.is_empty() {
                            kept.remove(&text);
                        }
                    }
                }
                if kept.is_empty() {
                    self.by_text.remove(&path);
                }
            }
        }
    }

    /// The patterns that an event matches, in the order of their ids.
    pub fn matches(&self, event: &Value) -> Vec<Id> {
        let mut candidates: Vec<&Id> = self.others.iter().collect();
        for (path, kept) in &self.by_text {
            each_text(path, event, &mut |text| {
                if let Some(ids) = kept.get(text) {
                    candidates.extend(ids);
                }
            });
        }
        candidates.sort_unstable();
        candidates.dedup();
        let fits = |id: &&Id| self.patterns.get(id).is_some_and(|(pattern, _)| pattern.matches(event));
        candidates.into_iter().filter(fits).cloned().collect()
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// True without patterns.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    fn kept_under(&self, path: &Path, texts: &[&str]) -> usize {
        let Some(kept) = self.by_text.get(path) else { return 0 };
        texts.iter().map(|text| kept.get(*text).map_or(0, Vec::len)).sum()
    }
}

/// The fields whose value has to be one of certain texts. What is below `$or` need not hold.
fn asked_texts<'a>(node: &'a Node, path: &mut Path, found: &mut Vec<(Path, Vec<&'a str>)>) {
    for (name, field) in &node.fields {
        path.push(name.clone());
        match field {
            Field::Object(node) => asked_texts(node, path, found),
            Field::Values(tests) => {
                let texts = tests.iter().map(|test| match test {
                    Test::Equal(Value::String(text)) => Some(text.as_str()),
                    _ => None,
                });
                if let Some(texts) = texts.collect::<Option<Vec<_>>>() {
                    found.push((path.clone(), texts));
                }
            }
        }
        path.pop();
    }
}

/// Every text that a test of this field would be asked about; goes the way that matching goes.
fn each_text(path: &[String], value: &Value, found: &mut impl FnMut(&str)) {
    let Some((name, rest)) = path.split_first() else {
        match value {
            Value::Array(items) => items.iter().for_each(|item| each_text(path, item, found)),
            Value::String(text) => found(text),
            _ => {}
        }
        return;
    };
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_text(path, item, found)),
        Value::Object(object) => {
            if let Some(value) = look_up(object, name) {
                each_text(rest, &value, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn pattern() -> impl Strategy<Value = Value> {
        let test = prop_oneof![
            "[a-c]".prop_map(Value::from),
            "[a-c]".prop_map(Value::from),
            (0..3).prop_map(Value::from),
            "[a-c]".prop_map(|text| json!({"prefix": text})),
            any::<bool>().prop_map(|exists| json!({"exists": exists})),
            "[a-c]".prop_map(|text| json!({"anything-but": text})),
        ];
        let tests = proptest::collection::vec(test, 1..3).prop_map(Value::from);
        let inner = proptest::collection::btree_map("[xy]", tests.clone(), 1..3);
        let field =
            prop_oneof![tests.prop_map(|tests| tests), inner.prop_map(|map| Value::Object(map.into_iter().collect())),];
        proptest::collection::btree_map("(x|y|z|x\\.y)", field, 1..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    fn event() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof!["[a-c]".prop_map(Value::from), (0..3).prop_map(Value::from), Just(Value::Null)];
        let value = leaf.prop_recursive(3, 10, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("(x|y|x\\.y)", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        });
        proptest::collection::btree_map("(x|y|z|x\\.y)", value, 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn the_index_finds_what_looking_at_all_finds(
            patterns in proptest::collection::vec(pattern(), 1..20),
            removed in proptest::collection::vec(0..20_usize, 0..5),
            event in event(),
        ) {
            let mut index = PatternIndex::default();
            for (id, pattern) in patterns.iter().enumerate() {
                index.insert(id, Pattern::parse(&pattern.to_string()).unwrap());
            }
            for id in &removed {
                index.remove(id);
            }
            let kept = patterns.iter().enumerate().filter(|(id, _)| !removed.contains(id));
            let all: Vec<usize> = kept
                .filter(|(_, pattern)| Pattern::parse(&pattern.to_string()).unwrap().matches(&event))
                .map(|(id, _)| id)
                .collect();
            prop_assert_eq!(index.matches(&event), all);
        }
    }

    #[test]
    fn patterns_are_told_apart_by_what_differs() {
        let mut index = PatternIndex::default();
        for id in 0..1000 {
            let pattern =
                json!({"source": ["shop"], "detail-type": ["sold"], "detail": {"kind": [format!("kind-{id}")]}});
            index.insert(id, Pattern::parse(&pattern.to_string()).unwrap());
        }
        let event = json!({"source": "shop", "detail-type": "sold", "detail": {"kind": "kind-7"}});
        assert_eq!(index.matches(&event), [7]);
        let most = index.by_text.values().flat_map(|kept| kept.values().map(Vec::len)).max().unwrap();
        assert!(most <= 2, "{most} patterns under one text");
        for id in 0..1000 {
            index.remove(&id);
        }
        assert!(index.is_empty() && index.by_text.is_empty() && index.others.is_empty());
    }
}
