//! The checks of condition expressions, in the service's order, and the resolving of their placeholders.

use std::cmp::Ordering;

use super::condition::{Call, Comparator, Condition, Operand, Parsed};
use super::path::Path;
use super::{ExpressionError, Placeholders};
use crate::table::value::{Type, Value};

/// The functions of conditions and how many operands each takes.
const FUNCTIONS: [(&str, usize); 6] = [
    ("attribute_exists", 1),
    ("attribute_not_exists", 1),
    ("attribute_type", 2),
    ("begins_with", 2),
    ("contains", 2),
    ("size", 1),
];

/// Most operands that `IN` takes.
const MAX_IN: usize = 100;

/// Checks a parsed condition and replaces its placeholders.
pub fn check(parsed: Parsed, placeholders: &mut Placeholders) -> Result<Condition, ExpressionError> {
    if parsed.redundant_parentheses {
        return Err(ExpressionError("The expression has redundant parentheses;".to_owned()));
    }
    let mut condition = parsed.condition;
    walk(&condition, &mut |leaf| each_operand(leaf, &mut unknown_function))?;
    walk(&condition, &mut misused_function)?;
    walk(&condition, &mut |leaf| each_operand(leaf, &mut reserved_word))?;
    check_leaves(&mut condition, placeholders)?;
    Ok(condition)
}

type Check<'a, T> = &'a mut dyn FnMut(&T) -> Result<(), ExpressionError>;

/// Visits the comparisons and functions of a condition, left to right.
fn walk(condition: &Condition, visit: Check<'_, Condition>) -> Result<(), ExpressionError> {
    match condition {
        Condition::And(one, two) | Condition::Or(one, two) => {
            walk(one, visit)?;
            walk(two, visit)
        }
        Condition::Not(inner) => walk(inner, visit),
        leaf => visit(leaf),
    }
}

/// Visits the operands of a comparison or function, inner ones first; the function itself comes last.
fn each_operand(leaf: &Condition, visit: Check<'_, Operand>) -> Result<(), ExpressionError> {
    fn inner_first(operand: &Operand, visit: Check<'_, Operand>) -> Result<(), ExpressionError> {
        if let Operand::Call(call) = operand {
            for inner in &call.operands {
                inner_first(inner, visit)?;
            }
        }
        visit(operand)
    }
    match leaf {
        Condition::Compare(_, one, two) => {
            inner_first(one, visit)?;
            inner_first(two, visit)
        }
        Condition::Between(one, two, three) => {
            inner_first(one, visit)?;
            inner_first(two, visit)?;
            inner_first(three, visit)
        }
        Condition::In(one, list) => {
            inner_first(one, visit)?;
            list.iter().try_for_each(|operand| inner_first(operand, visit))
        }
        Condition::Call(call) => inner_first(&Operand::Call(call.clone()), visit),
        _ => Ok(()),
    }
}

fn unknown_function(operand: &Operand) -> Result<(), ExpressionError> {
    match operand {
        Operand::Call(call) if matches!(call.name.as_str(), "if_not_exists" | "list_append") => Err(ExpressionError(
            format!("The function is not allowed in a condition expression; function: {}", call.name),
        )),
        Operand::Call(call) if !FUNCTIONS.iter().any(|(name, _)| *name == call.name) => {
            Err(ExpressionError(format!("Invalid function name; function: {}", call.name)))
        }
        _ => Ok(()),
    }
}

