//! What is wrong with a request, in the words of the service that it is for.
//!
//! The constraints come from the models; how they are told differs: most services speak [`coral`]'s sentences, some
//! check in their own order and words and leave only the required members to the model.

mod check;
mod dialect;
mod iam;

pub use check::{check_blob, check_list, check_map, check_number, check_text, missing};
pub use dialect::{Dialect, dialect};

use std::fmt::Write as _;

/// The place of a value in the input, from the inside out; lives on the stack of the parser.
#[derive(Clone, Copy)]
pub enum Path<'a> {
    /// The input itself.
    Root,
    /// A member of a structure.
    Member(&'a Path<'a>, &'static str),
    /// An element of a list, from one.
    Element(&'a Path<'a>, usize),
    /// An entry of a map.
    Entry(&'a Path<'a>, &'a str),
}

impl Path<'_> {
    /// The path as AWS prints it: `keySchema.1.member.attributeName`. Member names begin in lower case.
    pub fn print(&self) -> String {
        let mut text = String::new();
        self.print_into(&mut text);
        text
    }

    fn print_into(&self, text: &mut String) {
        match self {
            Path::Root => {}
            Path::Member(outer, name) => {
                outer.print_into(text);
                if !text.is_empty() {
                    text.push('.');
                }
                let mut letters = name.chars();
                if let Some(first) = letters.next() {
                    text.extend(first.to_lowercase());
                    text.push_str(letters.as_str());
                }
            }
            Path::Element(outer, place) => {
                outer.print_into(text);
                // Infallible: a String takes everything.
                let _ = write!(text, ".{place}.member");
            }
            Path::Entry(outer, key) => {
                outer.print_into(text);
                let _ = write!(text, ".{key}.member");
            }
        }
    }

    /// The innermost member's name.
    pub fn name(&self) -> &'static str {
        match self {
            Path::Root => "",
            Path::Member(_, name) => name,
            Path::Element(outer, _) | Path::Entry(outer, _) => outer.name(),
        }
    }
}

/// A broken constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as AWS prints it.
    pub path: String,
    /// The member's own name.
    pub member: &'static str,
    /// The value, printed; `None` for a member that is not there.
    pub value: Option<String>,
    /// `Member must …`
    pub constraint: String,
}

impl Problem {
    /// `Value 'x' at 'tableName' failed to satisfy constraint: Member must …`
    pub fn sentence(&self) -> String {
        let value = self.value.as_ref().map_or("null".to_owned(), |value| format!("'{value}'"));
        format!("Value {value} at '{}' failed to satisfy constraint: {}", self.path, self.constraint)
    }
}

/// All that is wrong with a request.
#[derive(Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// `2 validation errors detected: …; …`
    pub fn text(&self) -> String {
        counted(self.0.iter().map(Problem::sentence).collect())
    }
}

fn counted(sentences: Vec<String>) -> String {
    let count = sentences.len();
    let plural = if count == 1 { "error" } else { "errors" };
    format!("{count} validation {plural} detected: {}", sentences.join("; "))
}
