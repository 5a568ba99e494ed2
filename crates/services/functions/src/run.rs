//! Running a function: the one way for every kind of invocation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pilvi_bus::{Ctx, RequestContext};
use pilvi_executor::{ExecutorError, Invocation, InvokeResult, StreamPart};
use tokio::sync::mpsc::Sender;

use crate::core::Functions;
use crate::errors::FunctionError;
use crate::lambda::concurrency;
use crate::lineage;
use crate::state::{Function, FunctionKey, LATEST};

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
        self.run_with(ctx, function, run, None).await
    }

    /// The same, with the pieces of an answer that is streamed; see [`pilvi_executor::Executor::invoke_streaming`].
    pub(crate) async fn run_with(
        &self,
        ctx: &Ctx,
        function: &Function,
        run: Run,
        pieces: Option<Sender<StreamPart>>,
    ) -> Result<InvokeResult, FunctionError> {
        let traces = &self.platform.bus.traces;
        let span = traces.begin(ctx, "function", &function.name);
        let result = self.run_in(&ctx.within(&span), function, run, pieces).await;
        traces.end(
            span,
            match &result {
                Ok(done) => done.problem(),
                Err(problem) => Some(problem.to_string()),
            },
        );
        result
    }

    async fn run_in(
        &self,
        ctx: &RequestContext,
        function: &Function,
        run: Run,
        pieces: Option<Sender<StreamPart>>,
    ) -> Result<InvokeResult, FunctionError> {
        let _running = self.count(function)?;
        let trace = self.unlooped(ctx, function)?;
        let spec = self.spec(function).await?;
        let client_context = run.client_context.as_ref().and_then(|text| STANDARD.decode(text).ok());
        let invocation = Invocation {
            request_id: run.request_id,
            payload: run.payload,
            invoked_arn: run.invoked_arn,
            trace_id: Some(trace),
            client_context: client_context.and_then(|bytes| String::from_utf8(bytes).ok()),
            cognito_identity: None,
        };
        let ran = match pieces {
            Some(pieces) => self.executor.invoke_streaming(&spec, invocation, pieces).await,
            None => self.executor.invoke(&spec, invocation).await,
        };
        ran.map_err(|error| match error {
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

    /// The trace with this invocation in its lineage; refused where the function has called itself too often.
    fn unlooped(&self, ctx: &RequestContext, function: &Function) -> Result<String, FunctionError> {
        let named = function.named();
        let (trace, times) = lineage::extended(&ctx.trace, &named.unqualified_arn());
        if times > lineage::MOST && !self.shared(&named)?.allows_loops() {
            return Err(FunctionError::Recursive);
        }
        Ok(trace)
    }

    fn count(&self, function: &Function) -> Result<Option<Running<'_>>, FunctionError> {
        let Some(limit) = self.shared(&function.named())?.reserved_concurrency else { return Ok(None) };
        let key = (function.account.clone(), function.region.clone(), function.name.clone());
        // What is provisioned is there for published versions alone.
        let limit = match function.version == LATEST {
            true => limit - self.store().read(|tx| concurrency::provisioned(tx, &function.named().key()))?,
            false => limit,
        };
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
        return Err(FunctionError::RequestContent(unreadable(&payload, &error)));
    }
    Ok(payload)
}

/// What Lambda's parser says of an event that is no JSON: its words for the first character and for the encoding, ours for the rest.
fn unreadable(payload: &[u8], error: &serde_json::Error) -> String {
    let bad = match std::str::from_utf8(payload) {
        Err(place) => payload.get(place.valid_up_to()).map(|byte| (place.valid_up_to(), *byte)),
        Ok(_) => None,
    };
    let start = payload.iter().position(|byte| !byte.is_ascii_whitespace());
    let first = start.and_then(|place| Some((place, *payload.get(place)?)));
    let (text, column) = match (first, bad) {
        (_, Some((place, byte))) => (format!("Invalid UTF-8 start byte {byte:#x}"), place + 1),
        (Some((place, byte)), None) if !b"{[\"-0123456789tfn".contains(&byte) => {
            let shown = match byte {
                0x20..0x7f => format!("'{}' (code {byte})", char::from(byte)),
                _ => format!("(CTRL-CHAR, code {byte})"),
            };
            let text = format!(
                "Unexpected character ({shown}): expected a valid value (JSON String, Number, Array, Object or token 'null', \
                 'true' or 'false')"
            );
            (text, place + 1)
        }
        _ => (error.to_string(), error.column()),
    };
    format!(
        "Could not parse request body into json: Could not parse payload into json: {text}\n at [Source: REDACTED \
         (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {column}]",
        error.line()
    )
}
