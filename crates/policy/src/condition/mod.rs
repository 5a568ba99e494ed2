//! The `Condition` element: operators, their modifiers, and what happens when a key is missing.

mod date;
mod ip;
mod operator;

pub(crate) use date::parse_instant;
pub(crate) use operator::Operator;

use crate::context::Context;
use operator::Test;

/// The set operators in front of an operator's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// None: the value matches when one of the policy's values does.
    Single,
    /// `ForAnyValue:`
    Any,
    /// `ForAllValues:`
    All,
}

/// An operator's name taken apart: `ForAnyValue:StringLikeIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OperatorName {
    pub(crate) quantifier: Quantifier,
    pub(crate) operator: Operator,
    pub(crate) if_exists: bool,
}

impl OperatorName {
    /// Reads a name as it stands in a document; names are exact, only their known forms count.
    pub(crate) fn parse(name: &str) -> Option<OperatorName> {
        let (quantifier, rest) = if let Some(rest) = name.strip_prefix("ForAnyValue:") {
            (Quantifier::Any, rest)
        } else if let Some(rest) = name.strip_prefix("ForAllValues:") {
            (Quantifier::All, rest)
        } else {
            (Quantifier::Single, name)
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        Some(OperatorName { quantifier, operator: Operator::parse(base)?, if_exists })
    }
}

/// One operator applied to one key.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    name: OperatorName,
    key: Box<str>,
    tests: Box<[Test]>,
}

impl Condition {
    /// Compiles the policy's `values` for `key`; `variables` says whether `${…}` is resolved.
    pub(crate) fn compile(name: OperatorName, key: &str, values: &[String], variables: bool) -> Condition {
        let tests = values.iter().map(|value| Test::compile(name.operator, value, variables)).collect();
        Condition { name, key: key.into(), tests }
    }

