//! Patterns for texts: terms, `"phrases"`, `?either ?or`, `-without`, `%regex%`.

use regex::Regex;

use super::tokens::split_quoted;

/// Terms that a text has or has not.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    all: Vec<Term>,
    any: Vec<Term>,
    none: Vec<Term>,
}

#[derive(Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Term::Text(text) => message.contains(text.as_str()),
            Term::Regex(regex) => regex.is_match(message),
        }
    }
}

impl Terms {
    /// Reads terms; none of them match everything.
    pub(super) fn parse(text: &str) -> Option<Terms> {
        let mut terms = Terms::default();
        let mut rest = text;
        while !rest.is_empty() {
            let sign = rest.chars().next().filter(|sign| matches!(sign, '?' | '-'));
            rest = if sign.is_some() { rest.get(1..).unwrap_or_default() } else { rest };
            let (term, left) = term(rest)?;
            rest = left.trim_start();
            match sign {
                Some('?') => terms.any.push(term),
                Some(_) => terms.none.push(term),
                None => terms.all.push(term),
            }
        }
        Some(terms)
    }

    /// Whether a message matches.
    pub(super) fn matches(&self, message: &str) -> bool {
        self.all.iter().all(|term| term.is_in(message))
            && !self.none.iter().any(|term| term.is_in(message))
            // Optional terms only count where there are no others ("Match terms in unstructured log events").
            && (self.any.is_empty() || !self.all.is_empty() || self.any.iter().any(|term| term.is_in(message)))
    }
}

/// The first term of a text, and the rest.
fn term(text: &str) -> Option<(Term, &str)> {
    for delimiter in ['"', '%'] {
        let Some(inner) = text.strip_prefix(delimiter) else { continue };
        let (inner, rest) = split_quoted(inner, delimiter)?;
        let term = match delimiter {
            '%' => Term::Regex(Regex::new(&inner).ok()?),
            _ => Term::Text(inner),
        };
        return Some((term, rest));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    // Anything but letters, digits and underscores has to be quoted.
    if word.is_empty() || !word.chars().all(|letter| letter.is_alphanumeric() || "_.:/@=".contains(letter)) {
        return None;
    }
    Some((Term::Text(word.to_owned()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        Terms::parse(pattern).unwrap().matches(message)
    }

    #[test]
    fn terms_are_looked_for() {
        assert!(matches("", "anything"));
        assert!(matches("ERROR", "[ERROR] it broke") && !matches("ERROR", "error"));
        assert!(matches("ERROR broke", "broke with ERROR") && !matches("ERROR broke", "ERROR"));
        assert!(matches("?ERROR ?WARN", "a WARN") && !matches("?ERROR ?WARN", "INFO"));
        assert!(matches("ERROR -timeout", "ERROR x") && !matches("ERROR -timeout", "ERROR timeout"));
        assert!(matches(r#""exit: 1""#, "exit: 1") && !matches(r#""exit: 1""#, "exit 1"));
        assert!(matches(r"%time(d)? out%", "it timed out"));
    }

    #[test]
    fn nonsense_is_refused() {
        for pattern in ["\"open", "%open", "%(%", "a*b", "-"] {
            assert!(Terms::parse(pattern).is_none(), "{pattern}");
        }
    }
}
