//! Event patterns: the filter language of EventBridge rules, Lambda's event filtering, Pipes and SNS (on the message's body).
//!
//! ```
//! use pilvi_patterns::Pattern;
//!
//! let pattern = Pattern::parse(r#"{"detail": {"state": [{"prefix": "run"}], "count": [{"numeric": [">", 0]}]}}"#).unwrap();
//! assert!(pattern.matches(&serde_json::json!({"detail": {"state": "running", "count": 3}})));
//! assert!(!pattern.matches(&serde_json::json!({"detail": {"state": "running", "count": 0}})));
//! ```
//!
//! The language: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>. Messages of errors
//! are those of AWS's own rule compiler, including where in the text it noticed the mistake.

mod cidr;
mod index;
mod matching;
mod numeric;
mod parse;
mod tokens;
mod wildcard;

use serde_json::Value;

pub use index::PatternIndex;
pub use tokens::PatternError;

/// A pattern, ready to be matched against events.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    root: Node,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The reason why the text is no pattern, as EventBridge gives it after `Event pattern is not valid. Reason: `.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        Ok(Self { root: parse::parse(text, Dialect::Events)? })
    }

    /// Reads a filter policy of SNS, whose language knows fewer operators behind `anything-but`.
    ///
    /// # Errors
    /// The reason why the text is no filter policy, as SNS gives it after `FilterPolicy: `.
    pub fn parse_filter_policy(text: &str) -> Result<Self, PatternError> {
        Ok(Self { root: parse::parse(text, Dialect::FilterPolicy)? })
    }

    /// Whether an event has all that the pattern asks for.
    pub fn matches(&self, event: &Value) -> bool {
        matching::object_matches(&self.root, Some(event))
    }
}

/// Whose language it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// EventBridge's, with all operators.
    Events,
    /// That of SNS's subscriptions.
    FilterPolicy,
}

/// What an object has to look like.
#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    /// All of these fields have to match…
    fields: Vec<(String, Field)>,
    /// …and, for each `$or`, one of its alternatives.
    alternatives: Vec<Vec<Node>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Field {
    /// The field is an object, or a list with one, that looks like this.
    Object(Node),
    /// The field's value, or one of its list, is one of these.
    Values(Vec<Test>),
}

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// A string, boolean or null, just so.
    Equal(Value),
    Number(numeric::Number),
    Range(numeric::Range),
    Text(TextTest),
    Cidr(cidr::Cidr),
    Exists(bool),
    AnythingBut(Vec<Test>),
}

#[derive(Clone, Debug, PartialEq)]
enum TextTest {
    Prefix(String),
    /// In lower case.
    PrefixIgnoreCase(String),
    Suffix(String),
    /// In lower case.
    SuffixIgnoreCase(String),
    /// In lower case.
    EqualsIgnoreCase(String),
    Wildcard(wildcard::Wildcard),
}

#[cfg(test)]
mod tests;
