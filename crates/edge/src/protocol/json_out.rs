//! Answers as JSON, straight from the tree.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pilvi_model::Val;
use pilvi_model::api::{Api, Kind, Location, Member, ShapeId, TimestampFormat};

use super::time;

/// Writes a value of this shape.
pub fn write(api: &Api, shape: ShapeId, value: &Val, out: &mut Vec<u8>) {
    Writer { api, out }.value(shape, value, None);
}

/// Writes a structure of which only the document's members are meant: the others go into headers.
pub fn write_untyped(value: &Val, out: &mut Vec<u8>) {
    match value {
        Val::Struct(members) => object(out, members.iter().map(|(name, value)| (*name, value)), write_untyped_value),
        other => write_untyped_value(other, out),
    }
}

fn write_untyped_value(value: &Val, out: &mut Vec<u8>) {
    match value {
        Val::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Val::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Val::Float(number) => float(*number, out),
        Val::Str(text) => string(text, out),
        Val::Blob(bytes) => string(&STANDARD.encode(bytes), out),
        Val::Time(instant) => out.extend_from_slice(time::seconds(*instant).as_bytes()),
        Val::List(items) => array(out, items, write_untyped_value),
        Val::Map(entries) => object(out, entries.iter().map(|(key, value)| (&**key, value)), write_untyped_value),
        Val::Struct(_) => write_untyped(value, out),
        Val::Document(document) => out.extend_from_slice(document.to_string().as_bytes()),
    }
}

struct Writer<'a> {
    api: &'a Api,
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    fn value(&mut self, shape: ShapeId, value: &Val, member: Option<&Member>) {
        match (&self.api.shape(shape).kind, value) {
            (Kind::Structure(structure), Val::Struct(members)) => {
                self.out.push(b'{');
                let mut first = true;
                for member in structure.members.iter().filter(|member| member.location == Location::Body) {
                    let Some((_, value)) = members.iter().find(|(name, _)| *name == member.name) else { continue };
                    if !std::mem::take(&mut first) {
                        self.out.push(b',');
                    }
                    string(member.wire_name, self.out);
                    self.out.push(b':');
                    self.value(member.shape, value, Some(member));
                }
                self.out.push(b'}');
            }
            (Kind::List { member, .. }, Val::List(items)) => {
                self.out.push(b'[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        self.out.push(b',');
                    }
                    self.value(*member, item, None);
                }
                self.out.push(b']');
            }
            (Kind::Map { value: shape, .. }, Val::Map(entries)) => {
                self.out.push(b'{');
                for (place, (key, value)) in entries.iter().enumerate() {
                    if place > 0 {
                        self.out.push(b',');
                    }
                    string(key, self.out);
                    self.out.push(b':');
                    self.value(*shape, value, None);
                }
                self.out.push(b'}');
            }
            (Kind::Timestamp(own), Val::Time(instant)) => {
                let format = member.and_then(|member| member.timestamp_format).or(*own);
                match format.unwrap_or(TimestampFormat::UnixTimestamp) {
                    TimestampFormat::UnixTimestamp => {
                        self.out.extend_from_slice(time::seconds(*instant).as_bytes());
                    }
                    format => string(&time::format(*instant, format), self.out),
                }
            }
            (_, value) => write_untyped_value(value, self.out),
        }
    }
}

fn object<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = (&'a str, &'a Val)>, write: fn(&Val, &mut Vec<u8>)) {
    out.push(b'{');
    for (place, (key, value)) in entries.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        string(key, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

fn array(out: &mut Vec<u8>, items: &[Val], write: fn(&Val, &mut Vec<u8>)) {
    out.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

fn float(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        out.extend_from_slice(number.to_string().as_bytes());
    } else {
        // The protocols' words for what JSON has no number for.
        let text = if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        string(text, out);
    }
}

/// Writes a JSON string.
pub fn string(text: &str, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail, nor can a str.
    let _ = serde_json::to_writer(out, text);
}
