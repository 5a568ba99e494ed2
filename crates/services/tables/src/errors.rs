//! What the operations answer instead of a result.

use pilvi_bus::ApiError;
use pilvi_model::{Shape, Val};
use pilvi_store::StoreError;

use crate::dynamodb::wire::Attributes;
use crate::table::expression::ExpressionError;
use crate::table::expression::apply::UpdateError;
use crate::table::key::KeyError;
use crate::table::value::{InvalidValue, Item};

/// An error with its code and text. All are answered with status 400, except for what is our own fault.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// ValidationException.
    #[error("{0}")]
    Validation(String),
    /// ResourceNotFoundException.
    #[error("{0}")]
    NotFound(String),
    /// ResourceInUseException.
    #[error("{0}")]
    InUse(String),
    /// LimitExceededException.
    #[error("{0}")]
    LimitExceeded(String),
    /// ExpiredIteratorException.
    #[error("{0}")]
    ExpiredIterator(String),
    /// TrimmedDataAccessException.
    #[error("The operation attempted to read past the oldest stream record in a shard.")]
    Trimmed,
    /// PolicyNotFoundException.
    #[error("{0}")]
    PolicyNotFound(String),
    /// ConditionalCheckFailedException, with the item where it was asked for.
    #[error("The conditional request failed")]
    ConditionFailed(Option<Item>),
    /// TransactionCanceledException, with a reason for each action.
    #[error("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes(.0))]
    Cancelled(Vec<Reason>),
    /// IdempotentParameterMismatchException.
    #[error("The request uses the same client token as a previous, but non-identical request.")]
    TokenReused,
    /// Our own fault.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an action cancels its transaction; all empty where it does not.
#[derive(Debug, Default)]
pub struct Reason {
    /// `ConditionalCheckFailed`, `ValidationError`.
    pub code: Option<&'static str>,
    /// The text.
    pub message: Option<String>,
    /// The item that failed the condition, where it was asked for.
    pub item: Option<Item>,
}

fn codes(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| reason.code.unwrap_or("None")).collect::<Vec<_>>().join(", ")
}

impl TableError {
    /// The text for a table that a data operation does not find.
    pub fn no_such_table() -> Self {
        Self::NotFound("Requested resource not found".to_owned())
    }

    /// The text for a table that a control operation does not find.
    pub fn no_such_table_named(name: &str) -> Self {
        Self::NotFound(format!("Requested resource not found: Table: {name} not found"))
    }

    /// ValidationException with this text.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Validation(message.into())
    }

    /// ValidationException with `One or more parameter values were invalid: ` in front.
    pub fn invalid_parameter(message: impl std::fmt::Display) -> Self {
        Self::Validation(format!("One or more parameter values were invalid: {message}"))
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Validation(_) => "ValidationException",
            Self::NotFound(_) => "ResourceNotFoundException",
            Self::InUse(_) => "ResourceInUseException",
            Self::LimitExceeded(_) => "LimitExceededException",
            Self::ExpiredIterator(_) => "ExpiredIteratorException",
            Self::Trimmed => "TrimmedDataAccessException",
            Self::PolicyNotFound(_) => "PolicyNotFoundException",
            Self::ConditionFailed(_) => "ConditionalCheckFailedException",
            Self::Cancelled(_) => "TransactionCanceledException",
            Self::TokenReused => "IdempotentParameterMismatchException",
            Self::Store(_) => "InternalServerError",
        }
    }
}

impl From<String> for TableError {
    fn from(message: String) -> Self {
        Self::Validation(message)
    }
}

impl From<InvalidValue> for TableError {
    fn from(InvalidValue(message): InvalidValue) -> Self {
        Self::Validation(message)
    }
}

impl From<KeyError> for TableError {
    fn from(error: KeyError) -> Self {
        Self::Validation(error.to_string())
    }
}

impl From<UpdateError> for TableError {
    fn from(error: UpdateError) -> Self {
        Self::Validation(error.to_string())
    }
}

impl From<ExpressionError> for TableError {
    fn from(ExpressionError(message): ExpressionError) -> Self {
        Self::Validation(message)
    }
}

impl From<TableError> for ApiError {
    fn from(error: TableError) -> ApiError {
        let code = error.code();
        let message = error.to_string();
        match error {
            TableError::Store(cause) => ApiError::internal(cause),
            TableError::ConditionFailed(Some(item)) => {
                ApiError::new(code, 400, message).with_member("Item", Attributes(item).into_val())
            }
            TableError::Cancelled(reasons) => {
                let reasons = reasons.into_iter().map(reason).collect();
                ApiError::new(code, 400, message).with_member("CancellationReasons", Val::List(reasons))
            }
            _ => ApiError::new(code, 400, message),
        }
    }
}

fn reason(reason: Reason) -> Val {
    let mut members = vec![("Code", Val::from(reason.code.unwrap_or("None")))];
    if let Some(message) = reason.message {
        members.push(("Message", Val::Str(message)));
    }
    if let Some(item) = reason.item {
        members.push(("Item", Attributes(item).into_val()));
    }
    Val::Struct(members)
}