fn reserved_word(operand: &Operand) -> Result<(), ExpressionError> {
    match operand {
        Operand::Path(path) => match path.reserved() {
            Some(word) => {
                Err(ExpressionError(format!("Attribute name is a reserved keyword; reserved keyword: {word}")))
            }
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Only `size` may be an operand, and it may not be a condition by itself.
fn misused_function(leaf: &Condition) -> Result<(), ExpressionError> {
    let misused = |name: &str| {
        Err(ExpressionError(format!(
            "The function is not allowed to be used this way in an expression; function: {name}"
        )))
    };
    fn nested<'a>(mut operands: &mut dyn Iterator<Item = &'a Operand>) -> Option<&'a str> {
        Iterator::find_map(&mut operands, |operand| match operand {
            Operand::Call(call) => {
                nested(&mut call.operands.iter()).or_else(|| (call.name != "size").then_some(call.name.as_str()))
            }
            _ => None,
        })
    }
    let found = match leaf {
        Condition::Compare(_, one, two) => nested(&mut [one, two].into_iter()),
        Condition::Between(one, two, three) => nested(&mut [one, two, three].into_iter()),
        Condition::In(one, list) => nested(&mut std::iter::once(one).chain(list)),
        Condition::Call(call) => nested(&mut call.operands.iter()).or_else(|| (call.name == "size").then_some("size")),
        _ => None,
    };
    found.map_or(Ok(()), misused)
}

fn check_leaves(condition: &mut Condition, placeholders: &mut Placeholders) -> Result<(), ExpressionError> {
    match condition {
        Condition::And(one, two) | Condition::Or(one, two) => {
            check_leaves(one, placeholders)?;
            check_leaves(two, placeholders)
        }
        Condition::Not(inner) => check_leaves(inner, placeholders),
        Condition::Compare(comparator, one, two) => {
            resolve(one, placeholders)?;
            resolve(two, placeholders)?;
            check_sizes(&[one, two])?;
            check_distinct(comparator.symbol(), &[one, two])?;
            check_sizes_types(&[one, two])?;
            if matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
                return Ok(());
            }
            check_ordered(comparator.symbol(), &[one, two])
        }
        Condition::Between(one, low, high) => {
            for operand in [&mut *one, &mut *low, &mut *high] {
                resolve(operand, placeholders)?;
            }
            check_sizes(&[one, low, high])?;
            check_sizes_types(&[one, low, high])?;
            check_ordered("BETWEEN", &[one, low, high])?;
            check_bounds(low, high)
        }
        Condition::In(one, list) => {
            resolve(one, placeholders)?;
            for operand in list.iter_mut() {
                resolve(operand, placeholders)?;
            }
            if list.len() > MAX_IN {
                return Err(incorrect_number("IN", list.len() + 1));
            }
            check_sizes(&[one])?;
            check_sizes(&list.iter().collect::<Vec<_>>())
        }
        Condition::Call(call) => {
            for operand in &mut call.operands {
                resolve(operand, placeholders)?;
            }
            check_sizes(&call.operands.iter().collect::<Vec<_>>())?;
            check_count(call)?;
            check_distinct(&call.name, &call.operands.iter().collect::<Vec<_>>())?;
            check_call(call)
        }
    }
}

fn resolve(operand: &mut Operand, placeholders: &mut Placeholders) -> Result<(), ExpressionError> {
    match operand {
        Operand::Path(path) => path.resolve(placeholders),
        Operand::ValueRef(name) => {
            *operand = Operand::Value(placeholders.value(name)?);
            Ok(())
        }
        Operand::Value(_) => Ok(()),
        Operand::Call(call) => call.operands.iter_mut().try_for_each(|inner| resolve(inner, placeholders)),
    }
}

fn incorrect_number(name: &str, count: usize) -> ExpressionError {
    ExpressionError(format!(
        "Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {count}"
    ))
}

/// A wrong type for an operator or function.
pub fn incorrect_type(name: &str, kind: &str) -> ExpressionError {
    ExpressionError(format!(
        "Incorrect operand type for operator or function; operator or function: {name}, operand type: {kind}"
    ))
}

fn check_count(call: &Call) -> Result<(), ExpressionError> {
    match FUNCTIONS.iter().find(|(name, _)| *name == call.name) {
        Some((name, count)) if *count != call.operands.len() => Err(incorrect_number(name, call.operands.len())),
        _ => Ok(()),
    }
}

fn check_sizes(operands: &[&Operand]) -> Result<(), ExpressionError> {
    operands.iter().try_for_each(|operand| match operand {
        Operand::Call(call) => check_count(call),
        _ => Ok(()),
    })
}

