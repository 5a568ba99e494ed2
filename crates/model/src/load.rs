//! From the line text to an [`Api`].

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::api::{
    Api, Constraints, ErrorInfo, Kind, Location, Member, Operation, Protocol, Service, Shape, ShapeId, Structure,
    TimestampFormat,
};
use crate::format::{self, Block, FormatError, Line};

type Ids = HashMap<&'static str, ShapeId>;

/// Reads one service's model.
///
/// # Errors
/// The first line that does not follow the format, is out of order, or names a shape that is not there.
pub fn parse(text: &'static str) -> Result<Api, FormatError> {
    let blocks = format::blocks(text)?;
    let mut blocks = blocks.iter();
    let Some(service) = blocks.next() else {
        return Err(FormatError::new(1, "the model is empty"));
    };
    let service = parse_service(service)?;
    let mut api = Api {
        name: service.name,
        version: service.version,
        protocol: service.protocols.first().copied().unwrap_or(Protocol::Query),
        protocols: service.protocols,
        target_prefix: service.target_prefix,
        signing_name: service.signing_name,
        endpoint_prefix: service.endpoint_prefix,
        xml_namespace: service.xml_namespace,
        query_compatible: service.query_compatible,
        operations: Vec::new(),
        shapes: Vec::new(),
    };
    let split = blocks.as_slice().partition_point(|block| block.head.split_first().0 == "operation");
    let (operations, shapes) = blocks.as_slice().split_at(split);

    let mut ids = Ids::with_capacity(shapes.len());
    let mut previous = "";
    for (index, block) in shapes.iter().enumerate() {
        let mut words = block.head.words();
        words.expect("the kind of the shape")?;
        let name = words.expect("the name of the shape")?;
        if name <= previous {
            return Err(block.head.error(format!("{name} does not sort after {previous}")));
        }
        previous = name;
        ids.insert(name, ShapeId(u32::try_from(index).unwrap_or(u32::MAX)));
    }
    for block in operations {
        let operation = parse_operation(block, &ids)?;
        if api.operations.last().is_some_and(|previous| previous.name >= operation.name) {
            return Err(block.head.error(format!("{} is out of order", operation.name)));
        }
        api.operations.push(operation);
    }
    api.shapes.reserve(shapes.len());
    for block in shapes {
        api.shapes.push(parse_shape(block, &ids)?);
    }
    resolve_flattened(&mut api);
    Ok(api)
}

/// Reads the first block alone: what it takes to tell which service a request is for.
///
/// # Errors
/// When that block does not follow the format.
pub fn parse_head(text: &'static str) -> Result<Service, FormatError> {
    // The blank line that ends the block.
    let end = text.find("\n\n").unwrap_or(text.len());
    let blocks = format::blocks(text.get(..end).unwrap_or(text))?;
    let block = blocks.first().ok_or_else(|| FormatError::new(1, "the model is empty"))?;
    parse_service(block)
}

fn parse_service(block: &Block<'static>) -> Result<Service, FormatError> {
    let mut words = block.head.words();
    if words.expect("service")? != "service" {
        return Err(block.head.error("a model starts with its service"));
    }
    let mut service = Service {
        name: words.expect("the name")?,
        version: words.expect("the version")?,
        protocols: Vec::new(),
        target_prefix: None,
        signing_name: "",
        endpoint_prefix: "",
        xml_namespace: None,
        query_compatible: false,
    };
    for line in &block.body {
        match line.split_first() {
            ("protocols", names) => {
                for name in names.split(' ') {
                    let protocol = protocol(name).ok_or_else(|| line.error(format!("no protocol is named {name}")))?;
                    service.protocols.push(protocol);
                }
            }
            ("target", prefix) => service.target_prefix = Some(prefix),
            ("signing", name) => service.signing_name = name,
            ("endpoint", prefix) => service.endpoint_prefix = prefix,
            ("xmlns", namespace) => service.xml_namespace = Some(namespace),
            ("query-compatible", "") => service.query_compatible = true,
            (key, _) => return Err(line.error(format!("a service has no {key}"))),
        }
    }
    if service.protocols.is_empty() {
        return Err(block.head.error("the protocols are missing"));
    }
    Ok(service)
}

fn protocol(name: &str) -> Option<Protocol> {
    Some(match name {
        "json1.0" => Protocol::Json { version: "1.0" },
        "json1.1" => Protocol::Json { version: "1.1" },
        "query" => Protocol::Query,
        "ec2" => Protocol::Ec2,
        "rest-json" => Protocol::RestJson,
        "rest-xml" => Protocol::RestXml,
        "cbor" => Protocol::Cbor,
        _ => return None,
    })
}

