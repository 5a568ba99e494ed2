//! The facts of one service's API, as the edge, the drift tests and the coverage page read them.

use std::sync::OnceLock;

use regex::Regex;

/// One service's API.
#[derive(Debug)]
pub struct Api {
    /// The name of the model, which is botocore's: `sqs`, `apigatewayv2`.
    pub name: &'static str,
    /// The API's version: `2012-11-05`.
    pub version: &'static str,
    /// The protocol that current clients speak.
    pub protocol: Protocol,
    /// Every protocol that the service understands, the preferred one first.
    pub protocols: Vec<Protocol>,
    /// What stands before the operation's name in `X-Amz-Target`, of awsJson services.
    pub target_prefix: Option<&'static str>,
    /// The service's name in a SigV4 credential scope.
    pub signing_name: &'static str,
    /// The first label of the service's host name: `monitoring` for cloudwatch.
    pub endpoint_prefix: &'static str,
    /// The namespace of XML answers.
    pub xml_namespace: Option<&'static str>,
    /// Whether answers carry `x-amzn-query-error`, since the service once spoke awsQuery only.
    pub query_compatible: bool,
    /// Every operation, built or not, sorted by name.
    pub operations: Vec<Operation>,
    /// Every shape, sorted by name.
    pub shapes: Vec<Shape>,
}

/// What it takes to tell which service a request is for, without loading all of its [`Api`]; the fields are the same.
#[derive(Debug)]
#[allow(missing_docs)] // each is documented on `Api`
pub struct Service {
    pub name: &'static str,
    pub version: &'static str,
    pub protocols: Vec<Protocol>,
    pub target_prefix: Option<&'static str>,
    pub signing_name: &'static str,
    pub endpoint_prefix: &'static str,
    pub xml_namespace: Option<&'static str>,
    pub query_compatible: bool,
}

impl Service {
    /// The service's whole API, loaded when it is first asked for.
    pub fn api(&self) -> Option<&'static Api> {
        crate::catalog::api(self.name)
    }
}

/// How requests and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// awsJson, of version `1.0` or `1.1`.
    Json {
        /// `1.0` or `1.1`.
        version: &'static str,
    },
    /// awsQuery.
    Query,
    /// ec2Query.
    Ec2,
    /// restJson1.
    RestJson,
    /// restXml.
    RestXml,
    /// rpcv2Cbor.
    Cbor,
}

/// A shape of one [`Api`]: its place among the shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShapeId(pub(crate) u32);

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// `SendMessage`
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The URI's template, query included: `/2015-03-31/functions/{FunctionName}`, `/{Bucket}/{Key+}?tagging`.
    pub uri: &'static str,
    /// The status of a success.
    pub status: u16,
    /// The input's structure.
    pub input: Option<ShapeId>,
    /// The output's structure.
    pub output: Option<ShapeId>,
    /// The element around the output in awsQuery: `GetUserResult`.
    pub output_wrapper: Option<&'static str>,
    /// The errors that the model names.
    pub errors: Vec<ShapeId>,
    /// What clients put before the host's name: `sync-`.
    pub host_prefix: Option<&'static str>,
    /// Calling it twice is like calling it once.
    pub idempotent: bool,
    /// AWS advises against it.
    pub deprecated: bool,
    /// It is called without a signature: `AssumeRoleWithWebIdentity`.
    pub unsigned: bool,
}

/// One shape.
#[derive(Debug)]
pub struct Shape {
    /// `SendMessageRequest`
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What its values have to satisfy.
    pub constraints: Constraints,
    /// A value that must not be logged or traced.
    pub sensitive: bool,
    pub(crate) compiled: OnceLock<Option<Regex>>,
}

/// The kinds of shapes.
#[derive(Debug)]
pub enum Kind {
    /// Named members; unions and errors too.
    Structure(Structure),
    /// Values of one shape.
    List {
        /// The shape of each.
        member: ShapeId,
        /// The XML element of each, `member` unless the model says otherwise.
        member_name: &'static str,
        /// Without an element around the whole.
        flattened: bool,
    },
    /// Values by key.
    Map {
        /// The shape of the keys, always strings.
        key: ShapeId,
        /// The shape of the values.
        value: ShapeId,
        /// The XML element of a key, `key` unless the model says otherwise.
        key_name: &'static str,
        /// The XML element of a value, `value` unless the model says otherwise.
        value_name: &'static str,
        /// Without an element around the whole.
        flattened: bool,
    },
    /// Text.
    String,
    /// Bytes, base64 in documents.
    Blob,
    /// True or false.
    Boolean,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// 32 bits.
    Float,
    /// 64 bits.
    Double,
    /// A time; the format is the shape's own, if it has one.
    Timestamp(Option<TimestampFormat>),
    /// Any JSON.
    Document,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    /// `1985-04-12T23:20:50.52Z`
    Iso8601,
    /// `Tue, 29 Apr 2014 18:30:38 GMT`
    Rfc822,
    /// Seconds since 1970, with a fraction.
    UnixTimestamp,
}

/// Named members.
#[derive(Debug)]
pub struct Structure {
    /// In the model's order.
    pub members: Vec<Member>,
    /// The member that is the whole body, in the REST protocols.
    pub payload: Option<usize>,
    /// Set when the structure is an error.
    pub is_error: Option<ErrorInfo>,
    /// Exactly one member is set.
    pub is_union: bool,
    /// A stream of events, one member for each kind.
    pub event_stream: bool,
    /// One event of a stream.
    pub event: bool,
    pub(crate) by_wire_name: Box<[u16]>,
}

