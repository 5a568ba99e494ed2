//! awsQuery answers as XML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pilvi_bus::ApiError;
use pilvi_model::Val;
use pilvi_model::api::{Api, Kind, Member, Operation, ShapeId, TimestampFormat};

use super::time;

/// The answer of an operation.
pub fn answer(api: &Api, operation: &Operation, output: &Val, request_id: &str) -> Vec<u8> {
    let mut xml = Xml::new();
    let outer = format!("{}Response", operation.name);
    match api.xml_namespace {
        Some(namespace) => xml.open_with(&outer, "xmlns", namespace),
        None => xml.open(&outer),
    }
    if let Some(shape) = operation.output {
        let wrapper = operation.output_wrapper.map_or_else(|| format!("{}Result", operation.name), str::to_owned);
        let before = xml.0.len();
        xml.open(&wrapper);
        let opened = xml.0.len();
        write_members(api, shape, output, &mut xml);
        if xml.0.len() == opened {
            xml.0.truncate(before);
            xml.push(&["<", &wrapper, "/>"]);
        } else {
            xml.close(&wrapper);
        }
    }
    xml.open("ResponseMetadata");
    xml.text("RequestId", request_id);
    xml.close("ResponseMetadata");
    xml.close(&outer);
    xml.0
}

/// An error.
pub fn error(api: Option<&Api>, error: &ApiError, request_id: &str) -> Vec<u8> {
    let mut xml = Xml::new();
    if error.code == "UnknownOperationException" {
        // The common framework's own, before any service's: an element without anything in it.
        xml.push(&["<", &error.code, "/>"]);
        return xml.0;
    }
    match api.and_then(|api| api.xml_namespace) {
        Some(namespace) => xml.open_with("ErrorResponse", "xmlns", namespace),
        None => xml.open("ErrorResponse"),
    }
    xml.open("Error");
    xml.text("Type", if error.is_client_fault() { "Sender" } else { "Receiver" });
    xml.text("Code", error.query_code.unwrap_or(&error.code));
    xml.text("Message", error.query_message.unwrap_or(&error.message));
    if api.is_some_and(|api| api.name == "sqs") {
        xml.0.extend_from_slice(b"<Detail/>");
    }
    xml.close("Error");
    xml.text("RequestId", request_id);
    xml.close("ErrorResponse");
    xml.0
}

fn write_members(api: &Api, shape: ShapeId, value: &Val, xml: &mut Xml) {
    let Some(structure) = api.shape(shape).structure() else { return };
    for member in &structure.members {
        if let Some(value) = value.get(member.name) {
            write_value(api, member.shape, Some(member), member.query_wire_name(), value, xml);
        }
    }
}

fn write_value(api: &Api, shape: ShapeId, member: Option<&Member>, name: &str, value: &Val, xml: &mut Xml) {
    match (&api.shape(shape).kind, value) {
        (Kind::Structure(_), Val::Struct(_)) => {
            xml.open(name);
            write_members(api, shape, value, xml);
            xml.close(name);
        }
        (Kind::List { member: item, member_name, flattened }, Val::List(items)) => {
            if *flattened || member.is_some_and(|member| member.flattened) {
                for value in items {
                    write_value(api, *item, None, name, value, xml);
                }
                return;
            }
            xml.open(name);
            for value in items {
                write_value(api, *item, None, member_name, value, xml);
            }
            xml.close(name);
        }
        (Kind::Map { value: inner, key_name, value_name, flattened, .. }, Val::Map(entries)) => {
            let flat = *flattened || member.is_some_and(|member| member.flattened);
            if !flat {
                xml.open(name);
            }
            let element = if flat { name } else { "entry" };
            for (key, value) in entries {
                xml.open(element);
                xml.text(key_name, key);
                write_value(api, *inner, None, value_name, value, xml);
                xml.close(element);
            }
            if !flat {
                xml.close(name);
            }
        }
        (Kind::Timestamp(own), Val::Time(instant)) => {
            let format = member.and_then(|member| member.timestamp_format).or(*own);
            xml.text(name, &time::format(*instant, format.unwrap_or(TimestampFormat::Iso8601)));
        }
        (_, value) => xml.text(name, &scalar(value)),
    }
}

fn scalar(value: &Val) -> String {
    match value {
        Val::Bool(value) => value.to_string(),
        Val::Int(number) => number.to_string(),
        Val::Float(number) => number.to_string(),
        Val::Str(text) => text.clone(),
        Val::Blob(bytes) => STANDARD.encode(bytes),
        Val::Time(instant) => time::format(*instant, TimestampFormat::Iso8601),
        Val::Document(document) => document.to_string(),
        Val::List(_) | Val::Map(_) | Val::Struct(_) => String::new(),
    }
}

/// XML being written.
struct Xml(Vec<u8>);

impl Xml {
    fn new() -> Xml {
        Xml(Vec::with_capacity(512))
    }

    fn open(&mut self, name: &str) {
        self.push(&["<", name, ">"]);
    }

    fn open_with(&mut self, name: &str, attribute: &str, value: &str) {
        self.push(&["<", name, " ", attribute, "=\""]);
        self.escaped(value);
        self.push(&["\">"]);
    }

    fn close(&mut self, name: &str) {
        self.push(&["</", name, ">"]);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        self.escaped(text);
        self.close(name);
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.0.extend_from_slice(part.as_bytes());
        }
    }

    fn escaped(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'<' => self.0.extend_from_slice(b"&lt;"),
                b'>' => self.0.extend_from_slice(b"&gt;"),
                b'&' => self.0.extend_from_slice(b"&amp;"),
                b'"' => self.0.extend_from_slice(b"&quot;"),
                // A parser would fold a bare carriage return into a line feed.
                b'\r' => self.0.extend_from_slice(b"&#xD;"),
                // Not allowed in XML 1.0 in any form; SQS and others refuse such texts on the way in.
                0..=8 | 11 | 12 | 14..=31 => self.0.extend_from_slice("\u{FFFD}".as_bytes()),
                other => self.0.push(other),
            }
        }
    }
}
