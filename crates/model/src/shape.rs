//! Plain structs for an operation's input and output: [`Shape`], written with `#[derive(Shape)]`.
//!
//! ```ignore
//! /// What DeleteMessage takes.
//! #[derive(Shape)]
//! pub struct DeleteMessageInput {
//!     pub queue_url: String,            // required: "QueueUrl"
//!     pub receipt_handle: Option<String>, // optional, absent = None
//! }
//!
//! #[derive(Shape)]
//! #[shape(rename_all = "camelCase")]    // CloudWatch Logs: "logGroupName"
//! pub struct CreateLogGroupInput {
//!     pub log_group_name: String,
//!     #[shape(name = "kmsKeyId")]       // where the rule gives the wrong name
//!     pub kms_key_id: Option<String>,
//! }
//! ```
//!
//! A field is required unless its type is `Option<…>`. Names are the model's *member* names (PascalCase by default);
//! wire names (`locationName`) are the protocol's business. `#[shape(default)]` on a field that is not an `Option`
//! fills in `Default::default()` when the member is absent.
//! The conversions are small and not generic, so that a thousand structs compile in seconds.

use bytes::Bytes;

use crate::val::{Timestamp, Val};

/// A value that is not of the shape that a struct asks for. The wire layer has validated the request against the
/// model before, so this means that a struct and the model disagree; a drift test finds that before a client does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeError {
    /// The member in question, outermost first, joined by dots.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

impl std::fmt::Display for ShapeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

impl std::error::Error for ShapeError {}

impl ShapeError {
    /// `expected` was asked for and `found` was there.
    pub fn kind(expected: &str, found: &Val) -> ShapeError {
        ShapeError { path: String::new(), problem: format!("expected {expected}, found {}", found.kind()) }
    }

    /// A required member that is not there.
    pub fn missing(member: &str) -> ShapeError {
        ShapeError { path: member.to_owned(), problem: "required member is missing".to_owned() }
    }

    /// The same error, seen from one level further out.
    pub fn inside(mut self, member: &str) -> ShapeError {
        self.path = if self.path.is_empty() { member.to_owned() } else { format!("{member}.{}", self.path) };
        self
    }
}

/// What a type looks like to the drift test, which compares it with the model.
pub enum Desc {
    /// `bool`.
    Bool,
    /// Any integer.
    Int,
    /// `f32` or `f64`.
    Float,
    /// A string.
    Str,
    /// Bytes.
    Blob,
    /// An instant.
    Time,
    /// A list of these.
    List(fn() -> Desc),
    /// A map from strings to these.
    Map(fn() -> Desc),
    /// A structure.
    Struct(Vec<MemberDesc>),
    /// Written by hand; the drift test does not look inside.
    Opaque,
}

/// A field of a derived struct.
pub struct MemberDesc {
    /// The model's member name.
    pub name: &'static str,
    /// False for `Option<…>` and for fields with a default.
    pub required: bool,
    /// The field's type; a function, since shapes may contain themselves.
    pub desc: fn() -> Desc,
}

/// A type that stands for a shape of the model.
pub trait Shape: Sized {
    /// Reads a value. Takes it whole, so that texts and bytes are moved, not copied.
    fn from_val(val: Val) -> Result<Self, ShapeError>;
    /// The value to render.
    fn into_val(self) -> Val;
    /// What the type looks like.
    fn describe() -> Desc;
    /// What a member of this type is when the request does not have it; `None`: the member is required.
    fn absent() -> Option<Self> {
        None
    }
    /// The value to render for a member, or `None` where it is left out.
    fn into_member(self) -> Option<Val> {
        Some(self.into_val())
    }
    /// True for types that may be left out.
    fn optional() -> bool {
        false
    }
}

macro_rules! scalar {
    ($type:ty, $variant:ident, $kind:literal) => {
        impl Shape for $type {
            fn from_val(val: Val) -> Result<Self, ShapeError> {
                match val {
                    Val::$variant(value) => Ok(value),
                    other => Err(ShapeError::kind($kind, &other)),
                }
            }
            fn into_val(self) -> Val {
                Val::$variant(self)
            }
            fn describe() -> Desc {
                Desc::$variant
            }
        }
    };
}

scalar!(bool, Bool, "boolean");
scalar!(i64, Int, "integer");
scalar!(f64, Float, "double");
scalar!(String, Str, "string");
scalar!(Bytes, Blob, "blob");
scalar!(Timestamp, Time, "timestamp");

macro_rules! integer {
    ($type:ty) => {
        impl Shape for $type {
            fn from_val(val: Val) -> Result<Self, ShapeError> {
                match val {
                    Val::Int(value) => {
                        <$type>::try_from(value).map_err(|_| ShapeError::kind("a smaller integer", &Val::Int(value)))
                    }
                    other => Err(ShapeError::kind("integer", &other)),
                }
            }
            fn into_val(self) -> Val {
                Val::Int(i64::from(self))
            }
            fn describe() -> Desc {
                Desc::Int
            }
        }
    };
}

