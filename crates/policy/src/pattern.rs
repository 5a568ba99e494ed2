//! Strings with wildcards and policy variables, as they stand in `Action`, `Resource` and condition values.

use crate::context::Context;

/// One piece of a compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// This text, literally.
    Text(Box<str>),
    /// `*`: any text, also none.
    Star,
    /// `?`: exactly one character.
    One,
    /// `${key}` or `${key, 'default'}`: what the request says; its wildcards are ordinary characters.
    Variable { key: Box<str>, default: Option<Box<str>> },
}

/// How a pattern reads its text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// `*` and `?` are wildcards.
    pub(crate) wildcards: bool,
    /// `${…}` is a variable; only in documents of version 2012-10-17.
    pub(crate) variables: bool,
}

/// A compiled pattern. The frequent forms have a lane of their own, so that most statements are decided by one
/// comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `*`
    Any,
    /// No wildcard at all.
    Exact(Box<str>),
    /// One `*`, at the end.
    Prefix(Box<str>),
    /// Everything else without variables.
    Glob(Box<[Token]>),
    /// With at least one variable.
    Variables(Box<[Token]>),
}

/// Splits `raw` into tokens.
pub(crate) fn tokens(raw: &str, reading: Reading) -> Vec<Token> {
    let mut out = Vec::new();
    let mut text = String::new();
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        if reading.variables
            && let Some((token, after)) = variable(rest)
        {
            match token {
                // `${*}`, `${?}` and `${$}` stand for the character itself.
                Token::Text(escaped) => text.push_str(&escaped),
                other => {
                    flush(&mut text, &mut out);
                    out.push(other);
                }
            }
            rest = after;
            continue;
        }
        match c {
            '*' if reading.wildcards => {
                flush(&mut text, &mut out);
                if out.last() != Some(&Token::Star) {
                    out.push(Token::Star);
                }
            }
            '?' if reading.wildcards => {
                flush(&mut text, &mut out);
                out.push(Token::One);
            }
            other => text.push(other),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or("");
    }
    flush(&mut text, &mut out);
    out
}

fn flush(text: &mut String, out: &mut Vec<Token>) {
    if !text.is_empty() {
        out.push(Token::Text(std::mem::take(text).into_boxed_str()));
    }
}

/// Reads `${…}` at the start of `text`; `None` when there is none or it is never closed (then it is plain text).
fn variable(text: &str) -> Option<(Token, &str)> {
    let inside = text.strip_prefix("${")?;
    let end = inside.find('}')?;
    let (body, after) = (inside.get(..end)?, inside.get(end + 1..)?);
    if matches!(body, "*" | "?" | "$") {
        return Some((Token::Text(body.into()), after));
    }
    let (key, default) = match body.split_once(',') {
        Some((key, default)) => {
            let default = default.trim();
            let default = default.strip_prefix('\'').and_then(|d| d.strip_suffix('\''))?;
            (key.trim(), Some(default.into()))
        }
        None => (body.trim(), None),
    };
    if key.is_empty() {
        return None;
    }
    Some((Token::Variable { key: key.to_ascii_lowercase().into_boxed_str(), default }, after))
}

impl Pattern {
    pub(crate) fn compile(raw: &str, reading: Reading) -> Pattern {
        Pattern::from_tokens(tokens(raw, reading))
    }

    pub(crate) fn from_tokens(tokens: Vec<Token>) -> Pattern {
        if tokens.iter().any(|t| matches!(t, Token::Variable { .. })) {
            return Pattern::Variables(tokens.into_boxed_slice());
        }
        match tokens.as_slice() {
            [] => Pattern::Exact("".into()),
            [Token::Star] => Pattern::Any,
            [Token::Text(text)] => Pattern::Exact(text.clone()),
            [Token::Text(text), Token::Star] => Pattern::Prefix(text.clone()),
            _ => Pattern::Glob(tokens.into_boxed_slice()),
        }
    }

    /// Whether `text` matches. A variable that the request does not know and that has no default matches nothing.
    pub(crate) fn matches(&self, text: &str, context: &Context, ignore_case: bool) -> bool {
        match self {
            Pattern::Any => true,
            Pattern::Exact(exact) if ignore_case => same_ignoring_case(exact, text),
            Pattern::Exact(exact) => **exact == *text,
            Pattern::Prefix(prefix) => starts_with(text, prefix, ignore_case),
            Pattern::Glob(tokens) => {
                let pieces: Vec<Piece<'_>> = tokens.iter().filter_map(Piece::of_token).collect();
                glob(&pieces, text, ignore_case)
            }
            Pattern::Variables(tokens) => match resolve(tokens, context) {
                Some(pieces) => glob(&pieces, text, ignore_case),
                None => false,
            },
        }
    }
}

