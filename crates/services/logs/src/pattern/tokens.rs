//! The pieces that conditions are made of.

use regex::Regex;

/// A piece of a condition.
#[derive(Clone, Debug)]
pub(super) enum Token {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`
    Compare(Comparison),
    /// `,`
    Comma,
    /// `"text"`
    Quoted(String),
    /// `%regex%`
    Regex(Regex),
    /// Anything else without a space: a name, a selector, a number, `IS`.
    Word(String),
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The pieces of a text; `None` where a quote or regular expression does not end or cannot be read.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let fixed = [
            ("(", Token::Open),
            (")", Token::Close),
            ("&&", Token::And),
            ("||", Token::Or),
            (",", Token::Comma),
            ("!=", Token::Compare(Comparison::NotEqual)),
            ("<=", Token::Compare(Comparison::LessOrEqual)),
            (">=", Token::Compare(Comparison::GreaterOrEqual)),
            ("<", Token::Compare(Comparison::Less)),
            (">", Token::Compare(Comparison::Greater)),
            ("=", Token::Compare(Comparison::Equal)),
        ];
        let (token, left) = if let Some((sign, token)) = fixed.into_iter().find(|(sign, _)| rest.starts_with(sign)) {
            (token, rest.get(sign.len()..)?)
        } else if first == '"' {
            let (inner, left) = split_quoted(rest.get(1..)?, '"')?;
            (Token::Quoted(inner), left)
        } else if first == '%' {
            let (inner, left) = split_quoted(rest.get(1..)?, '%')?;
            (Token::Regex(Regex::new(&inner).ok()?), left)
        } else {
            word(rest)?
        };
        tokens.push(token);
        rest = left.trim_start();
    }
    Some(tokens)
}

/// A word ends at a space or a sign; brackets in it keep theirs: `$.a['b c'][0]`.
fn word(text: &str) -> Option<(Token, &str)> {
    let mut quote = None;
    let mut end = text.len();
    for (place, letter) in text.char_indices() {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if matches!(letter, '\'' | '"') && text.get(..place).is_some_and(|before| before.ends_with('[')) => {
                quote = Some(letter);
            }
            None if letter.is_whitespace() || "()=!<>&|,\"".contains(letter) => {
                end = place;
                break;
            }
            None => {}
        }
    }
    // A sign that starts nothing (`!`, `&`) is no word.
    (end > 0 && quote.is_none())
        .then(|| (Token::Word(text.get(..end).unwrap_or_default().to_owned()), text.get(end..).unwrap_or_default()))
}

/// A quoted text without its quotes, and the rest; a backslash keeps a quote from ending it.
pub(super) fn split_quoted(text: &str, delimiter: char) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut escaped = false;
    for (place, letter) in text.char_indices() {
        if escaped {
            if letter != delimiter && letter != '\\' {
                inner.push('\\');
            }
            inner.push(letter);
            escaped = false;
        } else if letter == '\\' && delimiter != '%' {
            escaped = true;
        } else if letter == delimiter {
            return Some((inner, text.get(place + letter.len_utf8()..)?));
        } else {
            inner.push(letter);
        }
    }
    None
}
