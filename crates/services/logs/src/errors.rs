//! What CloudWatch Logs answers when it refuses.

use pilvi_bus::ApiError;
use pilvi_store::StoreError;

/// A refusal; the texts are AWS's.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// No such group.
    #[error("The specified log group does not exist.")]
    NoGroup,
    /// No such stream.
    #[error("The specified log stream does not exist.")]
    NoStream,
    /// The group is there.
    #[error("The specified log group already exists")]
    GroupExists,
    /// The stream is there.
    #[error("The specified log stream already exists")]
    StreamExists,
    /// An argument is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Arguments exclude each other, or the group is protected.
    #[error("{0}")]
    Protected(String),
    /// Something else is not there.
    #[error("{0}")]
    NotFound(String),
    /// There are as many as there may be.
    #[error("Resource limit exceeded.")]
    LimitExceeded,
    /// What is asked for is another account's.
    #[error("{0}")]
    AccessDenied(&'static str),
    /// A query cannot be read.
    #[error("{0}")]
    MalformedQuery(String),
    /// The thing is in a state in which this cannot be done.
    #[error("{0}")]
    InvalidOperation(String),
    /// Already worded.
    #[error("{0}")]
    Api(ApiError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ApiError> for LogsError {
    fn from(error: ApiError) -> LogsError {
        LogsError::Api(error)
    }
}

impl From<LogsError> for ApiError {
    fn from(error: LogsError) -> ApiError {
        let code = match &error {
            LogsError::NoGroup | LogsError::NoStream | LogsError::NotFound(_) => "ResourceNotFoundException",
            LogsError::GroupExists | LogsError::StreamExists => "ResourceAlreadyExistsException",
            LogsError::Invalid(_) => "InvalidParameterException",
            LogsError::Protected(_) => "ValidationException",
            LogsError::LimitExceeded => "LimitExceededException",
            LogsError::AccessDenied(_) => "AccessDeniedException",
            LogsError::MalformedQuery(_) => "MalformedQueryException",
            LogsError::InvalidOperation(_) => "InvalidOperationException",
            LogsError::Api(_) | LogsError::Store(_) => "",
        };
        match error {
            LogsError::Api(error) => error,
            LogsError::Store(error) => ApiError::internal(error),
            error => ApiError::new(code, 400, error.to_string()),
        }
    }
}
