//! What Lambda answers when it refuses.

use pilvi_bus::ApiError;
use pilvi_store::StoreError;

/// A refusal of Lambda; the texts are AWS's.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// There is no such function.
    #[error("Function not found: {0}")]
    NotFound(String),
    /// Something else is not there.
    #[error("{0}")]
    Missing(String),
    /// It exists already, or is being changed.
    #[error("{0}")]
    Conflict(String),
    /// An argument is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The revision has changed since it was read.
    #[error(
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )]
    Revision,
    /// The same of a layer's policy.
    #[error(
        "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the latest Revision Id"
    )]
    LayerRevision,
    /// Code, status and text of a refusal that does not say whose fault it is (`Type`), as a few do not.
    #[error("{2}")]
    Bare(&'static str, u16, String),
    /// The function called itself again and again.
    #[error(
        "Lambda detected the function being invoked in a recursive loop with other AWS resources and stopped the invocation."
    )]
    Recursive,
    /// The event is no JSON.
    #[error("{0}")]
    RequestContent(String),
    /// The event is too large.
    #[error("{0}")]
    TooLarge(String),
    /// Too many at once.
    #[error("Rate Exceeded.")]
    Throttled(&'static str),
    /// The runtime cannot be had here.
    #[error("{0}")]
    Runtime(String),
    /// Already worded.
    #[error("{0}")]
    Api(ApiError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be written or read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<ApiError> for FunctionError {
    fn from(error: ApiError) -> FunctionError {
        FunctionError::Api(error)
    }
}

impl From<FunctionError> for ApiError {
    fn from(error: FunctionError) -> ApiError {
        let text = error.to_string();
        match error {
            FunctionError::NotFound(_) | FunctionError::Missing(_) => {
                ApiError::new("ResourceNotFoundException", 404, text)
            }
            FunctionError::Conflict(_) => ApiError::new("ResourceConflictException", 409, text),
            FunctionError::Invalid(_) => ApiError::new("InvalidParameterValueException", 400, text),
            FunctionError::Bare(code, status, _) => ApiError::new(code, status, text).with_member("Type", ""),
            FunctionError::Revision | FunctionError::LayerRevision => {
                ApiError::new("PreconditionFailedException", 412, text)
            }
            FunctionError::Recursive => ApiError::new("RecursiveInvocationException", 400, text),
            FunctionError::RequestContent(_) => ApiError::new("InvalidRequestContentException", 400, text),
            FunctionError::TooLarge(_) => ApiError::new("RequestTooLargeException", 413, text),
            FunctionError::Throttled(reason) => {
                let mut error = ApiError::new("TooManyRequestsException", 429, text).with_member("Reason", reason);
                error.headers.push(("retry-after", "1".to_owned()));
                error
            }
            FunctionError::Runtime(_) => ApiError::new("InvalidRuntimeException", 502, text),
            FunctionError::Api(error) => error,
            FunctionError::Store(error) => ApiError::internal(error),
            FunctionError::Io(error) => ApiError::internal(error),
        }
    }
}
