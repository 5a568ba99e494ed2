//! The models' patterns, compiled.
//!
//! They are written for Java: a match covers the whole value, and `\d`, `\w` and `\s` mean ASCII only. Those that the
//! `regex` crate refuses (look-around, back references) are replaced by a `regex` line in the service's patch.

use regex::{Regex, RegexBuilder};

use crate::api::Shape;

/// What one compiled pattern may take in memory. A pattern beyond it repeats a class thousands of times only to say
/// what `max` says too, and gets a shorter `regex` line.
const SIZE_LIMIT: usize = 1 << 20;

/// The compiled pattern of a shape.
pub fn pattern(shape: &Shape) -> Option<&Regex> {
    shape.pattern()
}

pub(crate) fn compile(shape: &Shape) -> Option<Regex> {
    match shape.constraints.regex {
        Some("none") => None,
        Some(replacement) => build(replacement).ok(),
        None => build(shape.constraints.pattern?).ok(),
    }
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!(r"\A(?:{})\z", ascii_classes(pattern))).size_limit(SIZE_LIMIT).build()
}

/// Java's `\d`, `\w`, `\s` and their opposites, spelt out; a bracketed class stands inside another one too.
fn ascii_classes(pattern: &str) -> String {
    let mut spelt = String::with_capacity(pattern.len() + 16);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            spelt.push(character);
            continue;
        }
        match characters.next() {
            Some('d') => spelt.push_str("[0-9]"),
            Some('D') => spelt.push_str("[^0-9]"),
            Some('w') => spelt.push_str("[0-9A-Za-z_]"),
            Some('W') => spelt.push_str("[^0-9A-Za-z_]"),
            Some('s') => spelt.push_str(r"[\t\n\x0B\x0C\r ]"),
            Some('S') => spelt.push_str(r"[^\t\n\x0B\x0C\r ]"),
            // Escapes that Java allows and `regex` does not know.
            Some(
                escaped @ ('_' | ',' | '=' | ':' | '@' | '!' | '"' | '\'' | '%' | ';' | '<' | '>' | '`' | '/' | ' '),
            ) => {
                spelt.push(escaped);
            }
            Some(escaped) => spelt.extend(['\\', escaped]),
            None => spelt.push('\\'),
        }
    }
    spelt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_value_has_to_match() {
        let regex = build("[a-z]+|x").unwrap();
        assert!(regex.is_match("abc"));
        assert!(!regex.is_match("abc\n"));
        assert!(!regex.is_match("abc1"));
    }

    #[test]
    fn classes_are_ascii() {
        assert!(build(r"\d+").unwrap().is_match("12"));
        assert!(!build(r"\d+").unwrap().is_match("١٢"));
        assert!(build(r"[\w\-]+").unwrap().is_match("a-b_1"));
        assert!(build(r"[\s\S]*").unwrap().is_match("ä\n"));
        assert!(build(r"a\/b\_c").unwrap().is_match("a/b_c"));
    }
}
