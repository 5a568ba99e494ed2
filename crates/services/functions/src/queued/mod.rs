//! Queued (asynchronous) invocations: accepted when written, carried out later, with Lambda's retries, destinations and dead letters.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html>

mod destinations;
mod record;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pilvi_bus::calls::{InvocationMode, InvokeFunction};
use pilvi_bus::{ApiError, Ctx, Platform, Principal, RequestContext};
use pilvi_delivery::{Deliverer, Deliveries, Delivery, NewDelivery, Origin, Outcome, Schedule};
use serde::{Deserialize, Serialize};

use destinations::Destinations;
use record::Ending;

/// The kind of these deliveries.
const KIND: &str = "lambda.invocation";
/// An event is kept no longer than this.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// What a function's settings say of its queued invocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueSettings {
    /// The role that destinations are reached with.
    pub(crate) role: String,
    /// `MaximumRetryAttempts`; two by default.
    pub(crate) retries: Option<i64>,
    /// `MaximumEventAgeInSeconds`; six hours by default.
    pub(crate) max_age: Option<i64>,
    /// The destination of successes, an ARN.
    pub(crate) on_success: Option<String>,
    /// The destination of failures, an ARN.
    pub(crate) on_failure: Option<String>,
    /// The dead-letter queue or topic, an ARN.
    pub(crate) dead_letter: Option<String>,
    /// True where the function is switched off: its reserved concurrency is zero.
    pub(crate) off: bool,
}

/// Knows the settings of functions.
pub(crate) trait Settings: Send + Sync {
    /// The settings of the function with this ARN, at this version or alias.
    fn queue_settings(&self, function_arn: &str, qualifier: Option<&str>) -> Result<QueueSettings, ApiError>;
}

/// An event that waits for its function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct QueuedEvent {
    request_id: String,
    function_arn: String,
    qualifier: Option<String>,
    client_context: Option<String>,
    /// JSON, as it was sent.
    payload: String,
}

/// Accepts an invocation of the function with this unqualified ARN: durable when this returns.
///
/// # Errors
/// When it cannot be written.
pub(crate) async fn accept(
    platform: &Platform,
    deliveries: &Arc<Deliveries>,
    ctx: &RequestContext,
    function_arn: &str,
    request: &InvokeFunction,
) -> Result<(), ApiError> {
    let event = QueuedEvent {
        request_id: ctx.request_id.clone(),
        function_arn: function_arn.to_owned(),
        qualifier: request.qualifier.clone(),
        client_context: request.client_context.clone(),
        payload: String::from_utf8_lossy(&request.payload).into_owned(),
    };
    let payload = Bytes::from(serde_json::to_vec(&event).map_err(ApiError::internal)?);
    let arn = pilvi_bus::Arn::parse(function_arn);
    let (account, region) =
        arn.map_or_else(|| (ctx.account.clone(), ctx.region.clone()), |arn| (arn.account, arn.region));
    let origin = Origin { source_arn: function_arn.to_owned(), account, region, trace: ctx.trace.clone() };
    let new = NewDelivery { kind: KIND.to_owned(), target: function_arn.to_owned(), payload, origin, due: 0 };
    let deliveries = deliveries.clone();
    platform.store.write(move |tx| deliveries.enqueue(tx, new.clone())).await.map_err(ApiError::internal)
}

/// Carries queued invocations out.
pub(crate) struct QueuedInvocations {
    platform: Platform,
    settings: Arc<dyn Settings>,
}

impl QueuedInvocations {
    /// Registers the deliverers of queued invocations and of their destinations.
    pub(crate) fn register(platform: &Platform, deliveries: &Deliveries, settings: Arc<dyn Settings>) {
        deliveries.register(KIND, Arc::new(Self { platform: platform.clone(), settings }));
        deliveries.register(destinations::KIND, Arc::new(Destinations::new(platform)));
    }

    fn ending(&self, delivery: &Delivery, event: QueuedEvent, settings: QueueSettings) -> Ending {
        Ending {
            event,
            settings,
            origin: delivery.origin.clone(),
            now: self.platform.clock.now(),
            attempts: delivery.attempt,
            condition: "EventAgeExceeded",
            result: None,
            error: String::new(),
        }
    }

