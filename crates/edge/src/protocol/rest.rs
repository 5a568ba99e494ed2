//! restJson1: inputs spread over path, query, headers and body, and outputs likewise.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use pilvi_model::Val;
use pilvi_model::api::{Api, Kind, Location, Member, Operation, ShapeId, TimestampFormat};

use super::json::Reader;
use super::{Parsed, Unreadable, json_out, time};
use crate::validate::Path;

/// The parts of a request that bindings refer to.
pub struct RestRequest<'a> {
    /// The labels of the URI, decoded.
    pub labels: &'a [(&'static str, String)],
    /// The query parameters, decoded.
    pub query: &'a [(String, String)],
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a Bytes,
}

/// Reads the input of a restJson1 request.
///
/// # Errors
/// The body is no JSON, or a value is of the wrong type.
pub fn parse(
    api: &'static Api,
    operation: &'static Operation,
    request: &RestRequest<'_>,
) -> Result<Parsed, Unreadable> {
    let reader = Reader::new(api);
    let mut input = Val::empty();
    let Some((shape, structure)) = operation.input.and_then(|shape| Some((shape, api.shape(shape).structure()?)))
    else {
        return Ok(Parsed { input, problems: reader.into_problems() });
    };
    let payload = structure.payload.and_then(|place| structure.members.get(place));
    match payload {
        Some(member) => {
            if let Some(value) = payload_value(api, member, &reader, request.body)? {
                input.set(member.name, value);
            }
        }
        None if structure.members.iter().any(|member| member.location == Location::Body) => {
            if let Some(document) = reader.document(shape, request.body)? {
                input = document;
            }
        }
        None => {}
    }
    for member in &structure.members {
        if let Some(value) = bound_value(api, member, &reader, request, structure)? {
            input.set(member.name, value);
        }
    }
    reader.check_required(structure, &input);
    Ok(Parsed { input, problems: reader.into_problems() })
}

fn payload_value(api: &Api, member: &Member, reader: &Reader, body: &Bytes) -> Result<Option<Val>, Unreadable> {
    match &api.shape(member.shape).kind {
        Kind::Blob if body.is_empty() => Ok(None),
        Kind::Blob => Ok(Some(Val::Blob(body.clone()))),
        Kind::String => String::from_utf8(body.to_vec())
            .map(|text| Some(Val::Str(text)))
            .map_err(|_| Unreadable("The body is not valid UTF-8".to_owned())),
        _ => reader.document_at(member.shape, body, &Path::Member(&Path::Root, member.name)),
    }
}

fn bound_value(
    api: &Api,
    member: &Member,
    reader: &Reader,
    request: &RestRequest<'_>,
    structure: &pilvi_model::Structure,
) -> Result<Option<Val>, Unreadable> {
    let path = Path::Member(&Path::Root, member.name);
    let read = |text: &str| scalar(api, member.shape, text, reader, &path);
    match member.location {
        Location::Body | Location::StatusCode => Ok(None),
        Location::Uri(label) => {
            request.labels.iter().find(|(name, _)| *name == label).map(|(_, text)| read(text)).transpose()
        }
        Location::Header(name) => match request.headers.get(name).and_then(|value| value.to_str().ok()) {
            Some(text) => read(text).map(Some),
            None => Ok(None),
        },
        Location::Headers(prefix) => {
            let prefix = prefix.to_ascii_lowercase();
            let entries = request.headers.iter().filter_map(|(name, value)| {
                let key = name.as_str().strip_prefix(&prefix)?;
                Some((key.to_owned(), Val::from(value.to_str().ok()?)))
            });
            let entries: Vec<_> = entries.collect();
            Ok((!entries.is_empty()).then_some(Val::Map(entries)))
        }
        Location::Query(name) => {
            let mut texts = request.query.iter().filter(|(key, _)| key == name).map(|(_, text)| text.as_str());
            if let Kind::List { member: item, .. } = api.shape(member.shape).kind {
                let items: Vec<Val> =
                    texts.map(|text| scalar(api, item, text, reader, &path)).collect::<Result<_, _>>()?;
                return Ok((!items.is_empty()).then_some(Val::List(items)));
            }
            texts.next().map(read).transpose()
        }
        Location::QueryMap => {
            let is_bound = |key: &str| {
                structure.members.iter().any(|member| member.location == Location::Query(static_name(structure, key)))
            };
            let entries: Vec<(String, Val)> = request
                .query
                .iter()
                .filter(|(key, _)| !is_bound(key))
                .map(|(key, text)| (key.clone(), Val::from(text.as_str())))
                .collect();
            Ok((!entries.is_empty()).then_some(Val::Map(entries)))
        }
    }
}

