//! Invoke a function.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ApiError, Ctx};

/// How a function is invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationMode {
    /// Wait for the answer (`RequestResponse`).
    Wait,
    /// Queue it durably and answer at once (`Event`).
    Queue,
    /// Only check that it could be done (`DryRun`).
    DryRun,
}

/// An invocation.
#[derive(Clone, Debug)]
pub struct InvokeFunction {
    /// A name, a partial ARN or an ARN, with or without a version or alias.
    pub function: String,
    /// The version or alias, where `function` does not name it.
    pub qualifier: Option<String>,
    /// How.
    pub mode: InvocationMode,
    /// The event, JSON.
    pub payload: Bytes,
    /// The client context, base64 JSON.
    pub client_context: Option<String>,
    /// True to get the last 4 KB of the log back.
    pub tail: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct FunctionResult {
    /// 200, 202 (queued) or 204 (dry run).
    pub status: u16,
    /// What the function returned, or its error as JSON.
    pub payload: Bytes,
    /// `Handled` or `Unhandled` where the function failed.
    pub error: Option<String>,
    /// The last 4 KB of the log, where asked for.
    pub log_tail: Option<Bytes>,
    /// The version that ran.
    pub executed_version: String,
}

/// The typed calls of functions.
#[async_trait]
pub trait FunctionCalls: Send + Sync {
    /// Invokes a function as the caller of `ctx` (`lambda:InvokeFunction` on it, its resource policy counts).
    async fn invoke(&self, ctx: &Ctx, request: InvokeFunction) -> Result<FunctionResult, ApiError>;
    /// Whether the caller could invoke it: it exists, and its policies allow it.
    async fn may_invoke(&self, ctx: &Ctx, function_arn: &str) -> Result<(), ApiError>;
}
