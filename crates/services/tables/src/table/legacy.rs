//! The legacy parameters, translated into what the expressions are made of: Expected, QueryFilter, ScanFilter,
//! KeyConditions, AttributeUpdates, ConditionalOperator.
//!
//! AWS: "Legacy conditional parameters".

use std::cmp::Ordering;
use std::sync::Arc;

use super::expression::condition::{Call, Comparator, Condition, Operand};
use super::expression::update::{Action, Clause, Source, Update};
use super::expression::{Path, key_condition::Term};
use super::value::{Type, Value};

const INVALID: &str = "One or more parameter values were invalid: ";

/// ComparisonOperator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum ComparisonOperator {
    Eq,
    Ne,
    Le,
    Lt,
    Ge,
    Gt,
    NotNull,
    Null,
    Contains,
    NotContains,
    BeginsWith,
    In,
    Between,
}

impl ComparisonOperator {
    const ALL: [(Self, &'static str); 13] = [
        (Self::Eq, "EQ"),
        (Self::Ne, "NE"),
        (Self::Le, "LE"),
        (Self::Lt, "LT"),
        (Self::Ge, "GE"),
        (Self::Gt, "GT"),
        (Self::NotNull, "NOT_NULL"),
        (Self::Null, "NULL"),
        (Self::Contains, "CONTAINS"),
        (Self::NotContains, "NOT_CONTAINS"),
        (Self::BeginsWith, "BEGINS_WITH"),
        (Self::In, "IN"),
        (Self::Between, "BETWEEN"),
    ];

    /// The operator of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(operator, _)| *operator)
    }

    /// The operator's name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(operator, _)| *operator == self).map_or("", |(_, name)| name)
    }

    fn accepts_count(self, count: usize) -> bool {
        match self {
            Self::Null | Self::NotNull => count == 0,
            Self::In => count > 0,
            Self::Between => count == 2,
            _ => count == 1,
        }
    }

    fn accepts_type(self, kind: Type) -> bool {
        match self {
            Self::BeginsWith => matches!(kind, Type::S | Type::B),
            Self::Le | Self::Lt | Self::Ge | Self::Gt | Self::Between | Self::In => kind.is_key_type(),
            Self::Contains | Self::NotContains => kind.is_key_type() || matches!(kind, Type::Bool | Type::Null),
            _ => true,
        }
    }
}

/// An entry of Expected.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Value.
    pub value: Option<Value>,
    /// Exists.
    pub exists: Option<bool>,
    /// ComparisonOperator.
    pub operator: Option<ComparisonOperator>,
    /// AttributeValueList.
    pub list: Option<Vec<Value>>,
}

/// The condition that Expected stands for; `any` is ConditionalOperator OR.
///
/// # Errors
/// The whole message.
pub fn expected(entries: Vec<(String, Expected)>, any: bool) -> Result<Option<Condition>, String> {
    let mut conditions = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        conditions.push(expected_entry(&name, entry)?);
    }
    Ok(join(conditions, any))
}

fn expected_entry(name: &str, entry: Expected) -> Result<Condition, String> {
    if entry.list.is_some() && entry.value.is_some() {
        return Err(format!("{INVALID}Value and AttributeValueList cannot be used together for Attribute: {name}"));
    }
    if let Some(operator) = entry.operator {
        if entry.exists.is_some() {
            return Err(format!(
                "{INVALID}Exists and ComparisonOperator cannot be used together for Attribute: {name}"
            ));
        }
        let takes_none = matches!(operator, ComparisonOperator::Null | ComparisonOperator::NotNull);
        if !takes_none && entry.list.is_none() && entry.value.is_none() {
            return Err(format!(
                "{INVALID}Value or AttributeValueList must be used with ComparisonOperator: {} for Attribute: {name}",
                operator.name()
            ));
        }
        let values = entry.list.unwrap_or_else(|| entry.value.into_iter().collect());
        let term = Term { name: name.to_owned(), operator, values };
        check_term(&term)?;
        return Ok(condition(term));
    }
    if entry.list.is_some() {
        return Err(format!(
            "{INVALID}AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}"
        ));
    }
    match (entry.exists, entry.value) {
        (Some(false), Some(_)) => {
            Err(format!("{INVALID}Value cannot be used when Exists is false for Attribute: {name}"))
        }
        (Some(false), None) => Ok(function("attribute_not_exists", name, None)),
        (_, Some(value)) => Ok(Condition::Compare(Comparator::Equal, path(name), Operand::Value(Arc::new(value)))),
        (exists, None) => Err(format!(
            "{INVALID}Value must be provided when Exists is {} for Attribute: {name}",
            if exists.is_some() { "true" } else { "null" }
        )),
    }
}

