//! Update expressions: what they are made of, their parser and their checks.

use std::sync::Arc;

use super::check::incorrect_type;
use super::path::{self, Path};
use super::token::{Token, Tokens};
use super::{ExpressionError, Placeholders, check_text};
use crate::table::value::{Type, Value};

/// What a SET assigns.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A document path.
    Path(Path),
    /// `:value`, which resolving replaces.
    ValueRef(String),
    /// A value.
    Value(Arc<Value>),
    /// `+`, `-` (in that spelling), `if_not_exists` or `list_append`.
    Call(String, Vec<Source>),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Assign.
    Set(Source),
    /// Remove the attribute or element.
    Remove,
    /// Add to a number or set.
    Add(Source),
    /// Remove members of a set.
    Delete(Source),
}

/// An action and where it applies.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Where.
    pub path: Path,
    /// What.
    pub action: Action,
}

/// A checked update expression.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// The clauses, in the order in which they were written.
    pub clauses: Vec<Clause>,
    /// Made of AttributeUpdates, whose ADD takes lists too and whose complaints are worded differently.
    pub legacy: bool,
}

const SECTIONS: [&str; 4] = ["SET", "REMOVE", "ADD", "DELETE"];

impl Update {
    /// Parses and checks an update expression and replaces its placeholders.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ExpressionError> {
        check_text(text)?;
        let mut parser = Parser { tokens: Tokens::new(text), sections: Vec::new(), clauses: Vec::new() };
        parser.sections()?;
        let Parser { sections, mut clauses, .. } = parser;
        check_reserved(&clauses)?;
        clauses.iter().filter_map(Clause::source).try_for_each(unknown_function)?;
        for (position, section) in sections.iter().enumerate() {
            if sections.iter().take(position).any(|earlier| earlier == section) {
                return Err(ExpressionError(format!(
                    "The \"{section}\" section can only be used once in an update expression;"
                )));
            }
        }
        for clause in &mut clauses {
            clause.path.resolve(placeholders)?;
            if let Some(source) = clause.source_mut() {
                resolve_names(source, placeholders)?;
            }
        }
        for source in clauses.iter_mut().filter_map(Clause::source_mut) {
            resolve_values(source, placeholders)?;
        }
        path::check_distinct(&clauses.iter().map(|clause| &clause.path).collect::<Vec<_>>())?;
        clauses.iter().try_for_each(check_operand)?;
        clauses.iter().filter_map(Clause::source).try_for_each(check_function)?;
        Ok(Self { clauses, legacy: false })
    }
}

impl Clause {
    /// The action's operand.
    pub fn source(&self) -> Option<&Source> {
        match &self.action {
            Action::Set(source) | Action::Add(source) | Action::Delete(source) => Some(source),
            Action::Remove => None,
        }
    }

    fn source_mut(&mut self) -> Option<&mut Source> {
        match &mut self.action {
            Action::Set(source) | Action::Add(source) | Action::Delete(source) => Some(source),
            Action::Remove => None,
        }
    }
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    sections: Vec<&'static str>,
    clauses: Vec<Clause>,
}

impl Parser<'_> {
    fn sections(&mut self) -> Result<(), ExpressionError> {
        loop {
            let Some(section) = SECTIONS.into_iter().find(|section| self.tokens.keyword(section)) else {
                return Err(self.tokens.syntax_error());
            };
            self.sections.push(section);
            loop {
                let clause = self.clause(section)?;
                self.clauses.push(clause);
                if !self.tokens.symbol(",") {
                    break;
                }
            }
            if self.tokens.peek() == Token::End {
                return Ok(());
            }
        }
    }

    fn clause(&mut self, section: &str) -> Result<Clause, ExpressionError> {
        let path = self.path()?;
        let action = match section {
            "SET" => {
                self.tokens.expect("=")?;
                Action::Set(self.value()?)
            }
            "REMOVE" => Action::Remove,
            "ADD" => Action::Add(self.value_ref()?),
            _ => Action::Delete(self.value_ref()?),
        };
        Ok(Clause { path, action })
    }

    fn path(&mut self) -> Result<Path, ExpressionError> {
        if matches!(self.tokens.peek(), Token::Name(name) if is_section(name)) {
            return Err(self.tokens.syntax_error());
        }
        Path::parse(&mut self.tokens)
    }

    fn value_ref(&mut self) -> Result<Source, ExpressionError> {
        let Token::ValueRef(name) = self.tokens.peek() else { return Err(self.tokens.syntax_error()) };
        self.tokens.take();
        Ok(Source::ValueRef(name.to_owned()))
    }

    /// An operand, or two with `+` or `-` between them.
    fn value(&mut self) -> Result<Source, ExpressionError> {
        let left = self.operand()?;
        let operator = if self.tokens.symbol("+") {
            "+"
        } else if self.tokens.symbol("-") {
            "-"
        } else {
            return Ok(left);
        };
        let right = self.operand()?;
        Ok(Source::Call(operator.to_owned(), vec![left, right]))
    }

    fn operand(&mut self) -> Result<Source, ExpressionError> {
        match self.tokens.peek() {
            Token::Symbol("(") => {
                self.tokens.enter()?;
                self.tokens.take();
                let inner = self.value()?;
                self.tokens.expect(")")?;
                self.tokens.leave();
                Ok(inner)
            }
            Token::ValueRef(_) => self.value_ref(),
            Token::Name(name) if !is_section(name) && self.tokens.peek_second() == Token::Symbol("(") => {
                self.tokens.enter()?;
                self.tokens.take();
                self.tokens.take();
                let mut operands = vec![self.operand()?];
                while self.tokens.symbol(",") {
                    operands.push(self.operand()?);
                }
                self.tokens.expect(")")?;
                self.tokens.leave();
                Ok(Source::Call(name.to_owned(), operands))
            }
            _ => Ok(Source::Path(self.path()?)),
        }
    }
}

