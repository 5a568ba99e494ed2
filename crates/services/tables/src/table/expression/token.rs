//! The words of an expression.

use super::ExpressionError;

/// A word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// An attribute's name, a function's name or a keyword.
    Name(&'a str),
    /// `#name`
    NameRef(&'a str),
    /// `:value`
    ValueRef(&'a str),
    /// A list index's digits.
    Digits(&'a str),
    /// An operator or punctuation.
    Symbol(&'a str),
    /// The end of the expression.
    End,
}

/// A sequence of words with a place in it.
pub struct Tokens<'a> {
    text: &'a str,
    tokens: Vec<(Token<'a>, usize, usize)>,
    at: usize,
    depth: usize,
}

/// How deep parentheses and operators may be nested, so that no expression can exhaust the stack.
const MAX_NESTING: usize = 60;

impl<'a> Tokens<'a> {
    /// Splits an expression into words. Any text has words; what is no word of the language is a symbol that no rule expects.
    pub fn new(text: &'a str) -> Self {
        let mut tokens = Vec::with_capacity(text.len() / 3 + 1);
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(first) = rest.chars().next() else { break };
            if matches!(first, ' ' | '\t' | '\r' | '\n') {
                at += 1;
                continue;
            }
            let len = word_length(rest, first);
            let word = rest.get(..len).unwrap_or(rest);
            let token = match first {
                'a'..='z' | 'A'..='Z' => Token::Name(word),
                '#' if len > 1 => Token::NameRef(word),
                ':' if len > 1 => Token::ValueRef(word),
                '0'..='9' => Token::Digits(word),
                _ => Token::Symbol(word),
            };
            tokens.push((token, at, at + len));
            at += len;
        }
        Self { text, tokens, at: 0, depth: 0 }
    }

    /// The next word, without taking it.
    pub fn peek(&self) -> Token<'a> {
        self.tokens.get(self.at).map_or(Token::End, |(token, ..)| *token)
    }

    /// The word after the next one.
    pub fn peek_second(&self) -> Token<'a> {
        self.tokens.get(self.at + 1).map_or(Token::End, |(token, ..)| *token)
    }

    /// Takes the next word.
    pub fn take(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Takes the next word if it is this symbol.
    pub fn symbol(&mut self, symbol: &str) -> bool {
        let found = self.peek() == Token::Symbol(symbol);
        self.at += usize::from(found);
        found
    }

    /// Takes the next word if it is this keyword, in any case.
    pub fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Token::Name(name) if name.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    /// Takes this symbol, or complains about what is there.
    pub fn expect(&mut self, symbol: &str) -> Result<(), ExpressionError> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.syntax_error()) }
    }

    /// Nothing may follow.
    pub fn expect_end(&self) -> Result<(), ExpressionError> {
        if self.peek() == Token::End { Ok(()) } else { Err(self.syntax_error()) }
    }

    /// Goes one level deeper; every call is paired with [`Tokens::leave`].
    pub fn enter(&mut self) -> Result<(), ExpressionError> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(ExpressionError("The expression has too many nested levels;".to_owned()));
        }
        Ok(())
    }

    /// Comes back from a level.
    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    /// The complaint about the next word: the word, and the text from the word before it to the word after it.
    pub fn syntax_error(&self) -> ExpressionError {
        let span = |at: usize| self.tokens.get(at).map(|(_, start, end)| (*start, *end));
        let before = self.at.checked_sub(1).and_then(span);
        let (token, near) = match span(self.at) {
            Some((start, end)) => {
                let from = before.map_or(start, |(start, _)| start);
                let to = span(self.at + 1).map_or(end, |(_, end)| end);
                (self.text.get(start..end), self.text.get(from..to))
            }
            None => (Some("<EOF>"), before.and_then(|(start, end)| self.text.get(start..end))),
        };
        let (token, near) = (token.unwrap_or_default(), near.unwrap_or_default());
        ExpressionError(format!("Syntax error; token: \"{token}\", near: \"{near}\""))
    }
}

fn word_length(rest: &str, first: char) -> usize {
    let run = |of: fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
    let part: fn(char) -> bool = |c| c.is_ascii_alphanumeric() || c == '_';
    match first {
        'a'..='z' | 'A'..='Z' => run(part),
        '0'..='9' => run(|c| c.is_ascii_digit()),
        '#' | ':' => {
            let tail = rest.get(1..).unwrap_or_default();
            1 + tail.find(|c| !part(c)).unwrap_or(tail.len())
        }
        '<' if rest.starts_with("<>") || rest.starts_with("<=") => 2,
        '>' if rest.starts_with(">=") => 2,
        _ => first.len_utf8(),
    }
}
