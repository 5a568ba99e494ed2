//! Whether an item fulfils a condition.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::condition::{Call, Comparator, Condition, Operand};
use crate::table::number::Number;
use crate::table::value::{Item, Type, Value};

/// True where the item fulfils the condition. An item that does not exist is an empty one.
pub fn matches(condition: &Condition, item: &Item) -> bool {
    match condition {
        Condition::And(one, two) => matches(one, item) && matches(two, item),
        Condition::Or(one, two) => matches(one, item) || matches(two, item),
        Condition::Not(inner) => !matches(inner, item),
        Condition::Compare(comparator, one, two) => {
            compare(*comparator, find(one, item).as_deref(), find(two, item).as_deref())
        }
        Condition::Between(one, low, high) => {
            let value = find(one, item);
            compare(Comparator::GreaterOrEqual, value.as_deref(), find(low, item).as_deref())
                && compare(Comparator::LessOrEqual, value.as_deref(), find(high, item).as_deref())
        }
        Condition::In(one, list) => {
            let value = find(one, item);
            list.iter().any(|other| compare(Comparator::Equal, value.as_deref(), find(other, item).as_deref()))
        }
        Condition::Call(call) => call_matches(call, item),
    }
}

/// Compares two values of which either may be missing. Values of different types are never equal and have no order.
pub fn compare(comparator: Comparator, one: Option<&Value>, two: Option<&Value>) -> bool {
    let equal = matches!((one, two), (Some(one), Some(two)) if one.equals(two));
    match comparator {
        Comparator::Equal => equal,
        Comparator::NotEqual => !equal,
        _ => {
            let (Some(one), Some(two)) = (one, two) else { return false };
            let Some(order) = one.compare(two) else { return false };
            match comparator {
                Comparator::Less => order == Ordering::Less,
                Comparator::LessOrEqual => order != Ordering::Greater,
                Comparator::Greater => order == Ordering::Greater,
                _ => order != Ordering::Less,
            }
        }
    }
}

fn find<'a>(operand: &'a Operand, item: &'a Item) -> Option<Cow<'a, Value>> {
    match operand {
        Operand::Path(path) => path.find(item).map(Cow::Borrowed),
        Operand::Value(value) => Some(Cow::Borrowed(value)),
        Operand::Call(call) => match (call.name.as_str(), call.operands.as_slice()) {
            ("size", [operand]) => size(find(operand, item)?.as_ref()).map(Cow::Owned),
            _ => None,
        },
        Operand::ValueRef(_) => None,
    }
}

/// The function `size`: characters of a string, bytes of a binary, members of anything that has members.
fn size(value: &Value) -> Option<Value> {
    let size = match value {
        Value::S(text) => text.encode_utf16().count(),
        Value::B(bytes) => bytes.len(),
        Value::Ss(members) => members.len(),
        Value::Ns(members) => members.len(),
        Value::Bs(members) => members.len(),
        Value::L(values) => values.len(),
        Value::M(map) => map.len(),
        Value::N(_) | Value::Bool(_) | Value::Null => return None,
    };
    Some(Value::N(Number::from_u64(u64::try_from(size).ok()?)))
}

fn call_matches(call: &Call, item: &Item) -> bool {
    match (call.name.as_str(), call.operands.as_slice()) {
        ("attribute_exists", [operand]) => find(operand, item).is_some(),
        ("attribute_not_exists", [operand]) => find(operand, item).is_none(),
        ("attribute_type", [operand, named]) => {
            let Some(value) = find(operand, item) else { return false };
            let Some(Value::S(name)) = find(named, item).map(Cow::into_owned) else { return false };
            Type::from_name(&name) == Some(value.kind())
        }
        ("begins_with", [operand, prefix]) => match (find(operand, item), find(prefix, item)) {
            (Some(value), Some(prefix)) => begins_with(&value, &prefix),
            _ => false,
        },
        ("contains", [operand, part]) => match (find(operand, item), find(part, item)) {
            (Some(value), Some(part)) => contains(&value, &part),
            _ => false,
        },
        _ => false,
    }
}

/// The function `begins_with`.
pub fn begins_with(value: &Value, prefix: &Value) -> bool {
    match (value, prefix) {
        (Value::S(text), Value::S(prefix)) => text.starts_with(prefix.as_str()),
        (Value::B(bytes), Value::B(prefix)) => bytes.starts_with(prefix),
        _ => false,
    }
}

/// The function `contains`: a part of a string or binary, a member of a set or list.
pub fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::S(text), Value::S(part)) => text.contains(part.as_str()),
        (Value::B(bytes), Value::B(part)) => {
            part.is_empty() || bytes.windows(part.len()).any(|window| window == part.as_slice())
        }
        (Value::Ss(members), Value::S(member)) => members.contains(member),
        (Value::Ns(members), Value::N(member)) => members.contains(member),
        (Value::Bs(members), Value::B(member)) => members.contains(member),
        (Value::L(values), member) => values.iter().any(|value| value.equals(member)),
        _ => false,
    }
}
