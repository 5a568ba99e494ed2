//! The condition operators and how each compares one value of the policy with one of the request.

use std::cmp::Ordering;

use base64::Engine as _;

use super::date::parse_instant;
use super::ip::Network;
use crate::context::Context;
use crate::pattern::{Pattern, Reading, Token, tokens};

/// A condition operator without its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    String(Text),
    StringNot(Text),
    Numeric(Comparison),
    Date(Comparison),
    Bool,
    Binary,
    Ip,
    NotIp,
    Arn,
    ArnNot,
    Null,
}

/// The three ways to compare text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Equals,
    IgnoreCase,
    Like,
}

/// The six ways to compare numbers and instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equals,
    NotEquals,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// Reads a bare operator name; AWS takes exactly these spellings.
    pub(crate) fn parse(name: &str) -> Option<Operator> {
        Some(match name {
            "StringEquals" => Operator::String(Text::Equals),
            "StringNotEquals" => Operator::StringNot(Text::Equals),
            "StringEqualsIgnoreCase" => Operator::String(Text::IgnoreCase),
            "StringNotEqualsIgnoreCase" => Operator::StringNot(Text::IgnoreCase),
            "StringLike" => Operator::String(Text::Like),
            "StringNotLike" => Operator::StringNot(Text::Like),
            "Bool" => Operator::Bool,
            "BinaryEquals" => Operator::Binary,
            "IpAddress" => Operator::Ip,
            "NotIpAddress" => Operator::NotIp,
            "ArnEquals" | "ArnLike" => Operator::Arn,
            "ArnNotEquals" | "ArnNotLike" => Operator::ArnNot,
            "Null" => Operator::Null,
            other => {
                if let Some(rest) = other.strip_prefix("Numeric") {
                    Operator::Numeric(Comparison::parse(rest)?)
                } else {
                    Operator::Date(Comparison::parse(other.strip_prefix("Date")?)?)
                }
            }
        })
    }

    /// Whether the operator asks that nothing matches, so that it holds for a missing key.
    pub(crate) fn is_negated(self) -> bool {
        matches!(
            self,
            Operator::StringNot(_)
                | Operator::NotIp
                | Operator::ArnNot
                | Operator::Numeric(Comparison::NotEquals)
                | Operator::Date(Comparison::NotEquals)
        )
    }
}

impl Comparison {
    fn parse(name: &str) -> Option<Comparison> {
        Some(match name {
            "Equals" => Comparison::Equals,
            "NotEquals" => Comparison::NotEquals,
            "LessThan" => Comparison::Less,
            "LessThanEquals" => Comparison::LessOrEqual,
            "GreaterThan" => Comparison::Greater,
            "GreaterThanEquals" => Comparison::GreaterOrEqual,
            _ => return None,
        })
    }

    /// `NotEquals` is answered as `Equals`: negation is applied once, over all of the policy's values.
    fn accepts(self, order: Ordering) -> bool {
        match self {
            Comparison::Equals | Comparison::NotEquals => order.is_eq(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// One value of the policy, ready to be compared; negated operators hold the positive test.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Text {
        pattern: Pattern,
        ignore_case: bool,
    },
    Number(Comparison, f64),
    Instant(Comparison, i128),
    Bool(bool),
    Bytes(Box<[u8]>),
    Network(Network),
    Arn(Box<[Pattern; 6]>),
    /// A value that its operator cannot read; it matches nothing.
    Never,
}

impl Test {
    pub(super) fn compile(operator: Operator, value: &str, variables: bool) -> Test {
        let made = match operator {
            Operator::String(text) | Operator::StringNot(text) => {
                let reading = Reading { wildcards: text == Text::Like, variables };
                let pattern = Pattern::compile(value, reading);
                Some(Test::Text { pattern, ignore_case: text == Text::IgnoreCase })
            }
            Operator::Numeric(how) => number(value).map(|n| Test::Number(how, n)),
            Operator::Date(how) => parse_instant(value).map(|t| Test::Instant(how, t)),
            Operator::Bool | Operator::Null => truth(value).map(Test::Bool),
            Operator::Binary => {
                base64::engine::general_purpose::STANDARD.decode(value).ok().map(|b| Test::Bytes(b.into()))
            }
            Operator::Ip | Operator::NotIp => Network::parse(value).map(Test::Network),
            Operator::Arn | Operator::ArnNot => arn_patterns(value, variables).map(Test::Arn),
        };
        made.unwrap_or(Test::Never)
    }

    pub(super) fn is_true(&self) -> bool {
        matches!(self, Test::Bool(true))
    }

    pub(super) fn matches(&self, value: &str, context: &Context) -> bool {
        match self {
            Test::Text { pattern, ignore_case } => pattern.matches(value, context, *ignore_case),
            Test::Number(how, wanted) => {
                number(value).and_then(|n| n.partial_cmp(wanted)).is_some_and(|order| how.accepts(order))
            }
            Test::Instant(how, wanted) => parse_instant(value).is_some_and(|t| how.accepts(t.cmp(wanted))),
            Test::Bool(wanted) => truth(value) == Some(*wanted),
            Test::Bytes(wanted) => **wanted == *value.as_bytes(),
            Test::Network(network) => value.parse().is_ok_and(|address| network.contains(address)),
            Test::Arn(patterns) => {
                let mut parts = value.splitn(6, ':');
                patterns.iter().all(|p| parts.next().is_some_and(|part| p.matches(part, context, false)))
            }
            Test::Never => false,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// `ArnLike` compares the six parts of an ARN one by one: a `*` never reaches over a colon. The colons inside a
/// variable's name do not count.
fn arn_patterns(value: &str, variables: bool) -> Option<Box<[Pattern; 6]>> {
    let mut parts: Vec<Vec<Token>> = vec![Vec::new()];
    for token in tokens(value, Reading { wildcards: true, variables }) {
        let Token::Text(text) = token else {
            parts.last_mut()?.push(token);
            continue;
        };
        let mut rest: &str = &text;
        while parts.len() < 6
            && let Some((before, after)) = rest.split_once(':')
        {
            push_text(parts.last_mut()?, before);
            parts.push(Vec::new());
            rest = after;
        }
        push_text(parts.last_mut()?, rest);
    }
    // `*` alone is every ARN.
    if parts.as_slice() == [vec![Token::Star]] {
        parts = vec![vec![Token::Star]; 6];
    }
    let patterns: Vec<Pattern> = parts.into_iter().map(Pattern::from_tokens).collect();
    Some(Box::new(patterns.try_into().ok()?))
}

fn push_text(part: &mut Vec<Token>, text: &str) {
    if !text.is_empty() {
        part.push(Token::Text(text.into()));
    }
}
