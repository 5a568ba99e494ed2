//! Patterns for JSON: `{ $.eventType = "UpdateTrail" && $.count > 3 }`.

use serde_json::Value;

use super::condition::{Comparing, Condition};
use super::tokens::{Token, tokens};

/// What the members of an event are.
#[derive(Debug)]
pub(crate) struct Test(Condition<Leaf>);

#[derive(Debug)]
struct Leaf {
    selector: Selector,
    test: Is,
}

#[derive(Debug)]
enum Is {
    Compared(Comparing),
    Null,
    Bool(bool),
    Absent,
}

/// `$.a.b[0]['c d']`
#[derive(Debug)]
pub(crate) struct Selector {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Member(String),
    Element(usize),
    Every,
}

impl Test {
    /// Reads what stands between the braces.
    pub(super) fn parse(text: &str) -> Option<Test> {
        let tokens = tokens(text)?;
        let (condition, rest) = Condition::parse(&tokens, &leaf)?;
        rest.is_empty().then_some(Test(condition))
    }

    pub(super) fn matches(&self, event: &Value) -> bool {
        self.0.holds(&|leaf| leaf.holds(event))
    }

    pub(super) fn extract(&self, event: &Value) -> Vec<(String, String)> {
        let mut values = Vec::new();
        self.0.each(&mut |leaf| {
            if let Some(value) = leaf.selector.find(event).and_then(printed)
                && !values.iter().any(|(name, _)| *name == leaf.selector.text)
            {
                values.push((leaf.selector.text.clone(), value));
            }
        });
        values
    }
}

fn leaf(tokens: &[Token]) -> Option<(Leaf, &[Token])> {
    let (Token::Word(word), rest) = tokens.split_first()? else { return None };
    let selector = Selector::parse(word)?;
    if let [Token::Word(first), Token::Word(second), left @ ..] = rest {
        let test = match (first.to_ascii_uppercase().as_str(), second.to_ascii_uppercase().as_str()) {
            ("IS", "NULL") => Is::Null,
            ("IS", "TRUE") => Is::Bool(true),
            ("IS", "FALSE") => Is::Bool(false),
            ("NOT", "EXISTS") => Is::Absent,
            _ => return None,
        };
        return Some((Leaf { selector, test }, left));
    }
    let (comparing, left) = Comparing::parse(rest)?;
    Some((Leaf { selector, test: Is::Compared(comparing) }, left))
}

impl Leaf {
    fn holds(&self, event: &Value) -> bool {
        let found = self.selector.find_all(event);
        match &self.test {
            Is::Absent => found.is_empty(),
            Is::Null => found.iter().any(|value| value.is_null()),
            Is::Bool(wanted) => found.iter().any(|value| value.as_bool() == Some(*wanted)),
            // A member that is not there compares with nothing, not even as another one.
            Is::Compared(comparing) => {
                found.iter().any(|value| printed(value).is_some_and(|value| comparing.holds(&value)))
            }
        }
    }
}

/// A scalar as text; objects, lists and null are none.
pub(super) fn printed(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl Selector {
    pub(super) fn parse(text: &str) -> Option<Selector> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[').or_else(|| rest.strip_prefix(".[")) {
                let (inner, left) = match after.chars().next()? {
                    quote @ ('\'' | '"') => {
                        let (inner, left) = after.get(1..)?.split_once(quote)?;
                        steps.push(Step::Member(inner.to_owned()));
                        ("", left.strip_prefix(']')?)
                    }
                    _ => after.split_once(']')?,
                };
                match inner {
                    "" => {}
                    "*" => steps.push(Step::Every),
                    digits => steps.push(Step::Element(digits.parse().ok()?)),
                }
                rest = left;
                continue;
            }
            let after = rest.strip_prefix('.')?;
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, left) = after.split_at(end);
            if name.is_empty() {
                return None;
            }
            steps.push(if name == "*" { Step::Every } else { Step::Member(name.to_owned()) });
            rest = left;
        }
        (!steps.is_empty()).then(|| Selector { text: text.to_owned(), steps })
    }

    /// The first value that it selects.
    pub(super) fn find<'e>(&self, event: &'e Value) -> Option<&'e Value> {
        self.find_all(event).into_iter().next()
    }

    fn find_all<'e>(&self, event: &'e Value) -> Vec<&'e Value> {
        let mut found = vec![event];
        for step in &self.steps {
            found = found
                .into_iter()
                .flat_map(|value| -> Vec<&Value> {
                    match (step, value) {
                        (Step::Member(name), Value::Object(members)) => members.get(name).into_iter().collect(),
                        (Step::Element(place), Value::Array(items)) => items.get(*place).into_iter().collect(),
                        (Step::Every, Value::Array(items)) => items.iter().collect(),
                        (Step::Every, Value::Object(members)) => members.values().collect(),
                        _ => Vec::new(),
                    }
                })
                .collect();
        }
        found
    }
}
