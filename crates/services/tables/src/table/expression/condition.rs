//! Condition, filter and key condition expressions: what they are made of, and their parser.

use std::sync::Arc;

use super::token::{Token, Tokens};
use super::{ExpressionError, Path, check_text};
use crate::table::value::Value;

/// A comparison's operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparator {
    /// The operator as it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Comparator::Equal => "=",
            Comparator::NotEqual => "<>",
            Comparator::Less => "<",
            Comparator::LessOrEqual => "<=",
            Comparator::Greater => ">",
            Comparator::GreaterOrEqual => ">=",
        }
    }

    fn of(token: Token<'_>) -> Option<Self> {
        let Token::Symbol(symbol) = token else { return None };
        [
            Comparator::Equal,
            Comparator::NotEqual,
            Comparator::Less,
            Comparator::LessOrEqual,
            Comparator::Greater,
            Comparator::GreaterOrEqual,
        ]
        .into_iter()
        .find(|comparator| comparator.symbol() == symbol)
    }

    /// The operator with its sides exchanged.
    pub fn flipped(self) -> Self {
        match self {
            Comparator::Less => Comparator::Greater,
            Comparator::LessOrEqual => Comparator::GreaterOrEqual,
            Comparator::Greater => Comparator::Less,
            Comparator::GreaterOrEqual => Comparator::LessOrEqual,
            same => same,
        }
    }
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A document path.
    Path(Path),
    /// `:value`, which resolving replaces.
    ValueRef(String),
    /// A value.
    Value(Arc<Value>),
    /// A function; only `size` is allowed as an operand.
    Call(Call),
}

/// A function's use.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function's name.
    pub name: String,
    /// Its operands.
    pub operands: Vec<Operand>,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Both.
    And(Box<Condition>, Box<Condition>),
    /// Either.
    Or(Box<Condition>, Box<Condition>),
    /// Not.
    Not(Box<Condition>),
    /// A comparison.
    Compare(Comparator, Operand, Operand),
    /// `x BETWEEN low AND high`, both included.
    Between(Operand, Operand, Operand),
    /// `x IN (a, b, …)`
    In(Operand, Vec<Operand>),
    /// A function that is true or false.
    Call(Call),
}

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The condition.
    pub condition: Condition,
    /// True where parentheses directly enclose parentheses, which the service refuses.
    pub redundant_parentheses: bool,
}

/// Parses a condition, filter or key condition expression.
pub fn parse(text: &str) -> Result<Parsed, ExpressionError> {
    check_text(text)?;
    let mut parser = Parser { tokens: Tokens::new(text), redundant_parentheses: false };
    let node = parser.or()?;
    parser.tokens.expect_end()?;
    let condition = parser.condition(node)?;
    Ok(Parsed { condition, redundant_parentheses: parser.redundant_parentheses })
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    redundant_parentheses: bool,
}

/// What a rule has found. Parentheses may hold either, and which one only shows afterwards.
enum Node {
    Condition(Condition),
    Operand(Operand),
    /// Anything in parentheses.
    Enclosed(Box<Node>),
}

impl Node {
    fn opened(self) -> Node {
        match self {
            Node::Enclosed(inner) => inner.opened(),
            other => other,
        }
    }
}

impl Parser<'_> {
    fn condition(&self, node: Node) -> Result<Condition, ExpressionError> {
        match node.opened() {
            Node::Condition(condition) => Ok(condition),
            Node::Operand(Operand::Call(call)) => Ok(Condition::Call(call)),
            // A bare path or value: an operator is missing after it.
            _ => Err(self.tokens.syntax_error()),
        }
    }

    fn operand(&self, node: Node) -> Result<Operand, ExpressionError> {
        match node.opened() {
            Node::Operand(operand) => Ok(operand),
            _ => Err(self.tokens.syntax_error()),
        }
    }

    fn or(&mut self) -> Result<Node, ExpressionError> {
        let mut left = self.and()?;
        while self.tokens.keyword("OR") {
            let one = self.condition(left)?;
            let right = self.and()?;
            let two = self.condition(right)?;
            left = Node::Condition(Condition::Or(Box::new(one), Box::new(two)));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Node, ExpressionError> {
        let mut left = self.not()?;
        while self.tokens.keyword("AND") {
            let one = self.condition(left)?;
            let right = self.not()?;
            let two = self.condition(right)?;
            left = Node::Condition(Condition::And(Box::new(one), Box::new(two)));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Node, ExpressionError> {
        if !self.tokens.keyword("NOT") {
            return self.comparison();
        }
        self.tokens.enter()?;
        let inner = self.not()?;
        self.tokens.leave();
        let condition = self.condition(inner)?;
        Ok(Node::Condition(Condition::Not(Box::new(condition))))
    }

    fn comparison(&mut self) -> Result<Node, ExpressionError> {
        let left = self.term()?;
        if let Some(comparator) = Comparator::of(self.tokens.peek()) {
            let left = self.operand(left)?;
            self.tokens.take();
            let right = self.operand_term()?;
            return Ok(Node::Condition(Condition::Compare(comparator, left, right)));
        }
        if matches!(self.tokens.peek(), Token::Name(name) if name.eq_ignore_ascii_case("BETWEEN")) {
            let left = self.operand(left)?;
            self.tokens.take();
            let low = self.operand_term()?;
            if !self.tokens.keyword("AND") {
                return Err(self.tokens.syntax_error());
            }
            let high = self.operand_term()?;
            return Ok(Node::Condition(Condition::Between(left, low, high)));
        }
        if matches!(self.tokens.peek(), Token::Name(name) if name.eq_ignore_ascii_case("IN")) {
            let left = self.operand(left)?;
            self.tokens.take();
            self.tokens.expect("(")?;
            let list = self.operands()?;
            return Ok(Node::Condition(Condition::In(left, list)));
        }
        Ok(left)
    }

    fn operand_term(&mut self) -> Result<Operand, ExpressionError> {
        let node = self.term()?;
        self.operand(node)
    }

    /// The operands up to the closing parenthesis.
    fn operands(&mut self) -> Result<Vec<Operand>, ExpressionError> {
        let mut operands = vec![self.operand_term()?];
        while self.tokens.symbol(",") {
            operands.push(self.operand_term()?);
        }
        self.tokens.expect(")")?;
        Ok(operands)
    }

    fn term(&mut self) -> Result<Node, ExpressionError> {
        match self.tokens.peek() {
            Token::Symbol("(") => {
                self.tokens.enter()?;
                self.tokens.take();
                let inner = self.or()?;
                self.tokens.expect(")")?;
                self.tokens.leave();
                if matches!(inner, Node::Enclosed(_)) {
                    self.redundant_parentheses = true;
                }
                Ok(Node::Enclosed(Box::new(inner)))
            }
            Token::ValueRef(name) => {
                self.tokens.take();
                Ok(Node::Operand(Operand::ValueRef(name.to_owned())))
            }
            Token::Name(name) if is_keyword(name) => Err(self.tokens.syntax_error()),
            Token::Name(name) if self.tokens.peek_second() == Token::Symbol("(") => {
                self.tokens.enter()?;
                self.tokens.take();
                self.tokens.take();
                let operands = self.operands()?;
                self.tokens.leave();
                Ok(Node::Operand(Operand::Call(Call { name: name.to_owned(), operands })))
            }
            _ => Ok(Node::Operand(Operand::Path(Path::parse(&mut self.tokens)?))),
        }
    }
}

fn is_keyword(name: &str) -> bool {
    ["AND", "OR", "NOT", "IN", "BETWEEN"].iter().any(|keyword| name.eq_ignore_ascii_case(keyword))
}
