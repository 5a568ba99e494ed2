//! Invoke, and InvokeAsync, which it replaced.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pilvi_bus::Ctx;
use pilvi_bus::calls::{InvocationMode, InvokeFunction};
use pilvi_executor::Outcome;
use pilvi_model::Shape;

use crate::core::Functions;
use crate::errors::FunctionError;
use crate::names::Named;
use crate::run::{MOST_ASYNCHRONOUS, MOST_SYNCHRONOUS, Run, checked};
use crate::state::LATEST;

/// What Invoke takes.
#[derive(Shape)]
pub(crate) struct InvokeInput {
    pub(crate) function_name: String,
    invocation_type: Option<String>,
    log_type: Option<String>,
    client_context: Option<String>,
    payload: Option<Bytes>,
    pub(crate) qualifier: Option<String>,
}

/// What the function answered.
#[derive(Shape)]
pub(crate) struct InvokeOutput {
    status_code: Option<i64>,
    function_error: Option<String>,
    log_result: Option<String>,
    payload: Option<Bytes>,
    executed_version: Option<String>,
}

impl InvokeOutput {
    fn accepted(status: i64) -> InvokeOutput {
        InvokeOutput {
            status_code: Some(status),
            function_error: None,
            log_result: None,
            payload: None,
            executed_version: None,
        }
    }
}

pub(crate) async fn invoke(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: InvokeInput,
) -> Result<InvokeOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let function = functions.route(&named).map_err(|error| not_found(error, &named))?;
    match input.invocation_type.as_deref() {
        Some("DryRun") => return Ok(InvokeOutput::accepted(204)),
        Some("Event") => {
            queue(&functions, &ctx, &named, input.payload, input.client_context).await?;
            return Ok(InvokeOutput::accepted(202));
        }
        _ => {}
    }
    let run = Run {
        request_id: ctx.request_id.clone(),
        payload: checked(input.payload, MOST_SYNCHRONOUS)?,
        invoked_arn: named.arn(),
        client_context: input.client_context,
    };
    let result = functions.run(&ctx, &function, run).await?;
    let (payload, error) = match result.outcome {
        Outcome::Success(payload) => (payload, None),
        Outcome::Error { kind, payload } => (payload, Some(kind.as_str().to_owned())),
    };
    let tail = (input.log_type.as_deref() == Some("Tail")).then(|| STANDARD.encode(&result.log_tail));
    Ok(InvokeOutput {
        status_code: Some(200),
        function_error: error,
        log_result: tail,
        payload: Some(payload),
        executed_version: Some(function.version),
    })
}

/// The version is named where the function is missing, although nobody asked for it.
pub(crate) fn not_found(error: FunctionError, named: &Named) -> FunctionError {
    match error {
        FunctionError::NotFound(_) if named.qualifier.is_none() => {
            FunctionError::NotFound(format!("{}:{LATEST}", named.arn()))
        }
        other => other,
    }
}

/// Queues an invocation.
async fn queue(
    functions: &Functions,
    ctx: &Ctx,
    named: &Named,
    payload: Option<Bytes>,
    client_context: Option<String>,
) -> Result<(), FunctionError> {
    let request = InvokeFunction {
        function: named.arn(),
        qualifier: named.qualifier.clone(),
        mode: InvocationMode::Queue,
        payload: checked(payload, MOST_ASYNCHRONOUS)?,
        client_context,
        tail: false,
    };
    let (platform, deliveries) = (&functions.platform, &functions.deliveries);
    Ok(crate::queued::accept(platform, deliveries, ctx, &named.unqualified_arn(), &request).await?)
}

/// What InvokeAsync takes.
#[derive(Shape)]
pub(crate) struct InvokeAsyncInput {
    pub(crate) function_name: String,
    invoke_args: Bytes,
}

/// Only that it was queued.
#[derive(Shape)]
pub(crate) struct InvokeAsyncOutput {
    status: Option<i64>,
}

/// What came before the invocation type `Event`.
pub(crate) async fn invoke_async(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: InvokeAsyncInput,
) -> Result<InvokeAsyncOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?;
    functions.find(&named).map_err(|error| not_found(error, &named))?;
    queue(&functions, &ctx, &named, Some(input.invoke_args), None).await?;
    Ok(InvokeAsyncOutput { status: Some(202) })
}