/// Checks an operator's values: how many, all of one type, a type that the operator takes.
///
/// # Errors
/// The whole message.
pub fn check_term(term: &Term) -> Result<(), String> {
    let operator = term.operator;
    if !operator.accepts_count(term.values.len()) {
        return Err(format!("{INVALID}Invalid number of argument(s) for the {} ComparisonOperator", operator.name()));
    }
    if let Some(first) = term.values.first()
        && term.values.iter().any(|value| value.kind() != first.kind())
    {
        return Err(format!("{INVALID}AttributeValues inside AttributeValueList must be of same type"));
    }
    if let Some(value) = term.values.iter().find(|value| !operator.accepts_type(value.kind())) {
        return Err(format!(
            "{INVALID}ComparisonOperator {} is not valid for {} AttributeValue type",
            operator.name(),
            value.kind().name()
        ));
    }
    if let (ComparisonOperator::Between, [low, high]) = (operator, term.values.as_slice())
        && low.compare(high) == Some(Ordering::Greater)
    {
        return Err("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
            .to_owned());
    }
    Ok(())
}

/// The condition that a QueryFilter or ScanFilter stands for; its terms have been checked.
pub fn filter(terms: Vec<Term>, any: bool) -> Option<Condition> {
    join(terms.into_iter().map(condition).collect(), any)
}

fn join(conditions: Vec<Condition>, any: bool) -> Option<Condition> {
    conditions.into_iter().reduce(|one, two| {
        if any { Condition::Or(Box::new(one), Box::new(two)) } else { Condition::And(Box::new(one), Box::new(two)) }
    })
}

fn path(name: &str) -> Operand {
    Operand::Path(Path::attribute(name))
}

fn function(function: &str, name: &str, value: Option<Value>) -> Condition {
    let operands = std::iter::once(path(name)).chain(value.map(|value| Operand::Value(Arc::new(value)))).collect();
    Condition::Call(Call { name: function.to_owned(), operands })
}

fn condition(term: Term) -> Condition {
    use ComparisonOperator as Op;
    let Term { name, operator, values } = term;
    let mut values = values.into_iter();
    let mut next = || Operand::Value(Arc::new(values.next().unwrap_or(Value::Null)));
    let comparator = match operator {
        Op::Eq => Comparator::Equal,
        Op::Ne => Comparator::NotEqual,
        Op::Le => Comparator::LessOrEqual,
        Op::Lt => Comparator::Less,
        Op::Ge => Comparator::GreaterOrEqual,
        Op::Gt => Comparator::Greater,
        Op::Between => {
            let (low, high) = (next(), next());
            return Condition::Between(path(&name), low, high);
        }
        Op::In => {
            let list = values.map(|value| Operand::Value(Arc::new(value))).collect();
            return Condition::In(path(&name), list);
        }
        Op::NotNull => return function("attribute_exists", &name, None),
        Op::Null => return function("attribute_not_exists", &name, None),
        Op::BeginsWith => return function("begins_with", &name, values.next()),
        Op::Contains => return function("contains", &name, values.next()),
        // An attribute that is missing contains nothing, and yet the condition is not fulfilled.
        Op::NotContains => {
            return Condition::And(
                Box::new(function("attribute_exists", &name, None)),
                Box::new(Condition::Not(Box::new(function("contains", &name, values.next())))),
            );
        }
    };
    Condition::Compare(comparator, path(&name), next())
}

/// An entry of AttributeUpdates: the attribute, the action, the value.
pub type AttributeUpdate = (String, Option<String>, Option<Value>);

/// The update that AttributeUpdates stands for.
///
/// # Errors
/// The whole message.
pub fn attribute_updates(entries: Vec<AttributeUpdate>) -> Result<Update, String> {
    let mut clauses = Vec::with_capacity(entries.len());
    for (name, action, value) in entries {
        let action = match (action.as_deref(), value) {
            (Some("DELETE"), None) => Action::Remove,
            (_, None) => {
                return Err(format!("{INVALID}Only DELETE action is allowed when no attribute value is specified"));
            }
            (Some("DELETE"), Some(value)) => {
                if !value.kind().is_set() {
                    return Err(format!(
                        "{INVALID}DELETE action with value is not supported for the type {}",
                        value.kind().name()
                    ));
                }
                Action::Delete(Source::Value(Arc::new(value)))
            }
            (Some("ADD"), Some(value)) => {
                if !value.kind().is_set() && !matches!(value.kind(), Type::N | Type::L) {
                    return Err(format!("{INVALID}ADD action is not supported for the type {}", value.kind().name()));
                }
                Action::Add(Source::Value(Arc::new(value)))
            }
            (_, Some(value)) => Action::Set(Source::Value(Arc::new(value))),
        };
        clauses.push(Clause { path: Path::attribute(&name), action });
    }
    Ok(Update { clauses, legacy: true })
}
