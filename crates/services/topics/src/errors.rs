//! What can go wrong, with the code, status and text that SNS gives it.
//! <https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html>

use pilvi_bus::ApiError;
use pilvi_store::StoreError;

/// An error of a topic operation. The texts are what AWS answers.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum TopicError {
    /// A parameter that is wrong: what follows `Invalid parameter: `.
    #[error("Invalid parameter: {0}")]
    InvalidParameter(String),
    /// A parameter that is wrong, in words of its own.
    #[error("{0}")]
    Invalid(String),
    /// A message attribute that is wrong.
    #[error("{0}")]
    InvalidAttribute(String),
    /// No such topic.
    #[error("Topic does not exist")]
    NoTopic,
    /// No such subscription.
    #[error("Subscription does not exist")]
    NoSubscription,
    /// No such platform application or endpoint.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// No such resource to be tagged.
    #[error("Resource does not exist")]
    NoResource,
    /// Too many tags.
    #[error("Could not complete request: tag quota of per resource exceeded")]
    TagLimit,
    /// More than ten entries.
    #[error("The batch request contains more entries than permissible.")]
    TooManyEntries,
    /// No entries.
    #[error("The batch request doesn't contain any entries.")]
    EmptyBatch,
    /// Two entries of one id.
    #[error("Two or more batch entries in the request have the same Id.")]
    IdsNotDistinct,
    /// An entry's id is malformed.
    #[error("The Id of a batch entry in a batch request doesn't abide by the specification.")]
    InvalidBatchEntryId,
    /// The messages are too long together.
    #[error("The length of all the messages put together is more than the limit.")]
    BatchTooLong,
    /// The platform endpoint is switched off.
    #[error("Endpoint is disabled")]
    EndpointDisabled,
    /// The platform application is switched off.
    #[error("Platform application is disabled")]
    ApplicationDisabled,
    /// A one-time password that is wrong.
    #[error("The one-time password is not correct.")]
    Verification,
    /// The caller may not.
    #[error("{0}")]
    Unauthorized(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl TopicError {
    /// `Invalid parameter: …`
    pub(crate) fn parameter(text: impl Into<String>) -> Self {
        Self::InvalidParameter(text.into())
    }

    /// The code and the HTTP status.
    pub(crate) fn code(&self) -> (&'static str, u16) {
        match self {
            Self::InvalidParameter(_) | Self::Invalid(_) => ("InvalidParameter", 400),
            Self::InvalidAttribute(_) => ("ParameterValueInvalid", 400),
            Self::NoTopic | Self::NoSubscription | Self::NotFound(_) => ("NotFound", 404),
            Self::NoResource => ("ResourceNotFound", 404),
            Self::TagLimit => ("TagLimitExceeded", 400),
            Self::TooManyEntries => ("TooManyEntriesInBatchRequest", 400),
            Self::EmptyBatch => ("EmptyBatchRequest", 400),
            Self::IdsNotDistinct => ("BatchEntryIdsNotDistinct", 400),
            Self::InvalidBatchEntryId => ("InvalidBatchEntryId", 400),
            Self::BatchTooLong => ("BatchRequestTooLong", 400),
            Self::EndpointDisabled => ("EndpointDisabled", 400),
            Self::ApplicationDisabled => ("PlatformApplicationDisabled", 400),
            Self::Verification => ("VerificationException", 400),
            Self::Unauthorized(_) => ("AuthorizationError", 403),
            Self::Store(_) => ("InternalError", 500),
        }
    }
}

impl From<TopicError> for ApiError {
    fn from(error: TopicError) -> Self {
        if let TopicError::Store(cause) = error {
            return Self::internal(cause);
        }
        let (code, status) = error.code();
        Self::new(code, status, error.to_string())
    }
}