/// The structure's own text for a query parameter's name, so that locations can be compared.
fn static_name(structure: &pilvi_model::Structure, key: &str) -> &'static str {
    let names = structure.members.iter().filter_map(|member| match member.location {
        Location::Query(name) => Some(name),
        _ => None,
    });
    names.into_iter().find(|name| *name == key).unwrap_or("")
}

#[allow(clippy::cast_precision_loss, reason = "only compared with limits")]
fn scalar(api: &Api, shape: ShapeId, text: &str, reader: &Reader, path: &Path<'_>) -> Result<Val, Unreadable> {
    let malformed = || Unreadable(format!("Value '{text}' at '{}' is not of the expected type", path.print()));
    let value = match api.shape(shape).kind {
        Kind::Boolean => Val::Bool(match text {
            "true" | "True" | "" => true,
            "false" | "False" => false,
            _ => return Err(malformed()),
        }),
        Kind::Integer | Kind::Long => {
            let number: i64 = text.trim().parse().map_err(|_| malformed())?;
            reader.check_number(shape, number as f64, text, path);
            Val::Int(number)
        }
        Kind::Float | Kind::Double => {
            let number: f64 = text.trim().parse().map_err(|_| malformed())?;
            reader.check_number(shape, number, text, path);
            Val::Float(number)
        }
        Kind::Timestamp(_) => Val::Time(time::parse(text).ok_or_else(malformed)?),
        _ => {
            reader.check_text(shape, text, path);
            Val::Str(text.to_owned())
        }
    };
    Ok(value)
}

/// An answer's status, headers and body.
pub struct RestAnswer {
    /// The operation's own status, unless the output says otherwise.
    pub status: u16,
    /// The bound headers, and the content type.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

/// Writes the answer of an operation.
pub fn answer(api: &Api, operation: &Operation, mut output: Val) -> RestAnswer {
    let mut answer = RestAnswer { status: operation.status, headers: Vec::new(), body: Bytes::new() };
    let Some((shape, structure)) = operation.output.and_then(|shape| Some((shape, api.shape(shape).structure()?)))
    else {
        return answer;
    };
    let payload = structure.payload.and_then(|place| structure.members.get(place));
    let mut has_document = false;
    for member in &structure.members {
        match member.location {
            Location::Body => has_document = true,
            Location::StatusCode => {
                if let Some(Val::Int(status)) = output.get(member.name) {
                    answer.status = u16::try_from(*status).unwrap_or(answer.status);
                }
            }
            Location::Header(name) => {
                if let Some(text) = output.get(member.name).and_then(|value| header_text(value, member)) {
                    push_header(&mut answer, name, &text);
                }
            }
            Location::Headers(prefix) => {
                if let Some(Val::Map(entries)) = output.get(member.name) {
                    for (key, value) in entries {
                        if let Some(text) = header_text(value, member) {
                            push_header(&mut answer, &format!("{prefix}{key}"), &text);
                        }
                    }
                }
            }
            Location::Query(_) | Location::QueryMap | Location::Uri(_) => {}
        }
    }
    if let Some(member) = payload {
        match output.take(member.name) {
            Some(Val::Blob(bytes)) => answer.body = bytes,
            Some(Val::Str(text)) => answer.body = text.into(),
            Some(value) => {
                let mut body = Vec::new();
                json_out::write(api, member.shape, &value, &mut body);
                answer.body = body.into();
            }
            None => {}
        }
        let is_stream = api.shape(member.shape).structure().is_some_and(|structure| structure.event_stream);
        if is_stream {
            push_header(&mut answer, CONTENT_TYPE.as_str(), "application/vnd.amazon.eventstream");
        } else if !answer.body.is_empty() {
            push_header(&mut answer, CONTENT_TYPE.as_str(), "application/json");
        }
    } else if has_document && answer.status != 204 {
        let mut body = Vec::with_capacity(256);
        json_out::write(api, shape, &output, &mut body);
        answer.body = body.into();
        push_header(&mut answer, CONTENT_TYPE.as_str(), "application/json");
    }
    answer
}

fn push_header(answer: &mut RestAnswer, name: &str, text: &str) {
    // A value with a line break or the like cannot stand in a header; leaving it out beats breaking the answer.
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(text)) {
        answer.headers.push((name, value));
    }
}

fn header_text(value: &Val, member: &Member) -> Option<String> {
    match value {
        Val::Str(text) => Some(text.clone()),
        Val::Int(number) => Some(number.to_string()),
        Val::Float(number) => Some(number.to_string()),
        Val::Bool(value) => Some(value.to_string()),
        Val::Time(instant) => Some(time::format(*instant, member.timestamp_format.unwrap_or(TimestampFormat::Rfc822))),
        _ => None,
    }
}
