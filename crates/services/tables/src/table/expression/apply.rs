//! Applying an update to an item.

use std::cmp::Reverse;

use super::path::{Path, Step};
use super::update::{Action, Clause, Source, Update};
use crate::table::number::NumberError;
use crate::table::value::{Item, Value};

/// Why an update cannot be applied to an item, in the service's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// A path leads through something that is not there or not of that kind.
    #[error("The document path provided in the update expression is invalid for update")]
    InvalidPath,
    /// A path that is read leads to nothing.
    #[error("The provided expression refers to an attribute that does not exist in the item")]
    MissingAttribute,
    /// An operand of the wrong type.
    #[error("An operand in the update expression has an incorrect data type")]
    WrongType,
    /// An operand of the wrong type, in AttributeUpdates.
    #[error("Type mismatch for attribute to update")]
    LegacyWrongType,
    /// A result that is no number of DynamoDB's.
    #[error(transparent)]
    Number(#[from] NumberError),
}

/// The item after the update. All that is read is read from the item as it was; removals come last, so every list
/// index means an element of the list as it was.
pub fn apply(update: &Update, before: &Item) -> Result<Item, UpdateError> {
    let mut after = before.clone();
    let mut appended: Vec<(&Path, Value)> = Vec::new();
    let mut removed: Vec<&Path> = Vec::new();
    for clause in &update.clauses {
        let existing = clause.path.find(before);
        let value = match &clause.action {
            Action::Set(source) => Some(read(source, before)?),
            Action::Add(source) => Some(add(existing, &read(source, before)?, update.legacy)?),
            Action::Delete(source) => match existing {
                Some(existing) => without(existing, &read(source, before)?, update.legacy)?,
                None => None,
            },
            Action::Remove => None,
        };
        let Some(value) = value else {
            check_parent(&clause.path, before)?;
            removed.push(&clause.path);
            continue;
        };
        match slot(&mut after, &clause.path)? {
            Slot::Entry(map, name) => {
                map.insert(name.to_owned(), value);
            }
            Slot::Element(element) => *element = value,
            Slot::End(_) => appended.push((&clause.path, value)),
        }
    }
    // Elements set beyond the end are appended in the order of their indexes.
    appended.sort_by_key(|(path, _)| *path);
    for (path, value) in appended {
        if let Slot::End(list) = slot(&mut after, path)? {
            list.push(value);
        }
    }
    // Later elements first, so that earlier removals do not move them.
    removed.sort_by_key(|path| Reverse(*path));
    for path in removed {
        if path.find(before).is_some() {
            remove(&mut after, path);
        }
    }
    Ok(after)
}

fn read(source: &Source, item: &Item) -> Result<Value, UpdateError> {
    match source {
        Source::Value(value) => Ok(value.as_ref().clone()),
        Source::Path(path) => path.find(item).cloned().ok_or(UpdateError::MissingAttribute),
        Source::ValueRef(_) => Err(UpdateError::MissingAttribute),
        Source::Call(name, operands) => match (name.as_str(), operands.as_slice()) {
            ("if_not_exists", [Source::Path(path), otherwise]) => match path.find(item) {
                Some(value) => Ok(value.clone()),
                None => read(otherwise, item),
            },
            ("list_append", [one, two]) => match (read(one, item)?, read(two, item)?) {
                (Value::L(mut list), Value::L(tail)) => {
                    list.extend(tail);
                    Ok(Value::L(list))
                }
                _ => Err(UpdateError::WrongType),
            },
            ("+" | "-", [one, two]) => match (read(one, item)?, read(two, item)?) {
                (Value::N(one), Value::N(two)) if name == "+" => Ok(Value::N(one.plus(two)?)),
                (Value::N(one), Value::N(two)) => Ok(Value::N(one.minus(two)?)),
                _ => Err(UpdateError::WrongType),
            },
            _ => Err(UpdateError::WrongType),
        },
    }
}

fn wrong_type(legacy: bool) -> UpdateError {
    if legacy { UpdateError::LegacyWrongType } else { UpdateError::WrongType }
}

