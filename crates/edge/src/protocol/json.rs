//! JSON documents into a [`Val`], in one pass that follows the model: each value is read as the type that its shape
//! asks for and checked against its shape's constraints while it is at hand.
//!
//! The texts for values of a wrong type are those of the services' common framework, as DynamoDB's real answers show them.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pilvi_model::api::{Api, Kind, Location, ShapeId, Structure};
use pilvi_model::{Val, val::Timestamp};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{Parsed, Unreadable, time};
use crate::validate::{Path, Problems, check_blob, check_list, check_map, check_number, check_text, missing};

/// Reads the input of an awsJson request. An absent body is an empty structure.
///
/// # Errors
/// The body is no JSON, or a value is of the wrong type.
pub fn parse(api: &'static Api, input: Option<ShapeId>, body: &[u8]) -> Result<Parsed, Unreadable> {
    let Some(shape) = input else {
        return Ok(Parsed { input: Val::empty(), problems: Problems::default() });
    };
    let reader = Reader::new(api);
    let input = reader.document(shape, body)?.unwrap_or_else(Val::empty);
    if let Some(structure) = api.shape(shape).structure() {
        reader.check_required(structure, &input);
    }
    Ok(Parsed { input, problems: reader.into_problems() })
}

/// Reads documents of one request and gathers what is wrong with them.
pub struct Reader {
    api: &'static Api,
    problems: RefCell<Problems>,
    /// The text for a value of the wrong type; serde's own errors would add line and column.
    mismatch: RefCell<Option<String>>,
}

impl Reader {
    /// A reader for requests of this API.
    pub fn new(api: &'static Api) -> Reader {
        Reader { api, problems: RefCell::default(), mismatch: RefCell::default() }
    }

    /// Reads a whole document of this shape; the members that the REST protocols put elsewhere are not looked for.
    /// Required members of the outermost structure are not asked for: see [`Reader::check_required`].
    ///
    /// # Errors
    /// The text is no JSON, or a value is of the wrong type.
    pub fn document(&self, shape: ShapeId, body: &[u8]) -> Result<Option<Val>, Unreadable> {
        self.document_at(shape, body, &Path::Root)
    }

    /// Reads a document that is the member at `path`.
    ///
    /// # Errors
    /// The text is no JSON, or a value is of the wrong type.
    pub fn document_at(&self, shape: ShapeId, body: &[u8], path: &Path<'_>) -> Result<Option<Val>, Unreadable> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let seed = Seed { reader: self, shape, path, outermost: true };
        let value = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
        value.map_err(|error| Unreadable(self.mismatch.take().unwrap_or_else(|| syntax_text(&error))))
    }

    /// Notes the required members that a structure does not have.
    pub fn check_required(&self, structure: &Structure, value: &Val) {
        for member in structure.members.iter().filter(|member| member.required) {
            if value.get(member.name).is_none() {
                missing(&Path::Member(&Path::Root, member.name), &mut self.problems.borrow_mut());
            }
        }
    }

    /// Notes what is wrong with a text that came from a header, a query or a path.
    pub fn check_text(&self, shape: ShapeId, text: &str, path: &Path<'_>) {
        check_text(self.api.shape(shape), text, path, &mut self.problems.borrow_mut());
    }

    /// Notes what is wrong with a number that came from a header, a query or a path.
    pub fn check_number(&self, shape: ShapeId, number: f64, printed: &str, path: &Path<'_>) {
        check_number(self.api.shape(shape), number, printed, path, &mut self.problems.borrow_mut());
    }

    /// What was found wrong.
    pub fn into_problems(self) -> Problems {
        self.problems.into_inner()
    }
}

fn syntax_text(error: &serde_json::Error) -> String {
    // Without serde's "at line 1 column 5": AWS's framework gives no place.
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// Reads one value of the shape.
struct Seed<'a> {
    reader: &'a Reader,
    shape: ShapeId,
    path: &'a Path<'a>,
    outermost: bool,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Option<Val>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Val>, D::Error> {
        if matches!(self.reader.api.shape(self.shape).kind, Kind::Document) {
            let document = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
            return Ok(Some(Val::Document(document)));
        }
        deserializer.deserialize_any(self)
    }
}

