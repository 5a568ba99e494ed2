//! Which items a query reads: KeyConditionExpression and the legacy KeyConditions.

use super::check;
use super::condition::{self, Call, Comparator, Condition, Operand};
use super::{ExpressionError, Placeholders};
use crate::table::key::KeySchema;
use crate::table::legacy::ComparisonOperator;
use crate::table::value::Value;

/// A condition on one attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// The attribute.
    pub name: String,
    /// The comparison.
    pub operator: ComparisonOperator,
    /// What it is compared with.
    pub values: Vec<Value>,
}

/// A condition on a range key.
#[derive(Clone, Debug, PartialEq)]
pub enum RangeCondition {
    /// Compared with a value.
    Compare(Comparator, Value),
    /// Between two, both included.
    Between(Value, Value),
    /// Begins with.
    BeginsWith(Value),
}

/// What a query reads.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyCondition {
    /// The hash key's value.
    pub hash: Value,
    /// The condition on the range key.
    pub range: Option<RangeCondition>,
}

impl RangeCondition {
    /// True for a range key's value that fulfils it.
    pub fn matches(&self, value: &Value) -> bool {
        use super::evaluate::{begins_with, compare};
        match self {
            RangeCondition::Compare(comparator, other) => compare(*comparator, Some(value), Some(other)),
            RangeCondition::Between(low, high) => {
                compare(Comparator::GreaterOrEqual, Some(value), Some(low))
                    && compare(Comparator::LessOrEqual, Some(value), Some(high))
            }
            RangeCondition::BeginsWith(prefix) => begins_with(value, prefix),
        }
    }
}

/// Parses and checks a key condition expression.
///
/// # Errors
/// The whole message.
pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Condition, String> {
    condition::parse(text)
        .and_then(|parsed| check::check(parsed, placeholders))
        .map_err(|error| error.of("KeyConditionExpression"))
}

/// The terms of a key condition expression.
///
/// # Errors
/// The whole message.
pub fn terms(condition: &Condition) -> Result<Vec<Term>, String> {
    let mut terms = Vec::new();
    collect(condition, &mut terms).map_err(|ExpressionError(message)| message)?;
    Ok(terms)
}

fn refuse<T>(message: impl Into<String>) -> Result<T, ExpressionError> {
    Err(ExpressionError(message.into()))
}

fn collect(condition: &Condition, terms: &mut Vec<Term>) -> Result<(), ExpressionError> {
    let (operator, operands, shown): (ComparisonOperator, Vec<&Operand>, &str) = match condition {
        Condition::And(one, two) => {
            collect(one, terms)?;
            return collect(two, terms);
        }
        Condition::Or(..) => return refuse("Invalid operator used in KeyConditionExpression: OR"),
        Condition::Not(_) => return refuse("Invalid operator used in KeyConditionExpression: NOT"),
        Condition::In(..) => return refuse("Invalid operator used in KeyConditionExpression: IN"),
        Condition::Compare(Comparator::NotEqual, ..) => {
            return refuse("Invalid operator used in KeyConditionExpression: <>");
        }
        Condition::Compare(comparator, one, two) => match (one, two) {
            (Operand::Value(_), Operand::Path(_)) => (legacy(comparator.flipped()), vec![two, one], "="),
            _ => (legacy(*comparator), vec![one, two], "="),
        },
        Condition::Between(one, low, high) => (ComparisonOperator::Between, vec![one, low, high], "BETWEEN"),
        Condition::Call(Call { name, operands }) => match name.as_str() {
            "begins_with" => (ComparisonOperator::BeginsWith, operands.iter().collect(), "begins_with"),
            "size" => return refuse("KeyConditionExpressions cannot contain nested operations"),
            name => return refuse(format!("Invalid operator used in KeyConditionExpression: {name}")),
        },
    };
    if matches!(shown, "BETWEEN" | "begins_with") && !matches!(operands.first(), Some(Operand::Path(_))) {
        return refuse(format!(
            "Invalid condition in KeyConditionExpression: {shown} operator must have the key attribute as its first operand"
        ));
    }
    let mut name = None;
    let mut values = Vec::new();
    for operand in operands {
        match operand {
            Operand::Path(_) if name.is_some() => {
                return refuse(
                    "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
                );
            }
            Operand::Path(path) if path.is_nested() => {
                return refuse("KeyConditionExpressions cannot have conditions on nested attributes");
            }
            Operand::Path(path) => name = Some(path.head()),
            Operand::Value(value) => values.push(value.as_ref().clone()),
            Operand::Call(_) | Operand::ValueRef(_) => {
                return refuse("KeyConditionExpressions cannot contain nested operations");
            }
        }
    }
    let Some(name) = name else {
        return refuse("Invalid condition in KeyConditionExpression: No key attribute specified");
    };
    if terms.iter().any(|term| term.name == name) {
        return refuse("KeyConditionExpressions must only contain one condition per key");
    }
    terms.push(Term { name: name.to_owned(), operator, values });
    Ok(())
}

