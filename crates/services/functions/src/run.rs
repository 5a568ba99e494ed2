//! Running a function: the one way for every kind of invocation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pilvi_bus::Ctx;
use pilvi_executor::{ExecutorError, Invocation, InvokeResult};

use crate::core::Functions;
use crate::errors::FunctionError;
use crate::state::{Function, FunctionKey};

/// The largest event of a synchronous invocation ("Lambda quotas").
pub(crate) const MOST_SYNCHRONOUS: usize = 6_291_456;
/// The largest event of an asynchronous one.
pub(crate) const MOST_ASYNCHRONOUS: usize = 1_048_576;

/// An event for a function.
pub(crate) struct Run {
    /// The request's id, which appears in the log.
    pub(crate) request_id: String,
    /// JSON.
    pub(crate) payload: Bytes,
    /// The ARN by which the function was called.
    pub(crate) invoked_arn: String,
    /// Base64 JSON.
    pub(crate) client_context: Option<String>,
}

/// Counts an invocation of a function with reserved concurrency while it runs.
struct Running<'a> {
    functions: &'a Functions,
    key: FunctionKey,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut running = self.functions.running.lock();
        if let Some(count) = running.get_mut(&self.key) {
            *count -= 1;
            if *count <= 0 {
                running.remove(&self.key);
            }
        }
    }
}

impl Functions {
    /// Runs a function and waits for its answer.
    pub(crate) async fn run(&self, ctx: &Ctx, function: &Function, run: Run) -> Result<InvokeResult, FunctionError> {
        let _running = self.count(function)?;
        let spec = self.spec(function).await?;
        let client_context = run.client_context.as_ref().and_then(|text| STANDARD.decode(text).ok());
        let invocation = Invocation {
            request_id: run.request_id,
            payload: run.payload,
            invoked_arn: run.invoked_arn,
            trace_id: Some(ctx.trace.clone()),
            client_context: client_context.and_then(|bytes| String::from_utf8(bytes).ok()),
            cognito_identity: None,
        };
        self.executor.invoke(&spec, invocation).await.map_err(|error| match error {
            ExecutorError::Saturated { .. } => FunctionError::Throttled("ConcurrentInvocationLimitExceeded"),
            ExecutorError::NoInterpreter { .. } | ExecutorError::UnsupportedRuntime(_) => {
                FunctionError::Runtime(error.to_string())
            }
            ExecutorError::Credentials { .. } => FunctionError::Api(pilvi_bus::ApiError::new(
                "AccessDeniedException",
                403,
                "The role defined for the function cannot be assumed by Lambda.",
            )),
            other => FunctionError::Api(pilvi_bus::ApiError::internal(other)),
        })
    }

    fn count(&self, function: &Function) -> Result<Option<Running<'_>>, FunctionError> {
        let Some(limit) = self.shared(&function.named())?.reserved_concurrency else { return Ok(None) };
        let key = (function.account.clone(), function.region.clone(), function.name.clone());
        let mut running = self.running.lock();
        let count = running.entry(key.clone()).or_insert(0);
        if *count >= limit {
            return Err(FunctionError::Throttled("ReservedFunctionConcurrentInvocationLimitExceeded"));
        }
        *count += 1;
        drop(running);
        Ok(Some(Running { functions: self, key }))
    }
}

/// Refuses an event that is no JSON, in Lambda's words; no event at all is an empty object.
pub(crate) fn checked(payload: Option<Bytes>, limit: usize) -> Result<Bytes, FunctionError> {
    let payload = payload.unwrap_or_else(|| Bytes::from_static(b"{}"));
    if payload.len() > limit {
        let text = format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
        return Err(FunctionError::TooLarge(text));
    }
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        let text = format!("Could not parse request body into json: {error}");
        return Err(FunctionError::RequestContent(text));
    }
    Ok(payload)
}