impl Seed<'_> {
    fn kind(&self) -> &'static Kind {
        &self.reader.api.shape(self.shape).kind
    }

    /// The name of the Java type that the frameworks' texts speak of.
    fn java_type(&self) -> &'static str {
        match self.kind() {
            Kind::String => "String",
            Kind::Boolean => "Boolean",
            Kind::Integer => "Integer",
            Kind::Long => "Long",
            Kind::Float => "Float",
            Kind::Double => "Double",
            Kind::Timestamp(_) => "Date",
            Kind::Blob => "ByteBuffer",
            Kind::Structure(_) | Kind::Map { .. } | Kind::List { .. } | Kind::Document => "Object",
        }
    }

    fn mismatch<E: serde::de::Error>(&self, text: String) -> E {
        self.reader.mismatch.replace(Some(text));
        E::custom("mismatch")
    }

    /// A scalar where another type is asked for; `token` is the framework's word for what was found.
    fn unexpected_scalar<E: serde::de::Error>(&self, token: &str) -> E {
        let text = match self.kind() {
            Kind::Structure(_) | Kind::Map { .. } | Kind::List { .. } => "Unexpected field type".to_owned(),
            Kind::Blob => "only base-64-encoded strings are convertible to bytes".to_owned(),
            _ => format!("{token} cannot be converted to {}", self.java_type()),
        };
        self.mismatch(text)
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "as the framework does")]
    fn number<E: serde::de::Error>(&self, whole: Option<i64>, number: f64) -> Result<Option<Val>, E> {
        let shape = self.reader.api.shape(self.shape);
        let value = match self.kind() {
            Kind::Integer | Kind::Long => Val::Int(whole.unwrap_or(number as i64)),
            Kind::Float | Kind::Double => Val::Float(number),
            Kind::Timestamp(_) => {
                let instant =
                    time::from_seconds(number).or_else(|| whole.and_then(|ms| Timestamp::from_millisecond(ms).ok()));
                Val::Time(instant.ok_or_else(|| self.mismatch("Unable to parse the date".to_owned()))?)
            }
            _ => return Err(self.unexpected_scalar("NUMBER_VALUE")),
        };
        let printed = || whole.map_or_else(|| number.to_string(), |whole| whole.to_string());
        if shape.constraints.min.is_some() || shape.constraints.max.is_some() {
            check_number(shape, number, &printed(), self.path, &mut self.reader.problems.borrow_mut());
        }
        Ok(Some(value))
    }

    fn text<E: serde::de::Error>(&self, text: String) -> Result<Option<Val>, E> {
        let shape = self.reader.api.shape(self.shape);
        match self.kind() {
            Kind::String => {
                check_text(shape, &text, self.path, &mut self.reader.problems.borrow_mut());
                Ok(Some(Val::Str(text)))
            }
            Kind::Blob => {
                let bytes = STANDARD.decode(&text).map_err(|error| self.mismatch(base64_text(&text, &error)))?;
                check_blob(shape, bytes.len(), self.path, &mut self.reader.problems.borrow_mut());
                Ok(Some(Val::Blob(bytes.into())))
            }
            Kind::Timestamp(_) => match time::parse(&text) {
                Some(instant) => Ok(Some(Val::Time(instant))),
                None => Err(self.mismatch("Unable to parse the date".to_owned())),
            },
            Kind::Float | Kind::Double if matches!(&*text, "NaN" | "Infinity" | "-Infinity") => {
                Ok(text.replace("Infinity", "inf").parse().ok().map(Val::Float))
            }
            Kind::Boolean => Err(self.mismatch("Unexpected token received from parser".to_owned())),
            _ => Err(self.unexpected_scalar("STRING_VALUE")),
        }
    }

    fn structure<'de, A: MapAccess<'de>>(&self, structure: &'static Structure, mut map: A) -> Result<Val, A::Error> {
        let mut members: Vec<(&'static str, Val)> = Vec::with_capacity(structure.members.len().min(8));
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let member = structure.member_by_wire_name(&key).filter(|member| member.location == Location::Body);
            let Some(member) = member else {
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            };
            let path = Path::Member(self.path, member.name);
            let seed = Seed { reader: self.reader, shape: member.shape, path: &path, outermost: false };
            let value = map.next_value_seed(seed)?;
            members.retain(|(name, _)| *name != member.name); // the last of two wins
            if let Some(value) = value {
                members.push((member.name, value));
            }
        }
        if !self.outermost {
            for member in structure.members.iter().filter(|member| member.required) {
                if !members.iter().any(|(name, _)| *name == member.name) {
                    missing(&Path::Member(self.path, member.name), &mut self.reader.problems.borrow_mut());
                }
            }
        }
        Ok(Val::Struct(members))
    }
}

