//! The pieces of a query.

use regex::Regex;

/// A piece of a query.
#[derive(Clone, Debug)]
pub(super) enum Token {
    /// A name, a field or a keyword; a field in backticks is told apart.
    Word(String),
    Field(String),
    Number(f64),
    Text(String),
    Regex(Regex),
    /// `|`, `,`, `(`, `)`, `[`, `]`, `=`, `!=`, `<`, `<=`, `>`, `>=`, `=~`, `+`, `-`, `*`, `/`, `%`, `^`
    Sign(&'static str),
}

const SIGNS: [&str; 19] =
    ["=~", "!=", "<=", ">=", "|", ",", "(", ")", "[", "]", "=", "<", ">", "+", "*", "/", "%", "^", "-"];

/// The pieces of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        if first == '#' {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        let (token, left) = match first {
            '"' | '\'' | '`' => {
                let (inner, left) = quoted(rest.get(1..).unwrap_or_default(), first)
                    .ok_or_else(|| format!("a text that starts with {first} does not end"))?;
                (if first == '`' { Token::Field(inner) } else { Token::Text(inner) }, left)
            }
            '/' if starts_regex(&tokens) => {
                let (inner, left) =
                    quoted(rest.get(1..).unwrap_or_default(), '/').ok_or("a regular expression does not end")?;
                // Both ways of naming a group.
                let inner = inner.replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!");
                (Token::Regex(Regex::new(&inner).map_err(|problem| problem.to_string())?), left)
            }
            _ if first.is_ascii_digit() => number(rest)?,
            _ if is_name(first) => {
                let end = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
                let (word, left) = rest.split_at(end);
                (Token::Word(word.to_owned()), left)
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| format!("unexpected symbol found {first}"))?;
                (Token::Sign(sign), rest.get(sign.len()..).unwrap_or_default())
            }
        };
        tokens.push(token);
        rest = left;
    }
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '@' | '.' | ':' | '$')
}

/// A number; with letters behind it, it is a span of time (`5m`) and read as a word.
fn number(text: &str) -> Result<(Token, &str), String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if rest.chars().next().is_some_and(char::is_alphabetic) {
        let end = text.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        return Ok((Token::Word(word.to_owned()), rest));
    }
    let number = digits.parse().map_err(|_| format!("{digits} is no number"))?;
    Ok((Token::Number(number), rest))
}

/// A slash starts a regular expression where a value is asked for: after `like`, `=~` or the field of `parse`.
fn starts_regex(before: &[Token]) -> bool {
    match before.last() {
        Some(Token::Word(word)) if word.eq_ignore_ascii_case("like") => true,
        Some(Token::Sign("=~")) => true,
        Some(Token::Word(_) | Token::Field(_)) => {
            let place = before.len().checked_sub(2);
            place
                .and_then(|place| before.get(place))
                .is_some_and(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("parse")))
        }
        _ => false,
    }
}

/// A text up to its closing quote, and the rest; a backslash keeps a quote from ending it.
fn quoted(text: &str, delimiter: char) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut escaped = false;
    for (place, letter) in text.char_indices() {
        if escaped {
            if letter != delimiter {
                inner.push('\\');
            }
            inner.push(letter);
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == delimiter {
            return Some((inner, text.get(place + 1..)?));
        } else {
            inner.push(letter);
        }
    }
    None
}