fn legacy(comparator: Comparator) -> ComparisonOperator {
    match comparator {
        Comparator::Equal => ComparisonOperator::Eq,
        Comparator::NotEqual => ComparisonOperator::Ne,
        Comparator::Less => ComparisonOperator::Lt,
        Comparator::LessOrEqual => ComparisonOperator::Le,
        Comparator::Greater => ComparisonOperator::Gt,
        Comparator::GreaterOrEqual => ComparisonOperator::Ge,
    }
}

/// What the terms say about these keys.
///
/// # Errors
/// The whole message.
pub fn resolve(terms: &[Term], keys: &KeySchema) -> Result<KeyCondition, String> {
    use ComparisonOperator as Op;
    for key in keys.iter() {
        let is_hash = key == &keys.hash;
        if is_hash && keys.range.is_none() && terms.len() > 1 {
            return Err("Query key condition not supported".to_owned());
        }
        let Some(term) = terms.iter().find(|term| term.name == key.name) else {
            if is_hash || terms.len() > 1 {
                return Err(format!("Query condition missed key schema element: {}", key.name));
            }
            continue;
        };
        if matches!(term.operator, Op::Null | Op::NotNull | Op::Ne | Op::Contains | Op::NotContains | Op::In) {
            return Err("Attempted conditional constraint is not an indexable operation".to_owned());
        }
        if term.values.iter().any(|value| value.kind() != key.kind) {
            return Err(
                "One or more parameter values were invalid: Condition parameter type does not match schema type"
                    .to_owned(),
            );
        }
        if is_hash && term.operator != Op::Eq {
            return Err("Query key condition not supported".to_owned());
        }
        if let Some(kind) = term.values.iter().find_map(crate::table::key::empty_kind)
            && (is_hash || term.operator == Op::Eq)
        {
            return Err(format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {}",
                key.name
            ));
        }
    }
    let value_of = |name: &str| terms.iter().find(|term| term.name == name);
    let hash = value_of(&keys.hash.name).and_then(|term| term.values.first()).cloned();
    let Some(hash) = hash else {
        return Err(format!("Query condition missed key schema element: {}", keys.hash.name));
    };
    let range = keys.range.as_ref().and_then(|key| value_of(&key.name)).and_then(range_condition);
    Ok(KeyCondition { hash, range })
}

fn range_condition(term: &Term) -> Option<RangeCondition> {
    use ComparisonOperator as Op;
    let one = term.values.first().cloned()?;
    let comparator = match term.operator {
        Op::Eq => Comparator::Equal,
        Op::Lt => Comparator::Less,
        Op::Le => Comparator::LessOrEqual,
        Op::Gt => Comparator::Greater,
        Op::Ge => Comparator::GreaterOrEqual,
        Op::Between => return Some(RangeCondition::Between(one, term.values.get(1).cloned()?)),
        Op::BeginsWith => return Some(RangeCondition::BeginsWith(one)),
        _ => return None,
    };
    Some(RangeCondition::Compare(comparator, one))
}
