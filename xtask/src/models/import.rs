//! From botocore's JSON to the line text: every fact that the edge uses, no documentation.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::document::{Document, Entry};

/// Where an `enum` line ends: several values to a line, few enough that a diff shows which one came.
const ENUM_COLUMNS: usize = 100;

type Object = Map<String, Value>;

/// A `service-2.json`.
#[derive(Deserialize)]
struct Service {
    metadata: Object,
    operations: Object,
    shapes: BTreeMap<String, Box<RawValue>>,
}

pub(crate) fn import(name: &str, model: &str) -> Result<Document> {
    let model: Service = serde_json::from_str(model)?;
    let mut document = Document { service: service(name, &model.metadata)?, ..Document::default() };
    for (name, operation) in &model.operations {
        let entry = self::operation(name, operation).with_context(|| name.clone())?;
        document.operations.insert(name.clone(), entry);
    }
    let query_compatible = model.metadata.contains_key("awsQueryCompatible");
    for (name, shape) in &model.shapes {
        let entry = self::shape(name, shape.get(), query_compatible).with_context(|| name.clone())?;
        document.shapes.insert(name.clone(), entry);
    }
    Ok(document)
}

fn service(name: &str, metadata: &Object) -> Result<Entry> {
    let text = |key| metadata.get(key).and_then(Value::as_str);
    let endpoint = text("endpointPrefix").context("no endpointPrefix")?;
    let preferred = text("protocol").context("no protocol")?;
    let mut protocols = vec![preferred];
    for other in metadata.get("protocols").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !protocols.contains(&other) {
            protocols.push(other);
        }
    }
    let mut names = Vec::new();
    for protocol in protocols {
        names.push(match protocol {
            "json" => format!("json{}", text("jsonVersion").context("no jsonVersion")?),
            "smithy-rpc-v2-cbor" => "cbor".to_owned(),
            other => other.to_owned(),
        });
    }
    let mut body = vec![format!("protocols {}", names.join(" "))];
    body.extend(text("targetPrefix").map(|prefix| format!("target {prefix}")));
    body.push(format!("signing {}", text("signingName").unwrap_or(endpoint)));
    body.push(format!("endpoint {endpoint}"));
    body.extend(text("xmlNamespace").map(|namespace| format!("xmlns {namespace}")));
    if metadata.contains_key("awsQueryCompatible") {
        body.push("query-compatible".to_owned());
    }
    Ok(Entry { head: format!("service {name} {}", text("apiVersion").context("no apiVersion")?), body })
}

fn operation(name: &str, operation: &Value) -> Result<Entry> {
    let http = object(operation, "http")?;
    let method = http.get("method").and_then(Value::as_str).context("no method")?;
    let uri = http.get("requestUri").and_then(Value::as_str).context("no requestUri")?;
    let status = http.get("responseCode").and_then(Value::as_u64).unwrap_or(200);
    let mut head = Words::new(format!("operation {name} {method} {uri} {status}"));
    head.value("host", operation.pointer("/endpoint/hostPrefix"))?;
    head.flag("idempotent", operation.get("idempotent"));
    head.flag("deprecated", operation.get("deprecated"));
    if operation.get("authtype").and_then(Value::as_str) == Some("none") {
        head.word("unsigned");
    }
    let mut body = Vec::new();
    if let Some(input) = operation.get("input") {
        body.push(format!("input {}", reference(input)?));
    }
    if let Some(output) = operation.get("output") {
        let mut line = Words::new(format!("output {}", reference(output)?));
        line.value("wrapper", output.get("resultWrapper"))?;
        body.push(line.0);
    }
    if let Some(errors) = operation.get("errors").and_then(Value::as_array).filter(|errors| !errors.is_empty()) {
        let mut line = Words::new("errors".to_owned());
        for error in errors {
            line.word(reference(error)?);
        }
        body.push(line.0);
    }
    Ok(Entry { head: head.0, body })
}

fn shape(name: &str, text: &str, query_compatible: bool) -> Result<Entry> {
    let shape: &Value = &serde_json::from_str(text)?;
    let kind = shape.get("type").and_then(Value::as_str).context("no type")?;
    let is = |key| shape.get(key).and_then(Value::as_bool) == Some(true);
    let kind = match kind {
        "structure" if is("document") => "document",
        "character" => "string",
        "float" | "double" | "string" | "blob" | "boolean" | "integer" | "long" | "timestamp" | "structure"
        | "list" | "map" => kind,
        other => bail!("a shape of type {other}"),
    };
    let mut head = Words::new(format!("{kind} {name}"));
    let mut body = Vec::new();
    match kind {
        "structure" => {
            structure_traits(&mut head, shape, query_compatible)?;
            body = members(shape, text)?;
        }
        "list" => {
            let member = shape.get("member").context("no member")?;
            head.word(reference(member)?);
            head.value("name", member.get("locationName"))?;
        }
        "map" => {
            let (key, value) = (shape.get("key").context("no key")?, shape.get("value").context("no value")?);
            head.word(reference(key)?);
            head.word(reference(value)?);
            head.value("key", key.get("locationName"))?;
            head.value("value", value.get("locationName"))?;
        }
        "timestamp" => head.timestamp_format(shape)?,
        _ => {}
    }
    head.flag("flattened", shape.get("flattened"));
    head.flag("streaming", shape.get("streaming"));
    head.flag("sensitive", shape.get("sensitive"));
    head.number("min", shape.get("min"))?;
    head.number("max", shape.get("max"))?;
    if let Some(pattern) = shape.get("pattern").and_then(Value::as_str) {
        if pattern.chars().any(char::is_control) {
            bail!("a pattern with control characters");
        }
        body.push(format!("pattern {pattern}"));
    }
    body.extend(enum_lines(shape)?);
    Ok(Entry { head: head.0, body })
}

