//! What can go wrong, with the code, status and text that SQS gives it.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>

use pilvi_bus::ApiError;
use pilvi_store::StoreError;

use crate::queue::ReceiptError;

/// An error of a queue operation. The texts are what AWS answers.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// No queue of that name.
    #[error("The specified queue does not exist.")]
    QueueDoesNotExist,
    /// CreateQueue with other attributes than the queue has.
    #[error("A queue already exists with the same name and a different value for attribute {0}")]
    QueueNameExists(String),
    /// Not the URL of a queue.
    #[error("The address {0} is not valid for this endpoint.")]
    InvalidAddress(String),
    /// An attribute that a queue does not have.
    #[error("{0}")]
    InvalidAttributeName(String),
    /// A value that an attribute cannot have.
    #[error("{0}")]
    InvalidAttributeValue(String),
    /// A parameter that is wrong.
    #[error("{0}")]
    InvalidParameter(String),
    /// A parameter that is needed.
    #[error("The request must contain the parameter {0}.")]
    MissingParameter(&'static str),
    /// A purge within a minute after another.
    #[error("Only one PurgeQueue operation on {0} is allowed every 60 seconds.")]
    PurgeInProgress(String),
    /// Too many messages in flight.
    #[error("Too many messages are in flight: the limit of 120000 is reached.")]
    OverLimit,
    /// Too many permissions, actions or labels.
    #[error("{0}")]
    TooManyPermissions(String),
    /// Not a receipt handle.
    #[error("The input receipt handle \"{0}\" is not a valid receipt handle.")]
    ReceiptHandleInvalid(String),
    /// The message is not in flight.
    #[error("The specified message isn't in flight.")]
    MessageNotInFlight,
    /// More than ten entries.
    #[error("Maximum number of entries per request are 10. You have sent {0}.")]
    TooManyEntries(usize),
    /// No entries.
    #[error("There should be at least one {0} in the request.")]
    EmptyBatch(&'static str),
    /// Two entries of one id.
    #[error("Id {0} repeated.")]
    IdsNotDistinct(String),
    /// An entry's id is malformed.
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
    )]
    InvalidBatchEntryId,
    /// The messages are too long together.
    #[error("Batch requests cannot be longer than 1048576 bytes. You have sent {0} bytes.")]
    BatchTooLong(usize),
    /// Characters that no message may have.
    #[error(
        "Invalid binary character '#x{0:X}' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]"
    )]
    InvalidMessageContents(u32),
    /// A queue or task of a message move that does not exist.
    #[error("{0}")]
    ResourceNotFound(String),
    /// Something that SQS does not do.
    #[error("{0}")]
    Unsupported(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl QueueError {
    /// `Value {value} for parameter {parameter} is invalid. Reason: {reason}`.
    pub fn invalid(value: impl std::fmt::Display, parameter: &str, reason: &str) -> Self {
        Self::InvalidParameter(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
    }

    /// An attribute that there is not.
    pub fn unknown_attribute(name: &str) -> Self {
        Self::InvalidAttributeName(format!("Unknown Attribute {name}."))
    }

    /// A value that the attribute cannot have.
    pub fn attribute_value(name: &str) -> Self {
        Self::InvalidAttributeValue(format!("Invalid value for the parameter {name}."))
    }

    /// What is wrong with a receipt handle.
    pub fn receipt(error: ReceiptError, handle: &str) -> Self {
        let reason = match error {
            ReceiptError::Malformed | ReceiptError::OtherQueue => return Self::ReceiptHandleInvalid(handle.to_owned()),
            ReceiptError::NotInFlight => return Self::MessageNotInFlight,
            ReceiptError::Expired => "The receipt handle has expired.",
            ReceiptError::NoMessage => "Message does not exist or is not available for visibility timeout change.",
            ReceiptError::TooLong => "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
        };
        Self::invalid(handle, "ReceiptHandle", reason)
    }

    /// The code in the JSON protocol, the code in the query protocol, and the HTTP status.
    pub fn code(&self) -> (&'static str, &'static str, u16) {
        match self {
            Self::QueueDoesNotExist => ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400),
            Self::QueueNameExists(_) => ("QueueNameExists", "QueueAlreadyExists", 400),
            Self::InvalidAddress(_) => ("InvalidAddress", "InvalidAddress", 404),
            Self::InvalidAttributeName(_) => ("InvalidAttributeName", "InvalidAttributeName", 400),
            Self::InvalidAttributeValue(_) => ("InvalidAttributeValue", "InvalidAttributeValue", 400),
            Self::InvalidParameter(_) => ("InvalidParameterValueException", "InvalidParameterValue", 400),
            Self::MissingParameter(_) => ("MissingRequiredParameterException", "MissingParameter", 400),
            Self::PurgeInProgress(_) => ("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403),
            Self::OverLimit | Self::TooManyPermissions(_) => ("OverLimit", "OverLimit", 403),
            Self::ReceiptHandleInvalid(_) => ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404),
            Self::MessageNotInFlight => ("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400),
            Self::TooManyEntries(_) => {
                ("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400)
            }
            Self::EmptyBatch(_) => ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400),
            Self::IdsNotDistinct(_) => {
                ("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400)
            }
            Self::InvalidBatchEntryId => ("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400),
            Self::BatchTooLong(_) => ("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400),
            Self::InvalidMessageContents(_) => ("InvalidMessageContents", "InvalidMessageContents", 400),
            Self::ResourceNotFound(_) => ("ResourceNotFoundException", "ResourceNotFoundException", 404),
            Self::Unsupported(_) => ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400),
            Self::Store(_) => ("InternalFailure", "InternalError", 500),
        }
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        if let QueueError::Store(cause) = error {
            return Self::internal(cause);
        }
        let (code, query_code, status) = error.code();
        let answer = Self::new(code, status, error.to_string()).with_query_code(query_code);
        match error {
            QueueError::QueueDoesNotExist => {
                answer.with_query_message("The specified queue does not exist for this wsdl version.")
            }
            _ => answer,
        }
    }
}
