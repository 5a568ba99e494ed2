//! Reads patterns, and refuses what AWS refuses in its words.

use serde_json::Value;

use crate::cidr::Cidr;
use crate::numeric::{Number, Range};
use crate::tokens::{PatternError, Token, Tokens};
use crate::wildcard::Wildcard;
use crate::{Dialect, Field, Node, Test, TextTest};

const ONE_KEY: &str = "Only one key allowed in match expression";
const NULL_AFFIX: &str = "Null prefix/suffix not allowed";
const TOO_COMPLEX: &str = "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after \
                           a wildcard character";
const OPERATORS: [&str; 11] = [
    "exactly",
    "prefix",
    "suffix",
    "anything-but",
    "numeric",
    "exists",
    "cidr",
    "equals-ignore-case",
    "wildcard",
    "exactly-one",
    "$or",
];

pub(crate) fn parse(text: &str, dialect: Dialect) -> Result<Node, PatternError> {
    let mut tokens = Tokens::new(text, dialect);
    if tokens.next()? != Token::StartObject {
        return Err(tokens.error("Filter is not an object"));
    }
    let node = object(&mut tokens, false)?;
    if tokens.next()? != Token::End {
        return Err(tokens.error("Unexpected content after the pattern"));
    }
    Ok(node)
}

fn object(tokens: &mut Tokens<'_>, inside_or: bool) -> Result<Node, PatternError> {
    let mut node = Node::default();
    let mut empty = true;
    while let Token::Name(name) = tokens.next()? {
        empty = false;
        if name == "$or" {
            node.alternatives.push(alternatives(tokens)?);
            continue;
        }
        if inside_or && OPERATORS.contains(&name.as_str()) {
            return Err(tokens.error(format!("{name} is Ruler reserved fieldName which cannot be used inside $or.")));
        }
        let field = match tokens.value()? {
            Token::StartObject => Field::Object(object(tokens, inside_or)?),
            Token::StartArray => Field::Values(values(tokens)?),
            _ => return Err(tokens.error(format!("\"{name}\" must be an object or an array"))),
        };
        // As in JSON, the last of several fields of one name counts.
        node.fields.retain(|(known, _)| *known != name);
        node.fields.push((name, field));
    }
    if empty {
        return Err(tokens.error("Empty objects are not allowed"));
    }
    Ok(node)
}

fn alternatives(tokens: &mut Tokens<'_>) -> Result<Vec<Node>, PatternError> {
    if tokens.value()? != Token::StartArray {
        return Err(tokens.error("It must be an Array followed with $or."));
    }
    let mut nodes = Vec::new();
    loop {
        match tokens.next()? {
            Token::StartObject => nodes.push(object(tokens, true)?),
            Token::EndArray => break,
            _ => return Err(tokens.error("Only JSON object is allowed in array of $or relationship.")),
        }
    }
    if nodes.len() < 2 {
        return Err(tokens.error("There must have at least 2 Objects in $or relationship."));
    }
    Ok(nodes)
}

fn values(tokens: &mut Tokens<'_>) -> Result<Vec<Test>, PatternError> {
    let mut tests = Vec::new();
    loop {
        match tokens.next()? {
            Token::EndArray => break,
            Token::StartObject => tests.push(expression(tokens)?),
            Token::Text(text) => tests.push(Test::Equal(Value::String(text))),
            Token::Number(literal) => tests.push(Test::Number(number(tokens, &literal)?)),
            Token::True => tests.push(Test::Equal(Value::Bool(true))),
            Token::False => tests.push(Test::Equal(Value::Bool(false))),
            Token::Null => tests.push(Test::Equal(Value::Null)),
            _ => return Err(tokens.error("Match value must be String, number, true, false, or null")),
        }
    }
    if tests.is_empty() {
        return Err(tokens.error("Empty arrays are not allowed"));
    }
    Ok(tests)
}

/// `{"operator": operand}`, behind its opening brace.
fn expression(tokens: &mut Tokens<'_>) -> Result<Test, PatternError> {
    let Token::Name(operator) = tokens.next()? else {
        return Err(tokens.error("Match expression name not found"));
    };
    let test = match operator.as_str() {
        "exactly" => Test::Equal(Value::String(text(tokens, "exact match pattern must be a string")?)),
        "prefix" => Test::Text(affix(tokens, "prefix", TextTest::Prefix, TextTest::PrefixIgnoreCase)?),
        "suffix" => Test::Text(affix(tokens, "suffix", TextTest::Suffix, TextTest::SuffixIgnoreCase)?),
        "equals-ignore-case" => {
            let text = text(tokens, "equals-ignore-case match pattern must be a string")?;
            Test::Text(TextTest::EqualsIgnoreCase(text.to_lowercase()))
        }
        "wildcard" => {
            let text = text(tokens, "wildcard match pattern must be a string")?;
            Test::Text(TextTest::Wildcard(wildcard(tokens, &text)?))
        }
        "cidr" => {
            let text = text(tokens, "prefix match pattern must be a string")?;
            Test::Cidr(Cidr::parse(&text).map_err(|reason| PatternError { reason, location: None })?)
        }
        "exists" => match tokens.value()? {
            Token::True => Test::Exists(true),
            Token::False => Test::Exists(false),
            _ => return Err(tokens.error("exists match pattern must be either true or false.")),
        },
        "numeric" => {
            if tokens.value()? != Token::StartArray {
                return Err(tokens.error("Value of numeric must be an array."));
            }
            let test = range(tokens)?;
            if tokens.next()? != Token::EndObject {
                return Err(tokens.error("Too many elements in numeric expression"));
            }
            return Ok(test);
        }
        "anything-but" => return anything_but(tokens),
        other => return Err(tokens.error(format!("Unrecognized match type {other}"))),
    };
    close(tokens)?;
    Ok(test)
}

