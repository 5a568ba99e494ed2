//! Attribute values and items, their sizes as DynamoDB counts them, and what is refused in them.
//!
//! AWS: "Naming rules and data types", "Constraints in Amazon DynamoDB", "Item sizes and formats".

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use super::number::Number;

/// An item: its attributes by name.
pub type Item = BTreeMap<String, Value>;

/// The most bytes that an item may have.
pub const MAX_ITEM_SIZE: usize = 400 * 1024;
/// How deep lists and maps may be nested.
pub const MAX_DEPTH: usize = 32;

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    S(String),
    /// A number.
    N(Number),
    /// Bytes.
    B(Vec<u8>),
    /// True or false.
    Bool(bool),
    /// Null.
    Null,
    /// A set of strings, in the order in which they were given.
    Ss(Vec<String>),
    /// A set of numbers.
    Ns(Vec<Number>),
    /// A set of byte strings.
    Bs(Vec<Vec<u8>>),
    /// A list.
    L(Vec<Value>),
    /// A map.
    M(Item),
}

/// A value's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// String.
    S,
    /// Number.
    N,
    /// Binary.
    B,
    /// Boolean.
    Bool,
    /// Null.
    Null,
    /// String set.
    Ss,
    /// Number set.
    Ns,
    /// Binary set.
    Bs,
    /// List.
    L,
    /// Map.
    M,
}

impl Type {
    /// The type's name on the wire: `S`, `BOOL`, …
    pub fn name(self) -> &'static str {
        match self {
            Type::S => "S",
            Type::N => "N",
            Type::B => "B",
            Type::Bool => "BOOL",
            Type::Null => "NULL",
            Type::Ss => "SS",
            Type::Ns => "NS",
            Type::Bs => "BS",
            Type::L => "L",
            Type::M => "M",
        }
    }

    /// The type's long name, which some messages use.
    pub fn long_name(self) -> &'static str {
        match self {
            Type::S => "STRING",
            Type::N => "NUMBER",
            Type::B => "BINARY",
            Type::Bool => "BOOLEAN",
            Type::Null => "NULL",
            Type::Ss => "STRING_SET",
            Type::Ns => "NUMBER_SET",
            Type::Bs => "BINARY_SET",
            Type::L => "LIST",
            Type::M => "MAP",
        }
    }

    /// The type of that wire name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Type::S, Type::N, Type::B, Type::Bool, Type::Null, Type::Ss, Type::Ns, Type::Bs, Type::L, Type::M]
            .into_iter()
            .find(|candidate| candidate.name() == name)
    }

    /// Types that have an order and may be keys.
    pub fn is_key_type(self) -> bool {
        matches!(self, Type::S | Type::N | Type::B)
    }

    /// Set types.
    pub fn is_set(self) -> bool {
        matches!(self, Type::Ss | Type::Ns | Type::Bs)
    }
}

impl Value {
    /// The value's type.
    pub fn kind(&self) -> Type {
        match self {
            Value::S(_) => Type::S,
            Value::N(_) => Type::N,
            Value::B(_) => Type::B,
            Value::Bool(_) => Type::Bool,
            Value::Null => Type::Null,
            Value::Ss(_) => Type::Ss,
            Value::Ns(_) => Type::Ns,
            Value::Bs(_) => Type::Bs,
            Value::L(_) => Type::L,
            Value::M(_) => Type::M,
        }
    }

    /// The bytes that DynamoDB counts for it, without its name.
    pub fn size(&self) -> usize {
        match self {
            Value::S(text) => text.len(),
            Value::N(number) => number.size(),
            Value::B(bytes) => bytes.len(),
            Value::Bool(_) | Value::Null => 1,
            Value::Ss(texts) => texts.iter().map(String::len).sum(),
            Value::Ns(numbers) => numbers.iter().map(|number| number.size()).sum(),
            Value::Bs(members) => members.iter().map(Vec::len).sum(),
            Value::L(values) => 3 + values.iter().map(|value| 1 + value.size()).sum::<usize>(),
            Value::M(values) => 3 + values.iter().map(|(name, value)| name.len() + 1 + value.size()).sum::<usize>(),
        }
    }

