//! Errors as clients see them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use pilvi_model::Val;

/// An error that an operation answers with: the code, status and text that AWS documents.
///
/// A service has an enum of its own errors (`thiserror`) with code, status and text beside each variant, and turns it
/// into this at one place. The cause is logged and never sent.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The code: `ResourceNotFoundException`.
    pub code: Cow<'static, str>,
    /// The code in the query protocol, where it is another one: `AWS.SimpleQueueService.NonExistentQueue`.
    pub query_code: Option<&'static str>,
    /// The text in the query protocol, where it is another one.
    pub query_message: Option<&'static str>,
    /// The HTTP status.
    pub status: u16,
    /// The text.
    pub message: String,
    /// Further members of the error's shape: `CancellationReasons`.
    pub members: Vec<(&'static str, Val)>,
    /// Headers that go with the answer: `Retry-After`.
    pub headers: Vec<(&'static str, String)>,
    /// What really happened, for the log.
    pub cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// An error with the client at fault (4xx) or the server (5xx), as the status says.
    pub fn new(code: impl Into<Cow<'static, str>>, status: u16, message: impl Into<String>) -> ApiError {
        ApiError {
            code: code.into(),
            query_code: None,
            query_message: None,
            status,
            message: message.into(),
            members: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }
    }

    /// Something went wrong inside: 500, without a word of what it was, which is logged.
    pub fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> ApiError {
        let mut error = ApiError::new(
            "InternalFailure",
            500,
            "The request processing has failed because of an unknown error, exception or failure.",
        );
        error.cause = Some(Arc::new(cause));
        error
    }

    /// The operation is AWS's, and not built here.
    pub fn not_implemented(service: &str, operation: &str) -> ApiError {
        ApiError::new("NotImplemented", 501, format!("Pilvi does not implement {service}:{operation} yet."))
    }

    /// The same error with another code in the query protocol.
    pub fn with_query_code(mut self, code: &'static str) -> ApiError {
        self.query_code = Some(code);
        self
    }

    /// The same error with another text in the query protocol.
    pub fn with_query_message(mut self, message: &'static str) -> ApiError {
        self.query_message = Some(message);
        self
    }

    /// The same error with a further member.
    pub fn with_member(mut self, name: &'static str, value: impl Into<Val>) -> ApiError {
        self.members.push((name, value.into()));
        self
    }

    /// True where the client is at fault.
    pub fn is_client_fault(&self) -> bool {
        self.status < 500
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.status, self.message)
    }
}

impl std::error::Error for ApiError {}

impl From<pilvi_model::ShapeError> for ApiError {
    fn from(error: pilvi_model::ShapeError) -> ApiError {
        ApiError::new("SerializationException", 400, error.to_string())
    }
}

impl From<pilvi_store::StoreError> for ApiError {
    fn from(error: pilvi_store::StoreError) -> ApiError {
        ApiError::internal(error)
    }
}
