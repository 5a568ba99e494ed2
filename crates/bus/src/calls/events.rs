//! Put events on a bus.

use async_trait::async_trait;

use crate::{ApiError, Ctx};

/// The typed calls of events.
#[async_trait]
pub trait EventCalls: Send + Sync {
    /// Puts an event of an AWS service on the account's default bus. `detail` is JSON.
    async fn put(
        &self,
        ctx: &Ctx,
        source: &str,
        detail_type: &str,
        resources: Vec<String>,
        detail: String,
    ) -> Result<(), ApiError>;
}
