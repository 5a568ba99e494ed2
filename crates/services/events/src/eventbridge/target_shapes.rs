//! A rule's target, as the API gives it and as it is kept.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html>

use std::collections::BTreeMap;

use pilvi_model::Shape;
use serde::{Deserialize, Serialize};

/// A target of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) role_arn: Option<String>,
    pub(crate) input: Option<String>,
    pub(crate) input_path: Option<String>,
    pub(crate) input_transformer: Option<InputTransformer>,
    pub(crate) kinesis_parameters: Option<KinesisParameters>,
    pub(crate) run_command_parameters: Option<RunCommandParameters>,
    pub(crate) ecs_parameters: Option<EcsParameters>,
    pub(crate) batch_parameters: Option<BatchParameters>,
    pub(crate) sqs_parameters: Option<SqsParameters>,
    pub(crate) http_parameters: Option<HttpParameters>,
    pub(crate) redshift_data_parameters: Option<RedshiftDataParameters>,
    pub(crate) sage_maker_pipeline_parameters: Option<SageMakerPipelineParameters>,
    pub(crate) dead_letter_config: Option<DeadLetterConfig>,
    pub(crate) retry_policy: Option<RetryPolicy>,
    pub(crate) app_sync_parameters: Option<AppSyncParameters>,
}

/// `InputTransformer`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct InputTransformer {
    pub(crate) input_paths_map: Option<BTreeMap<String, String>>,
    pub(crate) input_template: String,
}

/// `KinesisParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct KinesisParameters {
    pub(crate) partition_key_path: String,
}

/// `RunCommandParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct RunCommandParameters {
    pub(crate) run_command_targets: Vec<RunCommandTarget>,
}

/// `EcsParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct EcsParameters {
    pub(crate) task_definition_arn: String,
    pub(crate) task_count: Option<i64>,
    pub(crate) launch_type: Option<String>,
    pub(crate) network_configuration: Option<NetworkConfiguration>,
    pub(crate) platform_version: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    #[shape(name = "EnableECSManagedTags")]
    pub(crate) enable_ecs_managed_tags: Option<bool>,
    pub(crate) enable_execute_command: Option<bool>,
    pub(crate) placement_constraints: Option<Vec<PlacementConstraint>>,
    pub(crate) placement_strategy: Option<Vec<PlacementStrategy>>,
    pub(crate) propagate_tags: Option<String>,
    pub(crate) reference_id: Option<String>,
    pub(crate) tags: Option<Vec<Tag>>,
}

/// `BatchParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct BatchParameters {
    pub(crate) job_definition: String,
    pub(crate) job_name: String,
    pub(crate) array_properties: Option<BatchArrayProperties>,
    pub(crate) retry_strategy: Option<BatchRetryStrategy>,
}

/// `SqsParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct SqsParameters {
    pub(crate) message_group_id: Option<String>,
}

/// `HttpParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct HttpParameters {
    pub(crate) path_parameter_values: Option<Vec<String>>,
    pub(crate) header_parameters: Option<BTreeMap<String, String>>,
    pub(crate) query_string_parameters: Option<BTreeMap<String, String>>,
}

/// `RedshiftDataParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct RedshiftDataParameters {
    pub(crate) secret_manager_arn: Option<String>,
    pub(crate) database: String,
    pub(crate) db_user: Option<String>,
    pub(crate) sql: Option<String>,
    pub(crate) statement_name: Option<String>,
    pub(crate) with_event: Option<bool>,
    pub(crate) sqls: Option<Vec<String>>,
}

/// `SageMakerPipelineParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct SageMakerPipelineParameters {
    pub(crate) pipeline_parameter_list: Option<Vec<SageMakerPipelineParameter>>,
}

/// `DeadLetterConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct DeadLetterConfig {
    pub(crate) arn: Option<String>,
}

/// `RetryPolicy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct RetryPolicy {
    pub(crate) maximum_retry_attempts: Option<i64>,
    pub(crate) maximum_event_age_in_seconds: Option<i64>,
}

/// `AppSyncParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct AppSyncParameters {
    #[shape(name = "GraphQLOperation")]
    pub(crate) graph_ql_operation: Option<String>,
}

/// `RunCommandTarget`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct RunCommandTarget {
    pub(crate) key: String,
    pub(crate) values: Vec<String>,
}

/// `NetworkConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct NetworkConfiguration {
    #[shape(name = "awsvpcConfiguration")]
    pub(crate) awsvpc_configuration: Option<AwsVpcConfiguration>,
}

/// `CapacityProviderStrategyItem`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct CapacityProviderStrategyItem {
    #[shape(name = "capacityProvider")]
    pub(crate) capacity_provider: String,
    #[shape(name = "weight")]
    pub(crate) weight: Option<i64>,
    #[shape(name = "base")]
    pub(crate) base: Option<i64>,
}

/// `PlacementConstraint`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct PlacementConstraint {
    #[shape(name = "type")]
    pub(crate) kind: Option<String>,
    #[shape(name = "expression")]
    pub(crate) expression: Option<String>,
}

/// `PlacementStrategy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct PlacementStrategy {
    #[shape(name = "type")]
    pub(crate) kind: Option<String>,
    #[shape(name = "field")]
    pub(crate) field: Option<String>,
}

/// `Tag`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// `BatchArrayProperties`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct BatchArrayProperties {
    pub(crate) size: Option<i64>,
}

/// `BatchRetryStrategy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct BatchRetryStrategy {
    pub(crate) attempts: Option<i64>,
}

/// `SageMakerPipelineParameter`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct SageMakerPipelineParameter {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// `AwsVpcConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Shape, Serialize, Deserialize)]
pub(crate) struct AwsVpcConfiguration {
    pub(crate) subnets: Vec<String>,
    pub(crate) security_groups: Option<Vec<String>>,
    pub(crate) assign_public_ip: Option<String>,
}
