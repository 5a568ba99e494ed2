//! What is kept of APIs: each resource as what was said of it, member by member.

use pilvi_model::{Timestamp, Val, api};
use pilvi_store::Table;
use serde::{Deserialize, Serialize};

/// A value of a resource, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Kept {
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    /// Milliseconds since 1970.
    Time(i64),
    List(Vec<Kept>),
    Map(Vec<(String, Kept)>),
    Struct(Vec<(String, Kept)>),
}

/// A resource: its members by the model's names.
pub(crate) type Record = Vec<(String, Kept)>;

/// (account, region, API or domain, kind, id) → resource. The kind is the resource's name in the model.
pub(crate) const RESOURCES: Table<(String, String, String, String, String), Record> = Table::new("apis.resource");
/// API → (account, region): hosts name the API alone.
pub(crate) const OWNERS: Table<String, (String, String)> = Table::new("apis.owner");
/// Domain → (account, region): hosts name the domain alone.
pub(crate) const DOMAINS: Table<String, (String, String)> = Table::new("apis.domain");
/// (account, region, API, deployment) → the routes, integrations and authorizers at that time, with their kinds and ids.
pub(crate) const SNAPSHOTS: Table<(String, String, String, String), Vec<Snapped>> = Table::new("apis.snapshot");
/// A resource of a deployment: its kind, its id, and what was said of it.
pub(crate) type Snapped = (String, String, Record);

impl Kept {
    pub(crate) fn from_val(value: Val) -> Kept {
        match value {
            Val::Bool(value) => Kept::Bool(value),
            Val::Int(number) => Kept::Int(number),
            Val::Float(number) => Kept::Float(number),
            Val::Str(text) => Kept::Str(text),
            Val::Time(time) => Kept::Time(time.as_millisecond()),
            Val::List(items) => Kept::List(items.into_iter().map(Kept::from_val).collect()),
            Val::Map(entries) => {
                Kept::Map(entries.into_iter().map(|(key, value)| (key, Kept::from_val(value))).collect())
            }
            Val::Struct(members) => Kept::Struct(record(members)),
            // The model has neither here.
            Val::Blob(_) | Val::Document(_) => Kept::Str(String::new()),
        }
    }

    pub(crate) fn into_val(self) -> Val {
        match self {
            Kept::Bool(value) => Val::Bool(value),
            Kept::Int(number) => Val::Int(number),
            Kept::Float(number) => Val::Float(number),
            Kept::Str(text) => Val::Str(text),
            Kept::Time(time) => Val::Time(Timestamp::from_millisecond(time).unwrap_or_default()),
            Kept::List(items) => Val::List(items.into_iter().map(Kept::into_val).collect()),
            Kept::Map(entries) => Val::Map(entries.into_iter().map(|(key, value)| (key, value.into_val())).collect()),
            Kept::Struct(members) => shown(members),
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Kept::Str(text) => Some(text),
            _ => None,
        }
    }
}

pub(crate) fn record(members: Vec<(&'static str, Val)>) -> Record {
    members.into_iter().map(|(name, value)| (name.to_owned(), Kept::from_val(value))).collect()
}

/// A record as the API shows it. Members that the model does not have are our own and stay inside.
pub(crate) fn shown(record: Record) -> Val {
    let members = record.into_iter().filter_map(|(name, value)| Some((model_name(&name)?, value.into_val())));
    Val::Struct(members.collect())
}

/// The model's own text for a member's name.
fn model_name(name: &str) -> Option<&'static str> {
    let shapes = api("apigatewayv2").map(|api| api.shapes.iter()).into_iter().flatten();
    let mut structures = shapes.filter_map(|shape| shape.structure());
    structures.find_map(|structure| structure.member(name)).map(|member| member.name)
}

/// The member of a record.
pub(crate) fn get<'a>(record: &'a Record, name: &str) -> Option<&'a Kept> {
    record.iter().find(|(member, _)| member == name).map(|(_, value)| value)
}

/// The text of a member.
pub(crate) fn text<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    get(record, name).and_then(Kept::as_str)
}

/// Sets a member.
pub(crate) fn set(record: &mut Record, name: &str, value: Kept) {
    match record.iter_mut().find(|(member, _)| member == name) {
        Some((_, old)) => *old = value,
        None => record.push((name.to_owned(), value)),
    }
}

/// A map of texts.
pub(crate) fn texts(record: &Record, name: &str) -> Vec<(String, String)> {
    match get(record, name) {
        Some(Kept::Map(map)) => entries(map),
        _ => Vec::new(),
    }
}

/// The entries of a map of texts.
pub(crate) fn entries(map: &Record) -> Vec<(String, String)> {
    map.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// A list of texts.
pub(crate) fn list(record: &Record, name: &str) -> Vec<String> {
    match get(record, name) {
        Some(Kept::List(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}
