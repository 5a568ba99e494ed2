//! What EventBridge answers when it refuses.

use pilvi_bus::ApiError;
use pilvi_patterns::PatternError;
use pilvi_store::StoreError;

/// A refusal; the texts are AWS's.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// Something that is not there.
    #[error("{0}")]
    NotFound(String),
    /// Something that is there already.
    #[error("{0}")]
    Exists(String),
    /// A parameter is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Not an event pattern.
    #[error("Event pattern is not valid. Reason: {0}")]
    Pattern(#[from] PatternError),
    /// More than the quota allows.
    #[error("The requested resource exceeds the maximum number allowed.")]
    Limit,
    /// Something is in a state in which this cannot be done.
    #[error("{0}")]
    IllegalStatus(String),
    /// The policy is longer than 10,240 characters.
    #[error("The event bus policy is too long.")]
    PolicyTooLong,
    /// Only partners of AWS have event sources.
    #[error("The operation you are attempting is not available in this region.")]
    Disabled,
    /// What AWS answers where it fails itself.
    #[error("Service encountered unexpected problem. Please try again.")]
    Unexpected,
    /// Already worded.
    #[error("{0}")]
    Api(ApiError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventsError {
    /// No such bus.
    pub(crate) fn no_bus(name: &str) -> Self {
        Self::NotFound(format!("Event bus {name} does not exist."))
    }

    /// No such rule.
    pub(crate) fn no_rule(name: &str, bus: &str) -> Self {
        Self::NotFound(format!("Rule {name} does not exist on EventBus {bus}."))
    }

    /// A parameter's value that is not valid, for a reason.
    pub(crate) fn parameter(name: &str, reason: &str) -> Self {
        Self::Invalid(format!("Parameter {name} is not valid. Reason: {reason}"))
    }
}

impl From<ApiError> for EventsError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<EventsError> for ApiError {
    fn from(error: EventsError) -> Self {
        let (code, status) = match &error {
            EventsError::NotFound(_) => ("ResourceNotFoundException", 400),
            EventsError::Exists(_) => ("ResourceAlreadyExistsException", 400),
            EventsError::Invalid(_) => ("ValidationException", 400),
            EventsError::Pattern(_) => ("InvalidEventPatternException", 400),
            EventsError::Limit => ("LimitExceededException", 400),
            EventsError::IllegalStatus(_) => ("IllegalStatusException", 400),
            EventsError::PolicyTooLong => ("PolicyLengthExceededException", 400),
            EventsError::Disabled => ("OperationDisabledException", 400),
            EventsError::Unexpected => ("InternalException", 500),
            EventsError::Api(_) | EventsError::Store(_) => ("", 500),
        };
        match error {
            EventsError::Api(error) => error,
            EventsError::Store(error) => ApiError::internal(error),
            error => ApiError::new(code, status, error.to_string()),
        }
    }
}