fn parse_operation(block: &Block<'static>, ids: &Ids) -> Result<Operation, FormatError> {
    let head = block.head;
    let mut words = head.words();
    words.expect("operation")?;
    let mut operation = Operation {
        name: words.expect("the name")?,
        method: words.expect("the method")?,
        uri: words.expect("the URI")?,
        status: parse_status(head, words.expect("the status")?)?,
        input: None,
        output: None,
        output_wrapper: None,
        errors: Vec::new(),
        host_prefix: None,
        idempotent: false,
        deprecated: false,
        unsigned: false,
    };
    for attribute in words.attributes() {
        match attribute {
            ("host", prefix) => operation.host_prefix = Some(prefix),
            ("idempotent", "") => operation.idempotent = true,
            ("deprecated", "") => operation.deprecated = true,
            ("unsigned", "") => operation.unsigned = true,
            (key, _) => return Err(head.error(format!("an operation has no {key}"))),
        }
    }
    for line in &block.body {
        let mut words = line.words();
        match words.expect("what the line says")? {
            "input" => operation.input = Some(shape_id(*line, words.expect("the shape")?, ids)?),
            "output" => {
                operation.output = Some(shape_id(*line, words.expect("the shape")?, ids)?);
                operation.output_wrapper =
                    words.attributes().find_map(|(key, value)| (key == "wrapper").then_some(value));
            }
            "errors" => {
                for name in words {
                    operation.errors.push(shape_id(*line, name, ids)?);
                }
            }
            key => return Err(line.error(format!("an operation has no {key}"))),
        }
    }
    Ok(operation)
}

/// What the head line of a shape says in attributes; which of them count depends on the kind.
#[derive(Default)]
struct Traits {
    flattened: bool,
    sensitive: bool,
    streaming: bool,
    union: bool,
    event_stream: bool,
    event: bool,
    error: bool,
    status: Option<u16>,
    code: Option<&'static str>,
    query_code: Option<&'static str>,
    fault: Option<&'static str>,
    payload: Option<&'static str>,
    member_name: Option<&'static str>,
    key_name: Option<&'static str>,
    value_name: Option<&'static str>,
    timestamp: Option<TimestampFormat>,
}

fn parse_shape(block: &Block<'static>, ids: &Ids) -> Result<Shape, FormatError> {
    let head = block.head;
    let mut words = head.words();
    let keyword = words.expect("the kind of the shape")?;
    let name = words.expect("the name of the shape")?;
    let mut refer = |what| shape_id(head, words.expect(what)?, ids);
    let parts = match keyword {
        "list" => Some((refer("the shape of the members")?, ShapeId(0))),
        "map" => Some((refer("the shape of the keys")?, refer("the shape of the values")?)),
        _ => None,
    };

    let mut traits = Traits::default();
    let mut constraints = Constraints::default();
    for (key, value) in words.attributes() {
        match key {
            "min" => constraints.min = Some(parse_number(head, value)?),
            "max" => constraints.max = Some(parse_number(head, value)?),
            "flattened" => traits.flattened = true,
            "sensitive" => traits.sensitive = true,
            "streaming" => traits.streaming = true,
            "union" => traits.union = true,
            "event-stream" => traits.event_stream = true,
            "event" => traits.event = true,
            "error" => traits.error = true,
            "status" => traits.status = Some(parse_status(head, value)?),
            "code" => traits.code = Some(value),
            "query" => traits.query_code = Some(value),
            "fault" => traits.fault = Some(value),
            "payload" => traits.payload = Some(value),
            "name" => traits.member_name = Some(value),
            "key" => traits.key_name = Some(value),
            "value" => traits.value_name = Some(value),
            "format" => traits.timestamp = Some(timestamp_format(head, value)?),
            _ => return Err(head.error(format!("a shape has no {key}"))),
        }
    }
    let kind = match (keyword, parts) {
        ("structure", _) => Kind::Structure(parse_structure(block, name, &traits, ids)?),
        ("list", Some((member, _))) => {
            Kind::List { member, member_name: traits.member_name.unwrap_or("member"), flattened: traits.flattened }
        }
        ("map", Some((key, value))) => Kind::Map {
            key,
            value,
            key_name: traits.key_name.unwrap_or("key"),
            value_name: traits.value_name.unwrap_or("value"),
            flattened: traits.flattened,
        },
        ("string", _) => Kind::String,
        ("blob", _) => Kind::Blob,
        ("boolean", _) => Kind::Boolean,
        ("integer", _) => Kind::Integer,
        ("long", _) => Kind::Long,
        ("float", _) => Kind::Float,
        ("double", _) => Kind::Double,
        ("timestamp", _) => Kind::Timestamp(traits.timestamp),
        ("document", _) => Kind::Document,
        _ => return Err(head.error(format!("no kind of shape is named {keyword}"))),
    };
    if keyword != "structure" {
        parse_values(block, &mut constraints)?;
    }
    Ok(Shape { name, kind, constraints, sensitive: traits.sensitive, compiled: OnceLock::new() })
}

fn parse_values(block: &Block<'static>, constraints: &mut Constraints) -> Result<(), FormatError> {
    for line in &block.body {
        match line.split_first() {
            ("pattern", pattern) => constraints.pattern = Some(pattern),
            ("regex", regex) => constraints.regex = Some(regex),
            ("enum", values) => constraints.enum_values.extend(values.split(' ')),
            (key, _) => return Err(line.error(format!("a shape's values have no {key}"))),
        }
    }
    Ok(())
}