/// A token whose variables are resolved.
#[derive(Debug, Clone, Copy)]
enum Piece<'a> {
    Text(&'a str),
    Star,
    One,
}

impl<'a> Piece<'a> {
    fn of_token(token: &'a Token) -> Option<Piece<'a>> {
        match token {
            Token::Text(text) => Some(Piece::Text(text)),
            Token::Star => Some(Piece::Star),
            Token::One => Some(Piece::One),
            Token::Variable { .. } => None,
        }
    }
}

fn resolve<'a>(tokens: &'a [Token], context: &'a Context) -> Option<Vec<Piece<'a>>> {
    let mut pieces = Vec::with_capacity(tokens.len());
    for token in tokens {
        match token {
            Token::Variable { key, default } => {
                let value = context.single(key).or(default.as_deref())?;
                pieces.push(Piece::Text(value));
            }
            other => pieces.extend(Piece::of_token(other)),
        }
    }
    Some(pieces)
}

fn same_ignoring_case(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.to_lowercase() == b.to_lowercase()
}

fn starts_with(text: &str, prefix: &str, ignore_case: bool) -> bool {
    match text.as_bytes().get(..prefix.len()) {
        Some(head) if ignore_case => head.eq_ignore_ascii_case(prefix.as_bytes()),
        Some(head) => head == prefix.as_bytes(),
        None => false,
    }
}

/// Matches with one remembered star: linear in practice, `O(pattern × text)` at worst, never exponential.
fn glob(pieces: &[Piece<'_>], text: &str, ignore_case: bool) -> bool {
    let mut at_piece = 0;
    let mut rest = text;
    // Where to take up again: the piece behind the last star, and the text that star has not swallowed yet.
    let mut retry: Option<(usize, &str)> = None;
    loop {
        let advanced = match pieces.get(at_piece) {
            None if rest.is_empty() => return true,
            None => None,
            Some(Piece::Star) => {
                at_piece += 1;
                if at_piece == pieces.len() {
                    return true;
                }
                retry = Some((at_piece, rest));
                continue;
            }
            Some(Piece::One) => rest.chars().next().and_then(|c| rest.get(c.len_utf8()..)),
            Some(Piece::Text(literal)) if starts_with(rest, literal, ignore_case) => rest.get(literal.len()..),
            Some(Piece::Text(_)) => None,
        };
        if let Some(after) = advanced {
            at_piece += 1;
            rest = after;
            continue;
        }
        let Some((piece, swallowed_to)) = retry else { return false };
        let Some(c) = swallowed_to.chars().next() else { return false };
        rest = swallowed_to.get(c.len_utf8()..).unwrap_or("");
        at_piece = piece;
        retry = Some((piece, rest));
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any text and `?` for one character; case decides.
pub fn wildcard_match(pattern: &str, text: &str) -> bool {
    let reading = Reading { wildcards: true, variables: false };
    Pattern::compile(pattern, reading).matches(text, &Context::default(), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition itself, without a thought for speed.
    fn reference(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|n| reference(rest, &text[n..])),
            Some(('?', rest)) => !text.is_empty() && reference(rest, &text[1..]),
            Some((c, rest)) => text.first() == Some(c) && reference(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?ä]{0,8}", text in "[abä]{0,10}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(wildcard_match(&pattern, &text), reference(&p, &t));
        }

        #[test]
        fn never_panics(raw in any::<String>(), text in any::<String>()) {
            let pattern = Pattern::compile(&raw, Reading { wildcards: true, variables: true });
            pattern.matches(&text, &Context::default(), true);
        }
    }

    #[test]
    fn variables_escapes_and_defaults() {
        let mut context = Context::default();
        context.set("aws:username", "al*ce");
        let reading = Reading { wildcards: true, variables: true };
        let matches = |raw: &str, text: &str| Pattern::compile(raw, reading).matches(text, &context, false);
        assert!(matches("home/${aws:UserName}/*", "home/al*ce/x"));
        assert!(!matches("home/${aws:username}/*", "home/alice/x"), "a value's wildcards are ordinary characters");
        assert!(matches("team/${aws:PrincipalTag/team, 'blue'}", "team/blue"));
        assert!(!matches("team/${aws:PrincipalTag/team}", "team/"), "unknown and without default matches nothing");
        assert!(matches("a${*}b${?}${$}", "a*b?$") && !matches("a${*}b", "axb"));
        assert!(matches("open${brace", "open${brace"));
    }
}
