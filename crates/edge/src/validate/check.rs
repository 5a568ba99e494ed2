//! The constraints themselves, and their sentences.

use pilvi_model::Val;
use pilvi_model::api::{Api, Kind, Shape, ShapeId, Structure};

use super::{Path, Problem, Problems};

/// A required member that is not there.
pub fn missing(path: &Path<'_>, problems: &mut Problems) {
    report(path, None, "Member must not be null".to_owned(), problems);
}

/// A text's length, pattern and value set.
pub fn check_text(shape: &Shape, text: &str, path: &Path<'_>, problems: &mut Problems) {
    if is_free(shape) {
        return;
    }
    for constraint in text_breaks(shape, text) {
        report(path, Some(text.to_owned()), constraint, problems);
    }
}

/// A number's range.
pub fn check_number(shape: &Shape, number: f64, printed: &str, path: &Path<'_>, problems: &mut Problems) {
    if is_free(shape) {
        return;
    }
    for constraint in number_breaks(shape, number) {
        report(path, Some(printed.to_owned()), constraint, problems);
    }
}

/// A blob's length in bytes.
pub fn check_blob(shape: &Shape, length: usize, path: &Path<'_>, problems: &mut Problems) {
    if is_free(shape) {
        return;
    }
    // As AWS prints it: a Java ByteBuffer. What it would say of its position is left at that of a fresh one.
    let printed = || format!("java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]");
    for constraint in length_breaks(shape, length) {
        report(path, Some(printed()), constraint, problems);
    }
}

/// A list's length, and the texts and numbers in it, which are told of together.
pub fn check_list(api: &Api, shape: &Shape, member: ShapeId, items: &[Val], path: &Path<'_>, problems: &mut Problems) {
    let member = api.shape(member);
    for constraint in length_breaks(shape, items.len()) {
        let printed = match member.structure() {
            Some(structure) => print_structures(member.name, structure, items),
            None => print_list(items),
        };
        report(path, Some(printed), constraint, problems);
    }
    if is_free(member) {
        return;
    }
    let broken = items.iter().any(|item| match item {
        Val::Str(text) => !text_breaks(member, text).is_empty(),
        #[allow(clippy::cast_precision_loss, reason = "compared with limits far below")]
        Val::Int(number) => !number_breaks(member, *number as f64).is_empty(),
        _ => false,
    });
    if broken {
        report(
            path,
            Some(print_list(items)),
            format!("Member must satisfy constraint: [{}]", all_of(member)),
            problems,
        );
    }
}

/// A map's size and its keys.
pub fn check_map(
    api: &Api,
    shape: &Shape,
    key: ShapeId,
    entries: &[(String, Val)],
    path: &Path<'_>,
    problems: &mut Problems,
) {
    for constraint in length_breaks(shape, entries.len()) {
        report(path, Some(print_map(entries)), constraint, problems);
    }
    let key = api.shape(key);
    if is_free(key) {
        return;
    }
    if entries.iter().any(|(name, _)| !text_breaks(key, name).is_empty()) {
        let constraint = format!("Map keys must satisfy constraint: [{}]", all_of(key));
        report(path, Some(print_map(entries)), constraint, problems);
    }
}

fn report(path: &Path<'_>, value: Option<String>, constraint: String, problems: &mut Problems) {
    problems.0.push(Problem { path: path.print(), member: path.name(), value, constraint });
}

fn is_free(shape: &Shape) -> bool {
    let limits = &shape.constraints;
    limits.min.is_none() && limits.max.is_none() && limits.pattern.is_none() && limits.enum_values.is_empty()
}

fn text_breaks(shape: &Shape, text: &str) -> Vec<String> {
    let limits = &shape.constraints;
    let mut breaks = Vec::new();
    if !limits.enum_values.is_empty() && !limits.enum_values.contains(&text) {
        breaks.push(format!("Member must satisfy enum value set: [{}]", limits.enum_values.join(", ")));
    }
    if let (Some(pattern), Some(printed)) = (shape.pattern(), limits.pattern)
        && !pattern.is_match(text)
    {
        breaks.push(format!("Member must satisfy regular expression pattern: {printed}"));
    }
    breaks.extend(length_breaks(shape, text.chars().count()));
    breaks
}

fn length_breaks(shape: &Shape, length: usize) -> Vec<String> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let limits = &shape.constraints;
    match (limits.min, limits.max) {
        (Some(min), _) if length < min => {
            vec![format!("Member must have length greater than or equal to {min}")]
        }
        (_, Some(max)) if length > max => vec![format!("Member must have length less than or equal to {max}")],
        _ => Vec::new(),
    }
}

#[allow(clippy::cast_precision_loss, reason = "limits are small")]
fn number_breaks(shape: &Shape, number: f64) -> Vec<String> {
    let limits = &shape.constraints;
    match (limits.min, limits.max) {
        (Some(min), _) if number < min as f64 => {
            vec![format!("Member must have value greater than or equal to {min}")]
        }
        (_, Some(max)) if number > max as f64 => vec![format!("Member must have value less than or equal to {max}")],
        _ => Vec::new(),
    }
}

/// Every constraint of a shape, the way AWS lists them for the elements of a list.
fn all_of(shape: &Shape) -> String {
    let limits = &shape.constraints;
    let noun = if matches!(shape.kind, Kind::String | Kind::Blob) { "length" } else { "value" };
    let mut texts = Vec::new();
    if let Some(max) = limits.max {
        texts.push(format!("Member must have {noun} less than or equal to {max}"));
    }
    if let Some(min) = limits.min {
        texts.push(format!("Member must have {noun} greater than or equal to {min}"));
    }
    if let Some(pattern) = limits.pattern {
        texts.push(format!("Member must satisfy regular expression pattern: {pattern}"));
    }
    if !limits.enum_values.is_empty() {
        texts.push(format!("Member must satisfy enum value set: [{}]", limits.enum_values.join(", ")));
    }
    texts.push("Member must not be null".to_owned());
    texts.join(", ")
}

fn print_list(items: &[Val]) -> String {
    format!("[{}]", items.iter().map(print).collect::<Vec<_>>().join(", "))
}

/// `[KeySchemaElement(attributeName=id, keyType=null)]`: every member of the model, as Java classes print theirs.
fn print_structures(name: &str, structure: &Structure, items: &[Val]) -> String {
    let item = |item: &Val| {
        let members: Vec<String> = structure
            .members
            .iter()
            .map(|member| {
                let path = Path::Member(&Path::Root, member.name).print();
                format!("{path}={}", item.get(member.name).map_or_else(|| "null".to_owned(), print))
            })
            .collect();
        format!("{name}({})", members.join(", "))
    };
    format!("[{}]", items.iter().map(item).collect::<Vec<_>>().join(", "))
}

fn print_map(entries: &[(String, Val)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}={}", print(value))).collect();
    format!("{{{}}}", entries.join(", "))
}

/// A value as Java's `toString` prints it.
fn print(value: &Val) -> String {
    match value {
        Val::Bool(value) => value.to_string(),
        Val::Int(number) => number.to_string(),
        Val::Float(number) => number.to_string(),
        Val::Str(text) => text.clone(),
        Val::Blob(bytes) => format!("java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", bytes.len()),
        Val::Time(time) => time.to_string(),
        Val::List(items) => print_list(items),
        Val::Map(entries) => print_map(entries),
        Val::Struct(members) => {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}={}", print(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        Val::Document(value) => value.to_string(),
    }
}