fn close(tokens: &mut Tokens<'_>) -> Result<(), PatternError> {
    if tokens.next()? != Token::EndObject {
        return Err(tokens.error(ONE_KEY));
    }
    Ok(())
}

fn text(tokens: &mut Tokens<'_>, otherwise: &str) -> Result<String, PatternError> {
    let Token::Text(text) = tokens.value()? else { return Err(tokens.error(otherwise)) };
    tokens.read_text();
    Ok(text)
}

/// A prefix or suffix, or one of those wrapped into `equals-ignore-case`.
fn affix(
    tokens: &mut Tokens<'_>,
    kind: &str,
    exact: fn(String) -> TextTest,
    ignoring_case: fn(String) -> TextTest,
) -> Result<TextTest, PatternError> {
    let otherwise = format!("{kind} match pattern must be a string");
    match tokens.value()? {
        Token::Text(text) => {
            tokens.read_text();
            Ok(exact(text))
        }
        Token::StartObject => {
            let Token::Name(operator) = tokens.next()? else {
                return Err(tokens.error(format!("{kind} expression name not found")));
            };
            if operator != "equals-ignore-case" {
                return Err(tokens.error(format!("Unsupported {kind} pattern: {operator}")));
            }
            let text = text(tokens, "equals-ignore-case match pattern must be a string")?;
            close(tokens)?;
            Ok(ignoring_case(text.to_lowercase()))
        }
        _ => Err(tokens.error(otherwise)),
    }
}

fn wildcard(tokens: &Tokens<'_>, text: &str) -> Result<Wildcard, PatternError> {
    let wildcard = Wildcard::parse(text).map_err(|reason| tokens.error(reason))?;
    if wildcard.is_too_complex() {
        return Err(PatternError { reason: TOO_COMPLEX.to_owned(), location: None });
    }
    Ok(wildcard)
}

fn number(tokens: &Tokens<'_>, literal: &str) -> Result<Number, PatternError> {
    Number::parse(literal).ok_or_else(|| tokens.error("Match value must be String, number, true, false, or null"))
}

/// The operand of `anything-but`, and the brace that closes the expression.
fn anything_but(tokens: &mut Tokens<'_>) -> Result<Test, PatternError> {
    let tests = match tokens.value()? {
        Token::Text(text) => vec![Test::Equal(Value::String(text))],
        Token::Number(literal) => vec![Test::Number(number(tokens, &literal)?)],
        Token::StartArray => anything_but_list(tokens)?,
        Token::StartObject => {
            let Token::Name(operator) = tokens.next()? else {
                return Err(tokens.error("Anything-But expression name not found"));
            };
            let tests = anything_but_operator(tokens, &operator)?;
            close(tokens)?;
            tests
        }
        _ => return Err(tokens.error("Value of anything-but must be an array or single string/number value.")),
    };
    close(tokens)?;
    Ok(Test::AnythingBut(tests))
}

fn anything_but_list(tokens: &mut Tokens<'_>) -> Result<Vec<Test>, PatternError> {
    let mut tests = Vec::new();
    let (mut texts, mut numbers) = (0, 0);
    loop {
        match tokens.next()? {
            Token::EndArray => break,
            Token::Text(text) => {
                tests.push(Test::Equal(Value::String(text)));
                texts += 1;
            }
            Token::Number(literal) => {
                tests.push(Test::Number(number(tokens, &literal)?));
                numbers += 1;
            }
            _ => return Err(tokens.error_in_list("Inside anything but list, start|null|boolean is not supported.")),
        }
    }
    if (texts > 0) == (numbers > 0) {
        let reason = "Inside anything but list, either all values are number or string, mixed type is not supported";
        return Err(tokens.error(reason));
    }
    Ok(tests)
}