    async fn carry_out(&self, delivery: &Delivery, event: QueuedEvent) -> Result<Outcome, ApiError> {
        let settings = self.settings.queue_settings(&event.function_arn, event.qualifier.as_deref())?;
        if settings.off {
            let mut ending = self.ending(delivery, event, settings);
            ending.condition = "ZeroReservedConcurrency";
            ending.attempts = 0;
            ending.error = "Rate Exceeded.".to_owned();
            return Ok(Outcome::Done(ending.follow_ups()));
        }
        let now = self.platform.clock.now_ms();
        let longest = i64::try_from(LONGEST.as_secs()).unwrap_or(i64::MAX);
        let oldest = settings.max_age.unwrap_or(longest) * 1000;
        if now - delivery.created > oldest {
            return Ok(Outcome::Dead { reason: "The event is too old.".to_owned() });
        }
        let Origin { account, region, trace, .. } = &delivery.origin;
        let root = Principal::Root { account: account.clone() };
        let mut ctx = RequestContext::internal(root, account, region, &self.platform.settings.endpoint());
        ctx.request_id.clone_from(&event.request_id);
        ctx.trace.clone_from(trace);
        let request = InvokeFunction {
            function: event.function_arn.clone(),
            qualifier: event.qualifier.clone(),
            mode: InvocationMode::Wait,
            payload: Bytes::copy_from_slice(event.payload.as_bytes()),
            client_context: event.client_context.clone(),
            tail: false,
        };
        let ctx: Ctx = Arc::new(ctx);
        let result = self.platform.bus.functions()?.invoke(&ctx, request).await?;
        let failures = i64::from(delivery.marks) + i64::from(result.error.is_some());
        let wait = i64::from(delivery.marks + 1) * 60;
        if result.error.is_some()
            && failures <= settings.retries.unwrap_or(2)
            && now + wait * 1000 - delivery.created <= oldest
        {
            let after = Some(Duration::from_secs(u64::try_from(wait).unwrap_or(60)));
            let reason = String::from_utf8_lossy(&result.payload).into_owned();
            return Ok(Outcome::Retry { after, reason, marks: delivery.marks + 1 });
        }
        let mut ending = self.ending(delivery, event, settings);
        ending.attempts = delivery.attempt + 1;
        ending.condition = match &result.error {
            None => "Success",
            Some(_) if failures > ending.settings.retries.unwrap_or(2) => "RetriesExhausted",
            Some(_) => "EventAgeExceeded",
        };
        ending.error = record::error_message(&result.payload);
        ending.result = Some(result);
        Ok(Outcome::Done(ending.follow_ups()))
    }
}

#[async_trait]
impl Deliverer for QueuedInvocations {
    fn schedule(&self) -> Schedule {
        Schedule { longest: Duration::from_secs(300), age: LONGEST, per_target: 1000, ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Ok(event) = serde_json::from_slice::<QueuedEvent>(delivery.payload()) else {
            return Outcome::Dead { reason: "The record cannot be read.".to_owned() };
        };
        match self.carry_out(delivery, event).await {
            Ok(outcome) => outcome,
            // Throttles and system errors are tried again with growing pauses; a function that is gone will not come back.
            Err(problem) if problem.status == 429 || problem.status >= 500 => {
                Outcome::retry(delivery, problem.to_string())
            }
            Err(problem) => Outcome::Dead { reason: problem.to_string() },
        }
    }

    async fn dead(&self, delivery: &Delivery, reason: &str) -> Vec<NewDelivery> {
        let Ok(event) = serde_json::from_slice::<QueuedEvent>(delivery.payload()) else { return Vec::new() };
        let Ok(settings) = self.settings.queue_settings(&event.function_arn, event.qualifier.as_deref()) else {
            return Vec::new();
        };
        let mut ending = self.ending(delivery, event, settings);
        reason.clone_into(&mut ending.error);
        ending.follow_ups()
    }
}