fn structure_traits(head: &mut Words, shape: &Value, query_compatible: bool) -> Result<()> {
    head.value("payload", shape.get("payload"))?;
    head.flag("union", shape.get("union"));
    head.flag("event-stream", shape.get("eventstream"));
    head.flag("event", shape.get("event"));
    if shape.get("exception").and_then(Value::as_bool) != Some(true) {
        return Ok(());
    }
    head.word("error");
    // A service that moved away from awsQuery keeps the old code there; in its new protocol the shape's name is the code.
    head.value(if query_compatible { "query" } else { "code" }, shape.pointer("/error/code"))?;
    if let Some(status) = shape.pointer("/error/httpStatusCode").and_then(Value::as_u64) {
        head.word(&format!("status={status}"));
    }
    if shape.get("fault").and_then(Value::as_bool) == Some(true) {
        head.word("fault=server");
    } else if shape.pointer("/error/senderFault").and_then(Value::as_bool) == Some(true) {
        head.word("fault=client");
    }
    Ok(())
}

/// Members in the order of the text, which `serde_json`'s own map does not keep.
#[derive(Default)]
struct Members(Vec<(String, Value)>);

#[derive(Deserialize)]
struct Structure {
    members: Members,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members::default())
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("members")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Members, A::Error> {
        while let Some(entry) = map.next_entry()? {
            self.0.push(entry);
        }
        Ok(self)
    }
}

fn members(shape: &Value, text: &str) -> Result<Vec<String>> {
    let structure: Structure = serde_json::from_str(text)?;
    let required: Vec<&str> =
        shape.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut lines = Vec::new();
    for (name, member) in &structure.members.0 {
        let mut line = Words::new(format!("{name} {}", reference(member)?));
        if required.contains(&name.as_str()) {
            line.word("required");
        }
        let wire_name = member.get("locationName").and_then(Value::as_str).unwrap_or(name);
        let attribute = match member.get("location").and_then(Value::as_str) {
            None if wire_name == name => None,
            None => Some(format!("name={wire_name}")),
            Some("header") => Some(format!("header={wire_name}")),
            Some("headers") => Some(format!("headers={wire_name}")),
            Some("querystring") if member.get("locationName").is_none() => Some("params".to_owned()),
            Some("querystring") => Some(format!("param={wire_name}")),
            Some("uri") => Some(format!("uri={wire_name}")),
            Some("statusCode") => Some("status".to_owned()),
            Some(other) => bail!("{name} at location {other}"),
        };
        if let Some(attribute) = attribute {
            line.word(&attribute);
        }
        line.value("query", member.get("queryName"))?;
        line.flag("flattened", member.get("flattened"));
        line.timestamp_format(member)?;
        line.flag("streaming", member.get("streaming"));
        line.flag("token", member.get("idempotencyToken"));
        line.flag("attribute", member.get("xmlAttribute"));
        line.flag("event-payload", member.get("eventpayload"));
        line.flag("deprecated", member.get("deprecated"));
        lines.push(line.0);
    }
    Ok(lines)
}

fn enum_lines(shape: &Value) -> Result<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for value in shape.get("enum").and_then(Value::as_array).into_iter().flatten() {
        let value = value.as_str().context("an enum value that is no text")?;
        if value.is_empty() || value.contains(char::is_whitespace) {
            bail!("the enum value {value:?} cannot be written in a line");
        }
        match lines.last_mut() {
            Some(line) if line.len() + value.len() < ENUM_COLUMNS => {
                line.push(' ');
                line.push_str(value);
            }
            _ => lines.push(format!("enum {value}")),
        }
    }
    Ok(lines)
}

/// A line in the making.
struct Words(String);

impl Words {
    fn new(start: String) -> Self {
        Self(start)
    }

    fn word(&mut self, word: &str) {
        self.0.push(' ');
        self.0.push_str(word);
    }

    fn flag(&mut self, key: &str, value: Option<&Value>) {
        if value.and_then(Value::as_bool) == Some(true) {
            self.word(key);
        }
    }

    fn value(&mut self, key: &str, value: Option<&Value>) -> Result<()> {
        let Some(value) = value.and_then(Value::as_str) else { return Ok(()) };
        if value.contains(char::is_whitespace) {
            bail!("{key} has a space in its value {value:?}");
        }
        self.word(&format!("{key}={value}"));
        Ok(())
    }

    fn number(&mut self, key: &str, value: Option<&Value>) -> Result<()> {
        let Some(value) = value else { return Ok(()) };
        // Bounds of doubles are written `1.0`.
        let number = value.as_i64().map(|number| number.to_string()).or_else(|| {
            let number = value.as_f64()?;
            (number.fract() == 0.0).then(|| format!("{number:.0}"))
        });
        let number = number.with_context(|| format!("{key}={value} is not a whole number"))?;
        self.word(&format!("{key}={number}"));
        Ok(())
    }

    fn timestamp_format(&mut self, value: &Value) -> Result<()> {
        let format = match value.get("timestampFormat").and_then(Value::as_str) {
            None => return Ok(()),
            Some("iso8601") => "iso8601",
            Some("rfc822") => "rfc822",
            Some("unixTimestamp") => "unix",
            Some(other) => bail!("times written as {other}"),
        };
        self.word(&format!("format={format}"));
        Ok(())
    }
}

fn object<'a>(value: &'a Value, key: &str) -> Result<&'a Object> {
    value.get(key).and_then(Value::as_object).with_context(|| format!("no {key}"))
}

fn reference(value: &Value) -> Result<&str> {
    value.get("shape").and_then(Value::as_str).context("no shape")
}
