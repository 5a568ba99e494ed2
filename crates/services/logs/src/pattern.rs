//! Filter patterns for texts: terms, `"phrases"`, `?either ?or`, `-without`, `%regex%`.
//!
//! "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail" of the CloudWatch Logs
//! user guide. Patterns for JSON (`{ … }`) and for columns (`[ … ]`) are not built yet.

use regex::Regex;

use crate::errors::LogsError;

/// A compiled pattern.
#[derive(Debug, Default)]
pub(crate) struct Pattern {
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

fn invalid() -> LogsError {
    LogsError::Invalid("Invalid filter pattern".to_owned())
}

impl Pattern {
    /// Reads a pattern; an empty one matches everything.
    pub(crate) fn parse(text: &str) -> Result<Pattern, LogsError> {
        let text = text.trim();
        if text.starts_with('{') || text.starts_with('[') {
            let text = "Pilvi does not implement JSON and space-delimited filter patterns yet.";
            return Err(LogsError::Api(pilvi_bus::ApiError::new("NotImplemented", 501, text)));
        }
        let mut pattern = Pattern::default();
        let mut rest = text;
        while !rest.is_empty() {
            let sign = rest.chars().next().filter(|sign| matches!(sign, '?' | '-'));
            rest = if sign.is_some() { rest.get(1..).unwrap_or_default() } else { rest };
            let (term, left) = term(rest)?;
            rest = left.trim_start();
            match sign {
                Some('?') => pattern.any.push(term),
                Some(_) => pattern.none.push(term),
                None => pattern.all.push(term),
            }
        }
        Ok(pattern)
    }

    /// Whether a message matches.
    pub(crate) fn matches(&self, message: &str) -> bool {
        self.all.iter().all(|term| term.is_in(message))
            && !self.none.iter().any(|term| term.is_in(message))
            // Optional terms only count where there are no others ("Match terms in unstructured log events").
            && (self.any.is_empty() || !self.all.is_empty() || self.any.iter().any(|term| term.is_in(message)))
    }
}

/// The first term of a text, and the rest.
fn term(text: &str) -> Result<(Term, &str), LogsError> {
    for delimiter in ['"', '%'] {
        let Some(inner) = text.strip_prefix(delimiter) else { continue };
        let (inner, rest) = split_quoted(inner, delimiter).ok_or_else(invalid)?;
        let term = match delimiter {
            '%' => Term::Regex(Regex::new(&inner).map_err(|_| invalid())?),
            _ => Term::Text(inner),
        };
        return Ok((term, rest));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    // Anything but letters, digits and underscores has to be quoted.
    if word.is_empty() || !word.chars().all(|letter| letter.is_alphanumeric() || "_.:/@=".contains(letter)) {
        return Err(invalid());
    }
    Ok((Term::Text(word.to_owned()), rest))
}

/// A quoted text without its quotes, and the rest; a backslash keeps a quote from ending it.
fn split_quoted(text: &str, delimiter: char) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut escaped = false;
    for (place, letter) in text.char_indices() {
        if escaped {
            if letter != delimiter && letter != '\\' {
                inner.push('\\');
            }
            inner.push(letter);
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == delimiter {
            return Some((inner, text.get(place + letter.len_utf8()..)?));
        } else {
            inner.push(letter);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(message)
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
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(pattern in ".{0,40}", message in ".{0,40}") {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                pattern.matches(&message);
            }
        }
    }
}