fn add(existing: Option<&Value>, value: &Value, legacy: bool) -> Result<Value, UpdateError> {
    let Some(existing) = existing else { return Ok(value.clone()) };
    match (existing, value) {
        (Value::N(one), Value::N(two)) => Ok(Value::N(one.plus(*two)?)),
        (Value::Ss(one), Value::Ss(two)) => Ok(Value::Ss(union(one, two))),
        (Value::Ns(one), Value::Ns(two)) => Ok(Value::Ns(union(one, two))),
        (Value::Bs(one), Value::Bs(two)) => Ok(Value::Bs(union(one, two))),
        (Value::L(one), Value::L(two)) if legacy => Ok(Value::L(one.iter().chain(two).cloned().collect())),
        _ => Err(wrong_type(legacy)),
    }
}

fn union<T: PartialEq + Clone>(one: &[T], two: &[T]) -> Vec<T> {
    let mut all = one.to_vec();
    for member in two {
        if !all.contains(member) {
            all.push(member.clone());
        }
    }
    all
}

/// The set without the members of another; `None` where nothing is left, since empty sets do not exist.
fn without(existing: &Value, value: &Value, legacy: bool) -> Result<Option<Value>, UpdateError> {
    fn rest<T: PartialEq + Clone>(one: &[T], two: &[T]) -> Option<Vec<T>> {
        let left: Vec<T> = one.iter().filter(|member| !two.contains(member)).cloned().collect();
        (!left.is_empty()).then_some(left)
    }
    match (existing, value) {
        (Value::Ss(one), Value::Ss(two)) => Ok(rest(one, two).map(Value::Ss)),
        (Value::Ns(one), Value::Ns(two)) => Ok(rest(one, two).map(Value::Ns)),
        (Value::Bs(one), Value::Bs(two)) => Ok(rest(one, two).map(Value::Bs)),
        _ => Err(wrong_type(legacy)),
    }
}

/// A place that can be assigned to.
enum Slot<'a> {
    Entry(&'a mut Item, &'a str),
    Element(&'a mut Value),
    /// Beyond a list's end.
    End(&'a mut Vec<Value>),
}

fn slot<'a>(item: &'a mut Item, path: &'a Path) -> Result<Slot<'a>, UpdateError> {
    let (last, way) = path.0.split_last().ok_or(UpdateError::InvalidPath)?;
    let Some((first, way)) = way.split_first() else {
        let Step::Name(name) = last else { return Err(UpdateError::InvalidPath) };
        return Ok(Slot::Entry(item, name));
    };
    let parent = descend(item, first, way).ok_or(UpdateError::InvalidPath)?;
    match (parent, last) {
        (Value::M(map), Step::Name(name)) => Ok(Slot::Entry(map, name)),
        (Value::L(list), Step::Index(index)) => {
            if *index >= list.len() {
                return Ok(Slot::End(list));
            }
            list.get_mut(*index).map(Slot::Element).ok_or(UpdateError::InvalidPath)
        }
        _ => Err(UpdateError::InvalidPath),
    }
}

fn descend<'a>(item: &'a mut Item, first: &Step, way: &[Step]) -> Option<&'a mut Value> {
    let Step::Name(name) = first else { return None };
    let mut value = item.get_mut(name)?;
    for step in way {
        value = match (step, value) {
            (Step::Name(name), Value::M(map)) => map.get_mut(name)?,
            (Step::Index(index), Value::L(list)) => list.get_mut(*index)?,
            _ => return None,
        };
    }
    Some(value)
}

fn check_parent(path: &Path, item: &Item) -> Result<(), UpdateError> {
    let Some((last, way)) = path.0.split_last() else { return Err(UpdateError::InvalidPath) };
    if way.is_empty() {
        return Ok(());
    }
    match (Path(way.to_vec()).find(item), last) {
        (Some(Value::M(_)), Step::Name(_)) | (Some(Value::L(_)), Step::Index(_)) => Ok(()),
        _ => Err(UpdateError::InvalidPath),
    }
}

fn remove(item: &mut Item, path: &Path) {
    match path.0.as_slice() {
        [Step::Name(name)] => {
            item.remove(name);
        }
        [first, way @ .., last] => match (descend(item, first, way), last) {
            (Some(Value::M(map)), Step::Name(name)) => {
                map.remove(name);
            }
            (Some(Value::L(list)), Step::Index(index)) if *index < list.len() => {
                list.remove(*index);
            }
            _ => {}
        },
        _ => {}
    }
}

/// The paths that an update names, for the answers UPDATED_OLD and UPDATED_NEW.
pub fn paths(update: &Update) -> Vec<Path> {
    update.clauses.iter().map(|clause: &Clause| clause.path.clone()).collect()
}
