//! awsQuery requests: form parameters (`Attribute.1.Name=…`) into a [`Val`], following the model.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pilvi_model::Val;
use pilvi_model::api::{Api, Kind, Member, ShapeId};

use super::{Parsed, Unreadable, time};
use crate::validate::{Path, Problems, check_blob, check_list, check_map, check_number, check_text, missing};

/// How deep parameters may nest (`A.1.B.1.…`); deeper than any model goes.
const MAX_DEPTH: usize = 32;

/// Parameters by the parts of their names between dots.
#[derive(Default, Debug)]
pub struct Node {
    value: Option<String>,
    children: Vec<(String, Node)>,
}

impl Node {
    /// Parameters as a tree.
    ///
    /// # Errors
    /// A name nests too deep.
    pub fn from_parameters(parameters: &[(String, String)]) -> Result<Node, Unreadable> {
        let mut root = Node::default();
        for (name, value) in parameters {
            if name.split('.').count() > MAX_DEPTH {
                return Err(Unreadable(format!("Parameter name is nested too deeply: {name}")));
            }
            let mut node = &mut root;
            for part in name.split('.') {
                node = node.child_or_new(part);
            }
            node.value = Some(value.clone());
        }
        Ok(root)
    }

    fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|(part, _)| part == name).map(|(_, node)| node)
    }

    fn child_or_new(&mut self, name: &str) -> &mut Node {
        let place = match self.children.iter().position(|(part, _)| part == name) {
            Some(place) => place,
            None => {
                self.children.push((name.to_owned(), Node::default()));
                self.children.len() - 1
            }
        };
        #[allow(clippy::indexing_slicing, reason = "just found or pushed")]
        let (_, node) = &mut self.children[place];
        node
    }

    /// The numbered children in order of their numbers.
    fn numbered(&self) -> Vec<(usize, &Node)> {
        let mut nodes: Vec<(usize, &Node)> =
            self.children.iter().filter_map(|(part, node)| Some((part.parse().ok()?, node))).collect();
        nodes.sort_by_key(|(number, _)| *number);
        nodes
    }
}

/// Reads the input of an awsQuery request.
///
/// # Errors
/// A value is of the wrong type.
pub fn parse(api: &'static Api, input: Option<ShapeId>, parameters: &[(String, String)]) -> Result<Parsed, Unreadable> {
    let root = Node::from_parameters(parameters)?;
    let mut reader = Reader { api, problems: Problems::default() };
    let input = match input {
        Some(shape) => reader.read(shape, None, &root, &Path::Root)?,
        None => None,
    };
    Ok(Parsed { input: input.unwrap_or_else(Val::empty), problems: reader.problems })
}

struct Reader {
    api: &'static Api,
    problems: Problems,
}

impl Reader {
    fn read(
        &mut self,
        id: ShapeId,
        member: Option<&Member>,
        node: &Node,
        path: &Path<'_>,
    ) -> Result<Option<Val>, Unreadable> {
        let api = self.api;
        let shape = api.shape(id);
        match &shape.kind {
            Kind::Structure(structure) => {
                let mut members = Vec::new();
                for member in &structure.members {
                    let inner = Path::Member(path, member.name);
                    let value = match node.child(member.query_wire_name()) {
                        Some(child) => self.read(member.shape, Some(member), child, &inner)?,
                        None => None,
                    };
                    match value {
                        Some(value) => members.push((member.name, value)),
                        None if member.required => missing(&inner, &mut self.problems),
                        None => {}
                    }
                }
                Ok(Some(Val::Struct(members)))
            }
            Kind::List { member: item, member_name, flattened } => {
                let flat = *flattened || member.is_some_and(|member| member.flattened);
                let holder = if flat { Some(node) } else { node.child(member_name).or_else(|| node.child("member")) };
                let mut items = Vec::new();
                for (_, child) in holder.map(Node::numbered).unwrap_or_default() {
                    let inner = Path::Element(path, items.len() + 1);
                    let before = self.problems.0.len();
                    let value = self.read(*item, None, child, &inner)?;
                    if matches!(value, Some(Val::Str(_) | Val::Int(_))) {
                        self.problems.0.truncate(before); // told of with the list
                    }
                    items.extend(value);
                }
                // An empty list is sent as `Name=`, an absent one not at all.
                if items.is_empty() && node.value.is_none() {
                    return Ok(None);
                }
                check_list(api, shape, *item, &items, path, &mut self.problems);
                Ok(Some(Val::List(items)))
            }
            Kind::Map { key, value, key_name, value_name, flattened } => {
                let flat = *flattened || member.is_some_and(|member| member.flattened);
                let holder = if flat { Some(node) } else { node.child("entry") };
                let mut entries = Vec::new();
                for (_, entry) in holder.map(Node::numbered).unwrap_or_default() {
                    let Some(name) = entry.child(key_name).and_then(|node| node.value.clone()) else { continue };
                    let Some(child) = entry.child(value_name) else { continue };
                    let read = self.read(*value, None, child, &Path::Entry(path, &name))?;
                    if let Some(read) = read {
                        entries.push((name, read));
                    }
                }
                if entries.is_empty() && node.value.is_none() {
                    return Ok(None);
                }
                check_map(api, shape, *key, &entries, path, &mut self.problems);
                Ok(Some(Val::Map(entries)))
            }
            _ => match &node.value {
                Some(text) => self.scalar(id, text, path).map(Some),
                None => Ok(None),
            },
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "only compared with limits")]
    fn scalar(&mut self, id: ShapeId, text: &str, path: &Path<'_>) -> Result<Val, Unreadable> {
        let shape = self.api.shape(id);
        let malformed = || Unreadable(format!("Value '{text}' at '{}' is not of the expected type", path.print()));
        let value = match &shape.kind {
            Kind::Boolean if text.eq_ignore_ascii_case("true") => Val::Bool(true),
            Kind::Boolean if text.eq_ignore_ascii_case("false") => Val::Bool(false),
            Kind::Boolean => return Err(malformed()),
            Kind::Integer | Kind::Long => {
                let number: i64 = text.trim().parse().map_err(|_| malformed())?;
                check_number(shape, number as f64, text, path, &mut self.problems);
                Val::Int(number)
            }
            Kind::Float | Kind::Double => {
                let number: f64 = text.trim().parse().map_err(|_| malformed())?;
                check_number(shape, number, text, path, &mut self.problems);
                Val::Float(number)
            }
            Kind::Timestamp(_) => Val::Time(time::parse(text).ok_or_else(malformed)?),
            Kind::Blob => {
                let bytes = STANDARD.decode(text).map_err(|_| malformed())?;
                check_blob(shape, bytes.len(), path, &mut self.problems);
                Val::Blob(bytes.into())
            }
            _ => {
                check_text(shape, text, path, &mut self.problems);
                Val::Str(text.to_owned())
            }
        };
        Ok(value)
    }
}

/// Reads `application/x-www-form-urlencoded` text.
///
/// # Errors
/// An escape is not UTF-8.
pub fn form(text: &[u8]) -> Result<Vec<(String, String)>, Unreadable> {
    let mut parameters = Vec::new();
    for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let mut half = || decode(halves.next().unwrap_or_default());
        parameters.push((half()?, half()?));
    }
    Ok(parameters)
}

fn decode(text: &[u8]) -> Result<String, Unreadable> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes = percent_encoding::percent_decode(&spaced).collect::<Vec<u8>>();
    String::from_utf8(bytes).map_err(|_| Unreadable("The request is not valid UTF-8".to_owned()))
}
