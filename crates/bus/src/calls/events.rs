//! Put events on a bus.

use async_trait::async_trait;

use crate::{ApiError, Ctx};

/// An event to be put on a bus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutEvent {
    /// The bus's ARN.
    pub bus_arn: String,
    /// Who it comes from: `my.application`.
    pub source: String,
    /// What kind of event it is.
    pub detail_type: String,
    /// The ARNs that it is about.
    pub resources: Vec<String>,
    /// JSON.
    pub detail: String,
}

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
    /// Puts an event on a bus as the caller of `ctx` (`events:PutEvents` on the bus, whose policy counts), who is not a service with
    /// events of its own.
    async fn put_on(&self, ctx: &Ctx, event: PutEvent) -> Result<(), ApiError>;
    /// Passes an event on to another bus as it is, with its id, time, account and region (`events:PutEvents` on the bus, whose policy
    /// counts). `event` is the whole event, JSON.
    async fn forward(&self, ctx: &Ctx, bus_arn: &str, event: &str) -> Result<(), ApiError>;
}
