//! DynamoDB's expression language.
//!
//! AWS: "Using expressions in DynamoDB". An expression is parsed ([`token`], [`condition`], [`update`], [`projection`]),
//! checked in the order in which the service checks (so that the first complaint is the same one), and then applied to
//! items ([`evaluate`], [`apply`]). The parsers end on any input; what they refuse has the service's texts.

pub mod apply;
pub mod check;
pub mod condition;
pub mod evaluate;
pub mod key_condition;
pub mod path;
pub mod placeholders;
pub mod projection;
pub mod reserved;
pub mod token;
pub mod update;

#[cfg(test)]
mod tests;

pub use condition::{Comparator, Condition, Operand};
pub use key_condition::{KeyCondition, RangeCondition};
pub use path::{Path, Step};
pub use placeholders::Placeholders;
pub use projection::Projected;
pub use update::Update;

/// The most bytes that an expression may have.
pub const MAX_EXPRESSION_SIZE: usize = 4096;

/// A complaint about an expression, as the service words it, without the `Invalid …Expression: ` in front.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpressionError(pub String);

impl ExpressionError {
    /// The whole message for the parameter `name` (`ConditionExpression`, …).
    pub fn of(self, name: &str) -> String {
        format!("Invalid {name}: {}", self.0)
    }
}

/// The checks that every expression begins with.
fn check_text(text: &str) -> Result<(), ExpressionError> {
    if text.is_empty() {
        return Err(ExpressionError("The expression can not be empty;".to_owned()));
    }
    if text.len() > MAX_EXPRESSION_SIZE {
        return Err(ExpressionError(format!(
            "Expression size has exceeded the maximum allowed size; expression size: {}",
            text.len()
        )));
    }
    Ok(())
}