fn base64_text(text: &str, error: &base64::DecodeError) -> String {
    if !text.len().is_multiple_of(4) {
        return format!("Base64 encoded length is expected a multiple of 4 bytes but found: {}", text.len());
    }
    match error {
        base64::DecodeError::InvalidByte(_, byte) => format!("Invalid Base64 character: '{}'", char::from(*byte)),
        _ => "Invalid last non-pad Base64 character dectected".to_owned(), // sic: AWS's own spelling
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Option<Val>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.java_type())
    }

    fn visit_unit<E>(self) -> Result<Option<Val>, E> {
        Ok(None)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Option<Val>, E> {
        match self.kind() {
            Kind::Boolean => Ok(Some(Val::Bool(value))),
            _ => Err(self.unexpected_scalar(if value { "TRUE_VALUE" } else { "FALSE_VALUE" })),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "only compared with limits")]
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Option<Val>, E> {
        self.number(Some(value), value as f64)
    }

    #[allow(clippy::cast_precision_loss, reason = "only compared with limits")]
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Option<Val>, E> {
        self.number(i64::try_from(value).ok(), value as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Option<Val>, E> {
        self.number(None, value)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<Val>, E> {
        self.text(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Option<Val>, E> {
        self.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<Val>, A::Error> {
        let Kind::List { member, .. } = self.kind() else {
            let text = match self.kind() {
                Kind::Structure(_) | Kind::Map { .. } => "Unrecognized collection type class java.util.Map".to_owned(),
                Kind::Blob => "Unrecognized collection type class java.nio.ByteBuffer".to_owned(),
                _ => format!("Unrecognized collection type class java.lang.{}", self.java_type()),
            };
            return Err(self.mismatch(text));
        };
        let mut items = Vec::new();
        loop {
            let path = Path::Element(self.path, items.len() + 1);
            // The elements' own scalar constraints are told of with the list's, below.
            let scalar = matches!(self.reader.api.shape(*member).kind, Kind::String | Kind::Integer | Kind::Long);
            let before = self.reader.problems.borrow().0.len();
            let seed = Seed { reader: self.reader, shape: *member, path: &path, outermost: false };
            let Some(item) = seq.next_element_seed(seed)? else { break };
            if scalar {
                self.reader.problems.borrow_mut().0.truncate(before);
            }
            items.extend(item);
        }
        let shape = self.reader.api.shape(self.shape);
        check_list(self.reader.api, shape, *member, &items, self.path, &mut self.reader.problems.borrow_mut());
        Ok(Some(Val::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Val>, A::Error> {
        match self.kind() {
            Kind::Structure(structure) => self.structure(structure, map).map(Some),
            Kind::Map { key, value, .. } => {
                let mut entries: Vec<(String, Val)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let path = Path::Entry(self.path, &name);
                    let seed = Seed { reader: self.reader, shape: *value, path: &path, outermost: false };
                    if let Some(read) = map.next_value_seed(seed)? {
                        entries.push((name, read));
                    }
                }
                let shape = self.reader.api.shape(self.shape);
                check_map(self.reader.api, shape, *key, &entries, self.path, &mut self.reader.problems.borrow_mut());
                Ok(Some(Val::Map(entries)))
            }
            _ => {
                self.mismatch::<A::Error>("Start of structure or map found where not expected.".to_owned());
                Err(A::Error::custom("mismatch"))
            }
        }
    }
}
