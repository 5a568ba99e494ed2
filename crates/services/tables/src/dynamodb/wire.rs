//! Attribute values between the wire and the table.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pilvi_model::shape::Entries;
use pilvi_model::{Desc, Shape, ShapeError, Val};

use crate::table::value::{self, InvalidValue, Item, MAX_DEPTH, Value};

/// An attribute value as a client sent it: not yet checked, as the texts of its refusal depend on where it stands.
#[derive(Clone, Debug)]
pub struct Attribute(Val);

/// A map of attribute values as a client sent it.
pub type AttributeMap = Entries<Attribute>;

/// An item on its way out.
#[derive(Clone, Debug)]
pub struct Attributes(pub Item);

impl Shape for Attribute {
    fn from_val(val: Val) -> Result<Self, ShapeError> {
        Ok(Self(val))
    }

    fn into_val(self) -> Val {
        self.0
    }

    fn describe() -> Desc {
        Desc::Opaque
    }
}

impl Shape for Attributes {
    fn from_val(val: Val) -> Result<Self, ShapeError> {
        Err(ShapeError::kind("an answer", &val))
    }

    fn into_val(self) -> Val {
        map_to_val(self.0)
    }

    fn describe() -> Desc {
        Desc::Opaque
    }
}

impl Attribute {
    /// The value, checked.
    pub fn value(self) -> Result<Value, InvalidValue> {
        from_val(self.0, 0)
    }
}

/// The item of a map, checked.
pub fn item(map: AttributeMap) -> Result<Item, InvalidValue> {
    let mut item = Item::new();
    for (name, attribute) in map.0 {
        item.insert(name, attribute.value()?);
    }
    Ok(item)
}

fn from_val(val: Val, depth: usize) -> Result<Value, InvalidValue> {
    let Val::Struct(members) = val else { return Err(value::empty_value()) };
    let ambiguous = members.len() > 1;
    let mut read = None;
    for (kind, member) in members {
        // Each member is checked, even where there is one too many: the complaint about a value comes first.
        read = Some(member_value(kind, member, depth)?);
    }
    if ambiguous {
        return Err(value::ambiguous_value());
    }
    read.ok_or_else(value::empty_value)
}

fn member_value(kind: &str, val: Val, depth: usize) -> Result<Value, InvalidValue> {
    if depth > MAX_DEPTH {
        return Err(InvalidValue(
            "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
                .to_owned(),
        ));
    }
    match (kind, val) {
        ("S", Val::Str(text)) => Ok(Value::S(text)),
        ("N", Val::Str(text)) => value::number(&text).map(Value::N),
        ("B", Val::Blob(bytes)) => Ok(Value::B(bytes.into())),
        ("BOOL", Val::Bool(flag)) => Ok(Value::Bool(flag)),
        ("NULL", Val::Bool(_)) => Ok(Value::Null),
        ("SS", Val::List(members)) => value::string_set(texts(members)?),
        ("NS", Val::List(members)) => value::number_set(&texts(members)?),
        ("BS", Val::List(members)) => {
            let members = members.into_iter().filter_map(|member| match member {
                Val::Blob(bytes) => Some(bytes.into()),
                _ => None,
            });
            value::binary_set(members.collect(), |bytes| STANDARD.encode(bytes))
        }
        ("L", Val::List(values)) => {
            values.into_iter().map(|inner| from_val(inner, depth + 1)).collect::<Result<_, _>>().map(Value::L)
        }
        ("M", Val::Map(entries)) => {
            let mut map = Item::new();
            for (name, inner) in entries {
                map.insert(name, from_val(inner, depth + 1)?);
            }
            Ok(Value::M(map))
        }
        _ => Err(value::empty_value()),
    }
}

fn texts(members: Vec<Val>) -> Result<Vec<String>, InvalidValue> {
    members
        .into_iter()
        .map(|member| match member {
            Val::Str(text) => Ok(text),
            _ => Err(value::empty_value()),
        })
        .collect()
}

fn map_to_val(map: Item) -> Val {
    Val::Map(map.into_iter().map(|(name, value)| (name, to_val(value))).collect())
}

/// A value for the answer.
pub fn to_val(value: Value) -> Val {
    let member = match value {
        Value::S(text) => ("S", Val::Str(text)),
        Value::N(number) => ("N", Val::Str(number.to_string())),
        Value::B(bytes) => ("B", Val::Blob(bytes.into())),
        Value::Bool(flag) => ("BOOL", Val::Bool(flag)),
        Value::Null => ("NULL", Val::Bool(true)),
        Value::Ss(members) => ("SS", Val::List(members.into_iter().map(Val::Str).collect())),
        Value::Ns(members) => ("NS", Val::List(members.iter().map(|number| Val::Str(number.to_string())).collect())),
        Value::Bs(members) => ("BS", Val::List(members.into_iter().map(|bytes| Val::Blob(bytes.into())).collect())),
        Value::L(values) => ("L", Val::List(values.into_iter().map(to_val).collect())),
        Value::M(map) => ("M", map_to_val(map)),
    };
    Val::Struct(vec![member])
}