fn is_section(name: &str) -> bool {
    SECTIONS.iter().any(|section| name.eq_ignore_ascii_case(section))
}

fn check_reserved(clauses: &[Clause]) -> Result<(), ExpressionError> {
    fn in_source(source: &Source) -> Option<&str> {
        match source {
            Source::Path(path) => path.reserved(),
            Source::Call(_, operands) => operands.iter().find_map(in_source),
            _ => None,
        }
    }
    let word = clauses.iter().find_map(|clause| clause.path.reserved().or_else(|| clause.source().and_then(in_source)));
    match word {
        Some(word) => Err(ExpressionError(format!("Attribute name is a reserved keyword; reserved keyword: {word}"))),
        None => Ok(()),
    }
}

fn unknown_function(source: &Source) -> Result<(), ExpressionError> {
    let Source::Call(name, operands) = source else { return Ok(()) };
    operands.iter().try_for_each(unknown_function)?;
    if matches!(name.as_str(), "+" | "-" | "if_not_exists" | "list_append") {
        return Ok(());
    }
    if matches!(
        name.as_str(),
        "attribute_exists" | "attribute_not_exists" | "attribute_type" | "begins_with" | "contains" | "size"
    ) {
        return Err(ExpressionError(format!("The function is not allowed in an update expression; function: {name}")));
    }
    Err(ExpressionError(format!("Invalid function name; function: {name}")))
}

fn resolve_names(source: &mut Source, placeholders: &mut Placeholders) -> Result<(), ExpressionError> {
    match source {
        Source::Path(path) => path.resolve(placeholders),
        Source::Call(_, operands) => operands.iter_mut().try_for_each(|inner| resolve_names(inner, placeholders)),
        _ => Ok(()),
    }
}

fn resolve_values(source: &mut Source, placeholders: &mut Placeholders) -> Result<(), ExpressionError> {
    match source {
        Source::ValueRef(name) => {
            *source = Source::Value(placeholders.value(name)?);
            Ok(())
        }
        Source::Call(_, operands) => operands.iter_mut().try_for_each(|inner| resolve_values(inner, placeholders)),
        _ => Ok(()),
    }
}

/// ADD takes a number or a set, DELETE a set.
fn check_operand(clause: &Clause) -> Result<(), ExpressionError> {
    let (operator, source) = match &clause.action {
        Action::Add(source) => ("ADD", source),
        Action::Delete(source) => ("DELETE", source),
        _ => return Ok(()),
    };
    let Source::Value(value) = source else { return Ok(()) };
    let kind = value.kind();
    if kind.is_set() || (operator == "ADD" && kind == Type::N) {
        return Ok(());
    }
    Err(ExpressionError(format!(
        "Incorrect operand type for operator or function; operator: {operator}, operand type: {}",
        kind.long_name()
    )))
}

fn check_function(source: &Source) -> Result<(), ExpressionError> {
    let Source::Call(name, operands) = source else { return Ok(()) };
    operands.iter().try_for_each(check_function)?;
    if operands.len() != 2 {
        return Err(ExpressionError(format!(
            "Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {}",
            operands.len()
        )));
    }
    if name == "if_not_exists" {
        return match operands.first() {
            Some(Source::Path(_)) => Ok(()),
            _ => Err(ExpressionError(format!(
                "Operator or function requires a document path; operator or function: {name}"
            ))),
        };
    }
    let wanted = if name == "list_append" { Type::L } else { Type::N };
    for operand in operands {
        if let Source::Value(value) = operand
            && value.kind() != wanted
        {
            return Err(incorrect_type(name, value.kind().name()));
        }
    }
    Ok(())
}
