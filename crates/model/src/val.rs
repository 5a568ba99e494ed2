//! The value tree between the wire and the operations: requests are parsed into it, answers are rendered from it.
//!
//! It knows no wire format. Which member goes into a header, what a list element is called in XML, how a timestamp is
//! written: that is the model's and the protocol's business. A member that is absent is simply not in the tree, so
//! absent, empty and default stay three different things.

use bytes::Bytes;

/// An instant, in UTC.
pub type Timestamp = jiff::Timestamp;

/// One value of an API's request or answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Val {
    /// `true` or `false`.
    Bool(bool),
    /// Any integer type of the models.
    Int(i64),
    /// `float` and `double`.
    Float(f64),
    /// A string or an enumeration's value.
    Str(String),
    /// Bytes, already decoded (base64 belongs to the wire).
    Blob(Bytes),
    /// An instant.
    Time(Timestamp),
    /// A list, in order.
    List(Vec<Val>),
    /// A map with string keys, in the order in which it was sent.
    Map(Vec<(String, Val)>),
    /// A structure or union: the members that are present, by the model's member name.
    Struct(Vec<(&'static str, Val)>),
    /// A document: JSON that is opaque to the API.
    Document(serde_json::Value),
}

impl Val {
    /// An empty structure: what an operation without output answers.
    pub fn empty() -> Val {
        Val::Struct(Vec::new())
    }

    /// The member of a structure, or the entry of a map, called `name`.
    pub fn get(&self, name: &str) -> Option<&Val> {
        match self {
            Val::Struct(members) => members.iter().find(|(member, _)| *member == name).map(|(_, value)| value),
            Val::Map(entries) => entries.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Takes the member of a structure called `name` out of it.
    pub fn take(&mut self, name: &str) -> Option<Val> {
        let Val::Struct(members) = self else { return None };
        let position = members.iter().position(|(member, _)| *member == name)?;
        Some(members.swap_remove(position).1)
    }

    /// Sets a member of a structure, in place of an earlier one of that name. Other kinds of value are left alone.
    pub fn set(&mut self, name: &'static str, value: Val) {
        let Val::Struct(members) = self else { return };
        match members.iter_mut().find(|(member, _)| *member == name) {
            Some((_, old)) => *old = value,
            None => members.push((name, value)),
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Val::Str(text) => Some(text),
            _ => None,
        }
    }

    /// What kind of value this is, in the words of the service models.
    pub fn kind(&self) -> &'static str {
        match self {
            Val::Bool(_) => "boolean",
            Val::Int(_) => "integer",
            Val::Float(_) => "double",
            Val::Str(_) => "string",
            Val::Blob(_) => "blob",
            Val::Time(_) => "timestamp",
            Val::List(_) => "list",
            Val::Map(_) => "map",
            Val::Struct(_) => "structure",
            Val::Document(_) => "document",
        }
    }
}

impl From<&str> for Val {
    fn from(text: &str) -> Val {
        Val::Str(text.to_owned())
    }
}

impl From<String> for Val {
    fn from(text: String) -> Val {
        Val::Str(text)
    }
}
