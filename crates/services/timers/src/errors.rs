//! What can go wrong, with the code, status and text that EventBridge Scheduler gives it.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html#API_CreateSchedule_Errors>

use pilvi_bus::ApiError;
use pilvi_store::StoreError;

/// An error of a scheduler's operation. The texts are what AWS answers.
#[derive(Debug, thiserror::Error)]
pub enum TimerError {
    /// No schedule of that name.
    #[error("Schedule {0} does not exist.")]
    NoSchedule(String),
    /// No group of that name.
    #[error("Schedule group {0} does not exist.")]
    NoGroup(String),
    /// The name is taken.
    #[error("Schedule {0} already exists.")]
    ScheduleExists(String),
    /// The name is taken.
    #[error("Schedule group {0} already exists.")]
    GroupExists(String),
    /// The account's own group is neither made, tagged nor deleted.
    #[error("This operation cannot be performed on schedule group default.")]
    DefaultGroup,
    /// Something is wrong with a schedule.
    #[error("{0}")]
    Invalid(String),
    /// Another service refused.
    #[error("{0}")]
    Api(ApiError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<ApiError> for TimerError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<TimerError> for ApiError {
    fn from(error: TimerError) -> Self {
        let (code, status) = match error {
            TimerError::Api(error) => return error,
            TimerError::Store(cause) => return Self::internal(cause),
            TimerError::NoSchedule(_) | TimerError::NoGroup(_) => ("ResourceNotFoundException", 404),
            TimerError::ScheduleExists(_) | TimerError::GroupExists(_) => ("ConflictException", 409),
            TimerError::DefaultGroup | TimerError::Invalid(_) => ("ValidationException", 400),
        };
        Self::new(code, status, error.to_string())
    }
}
