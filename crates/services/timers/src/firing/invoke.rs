//! Invokes a target, as the schedule's role, as often as its policy says.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pilvi_bus::{ApiError, Ctx, Platform, RequestContext};
use pilvi_delivery::{Deliverer, Delivery, Outcome, Schedule};
use pilvi_model::{Val, api, document};
use serde::{Deserialize, Serialize};
use tracing::debug;

use super::dead_letter;
use super::request::{Occurrence, Request, request};
use crate::target::{MOST_RETRIES, MOST_SECONDS, Target};

/// The kind of these deliveries.
pub(crate) const KIND: &str = "scheduler.invocation";

/// One invocation of a schedule, with the target as it was when it came due.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Invocation {
    pub(crate) target: Target,
    /// Milliseconds since 1970.
    pub(crate) scheduled: i64,
    pub(crate) execution_id: String,
}

/// Makes the invocations.
pub(crate) struct Invocations {
    platform: Platform,
}

impl Invocations {
    pub(crate) fn new(platform: &Platform) -> Arc<Self> {
        Arc::new(Self { platform: platform.clone() })
    }

    async fn invoke(&self, delivery: &Delivery, role: &str, request: &Request) -> Result<(), ApiError> {
        let ctx = as_role(&self.platform, delivery, role).await?;
        let api = api(request.service)
            .and_then(|api| Some((api, api.operation(&request.operation)?)))
            .ok_or_else(|| ApiError::not_implemented(request.service, &request.operation));
        let (api, operation) = api?;
        let input = match operation.input {
            Some(shape) => document::read(api, shape, &request.document)?,
            None => Val::empty(),
        };
        let output = self.platform.bus.call(ctx, request.service, operation.name, input).await?;
        refused(&output).map_or(Ok(()), Err)
    }
}

/// An answer that says of each entry what came of it, and of one that it was refused (PutEvents).
fn refused(output: &Val) -> Option<ApiError> {
    let Some(Val::List(entries)) = output.get("Entries") else { return None };
    let code = entries.iter().find_map(|entry| Some((entry, entry.get("ErrorCode")?.as_str()?)));
    let (entry, code) = code?;
    let text = entry.get("ErrorMessage").and_then(Val::as_str).unwrap_or_default();
    Some(ApiError::new(code.to_owned(), 400, text))
}

/// The context of a call that a schedule's role makes.
pub(super) async fn as_role(platform: &Platform, delivery: &Delivery, role: &str) -> Result<Ctx, ApiError> {
    let origin = &delivery.origin;
    let (schedule, name) = origin.source_arn.rsplit_once('/').unwrap_or_default();
    // A trust policy names the group that a schedule is in ("Prevent cross-service confused deputy", Scheduler user guide).
    let group = schedule.replacen(":schedule/", ":schedule-group/", 1);
    let identity = platform.bus.identity()?;
    let assumed = identity.assume_on_behalf("scheduler.amazonaws.com", role, name, &group).await?;
    let endpoint = platform.settings.endpoint();
    let mut ctx = RequestContext::internal(assumed.principal, &origin.account, &origin.region, &endpoint);
    ctx.trace.clone_from(&origin.trace);
    Ok(Arc::new(ctx))
}

#[async_trait]
impl Deliverer for Invocations {
    fn schedule(&self) -> Schedule {
        // The policy of each target decides, below; a day is the longest that one may ask for. The invocations of a schedule are
        // made one after the other, so that a FIFO queue gets them in order.
        Schedule { age: Duration::from_secs(2 * 86_400), per_target: 1, ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let invocation: Invocation = match serde_json::from_slice(delivery.payload()) {
            Ok(invocation) => invocation,
            Err(error) => return Outcome::Dead { reason: format!("cannot be read: {error}") },
        };
        let occurrence = Occurrence {
            schedule_arn: &delivery.origin.source_arn,
            account: &delivery.origin.account,
            region: &delivery.origin.region,
            endpoint: &self.platform.settings.endpoint(),
            scheduled: invocation.scheduled,
            execution_id: &invocation.execution_id,
            attempt: delivery.attempt + 1,
        };
        let request = request(&invocation.target, &occurrence);
        let problem = match &request {
            Ok(request) => match self.invoke(delivery, &invocation.target.role_arn, request).await {
                Ok(()) => return Outcome::done(),
                Err(problem) => problem,
            },
            Err(problem) => problem.clone(),
        };
        let policy = invocation.target.retry_policy.clone().unwrap_or_default();
        let most = policy.maximum_retry_attempts.unwrap_or(MOST_RETRIES);
        let age = policy.maximum_event_age_in_seconds.unwrap_or(MOST_SECONDS) * 1000;
        let wait = 1000_i64.checked_shl(delivery.attempt.min(16)).unwrap_or(i64::MAX).min(600_000);
        let exhausted = if problem.status == 501 {
            None
        } else if i64::from(delivery.attempt) >= most {
            Some("MaximumRetryAttempts")
        } else if self.platform.clock.now_ms() - delivery.created + wait > age {
            Some("MaximumEventAgeInSeconds")
        } else {
            let after = u64::try_from(wait).ok().map(Duration::from_millis);
            return Outcome::Retry { after, reason: problem.to_string(), marks: delivery.marks };
        };
        debug!(schedule = delivery.target, %problem, exhausted, "an invocation is given up");
        let body = request.map(|request| request.document.to_string()).unwrap_or_default();
        let letter = dead_letter::letter(delivery, &invocation, &problem, exhausted, body);
        Outcome::Done(letter.into_iter().collect())
    }
}
