//! What a schedule invokes.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Target.html>

use std::collections::BTreeMap;

use pilvi_model::Shape;
use serde::{Deserialize, Serialize};

/// What is invoked, as whom, with what, and how often it is tried.
#[derive(Clone, Debug, Default, PartialEq, Shape, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) arn: String,
    pub(crate) dead_letter_config: Option<DeadLetterConfig>,
    pub(crate) ecs_parameters: Option<EcsParameters>,
    pub(crate) event_bridge_parameters: Option<EventBridgeParameters>,
    pub(crate) input: Option<String>,
    pub(crate) kinesis_parameters: Option<KinesisParameters>,
    pub(crate) retry_policy: Option<RetryPolicy>,
    pub(crate) role_arn: String,
    pub(crate) sage_maker_pipeline_parameters: Option<SageMakerPipelineParameters>,
    pub(crate) sqs_parameters: Option<SqsParameters>,
}

/// Where invocations go that failed for good.
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
pub(crate) struct DeadLetterConfig {
    pub(crate) arn: Option<String>,
}

/// The event that an event bus gets.
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
pub(crate) struct EventBridgeParameters {
    pub(crate) detail_type: String,
    pub(crate) source: String,
}

/// The shard of a stream.
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
pub(crate) struct KinesisParameters {
    pub(crate) partition_key: String,
}

/// How often and how long it is tried again.
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
pub(crate) struct RetryPolicy {
    pub(crate) maximum_event_age_in_seconds: Option<i64>,
    pub(crate) maximum_retry_attempts: Option<i64>,
}

impl Default for RetryPolicy {
    /// What a target without one has, and shows.
    fn default() -> Self {
        Self { maximum_event_age_in_seconds: Some(MOST_SECONDS), maximum_retry_attempts: Some(MOST_RETRIES) }
    }
}

/// A day: the longest that is tried, and how long is tried where nothing is said.
pub(crate) const MOST_SECONDS: i64 = 86_400;
/// The most retries, likewise.
pub(crate) const MOST_RETRIES: i64 = 185;

/// The group of a FIFO queue's message.
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
pub(crate) struct SqsParameters {
    pub(crate) message_group_id: Option<String>,
}

/// A pipeline's parameters.
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
pub(crate) struct SageMakerPipelineParameters {
    pub(crate) pipeline_parameter_list: Option<Vec<SageMakerPipelineParameter>>,
}

/// A pipeline's parameter.
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
pub(crate) struct SageMakerPipelineParameter {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A container task.
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
pub(crate) struct EcsParameters {
    pub(crate) capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    #[shape(name = "EnableECSManagedTags")]
    pub(crate) enable_ecs_managed_tags: Option<bool>,
    pub(crate) enable_execute_command: Option<bool>,
    pub(crate) group: Option<String>,
    pub(crate) launch_type: Option<String>,
    pub(crate) network_configuration: Option<NetworkConfiguration>,
    pub(crate) placement_constraints: Option<Vec<PlacementConstraint>>,
    pub(crate) placement_strategy: Option<Vec<PlacementStrategy>>,
    pub(crate) platform_version: Option<String>,
    pub(crate) propagate_tags: Option<String>,
    pub(crate) reference_id: Option<String>,
    pub(crate) tags: Option<Vec<BTreeMap<String, String>>>,
    pub(crate) task_count: Option<i64>,
    pub(crate) task_definition_arn: String,
}

/// Part of [`EcsParameters`].
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
#[shape(rename_all = "camelCase")]
pub(crate) struct CapacityProviderStrategyItem {
    pub(crate) base: Option<i64>,
    pub(crate) capacity_provider: String,
    pub(crate) weight: Option<i64>,
}

/// Part of [`EcsParameters`].
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
pub(crate) struct NetworkConfiguration {
    #[shape(name = "awsvpcConfiguration")]
    pub(crate) vpc: Option<AwsVpcConfiguration>,
}

/// Part of [`EcsParameters`].
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
pub(crate) struct AwsVpcConfiguration {
    pub(crate) assign_public_ip: Option<String>,
    pub(crate) security_groups: Option<Vec<String>>,
    pub(crate) subnets: Vec<String>,
}

/// Part of [`EcsParameters`].
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PlacementConstraint {
    pub(crate) expression: Option<String>,
    pub(crate) r#type: Option<String>,
}

/// Part of [`EcsParameters`].
#[derive(Clone, Debug, PartialEq, Shape, Serialize, Deserialize)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PlacementStrategy {
    pub(crate) field: Option<String>,
    pub(crate) r#type: Option<String>,
}
