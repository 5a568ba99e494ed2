//! Expressions: fields, values, operators and functions.

use std::cmp::Ordering;

use regex::Regex;

use super::record::{Record, Scalar};

/// An expression.
#[derive(Debug)]
pub(super) enum Expression {
    Field(String),
    Value(Scalar),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(&'static str, Box<Expression>, Box<Expression>),
    Like(Box<Expression>, Regex),
    In(Box<Expression>, Vec<Expression>),
    Arithmetic(&'static str, Box<Expression>, Box<Expression>),
    Call(&'static str, Vec<Expression>),
    /// Milliseconds of a span.
    Bin(i64),
}

/// The functions, and how many arguments each takes at least and at most.
const FUNCTIONS: [(&str, usize, usize); 29] = [
    ("abs", 1, 1),
    ("ceil", 1, 1),
    ("floor", 1, 1),
    ("sqrt", 1, 1),
    ("log", 1, 1),
    ("greatest", 1, 100),
    ("least", 1, 100),
    ("strlen", 1, 1),
    ("tolower", 1, 1),
    ("toupper", 1, 1),
    ("lower", 1, 1),
    ("upper", 1, 1),
    ("trim", 1, 2),
    ("ltrim", 1, 2),
    ("rtrim", 1, 2),
    ("strcontains", 2, 2),
    ("concat", 1, 100),
    ("substr", 2, 3),
    ("replace", 3, 3),
    ("isempty", 1, 1),
    ("isblank", 1, 1),
    ("ispresent", 1, 1),
    ("coalesce", 1, 100),
    ("frommillis", 1, 1),
    ("tomillis", 1, 1),
    ("datefloor", 2, 2),
    ("dateceil", 2, 2),
    ("tonumber", 1, 1),
    ("tostring", 1, 1),
];

/// A function by its name, which may be written in any case.
pub(super) fn function(name: &str, arguments: usize) -> Result<&'static str, String> {
    let found = FUNCTIONS.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(name));
    let (name, least, most) = found.ok_or_else(|| format!("unknown function {name}"))?;
    if (*least..=*most).contains(&arguments) { Ok(name) } else { Err(format!("wrong number of arguments of {name}")) }
}

fn floor(time: i64, span: i64) -> i64 {
    time - time.rem_euclid(span.max(1))
}

impl Expression {
    /// Whether it is just the field of this name.
    pub(super) fn is_field(&self, name: &str) -> bool {
        matches!(self, Expression::Field(field) if field == name)
    }

