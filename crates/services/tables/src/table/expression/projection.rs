//! Projection expressions, and the parts of items that paths select.

use super::path::{self, Path, Step};
use super::token::Tokens;
use super::{ExpressionError, Placeholders, check_text};
use crate::table::value::{Item, Value};

/// The paths of a projection expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Projected(pub Vec<Path>);

impl Projected {
    /// Parses and checks a projection expression.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ExpressionError> {
        check_text(text)?;
        let mut tokens = Tokens::new(text);
        let mut paths = vec![Path::parse(&mut tokens)?];
        while tokens.symbol(",") {
            paths.push(Path::parse(&mut tokens)?);
        }
        tokens.expect_end()?;
        if let Some(word) = paths.iter().find_map(Path::reserved) {
            return Err(ExpressionError(format!("Attribute name is a reserved keyword; reserved keyword: {word}")));
        }
        for path in &mut paths {
            path.resolve(placeholders)?;
        }
        path::check_distinct(&paths.iter().collect::<Vec<_>>())?;
        Ok(Self(paths))
    }

    /// The projection of whole attributes (AttributesToGet, an index's projection).
    pub fn attributes<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(Path::attribute).collect())
    }

    /// The selected parts of an item.
    pub fn apply(&self, item: &Item) -> Item {
        select(&self.0, item)
    }
}

/// The parts of an item that the paths select: maps keep only what is selected, lists close up in order.
pub fn select(paths: &[Path], item: &Item) -> Item {
    let mut selected = Item::new();
    let mut nested: Vec<&Path> = Vec::new();
    for path in paths {
        match path.0.as_slice() {
            [Step::Name(name)] => {
                if let Some(value) = item.get(name) {
                    selected.insert(name.clone(), value.clone());
                }
            }
            _ => nested.push(path),
        }
    }
    while let Some(first) = nested.first() {
        let head = first.head().to_owned();
        let (same, rest): (Vec<&Path>, Vec<&Path>) = nested.into_iter().partition(|path| path.head() == head);
        nested = rest;
        let ways: Vec<&[Step]> = same.iter().filter_map(|path| path.0.get(1..)).collect();
        if let Some(part) = item.get(&head).and_then(|value| select_inside(&ways, value)) {
            selected.insert(head, part);
        }
    }
    selected
}

/// The part of a value that the ways select, or `None` where they lead to nothing.
fn select_inside(ways: &[&[Step]], value: &Value) -> Option<Value> {
    if ways.iter().any(|way| way.is_empty()) {
        return Some(value.clone());
    }
    let after = |step: &Step| -> Vec<&[Step]> {
        ways.iter().filter(|way| way.first() == Some(step)).filter_map(|way| way.get(1..)).collect()
    };
    match value {
        Value::M(map) => {
            let mut part = Item::new();
            for way in ways {
                let Some(step @ Step::Name(name)) = way.first() else { continue };
                if part.contains_key(name) {
                    continue;
                }
                if let Some(inner) = map.get(name).and_then(|inner| select_inside(&after(step), inner)) {
                    part.insert(name.clone(), inner);
                }
            }
            (!part.is_empty()).then_some(Value::M(part))
        }
        Value::L(list) => {
            let mut indexes: Vec<usize> = ways
                .iter()
                .filter_map(|way| match way.first() {
                    Some(Step::Index(index)) => Some(*index),
                    _ => None,
                })
                .collect();
            indexes.sort_unstable();
            indexes.dedup();
            let part: Vec<Value> = indexes
                .into_iter()
                .filter_map(|index| select_inside(&after(&Step::Index(index)), list.get(index)?))
                .collect();
            (!part.is_empty()).then_some(Value::L(part))
        }
        _ => None,
    }
}
