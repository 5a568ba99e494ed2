//! Reading queries.

use regex::Regex;

use super::expression::{Expression, function};
use super::record::Scalar;
use super::stats::Aggregate;
use super::tokens::{Token, tokens};
use super::{Command, Named, ROWS};

/// Deeper nesting is refused.
const DEEPEST: usize = 64;

/// The pieces that are left.
struct Parser {
    tokens: Vec<Token>,
    place: usize,
    depth: usize,
}

/// Reads a query: commands with `|` between them.
pub(super) fn parse(text: &str) -> Result<Vec<Command>, String> {
    let mut parser = Parser { tokens: tokens(text)?, place: 0, depth: 0 };
    let mut commands = Vec::new();
    parser.take("|"); // a leading one is allowed
    while parser.peek().is_some() {
        commands.push(parser.command()?);
        if parser.peek().is_some() && !parser.take("|") {
            return Err(parser.unexpected());
        }
    }
    Ok(commands)
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.place)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.place).cloned();
        self.place += 1;
        token
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.place += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word));
        self.place += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> String {
        match self.peek() {
            None => "unexpected end of the query".to_owned(),
            Some(Token::Word(text) | Token::Field(text) | Token::Text(text)) => {
                format!("unexpected symbol found {text}")
            }
            Some(Token::Number(number)) => format!("unexpected symbol found {number}"),
            Some(Token::Regex(regex)) => format!("unexpected symbol found /{regex}/"),
            Some(Token::Sign(sign)) => format!("unexpected symbol found {sign}"),
        }
    }

    fn word(&mut self) -> Result<String, String> {
        match self.peek() {
            Some(Token::Word(_) | Token::Field(_)) => match self.next() {
                Some(Token::Word(word) | Token::Field(word)) => Ok(word),
                _ => Err(self.unexpected()),
            },
            _ => Err(self.unexpected()),
        }
    }

    fn command(&mut self) -> Result<Command, String> {
        let before = self.place;
        let name = self.word()?.to_lowercase();
        match &*name {
            "fields" => self.named_list().map(Command::Fields),
            "display" => self.named_list().map(Command::Display),
            "filter" | "where" => self.expression().map(Command::Filter),
            "parse" => self.parse_command(),
            "stats" => self.stats(),
            "sort" | "order" => {
                self.take_word("by");
                self.sort()
            }
            "limit" | "head" | "tail" => match self.next() {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds")]
                Some(Token::Number(number)) if number >= 1.0 && number.fract() == 0.0 => {
                    Ok(Command::Limit(number.min(ROWS as f64) as usize))
                }
                _ => Err(format!("{name} takes a number")),
            },
            "dedup" => {
                let mut names = vec![self.word()?];
                while self.take(",") {
                    names.push(self.word()?);
                }
                Ok(Command::Dedup(names))
            }
            _ => {
                self.place = before;
                Err(self.unexpected())
            }
        }
    }

    fn named_list(&mut self) -> Result<Vec<Named>, String> {
        let mut all = vec![self.named()?];
        while self.take(",") {
            all.push(self.named()?);
        }
        Ok(all)
    }

    /// An expression, with a name of its own or what was written.
    fn named(&mut self) -> Result<Named, String> {
        let start = self.place;
        let expression = self.expression()?;
        let name = if self.take_word("as") { self.word()? } else { self.written(start) };
        Ok(Named { name, expression })
    }

    /// What was written from a place on, as results call it.
    fn written(&self, start: usize) -> String {
        let mut text = String::new();
        for token in self.tokens.get(start..self.place).unwrap_or_default() {
            match token {
                Token::Word(word) | Token::Field(word) => text.push_str(word),
                Token::Number(number) => text.push_str(&number.to_string()),
                Token::Text(inner) => text.push_str(&format!("\"{inner}\"")),
                Token::Regex(regex) => text.push_str(&format!("/{regex}/")),
                Token::Sign(sign @ ("(" | ")" | "[" | "]")) => text.push_str(sign),
                Token::Sign(",") => text.push_str(", "),
                Token::Sign(sign) => text.push_str(sign),
            }
        }
        text
    }

    fn parse_command(&mut self) -> Result<Command, String> {
        // Without a field, the message is meant.
        let from = match self.peek() {
            Some(Token::Text(_) | Token::Regex(_)) => Expression::Field("@message".to_owned()),
            _ => Expression::Field(self.word()?),
        };
        match self.next() {
            Some(Token::Text(glob)) => {
                let with = glob_regex(&glob)?;
                if !self.take_word("as") {
                    return Err(self.unexpected());
                }
                let mut names = vec![self.word()?];
                while self.take(",") {
                    names.push(self.word()?);
                }
                if with.captures_len() != names.len() + 1 {
                    return Err("a glob of parse has as many * as names".to_owned());
                }
                Ok(Command::Parse { from, with, names })
            }
            Some(Token::Regex(with)) => {
                let names: Vec<String> =
                    with.capture_names().skip(1).map(|name| name.unwrap_or_default().to_owned()).collect();
                if names.is_empty() || names.iter().any(String::is_empty) {
                    return Err("a regular expression of parse names its groups".to_owned());
                }
                Ok(Command::Parse { from, with, names })
            }
            _ => Err("parse takes a glob or a regular expression".to_owned()),
        }
    }

    fn sort(&mut self) -> Result<Command, String> {
        let mut keys = Vec::new();
        loop {
            let key = self.expression()?;
            let descending = self.take_word("desc");
            if !descending {
                self.take_word("asc");
            }
            keys.push((key, descending));
            if !self.take(",") {
                return Ok(Command::Sort(keys));
            }
        }
    }

    fn stats(&mut self) -> Result<Command, String> {
        let mut aggregates = Vec::new();
        loop {
            let start = self.place;
            let aggregate = self.aggregate()?;
            let name = if self.take_word("as") { self.word()? } else { self.written(start) };
            aggregates.push((name, aggregate));
            if !self.take(",") {
                break;
            }
        }
        let by = if self.take_word("by") { self.named_list()? } else { Vec::new() };
        Ok(Command::Stats { aggregates, by })
    }

    fn aggregate(&mut self) -> Result<Aggregate, String> {
        let name = self.word()?.to_lowercase();
        self.expect("(")?;
        if name == "count" && (self.take(")") || (self.take("*") && self.take(")"))) {
            return Ok(Aggregate::Count(None));
        }
        let of = self.expression()?;
        let aggregate = match &*name {
            "count" => Aggregate::Count(Some(of)),
            "count_distinct" => Aggregate::CountDistinct(of),
            "sum" => Aggregate::Sum(of),
            "avg" => Aggregate::Average(of),
            "min" => Aggregate::Least(of),
            "max" => Aggregate::Greatest(of),
            "stddev" => Aggregate::Deviation(of),
            "earliest" => Aggregate::Earliest(of),
            "latest" => Aggregate::Latest(of),
            "sortsfirst" => Aggregate::First(of),
            "sortslast" => Aggregate::Last(of),
            "pct" | "median" => {
                let part = if name == "median" {
                    50.0
                } else {
                    self.expect(",")?;
                    match self.next() {
                        Some(Token::Number(part)) => part,
                        _ => return Err("pct takes a field and a number".to_owned()),
                    }
                };
                Aggregate::Percentile(of, part)
            }
            _ => return Err(format!("unknown function {name}")),
        };
        self.expect(")")?;
        Ok(aggregate)
    }

    fn expression(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the query is nested too deeply".to_owned());
        }
        let mut left = self.conjunction()?;
        while self.take_word("or") {
            left = Expression::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expression, String> {
        let mut left = self.negation()?;
        while self.take_word("and") {
            left = Expression::And(Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expression, String> {
        let mut negated = false;
        while self.take_word("not") {
            negated = !negated;
        }
        let inner = self.comparison()?;
        Ok(if negated { Expression::Not(Box::new(inner)) } else { inner })
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        let left = Box::new(self.sum()?);
        for sign in ["=", "!=", "<=", ">=", "<", ">"] {
            if self.take(sign) {
                return Ok(Expression::Compare(sign, left, Box::new(self.sum()?)));
            }
        }
        if self.take("=~") {
            return self.like(left);
        }
        let negated = self.take_word("not");
        let found = if self.take_word("like") {
            self.like(left)?
        } else if self.take_word("in") {
            self.expect("[")?;
            let mut values = vec![self.sum()?];
            while self.take(",") {
                values.push(self.sum()?);
            }
            self.expect("]")?;
            Expression::In(left, values)
        } else if negated {
            return Err(self.unexpected());
        } else {
            return Ok(*left);
        };
        Ok(if negated { Expression::Not(Box::new(found)) } else { found })
    }

    fn like(&mut self, left: Box<Expression>) -> Result<Expression, String> {
        match self.next() {
            Some(Token::Regex(regex)) => Ok(Expression::Like(left, regex)),
            Some(Token::Text(text)) => {
                // A text is looked for; a `%` stands for anything.
                let pattern = text.split('%').map(regex::escape).collect::<Vec<_>>().join(".*");
                let regex = Regex::new(&pattern).map_err(|problem| problem.to_string())?;
                Ok(Expression::Like(left, regex))
            }
            _ => Err("like takes a text or a regular expression".to_owned()),
        }
    }

    fn sum(&mut self) -> Result<Expression, String> {
        let mut left = self.product()?;
        loop {
            let Some(sign) = ["+", "-"].into_iter().find(|sign| self.take(sign)) else { return Ok(left) };
            left = Expression::Arithmetic(sign, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expression, String> {
        let mut left = self.power()?;
        loop {
            let Some(sign) = ["*", "/", "%"].into_iter().find(|sign| self.take(sign)) else { return Ok(left) };
            left = Expression::Arithmetic(sign, Box::new(left), Box::new(self.power()?));
        }
    }

    fn power(&mut self) -> Result<Expression, String> {
        let base = self.value()?;
        if self.take("^") {
            return Ok(Expression::Arithmetic("^", Box::new(base), Box::new(self.value()?)));
        }
        Ok(base)
    }

    fn value(&mut self) -> Result<Expression, String> {
        if self.take("-") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err("the query is nested too deeply".to_owned());
            }
            let inner = self.value()?;
            self.depth -= 1;
            let zero = Expression::Value(Scalar::Number(0.0));
            return Ok(Expression::Arithmetic("-", Box::new(zero), Box::new(inner)));
        }
        if self.take("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        match self.peek() {
            Some(Token::Number(_) | Token::Text(_) | Token::Field(_) | Token::Word(_)) => {}
            _ => return Err(self.unexpected()),
        }
        match self.next() {
            Some(Token::Number(number)) => Ok(Expression::Value(Scalar::Number(number))),
            Some(Token::Text(text)) => Ok(Expression::Value(Scalar::Text(text))),
            Some(Token::Field(field)) => Ok(Expression::Field(field)),
            Some(Token::Word(word)) if self.take("(") => self.call(&word),
            Some(Token::Word(word)) => match span(&word) {
                #[allow(clippy::cast_precision_loss, reason = "spans of time")]
                Some(span) => Ok(Expression::Value(Scalar::Number(span as f64))),
                None => Ok(Expression::Field(word)),
            },
            _ => Err(self.unexpected()),
        }
    }

    fn call(&mut self, name: &str) -> Result<Expression, String> {
        if name.eq_ignore_ascii_case("bin") {
            let word = self.word()?;
            let span = span(&word).ok_or_else(|| format!("{word} is no span of time"))?;
            self.expect(")")?;
            return Ok(Expression::Bin(span));
        }
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                arguments.push(self.expression()?);
                if !self.take(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        Ok(Expression::Call(function(name, arguments.len())?, arguments))
    }
}

/// `5m`: milliseconds.
fn span(word: &str) -> Option<i64> {
    let end = word.find(|letter: char| !letter.is_ascii_digit())?;
    let (digits, unit) = word.split_at(end);
    let unit = match unit {
        "ms" | "msec" => 1,
        "s" | "sec" | "second" | "seconds" => 1000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        "w" | "week" | "weeks" => 7 * 86_400_000,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(unit).filter(|span| *span > 0)
}

/// `user=* took * ms`
fn glob_regex(glob: &str) -> Result<Regex, String> {
    let mut parts: Vec<String> = glob.split('*').map(regex::escape).collect();
    // The last one takes all that is left.
    let last = parts.pop().unwrap_or_default();
    let pattern = if last.is_empty() && !parts.is_empty() {
        format!("(?s){}(.*)$", parts.join("(.*?)"))
    } else {
        format!("(?s){}(.*?){last}", parts.join("(.*?)"))
    };
    Regex::new(&pattern).map_err(|problem| problem.to_string())
}
