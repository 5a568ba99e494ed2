//! Conditions over named values: comparisons joined by `&&` and `||`, in parentheses or not.

use regex::Regex;

use super::tokens::{Comparison, Token};

/// Deeper nesting is refused.
const DEEPEST: usize = 64;

/// A condition over leaves of a kind.
#[derive(Debug)]
pub(super) enum Condition<L> {
    All(Vec<Condition<L>>),
    Any(Vec<Condition<L>>),
    Leaf(L),
}

impl<L> Condition<L> {
    /// Whether it holds, where `test` tells of leaves.
    pub(super) fn holds(&self, test: &impl Fn(&L) -> bool) -> bool {
        match self {
            Condition::All(parts) => parts.iter().all(|part| part.holds(test)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(test)),
            Condition::Leaf(leaf) => test(leaf),
        }
    }

    /// Every leaf.
    pub(super) fn each(&self, visit: &mut impl FnMut(&L)) {
        match self {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| part.each(visit)),
            Condition::Leaf(leaf) => visit(leaf),
        }
    }

    /// Reads a condition off the front; `leaf` reads a leaf. `&&` binds closer than `||`.
    pub(super) fn parse<'t>(
        tokens: &'t [Token],
        leaf: &impl Fn(&'t [Token]) -> Option<(L, &'t [Token])>,
    ) -> Option<(Condition<L>, &'t [Token])> {
        any(tokens, leaf, 0)
    }
}

fn any<'t, L>(
    tokens: &'t [Token],
    leaf: &impl Fn(&'t [Token]) -> Option<(L, &'t [Token])>,
    depth: usize,
) -> Option<(Condition<L>, &'t [Token])> {
    if depth > DEEPEST {
        return None;
    }
    let (first, mut rest) = all(tokens, leaf, depth)?;
    let mut parts = vec![first];
    while let Some((Token::Or, after)) = rest.split_first() {
        let (next, left) = all(after, leaf, depth)?;
        parts.push(next);
        rest = left;
    }
    let one = parts.len() == 1;
    Some((if one { parts.pop()? } else { Condition::Any(parts) }, rest))
}

fn all<'t, L>(
    tokens: &'t [Token],
    leaf: &impl Fn(&'t [Token]) -> Option<(L, &'t [Token])>,
    depth: usize,
) -> Option<(Condition<L>, &'t [Token])> {
    let (first, mut rest) = one(tokens, leaf, depth)?;
    let mut parts = vec![first];
    while let Some((Token::And, after)) = rest.split_first() {
        let (next, left) = one(after, leaf, depth)?;
        parts.push(next);
        rest = left;
    }
    let single = parts.len() == 1;
    Some((if single { parts.pop()? } else { Condition::All(parts) }, rest))
}

fn one<'t, L>(
    tokens: &'t [Token],
    leaf: &impl Fn(&'t [Token]) -> Option<(L, &'t [Token])>,
    depth: usize,
) -> Option<(Condition<L>, &'t [Token])> {
    if let Some((Token::Open, inner)) = tokens.split_first() {
        let (condition, rest) = any(inner, leaf, depth + 1)?;
        return match rest.split_first() {
            Some((Token::Close, rest)) => Some((condition, rest)),
            _ => None,
        };
    }
    leaf(tokens).map(|(leaf, rest)| (Condition::Leaf(leaf), rest))
}

/// What a value is compared with.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Number(f64),
    /// `*` stands for anything.
    Text(String),
    Regex(Regex),
}

/// `= 4*`, `> 1000`, `!= "text"`
#[derive(Clone, Debug)]
pub(super) struct Comparing {
    pub(super) how: Comparison,
    pub(super) wanted: Wanted,
}

impl Comparing {
    /// Reads a comparison off the front.
    pub(super) fn parse(tokens: &[Token]) -> Option<(Comparing, &[Token])> {
        let (Token::Compare(how), rest) = tokens.split_first()? else { return None };
        let (wanted, rest) = rest.split_first()?;
        let wanted = match wanted {
            Token::Quoted(text) => Wanted::Text(text.clone()),
            Token::Regex(regex) => Wanted::Regex(regex.clone()),
            Token::Word(word) => match word.parse::<f64>() {
                Ok(number) if number.is_finite() => Wanted::Number(number),
                _ => Wanted::Text(word.clone()),
            },
            _ => return None,
        };
        let ordered = !matches!(how, Comparison::Equal | Comparison::NotEqual);
        if ordered && !matches!(wanted, Wanted::Number(_)) {
            return None;
        }
        Some((Comparing { how: *how, wanted }, rest))
    }

    /// Whether a value, printed, compares so.
    pub(super) fn holds(&self, value: &str) -> bool {
        let equal = match &self.wanted {
            Wanted::Number(wanted) => {
                let Ok(number) = value.parse::<f64>() else { return self.how == Comparison::NotEqual };
                return match self.how {
                    Comparison::Equal => number == *wanted,
                    Comparison::NotEqual => number != *wanted,
                    Comparison::Less => number < *wanted,
                    Comparison::LessOrEqual => number <= *wanted,
                    Comparison::Greater => number > *wanted,
                    Comparison::GreaterOrEqual => number >= *wanted,
                };
            }
            Wanted::Text(wanted) => like(wanted, value),
            Wanted::Regex(regex) => regex.is_match(value),
        };
        equal == (self.how == Comparison::Equal)
    }
}

/// Whether a text is like a pattern in which `*` stands for anything.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(place) => rest = rest.get(place + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("4*", "404", true),
            ("*.html*", "GET /a.html HTTP", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*c", "a1b2c", true),
            ("abc", "abcd", false),
            ("*abc", "xabc", true),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