/// How an error is told to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorInfo {
    /// The code in the service's own protocol: the shape's name unless the model says otherwise.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Whether the fault is the sender's (`Sender`) or the service's (`Receiver`).
    pub sender_fault: bool,
    /// The code in awsQuery and in `x-amzn-query-error`, where it differs.
    pub query_code: Option<&'static str>,
}

impl ErrorInfo {
    /// The code in awsQuery and in `x-amzn-query-error`.
    pub fn query_code(&self) -> &'static str {
        self.query_code.unwrap_or(self.code)
    }
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// `QueueUrl`
    pub name: &'static str,
    /// Its shape.
    pub shape: ShapeId,
    /// It has to be there.
    pub required: bool,
    /// Where it stands in the HTTP message.
    pub location: Location,
    /// Its name in a document (or header, query, URI): the model's `locationName`, else the name.
    pub wire_name: &'static str,
    /// Its name in awsQuery and ec2Query, where it differs from `wire_name`.
    pub query_name: Option<&'static str>,
    /// A list or map without an element around the whole.
    pub flattened: bool,
    /// How a time is written here; `None` means as the protocol does at this location.
    pub timestamp_format: Option<TimestampFormat>,
    /// A body that is streamed.
    pub streaming: bool,
    /// Clients fill it with a UUID when it is absent.
    pub idempotency_token: bool,
    /// An attribute of the XML element.
    pub xml_attribute: bool,
    /// The body of one event.
    pub event_payload: bool,
    /// AWS advises against it.
    pub deprecated: bool,
}

impl Member {
    /// The name in awsQuery and ec2Query.
    pub fn query_wire_name(&self) -> &'static str {
        self.query_name.unwrap_or(self.wire_name)
    }
}

/// Where a member stands in the HTTP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the document.
    Body,
    /// In the header of this name.
    Header(&'static str),
    /// A map, in all headers that start with this prefix.
    Headers(&'static str),
    /// In the query parameter of this name.
    Query(&'static str),
    /// A map, in all query parameters that no other member takes.
    QueryMap,
    /// In the URI's label of this name.
    Uri(&'static str),
    /// The answer's status.
    StatusCode,
}

/// What values have to satisfy. `min` and `max` bound a number, the characters of a text, the bytes of a blob, or the
/// entries of a list or map.
#[derive(Debug, Default)]
pub struct Constraints {
    /// At least.
    pub min: Option<i64>,
    /// At most.
    pub max: Option<i64>,
    /// The pattern as AWS prints it in messages. To match, use [`Shape::pattern`].
    pub pattern: Option<&'static str>,
    /// The allowed values; empty when any is. Clients are checked against them only where AWS does.
    pub enum_values: Vec<&'static str>,
    /// What to compile in place of `pattern`; `none` when no regular expression can say it.
    pub(crate) regex: Option<&'static str>,
}

/// Stands in for a shape of another API: an id is only made by the loader, for the API that it was loaded with.
static FOREIGN: Shape = Shape {
    name: "Document",
    kind: Kind::Document,
    constraints: Constraints { min: None, max: None, pattern: None, enum_values: Vec::new(), regex: None },
    sensitive: false,
    compiled: OnceLock::new(),
};

impl Api {
    /// The operation of this name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        let index = self.operations.binary_search_by(|operation| operation.name.cmp(name)).ok()?;
        self.operations.get(index)
    }

    /// The shape of this id, which has to be one of this API.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        debug_assert!((id.0 as usize) < self.shapes.len(), "a shape of another API than {}", self.name);
        self.shapes.get(id.0 as usize).unwrap_or(&FOREIGN)
    }

    /// The id of the shape of this name.
    pub fn shape_id(&self, name: &str) -> Option<ShapeId> {
        let index = self.shapes.binary_search_by(|shape| shape.name.cmp(name)).ok()?;
        u32::try_from(index).ok().map(ShapeId)
    }

    /// The shape of this name.
    pub fn shape_named(&self, name: &str) -> Option<&Shape> {
        self.shape_id(name).map(|id| self.shape(id))
    }

    /// The error whose shape, code or awsQuery code is `code`.
    pub fn error(&self, code: &str) -> Option<(&Shape, ErrorInfo)> {
        let of = |shape: &Shape| shape.structure().and_then(|structure| structure.is_error);
        if let Some((shape, error)) = self.shape_named(code).and_then(|shape| Some((shape, of(shape)?))) {
            return Some((shape, error));
        }
        self.shapes.iter().find_map(|shape| {
            let error = of(shape)?;
            (error.code == code || error.query_code == Some(code)).then_some((shape, error))
        })
    }
}

impl Shape {
    /// The structure, if it is one.
    pub fn structure(&self) -> Option<&Structure> {
        match &self.kind {
            Kind::Structure(structure) => Some(structure),
            _ => None,
        }
    }

    /// The compiled pattern, which matches whole values only. `None` when there is no pattern, or when no regular
    /// expression of linear time can say it (see the `regex none` lines of the patches): then the service checks it.
    pub fn pattern(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| crate::pattern::compile(self)).as_ref()
    }
}

impl Structure {
    /// The member of this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The place, among the members, of the one that stands in the document under this wire name.
    pub fn index_by_wire_name(&self, wire_name: &str) -> Option<usize> {
        let name_of = |index: &u16| self.members.get(usize::from(*index)).map_or("", |member| member.wire_name);
        let found = self.by_wire_name.binary_search_by(|index| name_of(index).cmp(wire_name)).ok()?;
        self.by_wire_name.get(found).map(|index| usize::from(*index))
    }

    /// The member that stands in the document under this wire name.
    pub fn member_by_wire_name(&self, wire_name: &str) -> Option<&Member> {
        self.members.get(self.index_by_wire_name(wire_name)?)
    }
}