    /// The key that this looks at, as the document writes it.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether the request meets this condition.
    ///
    /// The rules for missing keys are those of "IAM JSON policy elements: Condition operators": a positive operator
    /// fails, a negated one holds, `…IfExists` holds; over an empty set `ForAllValues` holds and `ForAnyValue` fails.
    pub(crate) fn holds(&self, context: &Context) -> bool {
        let values = context.get(&self.key);
        if self.name.operator == Operator::Null {
            let wants_missing = self.tests.iter().any(Test::is_true);
            let missing = values.is_none_or(<[Box<str>]>::is_empty);
            return missing == wants_missing;
        }
        let values = match values {
            Some(values) if !values.is_empty() => values,
            _ if self.name.if_exists => return true,
            _ => {
                return match self.name.quantifier {
                    Quantifier::Any => false,
                    Quantifier::All => true,
                    Quantifier::Single => self.name.operator.is_negated(),
                };
            }
        };
        let negated = self.name.operator.is_negated();
        let meets = |value: &str| self.tests.iter().any(|test| test.matches(value, context)) != negated;
        match self.name.quantifier {
            Quantifier::Any => values.iter().any(|v| meets(v)),
            Quantifier::All => values.iter().all(|v| meets(v)),
            // A negated operator must hold for every value: none of them may be one of the policy's.
            Quantifier::Single if negated => values.iter().all(|v| meets(v)),
            Quantifier::Single => values.iter().any(|v| meets(v)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, key: &str, values: &[&str], context: &[(&str, &[&str])]) -> bool {
        let mut request = Context::default();
        for (name, values) in context {
            match values {
                [one] => request.set(name, *one),
                many => request.set_many(name, many.iter().copied()),
            }
        }
        let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        Condition::compile(OperatorName::parse(operator).expect(operator), key, &values, true).holds(&request)
    }

    #[test]
    fn every_operator() {
        // operator, policy's values, request's value, holds
        let table: &[(&str, &[&str], &str, bool)] = &[
            ("StringEquals", &["a", "b"], "b", true),
            ("StringEquals", &["a*"], "ab", false),
            ("StringNotEquals", &["a", "b"], "b", false),
            ("StringNotEquals", &["a", "b"], "c", true),
            ("StringEqualsIgnoreCase", &["ÄbC"], "äBc", true),
            ("StringNotEqualsIgnoreCase", &["abc"], "ABC", false),
            ("StringLike", &["home/*", "x?"], "home/a/b", true),
            ("StringLike", &["x?"], "xyz", false),
            ("StringNotLike", &["home/*"], "home/", false),
            ("NumericEquals", &["10"], "10.0", true),
            ("NumericNotEquals", &["10"], "10", false),
            ("NumericLessThan", &["10"], "9", true),
            ("NumericLessThan", &["10"], "10", false),
            ("NumericLessThanEquals", &["10"], "10", true),
            ("NumericGreaterThan", &["300"], "301", true),
            ("NumericGreaterThanEquals", &["300"], "299.5", false),
            ("NumericEquals", &["ten"], "ten", false),
            ("DateLessThan", &["2026-01-01T00:00:00Z"], "2025-12-31T23:59:59Z", true),
            ("DateLessThan", &["2026-01-01T00:00:00Z"], "1767225599", true),
            ("DateLessThan", &["2026-01-01T00:00:00Z"], "1767225600", false),
            ("DateGreaterThan", &["1767225600"], "2026-01-01T00:00:01Z", true),
            ("DateEquals", &["2026-01-01T01:00:00+01:00"], "2026-01-01T00:00:00Z", true),
            ("DateNotEquals", &["2026-01-01"], "2026-01-01T00:00:00Z", false),
            ("DateLessThanEquals", &["2026-01-01T00:00:00.500Z"], "2026-01-01T00:00:00.5Z", true),
            ("DateGreaterThanEquals", &["2026-01-02"], "2026-01-01", false),
            ("Bool", &["true"], "true", true),
            ("Bool", &["True"], "true", true),
            ("Bool", &["false"], "true", false),
            ("BinaryEquals", &["QmluYXJ5"], "Binary", true),
            ("BinaryEquals", &["QmluYXJ5"], "binary", false),
            ("IpAddress", &["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "203.0.113.77", true),
            ("IpAddress", &["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", true),
            ("IpAddress", &["203.0.113.0/24"], "203.0.114.1", false),
            ("IpAddress", &["10.0.0.1"], "10.0.0.1", true),
            ("IpAddress", &["0.0.0.0/0"], "::1", false),
            ("NotIpAddress", &["203.0.113.0/24"], "198.51.100.1", true),
            ("NotIpAddress", &["nonsense"], "198.51.100.1", true),
            ("ArnLike", &["arn:aws:sns:*:123456789012:t-?"], "arn:aws:sns:eu-west-1:123456789012:t-1", true),
            ("ArnEquals", &["arn:aws:s3:::*"], "arn:aws:s3:::bucket", true),
            ("ArnLike", &["arn:aws:s3:*"], "arn:aws:s3:::bucket", false),
            ("ArnLike", &["arn:aws:lambda:*:function:f"], "arn:aws:lambda:eu-west-1:1:function:f", false),
            ("ArnNotLike", &["arn:aws:s3:::b*"], "arn:aws:s3:::bucket", false),
            ("ArnNotEquals", &["arn:aws:s3:::c"], "arn:aws:s3:::bucket", true),
        ];
        for (operator, values, value, expected) in table {
            assert_eq!(holds(operator, "k", values, &[("K", &[value])]), *expected, "{operator} {values:?} {value}");
        }
    }

    #[test]
    fn missing_keys() {
        for (operator, expected) in [
            ("StringEquals", false),
            ("StringNotEquals", true),
            ("StringEqualsIfExists", true),
            ("NumericLessThan", false),
            ("NotIpAddress", true),
            ("ArnNotLike", true),
            ("Bool", false),
            ("BoolIfExists", true),
            ("ForAllValues:StringEquals", true),
            ("ForAnyValue:StringEquals", false),
            ("ForAnyValue:StringNotEquals", false),
            ("ForAnyValue:StringEqualsIfExists", true),
        ] {
            assert_eq!(holds(operator, "k", &["1"], &[]), expected, "{operator}");
        }
        assert!(holds("Null", "k", &["true"], &[]) && !holds("Null", "k", &["false"], &[]));
        assert!(!holds("Null", "k", &["true"], &[("k", &["v"])]) && holds("Null", "k", &["false"], &[("k", &["v"])]));
        assert!(holds("Null", "k", &["true"], &[("k", &[])]), "an empty set counts as missing");
    }

    #[test]
    fn sets() {
        let tags: (&str, &[&str]) = ("aws:TagKeys", &["a", "b"]);
        assert!(holds("ForAllValues:StringEquals", "aws:TagKeys", &["a", "b", "c"], &[tags]));
        assert!(!holds("ForAllValues:StringEquals", "aws:TagKeys", &["a"], &[tags]));
        assert!(holds("ForAnyValue:StringEquals", "aws:TagKeys", &["a"], &[tags]));
        assert!(!holds("ForAnyValue:StringEquals", "aws:TagKeys", &["c"], &[tags]));
        assert!(holds("ForAnyValue:StringNotEquals", "aws:TagKeys", &["a"], &[tags]));
        assert!(!holds("ForAllValues:StringNotEquals", "aws:TagKeys", &["a"], &[tags]));
        assert!(!holds("StringNotEquals", "aws:TagKeys", &["a"], &[tags]));
    }

    #[test]
    fn unknown_names() {
        for name in ["stringEquals", "StringEqual", "ForAnyValue::StringEquals", "IfExists", "", "ForAllValues:"] {
            assert_eq!(OperatorName::parse(name), None, "{name}");
        }
    }
}