    pub(super) fn evaluate(&self, record: &Record) -> Scalar {
        match self {
            Expression::Field(name) => record.get(name),
            Expression::Value(value) => value.clone(),
            Expression::Not(inner) => Scalar::Bool(!inner.evaluate(record).is_true()),
            Expression::And(one, other) => {
                Scalar::Bool(one.evaluate(record).is_true() && other.evaluate(record).is_true())
            }
            Expression::Or(one, other) => {
                Scalar::Bool(one.evaluate(record).is_true() || other.evaluate(record).is_true())
            }
            Expression::Compare(how, one, other) => {
                let (one, other) = (one.evaluate(record), other.evaluate(record));
                if one.is_none() || other.is_none() {
                    // What is not there is equal to nothing.
                    return Scalar::Bool(*how == "!=" && one.is_none() != other.is_none());
                }
                let order = one.compare(&other);
                Scalar::Bool(match *how {
                    "=" => order == Ordering::Equal,
                    "!=" => order != Ordering::Equal,
                    "<" => order == Ordering::Less,
                    "<=" => order != Ordering::Greater,
                    ">" => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
            Expression::Like(inner, regex) => {
                Scalar::Bool(inner.evaluate(record).text().is_some_and(|text| regex.is_match(&text)))
            }
            Expression::In(inner, values) => {
                let value = inner.evaluate(record);
                let same = |other: &Expression| value.compare(&other.evaluate(record)) == Ordering::Equal;
                Scalar::Bool(!value.is_none() && values.iter().any(same))
            }
            Expression::Arithmetic(how, one, other) => {
                let numbers = one.evaluate(record).number().zip(other.evaluate(record).number());
                let Some((one, other)) = numbers else { return Scalar::None };
                let result = match *how {
                    "+" => one + other,
                    "-" => one - other,
                    "*" => one * other,
                    "/" => one / other,
                    "%" => one % other,
                    _ => one.powf(other),
                };
                if result.is_finite() { Scalar::Number(result) } else { Scalar::None }
            }
            Expression::Call(name, arguments) => call(name, arguments, record),
            Expression::Bin(span) => match record.get("@timestamp") {
                Scalar::Time(time) => Scalar::Time(floor(time, *span)),
                _ => Scalar::None,
            },
        }
    }
}

fn call(name: &str, arguments: &[Expression], record: &Record) -> Scalar {
    let argument = |place: usize| arguments.get(place).map_or(Scalar::None, |argument| argument.evaluate(record));
    let (first, second) = (argument(0), argument(1));
    let number = |make: fn(f64) -> f64| {
        first.number().map(make).filter(|number| number.is_finite()).map_or(Scalar::None, Scalar::Number)
    };
    let text = |make: &dyn Fn(String) -> String| first.text().map_or(Scalar::None, |text| Scalar::Text(make(text)));
    let all = || arguments.iter().filter_map(|argument| argument.evaluate(record).number());
    let cut = second.text().unwrap_or_else(|| " \t\r\n".to_owned());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places in a text, times")]
    let whole = |value: Scalar| value.number().map(|number| number as i64);
    match name {
        "abs" => number(f64::abs),
        "ceil" => number(f64::ceil),
        "floor" => number(f64::floor),
        "sqrt" => number(f64::sqrt),
        "log" => number(f64::ln),
        "greatest" => all().reduce(f64::max).map_or(Scalar::None, Scalar::Number),
        "least" => all().reduce(f64::min).map_or(Scalar::None, Scalar::Number),
        #[allow(clippy::cast_precision_loss, reason = "lengths of texts")]
        "strlen" => first.text().map_or(Scalar::None, |text| Scalar::Number(text.chars().count() as f64)),
        "tolower" | "lower" => text(&|text| text.to_lowercase()),
        "toupper" | "upper" => text(&|text| text.to_uppercase()),
        "trim" => text(&|text| text.trim_matches(|letter| cut.contains(letter)).to_owned()),
        "ltrim" => text(&|text| text.trim_start_matches(|letter| cut.contains(letter)).to_owned()),
        "rtrim" => text(&|text| text.trim_end_matches(|letter| cut.contains(letter)).to_owned()),
        "strcontains" => Scalar::Bool(first.text().zip(second.text()).is_some_and(|(text, part)| text.contains(&part))),
        "concat" => Scalar::Text(arguments.iter().filter_map(|argument| argument.evaluate(record).text()).collect()),
        "substr" => {
            let start = whole(second).and_then(|start| usize::try_from(start).ok()).unwrap_or(0);
            let most = whole(argument(2)).and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
            text(&|text| text.chars().skip(start).take(most).collect())
        }
        "replace" => {
            let (from, to) = (second.text().unwrap_or_default(), argument(2).text().unwrap_or_default());
            text(&|text| if from.is_empty() { text } else { text.replace(&from, &to) })
        }
        "isempty" => Scalar::Bool(first.text().is_none_or(|text| text.is_empty())),
        "isblank" => Scalar::Bool(first.text().is_none_or(|text| text.trim().is_empty())),
        "ispresent" => Scalar::Bool(!first.is_none()),
        "coalesce" => arguments
            .iter()
            .map(|argument| argument.evaluate(record))
            .find(|value| !value.is_none())
            .unwrap_or(Scalar::None),
        "frommillis" => whole(first).map_or(Scalar::None, Scalar::Time),
        "tomillis" | "tonumber" => first.number().map_or(Scalar::None, Scalar::Number),
        "tostring" => text(&|text| text),
        // The span is an argument that was read as milliseconds.
        _ => match (first, whole(second)) {
            (Scalar::Time(time), Some(span)) if name == "datefloor" => Scalar::Time(floor(time, span)),
            (Scalar::Time(time), Some(span)) => Scalar::Time(floor(time + span - 1, span)),
            _ => Scalar::None,
        },
    }
}
