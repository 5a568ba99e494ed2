//! What the operations take and answer.

use pilvi_model::shape::Entries;
use pilvi_model::{Shape, Timestamp};
use serde::{Deserialize, Serialize};

use super::state::Mapping;

/// One filter.
#[derive(Clone, Shape)]
pub(crate) struct Filter {
    pub(crate) pattern: Option<String>,
}

/// Filters, one of which a message has to fit.
#[derive(Clone, Shape)]
pub(crate) struct FilterCriteria {
    pub(crate) filters: Option<Vec<Filter>>,
}

/// How far it scales.
#[derive(Clone, Shape)]
pub(crate) struct ScalingConfig {
    pub(crate) maximum_concurrency: Option<i64>,
}

/// Pollers that are kept ready. Kept as a record: pollers are started as they are needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub(crate) struct PollerConfig {
    pub(crate) minimum_pollers: Option<i64>,
    pub(crate) maximum_pollers: Option<i64>,
    pub(crate) poller_group_name: Option<String>,
}

/// What is measured. Kept as a record.
#[derive(Clone, Shape)]
pub(crate) struct MetricsConfig {
    pub(crate) metrics: Option<Vec<String>>,
}

/// Where failed batches of streams go.
#[derive(Shape)]
pub(crate) struct DestinationConfig {
    on_success: Option<Destination>,
    on_failure: Option<Destination>,
}

#[derive(Shape)]
struct Destination {
    destination: Option<String>,
}

impl DestinationConfig {
    /// Whether anything is to be told.
    pub(crate) fn is_set(&self) -> bool {
        let both = [&self.on_success, &self.on_failure];
        both.into_iter().flatten().any(|one| one.destination.as_ref().is_some_and(|arn| !arn.is_empty()))
    }
}

/// What CreateEventSourceMapping takes.
#[derive(Shape)]
pub(crate) struct CreateEventSourceMappingInput {
    pub(crate) event_source_arn: Option<String>,
    pub(crate) function_name: String,
    pub(crate) enabled: Option<bool>,
    pub(crate) batch_size: Option<i64>,
    pub(crate) filter_criteria: Option<FilterCriteria>,
    pub(crate) maximum_batching_window_in_seconds: Option<i64>,
    pub(crate) starting_position: Option<String>,
    pub(crate) parallelization_factor: Option<i64>,
    pub(crate) bisect_batch_on_function_error: Option<bool>,
    pub(crate) maximum_record_age_in_seconds: Option<i64>,
    pub(crate) maximum_retry_attempts: Option<i64>,
    pub(crate) tumbling_window_in_seconds: Option<i64>,
    pub(crate) destination_config: Option<DestinationConfig>,
    pub(crate) tags: Option<Entries<String>>,
    pub(crate) function_response_types: Option<Vec<String>>,
    pub(crate) scaling_config: Option<ScalingConfig>,
    pub(crate) metrics_config: Option<MetricsConfig>,
    pub(crate) provisioned_poller_config: Option<PollerConfig>,
    #[shape(name = "KMSKeyArn")]
    pub(crate) kms_key_arn: Option<String>,
}

/// What UpdateEventSourceMapping takes.
#[derive(Shape)]
pub(crate) struct UpdateEventSourceMappingInput {
    #[shape(name = "UUID")]
    pub(crate) uuid: String,
    pub(crate) function_name: Option<String>,
    pub(crate) enabled: Option<bool>,
    pub(crate) batch_size: Option<i64>,
    pub(crate) filter_criteria: Option<FilterCriteria>,
    pub(crate) maximum_batching_window_in_seconds: Option<i64>,
    pub(crate) function_response_types: Option<Vec<String>>,
    pub(crate) scaling_config: Option<ScalingConfig>,
    pub(crate) metrics_config: Option<MetricsConfig>,
    pub(crate) provisioned_poller_config: Option<PollerConfig>,
    #[shape(name = "KMSKeyArn")]
    pub(crate) kms_key_arn: Option<String>,
}

/// What GetEventSourceMapping and DeleteEventSourceMapping take.
#[derive(Shape)]
pub(crate) struct EventSourceMappingInput {
    #[shape(name = "UUID")]
    pub(crate) uuid: String,
}

/// What ListEventSourceMappings takes.
#[derive(Shape)]
pub(crate) struct ListEventSourceMappingsInput {
    pub(crate) event_source_arn: Option<String>,
    pub(crate) function_name: Option<String>,
    pub(crate) marker: Option<String>,
    pub(crate) max_items: Option<i64>,
}

/// What ListEventSourceMappings answers.
#[derive(Shape)]
pub(crate) struct ListEventSourceMappingsOutput {
    pub(crate) next_marker: Option<String>,
    pub(crate) event_source_mappings: Vec<EventSourceMappingConfiguration>,
}

/// A mapping, as all operations answer.
#[derive(Shape)]
pub(crate) struct EventSourceMappingConfiguration {
    #[shape(name = "UUID")]
    pub(crate) uuid: Option<String>,
    pub(crate) batch_size: Option<i64>,
    pub(crate) maximum_batching_window_in_seconds: Option<i64>,
    pub(crate) event_source_arn: Option<String>,
    pub(crate) filter_criteria: Option<FilterCriteria>,
    pub(crate) function_arn: Option<String>,
    pub(crate) last_modified: Option<Timestamp>,
    pub(crate) state: Option<String>,
    pub(crate) state_transition_reason: Option<String>,
    pub(crate) function_response_types: Option<Vec<String>>,
    pub(crate) scaling_config: Option<ScalingConfig>,
    pub(crate) metrics_config: Option<MetricsConfig>,
    pub(crate) provisioned_poller_config: Option<PollerConfig>,
    #[shape(name = "KMSKeyArn")]
    pub(crate) kms_key_arn: Option<String>,
    pub(crate) event_source_mapping_arn: Option<String>,
}

impl EventSourceMappingConfiguration {
    /// A mapping in this state; `None`: the state that it is in.
    pub(crate) fn of(mapping: &Mapping, state: Option<&str>) -> Self {
        let settled = if mapping.enabled { "Enabled" } else { "Disabled" };
        let filters = mapping.filters.as_ref().map(|patterns| {
            let filters = patterns.iter().map(|pattern| Filter { pattern: Some(pattern.clone()) }).collect();
            FilterCriteria { filters: Some(filters) }
        });
        Self {
            uuid: Some(mapping.uuid.clone()),
            batch_size: Some(mapping.batch_size),
            maximum_batching_window_in_seconds: Some(mapping.window),
            event_source_arn: Some(mapping.source.clone()),
            filter_criteria: filters,
            function_arn: Some(mapping.function.clone()),
            last_modified: Timestamp::from_millisecond(mapping.modified).ok(),
            state: Some(state.unwrap_or(settled).to_owned()),
            state_transition_reason: Some("USER_INITIATED".to_owned()),
            function_response_types: Some(mapping.response_types.clone()),
            scaling_config: mapping.max_concurrency.map(|most| ScalingConfig { maximum_concurrency: Some(most) }),
            metrics_config: mapping.metrics.clone().map(|metrics| MetricsConfig { metrics: Some(metrics) }),
            provisioned_poller_config: mapping.pollers.clone(),
            kms_key_arn: mapping.kms_key.clone(),
            event_source_mapping_arn: Some(mapping.arn()),
        }
    }
}