fn check_sizes_types(operands: &[&Operand]) -> Result<(), ExpressionError> {
    operands.iter().try_for_each(|operand| match operand {
        Operand::Call(call) => check_call(call),
        _ => Ok(()),
    })
}

/// An operator or function of two paths wants two different ones.
fn check_distinct(name: &str, operands: &[&Operand]) -> Result<(), ExpressionError> {
    if let [Operand::Path(one), Operand::Path(two)] = operands
        && one == two
    {
        return Err(ExpressionError(format!(
            "The first operand must be distinct from the remaining operands for this operator or function; operator: {name}, first operand: {one}"
        )));
    }
    Ok(())
}

/// The type that an operand has whatever the item.
fn known_type(operand: &Operand) -> Option<Type> {
    match operand {
        Operand::Value(value) => Some(value.kind()),
        Operand::Call(_) => Some(Type::N),
        _ => None,
    }
}

fn check_ordered(name: &str, operands: &[&Operand]) -> Result<(), ExpressionError> {
    for operand in operands {
        if let Some(kind) = known_type(operand)
            && !kind.is_key_type()
        {
            return Err(incorrect_type(name, kind.name()));
        }
    }
    Ok(())
}

fn check_bounds(low: &Operand, high: &Operand) -> Result<(), ExpressionError> {
    let (Operand::Value(low), Operand::Value(high)) = (low, high) else { return Ok(()) };
    let problem = match low.compare(high) {
        None => "requires same data type for lower and upper bounds",
        Some(Ordering::Greater) => "requires upper bound to be greater than or equal to lower bound",
        Some(_) => return Ok(()),
    };
    Err(ExpressionError(format!(
        "The BETWEEN operator {problem}; lower bound operand: AttributeValue: {}, upper bound operand: AttributeValue: {}",
        shown(low),
        shown(high)
    )))
}

/// A scalar as messages show it: `{S:text}`.
fn shown(value: &Value) -> String {
    match value {
        Value::S(text) => format!("{{S:{text}}}"),
        Value::N(number) => format!("{{N:{number}}}"),
        other => format!("{{{}}}", other.kind().name()),
    }
}

fn check_call(call: &Call) -> Result<(), ExpressionError> {
    let path_required = || {
        Err(ExpressionError(format!(
            "Operator or function requires a document path; operator or function: {}",
            call.name
        )))
    };
    match (call.name.as_str(), call.operands.as_slice()) {
        ("attribute_exists" | "attribute_not_exists", [Operand::Path(_)]) => Ok(()),
        ("attribute_exists" | "attribute_not_exists", _) => path_required(),
        ("begins_with", operands) => operands.iter().try_for_each(|operand| match known_type(operand) {
            Some(kind) if !matches!(kind, Type::S | Type::B) => Err(incorrect_type(&call.name, kind.name())),
            _ => Ok(()),
        }),
        ("attribute_type", [_, named]) => match named {
            Operand::Value(value) => match value.as_ref() {
                Value::S(name) if Type::from_name(name).is_some() => Ok(()),
                Value::S(name) => Err(ExpressionError(format!(
                    "Invalid attribute type name found; type: {name}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
                ))),
                other => Err(incorrect_type(&call.name, other.kind().name())),
            },
            _ => Err(incorrect_type(&call.name, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")),
        },
        ("size", [operand]) => match known_type(operand) {
            Some(kind @ (Type::N | Type::Bool | Type::Null)) => Err(incorrect_type(&call.name, kind.name())),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Visits every path of a condition.
pub fn each_path(condition: &Condition, visit: &mut dyn FnMut(&Path)) {
    let mut on_leaf = |leaf: &Condition| {
        each_operand(leaf, &mut |operand| {
            if let Operand::Path(path) = operand {
                visit(path);
            }
            Ok(())
        })
    };
    // The visitor never complains.
    let _ = walk(condition, &mut on_leaf);
}
