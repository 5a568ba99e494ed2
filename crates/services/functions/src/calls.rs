//! What other services ask of functions.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_bus::calls::{FunctionCalls, FunctionResult, InvocationMode, InvokeFunction};
use pilvi_bus::{AccessRequest, ApiError, Ctx};
use pilvi_executor::Outcome;

use crate::core::Functions;
use crate::lambda::permissions;
use crate::names::Named;
use crate::run::{MOST_ASYNCHRONOUS, MOST_SYNCHRONOUS, Run, checked};

/// The typed calls of functions.
pub(crate) struct Calls(pub(crate) Arc<Functions>);

impl Calls {
    async fn authorize(&self, ctx: &Ctx, named: &Named) -> Result<(), ApiError> {
        let arn = named.arn();
        let policy = permissions::of_arn(&self.0, &arn).map(Arc::from);
        let request = AccessRequest::new("lambda:InvokeFunction", arn.clone())
            .with("lambda:FunctionArn", named.unqualified_arn());
        self.0.platform.bus.authorize(ctx, &request, policy).await
    }
}

#[async_trait]
impl FunctionCalls for Calls {
    async fn invoke(&self, ctx: &Ctx, request: InvokeFunction) -> Result<FunctionResult, ApiError> {
        let named = Named::parse_anywhere(ctx, &request.function, request.qualifier.as_deref())?;
        self.authorize(ctx, &named).await?;
        let function = self.0.route(&named)?;
        let version = function.version.clone();
        let mut result = FunctionResult {
            status: 204,
            payload: bytes::Bytes::new(),
            error: None,
            log_tail: None,
            executed_version: version,
        };
        match request.mode {
            InvocationMode::DryRun => {}
            InvocationMode::Queue => {
                let request = InvokeFunction {
                    payload: checked(Some(request.payload), MOST_ASYNCHRONOUS)?,
                    qualifier: named.qualifier.clone(),
                    ..request
                };
                let (platform, deliveries) = (&self.0.platform, &self.0.deliveries);
                crate::queued::accept(platform, deliveries, ctx, &named.unqualified_arn(), &request).await?;
                result.status = 202;
            }
            InvocationMode::Wait => {
                let run = Run {
                    request_id: ctx.request_id.clone(),
                    payload: checked(Some(request.payload), MOST_SYNCHRONOUS)?,
                    invoked_arn: named.arn(),
                    client_context: request.client_context,
                };
                let ran = self.0.run(ctx, &function, run).await?;
                result.status = 200;
                result.log_tail = request.tail.then_some(ran.log_tail);
                match ran.outcome {
                    Outcome::Success(payload) => result.payload = payload,
                    Outcome::Error { kind, payload } => {
                        result.payload = payload;
                        result.error = Some(kind.as_str().to_owned());
                    }
                }
            }
        }
        Ok(result)
    }

    async fn may_invoke(&self, ctx: &Ctx, function_arn: &str) -> Result<(), ApiError> {
        let named = Named::parse_anywhere(ctx, function_arn, None)?;
        self.authorize(ctx, &named).await?;
        self.0.find(&named)?;
        Ok(())
    }
}
