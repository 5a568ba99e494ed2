//! Document paths: `a.b[3].#c`.

use super::token::{Token, Tokens};
use super::{ExpressionError, Placeholders};
use crate::table::value::{Item, Value};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// An attribute or a map's entry.
    Name(String),
    /// A list's element.
    Index(usize),
    /// `#name`, which resolving replaces.
    Ref(String),
}

/// A path: an attribute and possibly a way into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

/// How many steps a path may have.
const MAX_STEPS: usize = 32;

impl Path {
    /// The path of a whole attribute.
    pub fn attribute(name: &str) -> Self {
        Path(vec![Step::Name(name.to_owned())])
    }

    /// Parses a path; the next word is its first name.
    pub fn parse(tokens: &mut Tokens<'_>) -> Result<Self, ExpressionError> {
        let mut steps = vec![parse_name(tokens)?];
        loop {
            if tokens.symbol(".") {
                steps.push(parse_name(tokens)?);
            } else if tokens.symbol("[") {
                let Token::Digits(digits) = tokens.peek() else { return Err(tokens.syntax_error()) };
                let index = digits.parse::<u32>().map_err(|_| {
                    ExpressionError(format!("List index is not within the allowable range; index: [{digits}]"))
                })?;
                tokens.take();
                tokens.expect("]")?;
                steps.push(Step::Index(usize::try_from(index).unwrap_or(usize::MAX)));
            } else {
                break;
            }
        }
        if steps.len() > MAX_STEPS {
            return Err(ExpressionError(format!(
                "The document path has too many nesting elements; nesting levels: {}",
                steps.len()
            )));
        }
        Ok(Path(steps))
    }

    /// The attribute that it begins with.
    pub fn head(&self) -> &str {
        match self.0.first() {
            Some(Step::Name(name) | Step::Ref(name)) => name,
            _ => "",
        }
    }

    /// True where it leads into the attribute.
    pub fn is_nested(&self) -> bool {
        self.0.len() > 1
    }

    /// The first name in it that is a reserved word.
    pub fn reserved(&self) -> Option<&str> {
        self.0.iter().find_map(|step| match step {
            Step::Name(name) if super::reserved::is_reserved(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Replaces `#names` by what they stand for.
    pub fn resolve(&mut self, placeholders: &mut Placeholders) -> Result<(), ExpressionError> {
        for step in &mut self.0 {
            if let Step::Ref(name) = step {
                *step = Step::Name(placeholders.name(name)?);
            }
        }
        Ok(())
    }

    /// What it leads to in an item.
    pub fn find<'a>(&self, item: &'a Item) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        let Step::Name(name) = first else { return None };
        let mut value = item.get(name)?;
        for step in rest {
            value = match (step, value) {
                (Step::Name(name), Value::M(map)) => map.get(name)?,
                (Step::Index(index), Value::L(list)) => list.get(*index)?,
                _ => return None,
            };
        }
        Some(value)
    }
}

impl std::fmt::Display for Path {
    /// As messages show it: `[a, b, [3]]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[")?;
        for (position, step) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            match step {
                Step::Name(name) | Step::Ref(name) => f.write_str(name)?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        f.write_str("]")
    }
}

fn parse_name(tokens: &mut Tokens<'_>) -> Result<Step, ExpressionError> {
    let step = match tokens.peek() {
        Token::Name(name) => Step::Name(name.to_owned()),
        Token::NameRef(name) => Step::Ref(name.to_owned()),
        _ => return Err(tokens.syntax_error()),
    };
    tokens.take();
    Ok(step)
}

/// The first complaint about paths that may not go together: one inside the other, or a name and an index at the same place.
pub fn check_distinct(paths: &[&Path]) -> Result<(), ExpressionError> {
    let mut conflict = None;
    for (position, two) in paths.iter().enumerate() {
        for one in paths.iter().take(position) {
            match relation(one, two) {
                Relation::Apart => {}
                Relation::Overlap => {
                    return Err(ExpressionError(format!(
                        "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
                    )));
                }
                Relation::Conflict => {
                    conflict.get_or_insert_with(|| {
                        ExpressionError(format!(
                            "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
                        ))
                    });
                }
            }
        }
    }
    conflict.map_or(Ok(()), Err)
}

enum Relation {
    Apart,
    Overlap,
    Conflict,
}

fn relation(one: &Path, two: &Path) -> Relation {
    for (a, b) in one.0.iter().zip(&two.0) {
        if matches!(a, Step::Index(_)) != matches!(b, Step::Index(_)) {
            return Relation::Conflict;
        }
        if a != b {
            return Relation::Apart;
        }
    }
    Relation::Overlap
}
