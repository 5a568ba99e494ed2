//! Do the plain structs still say what the model says? Called by each service's tests.

use std::collections::HashSet;

use crate::api::{Api, Kind, ShapeId};
use crate::shape::{Desc, Shape};

/// What a struct is for: a member that the model requires is always there in a request, and has to be there in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Read from a request.
    Input,
    /// Rendered into an answer.
    Output,
}

/// The differences between the input and output structs of an operation and its model, each in one line that starts with
/// the path of the member. Nothing means that they agree.
pub fn check<I: Shape, O: Shape>(api: &Api, operation: &str) -> Vec<String> {
    let Some(operation) = api.operation(operation) else {
        return vec![format!("{operation}: {} has no such operation", api.name)];
    };
    let mut differences = mismatches(I::describe, Role::Input, api, operation.input, operation.name);
    differences.extend(mismatches(O::describe, Role::Output, api, operation.output, operation.name));
    differences
}

/// The differences between one type and a shape of the model; without a shape the type may have no members.
pub fn mismatches(desc: fn() -> Desc, role: Role, api: &Api, shape: Option<ShapeId>, path: &str) -> Vec<String> {
    let mut walk = Walk { api, role, seen: HashSet::new(), found: Vec::new() };
    match (shape, desc()) {
        (Some(shape), _) => walk.compare(desc, shape, path),
        (None, Desc::Struct(members)) if members.is_empty() => {}
        (None, Desc::Opaque) => {}
        (None, _) => walk.found.push(format!("{path}: the model has no {role:?} here")),
    }
    walk.found
}

/// The members of the model that a type does not have: what a request may say and nobody reads.
pub fn unread(desc: Desc, api: &Api, shape: ShapeId) -> Vec<&'static str> {
    let (Desc::Struct(known), Kind::Structure(structure)) = (desc, &api.shape(shape).kind) else { return Vec::new() };
    let names = structure.members.iter().map(|member| member.name);
    names.filter(|name| known.iter().all(|member| member.name != *name)).collect()
}

struct Walk<'a> {
    api: &'a Api,
    role: Role,
    /// Shapes may contain themselves.
    seen: HashSet<(ShapeId, usize)>,
    found: Vec<String>,
}

impl Walk<'_> {
    fn compare(&mut self, desc: fn() -> Desc, shape: ShapeId, path: &str) {
        if !self.seen.insert((shape, desc as usize)) {
            return;
        }
        let modelled = self.api.shape(shape);
        match (desc(), &modelled.kind) {
            (Desc::Opaque, _)
            | (Desc::Bool, Kind::Boolean)
            | (Desc::Int, Kind::Integer | Kind::Long)
            | (Desc::Float, Kind::Float | Kind::Double)
            | (Desc::Str, Kind::String)
            | (Desc::Blob, Kind::Blob)
            | (Desc::Time, Kind::Timestamp(_)) => {}
            (Desc::List(item), Kind::List { member, .. }) => self.compare(item, *member, &format!("{path}[]")),
            (Desc::Map(item), Kind::Map { value, .. }) => self.compare(item, *value, &format!("{path}{{}}")),
            (Desc::Struct(members), Kind::Structure(structure)) => {
                for member in &members {
                    let path = format!("{path}.{}", member.name);
                    let Some(modelled) = structure.member(member.name) else {
                        self.found.push(format!("{path}: the model has no such member"));
                        continue;
                    };
                    match self.role {
                        Role::Input if member.required && !modelled.required => {
                            self.found.push(format!("{path}: required here, optional in the model"));
                        }
                        Role::Output if !member.required && modelled.required => {
                            self.found.push(format!("{path}: optional here, required in the model"));
                        }
                        _ => {}
                    }
                    self.compare(member.desc, modelled.shape, &path);
                }
                for modelled in structure.members.iter().filter(|member| member.required) {
                    if members.iter().all(|member| member.name != modelled.name) {
                        self.found.push(format!("{path}.{}: required in the model, not here", modelled.name));
                    }
                }
            }
            (desc, kind) => {
                let (here, there) = (name_of_desc(&desc), name_of_kind(kind));
                self.found.push(format!("{path}: {here} here, {there} in the model ({})", modelled.name));
            }
        }
    }
}

fn name_of_desc(desc: &Desc) -> &'static str {
    match desc {
        Desc::Bool => "boolean",
        Desc::Int => "integer",
        Desc::Float => "double",
        Desc::Str => "string",
        Desc::Blob => "blob",
        Desc::Time => "timestamp",
        Desc::List(_) => "list",
        Desc::Map(_) => "map",
        Desc::Struct(_) => "structure",
        Desc::Opaque => "anything",
    }
}

fn name_of_kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Structure(_) => "structure",
        Kind::List { .. } => "list",
        Kind::Map { .. } => "map",
        Kind::String => "string",
        Kind::Blob => "blob",
        Kind::Boolean => "boolean",
        Kind::Integer => "integer",
        Kind::Long => "long",
        Kind::Float => "float",
        Kind::Double => "double",
        Kind::Timestamp(_) => "timestamp",
        Kind::Document => "document",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::MemberDesc;

    fn field(name: &'static str, required: bool, desc: fn() -> Desc) -> MemberDesc {
        MemberDesc { name, required, desc }
    }

    fn delete_message() -> Desc {
        Desc::Struct(vec![
            field("QueueUrl", true, String::describe),
            field("ReceiptHandle", false, i64::describe),
            field("Why", false, String::describe),
        ])
    }

    fn attribute_value() -> Desc {
        Desc::Struct(vec![field("L", false, || Desc::List(attribute_value)), field("S", true, String::describe)])
    }

    #[test]
    fn differences_are_named_by_path() {
        let api = crate::api("sqs").unwrap();
        let input = api.operation("DeleteMessage").unwrap().input;
        assert_eq!(
            mismatches(delete_message, Role::Input, api, input, "DeleteMessage"),
            [
                "DeleteMessage.ReceiptHandle: integer here, string in the model (String)",
                "DeleteMessage.Why: the model has no such member"
            ]
        );
        assert_eq!(
            mismatches(delete_message, Role::Output, api, input, "DeleteMessage")[0],
            "DeleteMessage.ReceiptHandle: optional here, required in the model"
        );
        assert_eq!(check::<Vec<String>, ()>(api, "DeleteMessage").len(), 1);
        assert_eq!(check::<(), ()>(api, "Nothing"), ["Nothing: sqs has no such operation"]);
    }

    #[test]
    fn a_shape_may_contain_itself() {
        let api = crate::api("dynamodb").unwrap();
        let value = api.shape_id("AttributeValue");
        assert_eq!(
            mismatches(attribute_value, Role::Input, api, value, "Value"),
            ["Value.S: required here, optional in the model"]
        );
        assert!(unread(attribute_value(), api, value.unwrap()).contains(&"BOOL"));
    }
}