/// `{"anything-but": {"operator": …}}`: a string or a list of strings.
fn anything_but_operator(tokens: &mut Tokens<'_>, operator: &str) -> Result<Vec<Test>, PatternError> {
    let filter_policy = tokens.dialect == Dialect::FilterPolicy;
    let otherwise = match operator {
        // Recorded: SNS knows anything-but with a prefix or a wildcard, and says so in the words of an older compiler.
        "prefix" if filter_policy => "prefix match pattern must be a string",
        other if filter_policy && other != "wildcard" => {
            return Err(tokens.error(format!("Unsupported anything-but pattern: {other}")));
        }
        "prefix" | "suffix" => "prefix/suffix match pattern must be a string",
        "wildcard" => "wildcard match pattern must be a string",
        "equals-ignore-case" => {
            "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
        }
        other => return Err(tokens.error(format!("Unsupported anything-but pattern: {other}"))),
    };
    let null = |text: &str| text.is_empty() && matches!(operator, "prefix" | "suffix");
    let mut texts = Vec::new();
    match tokens.value()? {
        Token::Text(text) => {
            tokens.read_text();
            if null(&text) {
                return Err(tokens.error(NULL_AFFIX));
            }
            texts.push(text);
        }
        Token::StartArray => loop {
            match tokens.next()? {
                Token::EndArray => break,
                Token::Text(text) => {
                    tokens.read_text();
                    if null(&text) {
                        return Err(tokens.error_in_list(NULL_AFFIX));
                    }
                    texts.push(text);
                }
                _ => return Err(tokens.error_in_list(otherwise)),
            }
        },
        Token::Number(_) => return Err(tokens.error(otherwise)),
        _ if filter_policy => return Err(tokens.error(otherwise)),
        _ => return Err(tokens.error("Value of anything-but must be an array or single string/number value.")),
    }
    let mut tests = Vec::new();
    for text in texts {
        tests.push(Test::Text(match operator {
            "prefix" => TextTest::Prefix(text),
            "suffix" => TextTest::Suffix(text),
            "wildcard" => TextTest::Wildcard(wildcard(tokens, &text)?),
            _ => TextTest::EqualsIgnoreCase(text.to_lowercase()),
        }));
    }
    Ok(tests)
}

/// `[">", 0, "<=", 5]`, behind its opening bracket.
fn range(tokens: &mut Tokens<'_>) -> Result<Test, PatternError> {
    let operator = match tokens.next()? {
        Token::Text(operator) => operator,
        other => return Err(tokens.error(format!("Invalid member in numeric match: {}", written(&other)))),
    };
    tokens.read_text();
    let called = if operator == "=" { "equals" } else { operator.as_str() };
    if !matches!(operator.as_str(), "=" | "<" | "<=" | ">" | ">=") {
        tokens.next()?;
        return Err(tokens.error(format!("Unrecognized numeric range operator: {operator}")));
    }
    let bound = operand(tokens, called)?;
    let end = tokens.next()?;
    let mut range = Range { bottom: None, top: None };
    match operator.as_str() {
        "=" if end == Token::EndArray => return Ok(Test::Number(bound)),
        "<" | "<=" if end == Token::EndArray => range.top = Some((bound.value(), operator == "<")),
        ">" | ">=" => range.bottom = Some((bound.value(), operator == ">")),
        _ => return Err(tokens.error("Too many elements in numeric expression")),
    }
    let top = match end {
        Token::EndArray => return Ok(Test::Range(range)),
        Token::Text(operator) => operator,
        other => return Err(tokens.error(format!("Bad value in numeric range: {}", written(&other)))),
    };
    tokens.read_text();
    if top != "<" && top != "<=" {
        return Err(tokens.error(format!("Bad numeric range operator: {top}")));
    }
    let bound = operand(tokens, &top)?.value();
    if tokens.next()? != Token::EndArray {
        return Err(tokens.error("Too many terms in numeric range expression"));
    }
    range.top = Some((bound, top == "<"));
    if range.bottom.is_some_and(|(bottom, _)| bottom >= bound) {
        return Err(tokens.error("Bottom must be less than top"));
    }
    Ok(Test::Range(range))
}

fn operand(tokens: &mut Tokens<'_>, operator: &str) -> Result<Number, PatternError> {
    let literal = match tokens.next()? {
        Token::Number(literal) => literal,
        _ => return Err(tokens.error(format!("Value of {operator} must be numeric"))),
    };
    let number = number(tokens, &literal)?;
    if number.value().abs() > 5e9 {
        return Err(tokens.error("Value must be between -5.0E9 and 5.0E9, inclusive"));
    }
    Ok(number)
}

fn written(token: &Token) -> String {
    match token {
        Token::StartObject => "{".to_owned(),
        Token::EndObject => "}".to_owned(),
        Token::StartArray => "[".to_owned(),
        Token::EndArray => "]".to_owned(),
        Token::Name(text) | Token::Text(text) | Token::Number(text) => text.clone(),
        Token::True => "true".to_owned(),
        Token::False => "false".to_owned(),
        Token::Null => "null".to_owned(),
        Token::End => String::new(),
    }
}
