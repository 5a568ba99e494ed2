//! The line text that the models are kept in: blocks of lines, read by people in reviews and parsed at start.
//!
//! A block is a head line and the indented lines under it. A line is words separated by one space: positional
//! ones first, then attributes (`key=value`, or `key` alone for a flag).
//!
//! ```text
//! service sqs 2012-11-05
//!   protocols json1.0 query
//!
//! operation SendMessage POST / 200
//!   input SendMessageRequest
//!
//! structure SendMessageRequest
//!   QueueUrl String required
//!
//! string Alias min=1 max=128
//!   pattern [a-zA-Z0-9-_]+
//! ```
//!
//! Blocks are sorted: the service, its operations by name, its shapes by name. Members stay in the order of the
//! imported model, which is the order AWS reports violations in.

use std::fmt;

/// A line that does not follow the format, or names something that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl FormatError {
    pub(crate) fn new(line: usize, problem: impl Into<String>) -> Self {
        Self { line, problem: problem.into() }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for FormatError {}

/// One line without its indentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its place in the file, counted from 1.
    pub number: usize,
    /// Its text.
    pub text: &'a str,
}

impl<'a> Line<'a> {
    /// The first word, and everything after the space that follows it.
    pub fn split_first(&self) -> (&'a str, &'a str) {
        self.text.split_once(' ').unwrap_or((self.text, ""))
    }

    /// The words of the line, to be taken one after the other.
    pub fn words(&self) -> Words<'a> {
        Words { line: *self, rest: self.text.split(' ') }
    }

    /// An error that points at this line.
    pub fn error(&self, problem: impl Into<String>) -> FormatError {
        FormatError::new(self.number, problem)
    }
}

/// The words of one line.
pub struct Words<'a> {
    line: Line<'a>,
    rest: std::str::Split<'a, char>,
}

impl<'a> Words<'a> {
    /// The next positional word; `what` names it in the error when there is none.
    ///
    /// # Errors
    /// When the line ends before it.
    pub fn expect(&mut self, what: &str) -> Result<&'a str, FormatError> {
        match self.rest.next() {
            Some(word) if !word.is_empty() => Ok(word),
            _ => Err(self.line.error(format!("{what} is missing"))),
        }
    }

    /// The words that remain, as attributes: the value is empty for a flag.
    pub fn attributes(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.rest.map(|word| word.split_once('=').unwrap_or((word, "")))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.rest.next()
    }
}

/// A head line and the lines that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'a> {
    /// `structure SendMessageRequest`
    pub head: Line<'a>,
    /// The indented lines under it.
    pub body: Vec<Line<'a>>,
}

/// Splits a text into its blocks; blank lines and lines that start with `#` are left out.
///
/// # Errors
/// An indented line before the first head, an indentation other than two spaces, a trailing space.
pub fn blocks(text: &str) -> Result<Vec<Block<'_>>, FormatError> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let number = index + 1;
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some(indented) = text.strip_prefix("  ") else {
            if text.starts_with(' ') {
                return Err(FormatError::new(number, "a line is indented by two spaces"));
            }
            blocks.push(Block { head: Line { number, text }, body: Vec::new() });
            continue;
        };
        let Some(block) = blocks.last_mut() else {
            return Err(FormatError::new(number, "an indented line before the first block"));
        };
        block.body.push(Line { number, text: indented });
    }
    Ok(blocks)
}

/// Writes blocks as text: the inverse of [`blocks`] but for comments, with a blank line before each operation and
/// between the three parts.
pub fn write(blocks: &[Block<'_>]) -> String {
    let mut text = String::new();
    let mut previous = "";
    for block in blocks {
        let (keyword, _) = block.head.split_first();
        let part = if matches!(keyword, "service" | "operation") { keyword } else { "shape" };
        if !text.is_empty() && part != previous {
            text.push('\n');
        }
        previous = part;
        text.push_str(block.head.text);
        text.push('\n');
        for line in &block.body {
            text.push_str("  ");
            text.push_str(line.text);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_end_in_attributes() {
        let line = Line { number: 7, text: "QueueUrl String required uri=A=b" };
        let mut words = line.words();
        assert_eq!(words.expect("name"), Ok("QueueUrl"));
        assert_eq!(words.expect("shape"), Ok("String"));
        assert_eq!(words.attributes().collect::<Vec<_>>(), [("required", ""), ("uri", "A=b")]);
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(blocks("service a 1\n\n   b\n").unwrap()[0].body[0].text, " b");
        assert_eq!(blocks("service a 1\n b\n").unwrap_err().line, 2);
        assert_eq!(blocks("# x\n  a\n").unwrap_err().to_string(), "line 2: an indented line before the first block");
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[ a-z#=\n]{0,80}") {
            if let Ok(parsed) = blocks(&text) {
                let again = write(&parsed);
                prop_assert_eq!(write(&blocks(&again).unwrap()), again);
            }
        }
    }
}
