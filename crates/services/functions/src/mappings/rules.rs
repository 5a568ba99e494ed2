//! What Lambda refuses, in its words.

use std::sync::Arc;

use pilvi_bus::{AccessRequest, ApiError, Arn, Ctx, Platform};
use pilvi_patterns::Pattern;

use super::shapes::{CreateEventSourceMappingInput, FilterCriteria, PollerConfig, ScalingConfig};
use super::state::Mapping;
use super::{FunctionFacts, internal};

/// An InvalidParameterValueException.
pub(super) fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValueException", 400, text)
}

/// Refuses what only streams have. Kinds of sources that are not built are told later.
pub(super) fn only_of_streams(input: &CreateEventSourceMappingInput) -> Result<(), ApiError> {
    let is_queue = input.event_source_arn.as_deref().and_then(Arn::parse).is_some_and(|arn| arn.service == "sqs");
    if !is_queue {
        return Ok(());
    }
    if input.starting_position.is_some() {
        return Err(invalid("StartingPosition is not valid for SQS event sources."));
    }
    let streams = [
        ("ParallelizationFactor", input.parallelization_factor.is_some()),
        ("BisectBatchOnFunctionError", input.bisect_batch_on_function_error.is_some()),
        ("MaximumRecordAgeInSeconds", input.maximum_record_age_in_seconds.is_some()),
        ("MaximumRetryAttempts", input.maximum_retry_attempts.is_some()),
        ("TumblingWindowInSeconds", input.tumbling_window_in_seconds.is_some()),
        ("DestinationConfig", input.destination_config.as_ref().is_some_and(|config| config.is_set())),
    ];
    match streams.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(invalid(format!("Unsupported {name} parameter for given event source mapping type."))),
        None => Ok(()),
    }
}

/// A mapping scales by itself or has pollers of its own.
pub(super) fn scaling(scaling: Option<&ScalingConfig>, pollers: Option<&PollerConfig>) -> Result<(), ApiError> {
    let Some(pollers) = pollers else { return Ok(()) };
    if scaling.is_some_and(|config| config.maximum_concurrency.is_some()) {
        return Err(invalid("MaximumConcurrency and ProvisionedPollerConfig cannot be used together."));
    }
    match (pollers.minimum_pollers, pollers.maximum_pollers) {
        (Some(least), Some(most)) if least > most => {
            Err(invalid("MinimumPollers cannot be greater than MaximumPollers."))
        }
        _ => Ok(()),
    }
}

/// The patterns of a filter; none where there are none.
pub(super) fn filters(criteria: Option<FilterCriteria>) -> Result<Option<Vec<String>>, ApiError> {
    let filters = criteria.and_then(|criteria| criteria.filters).unwrap_or_default();
    let patterns: Vec<String> = filters.into_iter().filter_map(|filter| filter.pattern).collect();
    if patterns.len() > 5 {
        return Err(invalid("The number of filters in an event source mapping can be at most 5."));
    }
    for pattern in &patterns {
        if Pattern::parse(pattern).is_err() {
            return Err(invalid("Invalid filter pattern definition."));
        }
    }
    Ok((!patterns.is_empty()).then_some(patterns))
}

/// Whether batch size and window fit together and fit the queue.
pub(super) fn batching(mapping: &Mapping) -> Result<(), ApiError> {
    if mapping.fifo && mapping.batch_size > 10 {
        return Err(invalid("Maximum batch size for FIFO queues must be between 1 and 10 inclusive."));
    }
    if mapping.fifo && mapping.window > 0 {
        return Err(invalid("Batching window is not supported for FIFO queues."));
    }
    if mapping.batch_size > 10 && mapping.window == 0 {
        let text = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10";
        return Err(invalid(text));
    }
    Ok(())
}

/// Whether the function's role may read the queue, and the queue hides messages long enough. True for a FIFO queue.
pub(super) async fn source(platform: &Platform, function: &FunctionFacts, source: &str) -> Result<bool, ApiError> {
    let identity = platform.bus.identity()?;
    let role = identity.assume_for("lambda.amazonaws.com", &function.role, &function.name).await;
    let role = role.map_err(|_| invalid("The role defined for the function cannot be assumed by Lambda."))?;
    let own = role.principal.account().to_owned();
    let ctx: Ctx = Arc::new(internal(platform, role.principal, source));
    // Another account's queue decides by its own policy, which is asked when it is read.
    if own == ctx.account {
        for action in ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"] {
            let request = AccessRequest::new(format!("sqs:{action}"), source);
            if platform.bus.authorize(&ctx, &request, None).await.is_err() {
                let text = format!("The provided execution role does not have permissions to call {action} on SQS");
                return Err(invalid(text));
            }
        }
    }
    let facts = platform.bus.queues()?.facts(&ctx, source).await.map_err(|problem| {
        if problem.code == "QueueDoesNotExist" {
            return invalid(
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.",
            );
        }
        if problem.status == 403 {
            return invalid("The provided execution role does not have permissions to call GetQueueAttributes on SQS");
        }
        problem
    })?;
    let visibility = i64::try_from(facts.visibility.as_secs()).unwrap_or(i64::MAX);
    if visibility < function.timeout {
        let timeout = function.timeout;
        return Err(invalid(format!(
            "Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
        )));
    }
    Ok(facts.fifo)
}

/// That an ARN names an event source that is built.
pub(super) fn source_kind(source: Option<String>) -> Result<String, ApiError> {
    let source = source.ok_or_else(|| invalid("Unrecognized event source."))?;
    match Arn::parse(&source).map(|arn| arn.service).as_deref() {
        Some("sqs") => Ok(source),
        Some(service @ ("kinesis" | "dynamodb" | "kafka" | "mq" | "rds")) => {
            Err(ApiError::not_implemented("lambda", &format!("CreateEventSourceMapping for {service}")))
        }
        _ => Err(invalid("Unrecognized event source.")),
    }
}