    /// Equality as conditions see it: sets are equal whatever their order.
    pub fn equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Ss(a), Value::Ss(b)) => same_members(a, b),
            (Value::Ns(a), Value::Ns(b)) => same_members(a, b),
            (Value::Bs(a), Value::Bs(b)) => same_members(a, b),
            (Value::L(a), Value::L(b)) => a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.equals(y)),
            (Value::M(a), Value::M(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|((m, x), (n, y))| m == n && x.equals(y))
            }
            _ => self == other,
        }
    }

    /// The order of two strings, numbers or byte strings; nothing else has one.
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::S(a), Value::S(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Value::N(a), Value::N(b)) => Some(a.cmp(b)),
            (Value::B(a), Value::B(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// How many levels of lists and maps it has.
    pub fn depth(&self) -> usize {
        match self {
            Value::L(values) => 1 + values.iter().map(Value::depth).max().unwrap_or(0),
            Value::M(values) => 1 + values.values().map(Value::depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}

fn same_members<T: PartialEq>(a: &[T], b: &[T]) -> bool {
    a.len() == b.len() && a.iter().all(|member| b.contains(member))
}

/// The bytes that DynamoDB counts for an item: every attribute's name and value.
pub fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

/// A value that is not acceptable. The text is the service's, without what is put before it in some places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub String);

const INVALID: &str = "One or more parameter values were invalid: ";

/// The number, or the service's complaint about it.
pub fn number(text: &str) -> Result<Number, InvalidValue> {
    Number::parse(text).map_err(|error| InvalidValue(error.to_string()))
}

/// Checks a string set: not empty, no empty member, no duplicates.
pub fn string_set(members: Vec<String>) -> Result<Value, InvalidValue> {
    if members.is_empty() {
        return Err(InvalidValue(format!("{INVALID}An string set  may not be empty")));
    }
    let mut seen = HashSet::with_capacity(members.len());
    if !members.iter().all(|member| seen.insert(member.as_str())) {
        let shown = members.join(", ");
        return Err(InvalidValue(format!("{INVALID}Input collection [{shown}] contains duplicates.")));
    }
    drop(seen);
    Ok(Value::Ss(members))
}

/// Checks a number set: not empty, numbers only, no duplicates (`1` and `1.0` are the same).
pub fn number_set(members: &[String]) -> Result<Value, InvalidValue> {
    if members.is_empty() {
        return Err(InvalidValue(format!("{INVALID}An number set  may not be empty")));
    }
    let numbers = members.iter().map(|text| number(text)).collect::<Result<Vec<_>, _>>()?;
    let mut seen = HashSet::with_capacity(numbers.len());
    if !numbers.iter().all(|number| seen.insert(*number)) {
        return Err(InvalidValue("Input collection contains duplicates".to_owned()));
    }
    Ok(Value::Ns(numbers))
}

/// Checks a binary set: not empty, no duplicates. `shown` renders a member as the message has it (base64).
pub fn binary_set(members: Vec<Vec<u8>>, shown: impl Fn(&[u8]) -> String) -> Result<Value, InvalidValue> {
    if members.is_empty() {
        return Err(InvalidValue(format!("{INVALID}Binary sets should not be empty")));
    }
    let mut seen = HashSet::with_capacity(members.len());
    if !members.iter().all(|member| seen.insert(member.as_slice())) {
        let all = members.iter().map(|member| shown(member)).collect::<Vec<_>>().join(", ");
        return Err(InvalidValue(format!("{INVALID}Input collection [{all}]of type BS contains duplicates.")));
    }
    drop(seen);
    Ok(Value::Bs(members))
}

/// An attribute value without any member.
pub fn empty_value() -> InvalidValue {
    InvalidValue("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".to_owned())
}

/// An attribute value with several members.
pub fn ambiguous_value() -> InvalidValue {
    InvalidValue(
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
            .to_owned(),
    )
}

/// Checks how deep an item's attributes are nested.
pub fn check_depth(item: &Item) -> Result<(), InvalidValue> {
    if item.values().any(|value| value.depth() > MAX_DEPTH) {
        return Err(InvalidValue(
            "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
                .to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_documentation() {
        let map = Item::from([("k".to_owned(), Value::S("vv".to_owned()))]);
        assert_eq!(Value::M(map.clone()).size(), 3 + 1 + 1 + 2);
        assert_eq!(Value::L(vec![Value::Null, Value::Bool(true)]).size(), 3 + 2 + 2);
        assert_eq!(item_size(&map), 3);
        assert_eq!(Value::S("ä€".to_owned()).size(), 5);
    }

    #[test]
    fn sets_are_equal_in_any_order_and_have_no_duplicates() {
        let set = |members: &[&str]| string_set(members.iter().map(|member| (*member).to_owned()).collect());
        assert!(set(&["a", "b"]).unwrap().equals(&set(&["b", "a"]).unwrap()));
        assert_eq!(
            set(&["a", "a"]).unwrap_err().0,
            "One or more parameter values were invalid: Input collection [a, a] contains duplicates."
        );
        assert_eq!(
            number_set(&["1".to_owned(), "1.0".to_owned()]).unwrap_err().0,
            "Input collection contains duplicates"
        );
    }

    #[test]
    fn depth_counts_lists_and_maps() {
        let mut value = Value::Null;
        for _ in 0..MAX_DEPTH {
            value = Value::L(vec![value]);
        }
        let item = Item::from([("a".to_owned(), value.clone())]);
        assert!(check_depth(&item).is_ok());
        let item = Item::from([("a".to_owned(), Value::L(vec![value]))]);
        assert!(check_depth(&item).is_err());
    }
}
