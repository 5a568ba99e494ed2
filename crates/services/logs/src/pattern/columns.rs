//! Patterns for columns: `[ip, user, ..., status = 4*, bytes > 1000]`.

use super::condition::{Comparing, Condition};
use super::tokens::{Token, tokens};

/// What the columns of an event are, before and after those that nothing is said of.
#[derive(Debug)]
pub(crate) struct Columns {
    before: Vec<Column>,
    /// What follows `...`, where there is one.
    after: Option<Vec<Column>>,
}

#[derive(Debug)]
struct Column {
    name: String,
    test: Option<Condition<Comparing>>,
}

impl Columns {
    /// Reads what stands between the brackets.
    pub(super) fn parse(text: &str) -> Option<Columns> {
        let tokens = tokens(text)?;
        let mut columns = Columns { before: Vec::new(), after: None };
        if tokens.is_empty() {
            return Some(columns);
        }
        for part in tokens.split(|token| matches!(token, Token::Comma)) {
            if let [Token::Word(word)] = part
                && word == "..."
            {
                if columns.after.replace(Vec::new()).is_some() {
                    return None; // only one can be of any length
                }
                continue;
            }
            let column = column(part)?;
            match &mut columns.after {
                Some(after) => after.push(column),
                None => columns.before.push(column),
            }
        }
        Some(columns)
    }

    /// `[]`, which everything matches.
    pub(super) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_none()
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        if self.is_empty() {
            return true;
        }
        let values = split(message);
        self.placed(values.len()).is_some_and(|placed| {
            placed.iter().all(|(place, column)| {
                let value = values.get(*place).map_or("", String::as_str);
                column.test.as_ref().is_none_or(|test| test.holds(&|comparing| comparing.holds(value)))
            })
        })
    }

    pub(super) fn extract(&self, message: &str) -> Vec<(String, String)> {
        let values = split(message);
        if self.is_empty() {
            return Vec::new();
        }
        let Some(placed) = self.placed(values.len()) else { return Vec::new() };
        let name = |place: usize| {
            let named = placed.iter().find(|(known, _)| *known == place).map(|(_, column)| column.name.as_str());
            named.filter(|name| !name.is_empty()).map_or_else(|| format!("${}", place + 1), |name| format!("${name}"))
        };
        values.into_iter().enumerate().map(|(place, value)| (name(place), value)).collect()
    }

    /// The columns with the places of their values; `None` where there are too few values or too many.
    fn placed(&self, count: usize) -> Option<Vec<(usize, &Column)>> {
        let mut placed: Vec<(usize, &Column)> = self.before.iter().enumerate().collect();
        match &self.after {
            None => (count == self.before.len()).then_some(placed),
            Some(after) => {
                let start = count.checked_sub(after.len()).filter(|start| *start >= self.before.len())?;
                placed.extend(after.iter().enumerate().map(|(place, column)| (start + place, column)));
                Some(placed)
            }
        }
    }
}

/// `name`, `name = value`, `(name > 1 && name < 5)`; every comparison of a column names the same one.
fn column(tokens: &[Token]) -> Option<Column> {
    if tokens.is_empty() {
        return Some(Column { name: String::new(), test: None });
    }
    if let [Token::Word(name)] = tokens {
        return Some(Column { name: name.clone(), test: None });
    }
    let names = std::cell::RefCell::new(Vec::<String>::new());
    let leaf = |tokens| leaf(tokens, &names);
    let (test, rest) = Condition::parse(tokens, &leaf)?;
    if !rest.is_empty() {
        return None;
    }
    let names = names.into_inner();
    let name = names.first()?.clone();
    names.iter().all(|other| *other == name).then_some(Column { name, test: Some(test) })
}

fn leaf<'t>(tokens: &'t [Token], names: &std::cell::RefCell<Vec<String>>) -> Option<(Comparing, &'t [Token])> {
    let (Token::Word(name), rest) = tokens.split_first()? else { return None };
    names.borrow_mut().push(name.clone());
    Comparing::parse(rest)
}

/// The columns of a message: what is in quotes or brackets is one, without them.
fn split(message: &str) -> Vec<String> {
    let mut columns = Vec::new();
    let mut rest = message.trim_start();
    while let Some(first) = rest.chars().next() {
        let close = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let quoted = close.and_then(|close| rest.get(1..)?.split_once(close));
        let (column, left) = match quoted {
            Some((inner, left)) => (inner, left),
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        columns.push(column.to_owned());
        rest = left.trim_start();
    }
    columns
}
