//! Reads JSON token by token, remembering where it is in the way that AWS's parser does, because its messages say where a
//! mistake was noticed.

use std::fmt;

use crate::Dialect;

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// What is wrong, without the place.
    pub reason: String,
    /// Where it was noticed: the text after the reason, on a line of its own. Some reasons come without.
    pub location: Option<String>,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match &self.location {
            Some(location) => write!(f, "\n {location}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PatternError {}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    StartObject,
    EndObject,
    StartArray,
    EndArray,
    Name(String),
    Text(String),
    /// As it was written.
    Number(String),
    True,
    False,
    Null,
    End,
}

#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Object,
    Array,
}

/// More nesting than this is refused, so that a hostile pattern cannot exhaust the stack.
const MAX_DEPTH: usize = 64;

pub(crate) struct Tokens<'a> {
    text: &'a str,
    /// Where the next token is searched.
    position: usize,
    /// Where the parser claims to be.
    noticed: usize,
    stack: Vec<Inside>,
    /// A value was read at this level, so that a comma has to come before the next one.
    separated: bool,
    pub(crate) dialect: Dialect,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str, dialect: Dialect) -> Self {
        Self { text, position: 0, noticed: 0, stack: Vec::new(), separated: true, dialect }
    }

    /// An error at the place where the parser is.
    pub(crate) fn error(&self, reason: impl Into<String>) -> PatternError {
        self.error_at(reason, self.noticed)
    }

    /// An error within a list of `anything-but`, of which AWS says twice where it is.
    pub(crate) fn error_in_list(&self, reason: impl Into<String>) -> PatternError {
        let location = self.location(self.noticed);
        PatternError { reason: reason.into(), location: Some(format!("{location}\n {location}")) }
    }

    fn error_at(&self, reason: impl Into<String>, position: usize) -> PatternError {
        PatternError { reason: reason.into(), location: Some(self.location(position)) }
    }

    fn location(&self, position: usize) -> String {
        const SHOWN: usize = 500;
        let before = self.text.get(..position).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).encode_utf16().count() + 1;
        let total = self.text.chars().count();
        let shown: String = self.text.chars().take(SHOWN).collect();
        let rest = if total > SHOWN { format!("[truncated {} chars]", total - SHOWN) } else { String::new() };
        format!("at [Source: (String)\"{shown}\"{rest}; line: {line}, column: {column}]")
    }

    /// The text of the token just read has been looked at as a whole, which moves the parser behind it.
    pub(crate) fn read_text(&mut self) {
        self.noticed = self.position;
    }

    pub(crate) fn next(&mut self) -> Result<Token, PatternError> {
        self.skip_space();
        let Some(letter) = self.peek() else {
            self.noticed = self.position;
            return match self.stack.last() {
                None => Ok(Token::End),
                Some(inside) => {
                    let kind = if *inside == Inside::Object { "Object" } else { "Array" };
                    Err(self.error(format!("Unexpected end-of-input: expected close marker for {kind}")))
                }
            };
        };
        let closing = match self.stack.last() {
            Some(Inside::Object) => letter == '}',
            Some(Inside::Array) => letter == ']',
            None => false,
        };
        if closing {
            self.position += 1;
            self.noticed = self.position;
            let inside = self.stack.pop();
            self.separated = false;
            return Ok(if inside == Some(Inside::Object) { Token::EndObject } else { Token::EndArray });
        }
        if !self.separated {
            if letter != ',' {
                let kind = if self.stack.last() == Some(&Inside::Object) { "Object" } else { "Array" };
                return Err(self.unexpected(letter, &format!("was expecting comma to separate {kind} entries")));
            }
            self.position += 1;
            self.skip_space();
        }
        self.separated = false;
        match self.stack.last() {
            Some(Inside::Object) => self.name(),
            _ => self.value(),
        }
    }

    /// The value that follows a name.
    pub(crate) fn value(&mut self) -> Result<Token, PatternError> {
        self.skip_space();
        let Some(letter) = self.peek() else {
            self.noticed = self.position;
            return Err(self.error("Unexpected end-of-input"));
        };
        match letter {
            '{' | '[' => {
                if self.stack.len() == MAX_DEPTH {
                    return Err(self.error("The pattern is nested too deeply"));
                }
                self.stack.push(if letter == '{' { Inside::Object } else { Inside::Array });
                self.position += 1;
                self.noticed = self.position;
                self.separated = true;
                Ok(if letter == '{' { Token::StartObject } else { Token::StartArray })
            }
            '"' => {
                // The parser reads a string's text only when it is asked for.
                let lazy = self.position + 1;
                let text = self.string()?;
                self.noticed = lazy;
                Ok(Token::Text(text))
            }
            '-' | '0'..='9' => self.number(),
            _ => self.literal(letter),
        }
    }

    fn name(&mut self) -> Result<Token, PatternError> {
        match self.peek() {
            Some('"') => {}
            Some(letter) => return Err(self.unexpected(letter, "was expecting double-quote to start field name")),
            None => return Err(self.error_at("Unexpected end-of-input", self.position)),
        }
        let name = self.string()?;
        self.skip_space();
        match self.peek() {
            Some(':') => self.position += 1,
            Some(letter) => {
                return Err(self.unexpected(letter, "was expecting a colon to separate field name and value"));
            }
            None => return Err(self.error_at("Unexpected end-of-input", self.position)),
        }
        // With a name, the parser has already seen how its value starts.
        self.skip_space();
        self.noticed = match self.peek() {
            Some('{' | '[' | '"') => self.position + 1,
            _ => self.position + self.rest().find([',', '}', ']', ' ', '\n', '\t', '\r']).unwrap_or(self.rest().len()),
        };
        Ok(Token::Name(name))
    }

    fn string(&mut self) -> Result<String, PatternError> {
        let start = self.position;
        let mut escaped = false;
        for (offset, letter) in self.rest().char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if letter == '\\' {
                escaped = true;
            } else if letter == '"' {
                self.position = start + offset + 1;
                let literal = self.text.get(start..self.position).unwrap_or_default();
                return serde_json::from_str(literal).map_err(|_| {
                    self.error_at("Unrecognized character escape or illegal character in a string", start)
                });
            }
        }
        Err(self.error_at("Unexpected end-of-input in a string", self.text.len()))
    }

    fn number(&mut self) -> Result<Token, PatternError> {
        let start = self.position;
        let rest = self.rest();
        let length = rest
            .find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, '-' | '+' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        let literal = rest.get(..length).unwrap_or_default().to_owned();
        if serde_json::from_str::<serde_json::Number>(&literal).is_err() {
            return Err(self.error_at(format!("Invalid numeric value: {literal}"), start));
        }
        self.position += length;
        self.noticed = self.position;
        Ok(Token::Number(literal))
    }

    fn literal(&mut self, letter: char) -> Result<Token, PatternError> {
        let rest = self.rest();
        let length = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default().to_owned();
        let token = match word.as_str() {
            "true" => Token::True,
            "false" => Token::False,
            "null" => Token::Null,
            "" => {
                let expected =
                    "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
                return Err(self.unexpected(letter, expected));
            }
            _ => {
                let reason = format!(
                    "Unrecognized token '{word}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
                );
                return Err(self.error_at(reason, self.position + length));
            }
        };
        self.position += length;
        self.noticed = self.position;
        Ok(token)
    }

    fn unexpected(&self, letter: char, expected: &str) -> PatternError {
        let code = u32::from(letter);
        self.error_at(format!("Unexpected character ('{letter}' (code {code})): {expected}"), self.position)
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
}