integer!(i32);
integer!(u32);

impl<T: Shape> Shape for Option<T> {
    fn from_val(val: Val) -> Result<Self, ShapeError> {
        T::from_val(val).map(Some)
    }
    fn into_val(self) -> Val {
        // Only reached for a list's or map's element; a member goes through `into_member`.
        self.map_or_else(Val::empty, T::into_val)
    }
    fn describe() -> Desc {
        T::describe()
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
    fn into_member(self) -> Option<Val> {
        self.map(T::into_val)
    }
    fn optional() -> bool {
        true
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn from_val(val: Val) -> Result<Self, ShapeError> {
        match val {
            Val::List(items) => items.into_iter().map(T::from_val).collect(),
            other => Err(ShapeError::kind("list", &other)),
        }
    }
    fn into_val(self) -> Val {
        Val::List(self.into_iter().map(T::into_val).collect())
    }
    fn describe() -> Desc {
        Desc::List(T::describe)
    }
}

/// A map of the model, in the order in which it was sent (DynamoDB's and Lambda's maps are small).
pub type Map<T> = Vec<(String, T)>;

impl<T: Shape> Shape for Entries<T> {
    fn from_val(val: Val) -> Result<Self, ShapeError> {
        match val {
            Val::Map(entries) => {
                let mut read = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let value = T::from_val(value).map_err(|error| error.inside(&key))?;
                    read.push((key, value));
                }
                Ok(Entries(read))
            }
            other => Err(ShapeError::kind("map", &other)),
        }
    }
    fn into_val(self) -> Val {
        Val::Map(self.0.into_iter().map(|(key, value)| (key, value.into_val())).collect())
    }
    fn describe() -> Desc {
        Desc::Map(T::describe)
    }
}

/// A map member, in the order in which it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Entries<T>(pub Map<T>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Entries(Vec::new())
    }
}

impl<T> Entries<T> {
    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl<T: Shape> Shape for std::collections::BTreeMap<String, T> {
    fn from_val(val: Val) -> Result<Self, ShapeError> {
        Entries::from_val(val).map(|entries| entries.0.into_iter().collect())
    }
    fn into_val(self) -> Val {
        Val::Map(self.into_iter().map(|(key, value)| (key, value.into_val())).collect())
    }
    fn describe() -> Desc {
        Desc::Map(T::describe)
    }
}

impl<T: Shape> Shape for Box<T> {
    fn from_val(val: Val) -> Result<Self, ShapeError> {
        T::from_val(val).map(Box::new)
    }
    fn into_val(self) -> Val {
        (*self).into_val()
    }
    fn describe() -> Desc {
        T::describe()
    }
}

/// JSON that is opaque to the API.
impl Shape for serde_json::Value {
    fn from_val(val: Val) -> Result<Self, ShapeError> {
        match val {
            Val::Document(value) => Ok(value),
            other => Err(ShapeError::kind("document", &other)),
        }
    }
    fn into_val(self) -> Val {
        Val::Document(self)
    }
    fn describe() -> Desc {
        Desc::Opaque
    }
}

/// An operation without input or output.
impl Shape for () {
    fn from_val(_: Val) -> Result<Self, ShapeError> {
        Ok(())
    }
    fn into_val(self) -> Val {
        Val::empty()
    }
    fn describe() -> Desc {
        Desc::Struct(Vec::new())
    }
}

/// Handed through as it is: for operations that work on the tree itself.
impl Shape for Val {
    fn from_val(val: Val) -> Result<Self, ShapeError> {
        Ok(val)
    }
    fn into_val(self) -> Val {
        self
    }
    fn describe() -> Desc {
        Desc::Opaque
    }
}

/// The derive macro's helper: takes the member `name` out of the structure and reads it.
pub fn member<T: Shape>(members: &mut Vec<(&'static str, Val)>, name: &'static str) -> Result<T, ShapeError> {
    match members.iter().position(|(member, _)| *member == name) {
        Some(position) => T::from_val(members.swap_remove(position).1).map_err(|error| error.inside(name)),
        None => T::absent().ok_or_else(|| ShapeError::missing(name)),
    }
}

/// The derive macro's helper: the members of a structure.
pub fn members(val: Val) -> Result<Vec<(&'static str, Val)>, ShapeError> {
    match val {
        Val::Struct(members) => Ok(members),
        other => Err(ShapeError::kind("structure", &other)),
    }
}

/// The derive macro's helper: adds a member unless it is left out.
pub fn push_member<T: Shape>(members: &mut Vec<(&'static str, Val)>, name: &'static str, value: T) {
    if let Some(value) = value.into_member() {
        members.push((name, value));
    }
}