fn parse_structure(
    block: &Block<'static>,
    name: &'static str,
    traits: &Traits,
    ids: &Ids,
) -> Result<Structure, FormatError> {
    let mut members = Vec::with_capacity(block.body.len());
    for line in &block.body {
        members.push(parse_member(*line, ids)?);
    }
    let payload = match traits.payload {
        Some(payload) => Some(
            members
                .iter()
                .position(|member: &Member| member.name == payload)
                .ok_or_else(|| block.head.error(format!("no member is named {payload}")))?,
        ),
        None => None,
    };
    let is_error = traits.error.then(|| {
        let status = traits.status.unwrap_or(if traits.fault == Some("server") { 500 } else { 400 });
        let sender_fault = traits.fault.map_or(status < 500, |fault| fault == "client");
        ErrorInfo { code: traits.code.unwrap_or(name), status, sender_fault, query_code: traits.query_code }
    });
    let mut by_wire_name = Vec::with_capacity(members.len());
    for (index, member) in members.iter().enumerate() {
        if member.location == Location::Body {
            by_wire_name.push(u16::try_from(index).map_err(|_| block.head.error("too many members"))?);
        }
    }
    by_wire_name.sort_by_key(|index| members.get(usize::from(*index)).map(|member| member.wire_name));
    Ok(Structure {
        members,
        payload,
        is_error,
        is_union: traits.union,
        event_stream: traits.event_stream,
        event: traits.event,
        by_wire_name: by_wire_name.into_boxed_slice(),
    })
}

fn parse_member(line: Line<'static>, ids: &Ids) -> Result<Member, FormatError> {
    let mut words = line.words();
    let name = words.expect("the name of the member")?;
    let shape = shape_id(line, words.expect("the shape of the member")?, ids)?;
    let mut member = Member {
        name,
        shape,
        required: false,
        location: Location::Body,
        wire_name: name,
        query_name: None,
        flattened: false,
        timestamp_format: None,
        streaming: false,
        idempotency_token: false,
        xml_attribute: false,
        event_payload: false,
        deprecated: false,
    };
    for (key, value) in words.attributes() {
        // `header` alone takes the member's own name.
        let or_name = if value.is_empty() { name } else { value };
        match key {
            "required" => member.required = true,
            "name" => member.wire_name = value,
            "header" => member.location = Location::Header(or_name),
            "headers" => member.location = Location::Headers(value),
            "param" => member.location = Location::Query(or_name),
            "params" => member.location = Location::QueryMap,
            "uri" => member.location = Location::Uri(or_name),
            "status" => member.location = Location::StatusCode,
            "query" => member.query_name = Some(value),
            "flattened" => member.flattened = true,
            "format" => member.timestamp_format = Some(timestamp_format(line, value)?),
            "streaming" => member.streaming = true,
            "token" => member.idempotency_token = true,
            "attribute" => member.xml_attribute = true,
            "event-payload" => member.event_payload = true,
            "deprecated" => member.deprecated = true,
            _ => return Err(line.error(format!("a member has no {key}"))),
        }
    }
    if let Location::Header(name) | Location::Query(name) | Location::Uri(name) = member.location {
        member.wire_name = name;
    }
    Ok(member)
}

/// A member is flattened, or has a format of its own for times, when its shape says so: stated on the member so that
/// nobody has to look twice.
fn resolve_flattened(api: &mut Api) {
    let of_shape: Vec<(bool, Option<TimestampFormat>)> = api
        .shapes
        .iter()
        .map(|shape| match &shape.kind {
            Kind::List { flattened, .. } | Kind::Map { flattened, .. } => (*flattened, None),
            Kind::Timestamp(format) => (false, *format),
            _ => (false, None),
        })
        .collect();
    for shape in &mut api.shapes {
        let Kind::Structure(structure) = &mut shape.kind else { continue };
        for member in &mut structure.members {
            let Some((flattened, format)) = of_shape.get(member.shape.0 as usize) else { continue };
            member.flattened |= flattened;
            member.timestamp_format = member.timestamp_format.or(*format);
        }
    }
}

fn shape_id(line: Line<'_>, name: &str, ids: &Ids) -> Result<ShapeId, FormatError> {
    ids.get(name).copied().ok_or_else(|| line.error(format!("no shape is named {name}")))
}

fn parse_number(line: Line<'_>, text: &str) -> Result<i64, FormatError> {
    text.parse().map_err(|_| line.error(format!("{text} is not a whole number")))
}

fn parse_status(line: Line<'_>, text: &str) -> Result<u16, FormatError> {
    text.parse().map_err(|_| line.error(format!("{text} is not an HTTP status")))
}

fn timestamp_format(line: Line<'_>, text: &str) -> Result<TimestampFormat, FormatError> {
    match text {
        "iso8601" => Ok(TimestampFormat::Iso8601),
        "rfc822" => Ok(TimestampFormat::Rfc822),
        "unix" => Ok(TimestampFormat::UnixTimestamp),
        _ => Err(line.error(format!("no format of times is named {text}"))),
    }
}

#[cfg(test)]
mod tests;
