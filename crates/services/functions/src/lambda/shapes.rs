//! Shapes that several operations share.

use std::collections::BTreeMap;

use bytes::Bytes;
use pilvi_model::{Shape, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state::{Function, LATEST};

/// A function's variables.
#[derive(Shape, Clone)]
pub(crate) struct Environment {
    pub(crate) variables: Option<BTreeMap<String, String>>,
}

/// Where code comes from.
#[derive(Shape, Clone, Default)]
pub(crate) struct FunctionCode {
    pub(crate) zip_file: Option<Bytes>,
    #[shape(name = "S3Bucket")]
    pub(crate) s3_bucket: Option<String>,
    #[shape(name = "S3Key")]
    pub(crate) s3_key: Option<String>,
    #[shape(name = "S3ObjectVersion")]
    pub(crate) s3_object_version: Option<String>,
    pub(crate) image_uri: Option<String>,
}

/// Kept as it is; functions run on the host's network.
#[derive(Shape, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VpcConfig {
    pub(crate) subnet_ids: Option<Vec<String>>,
    pub(crate) security_group_ids: Option<Vec<String>>,
    #[shape(name = "Ipv6AllowedForDualStack")]
    pub(crate) ipv6_allowed_for_dual_stack: Option<bool>,
}

/// Where failed asynchronous invocations go.
#[derive(Shape, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeadLetterConfig {
    pub(crate) target_arn: Option<String>,
}

/// Tracing.
#[derive(Shape, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TracingConfig {
    pub(crate) mode: Option<String>,
}

/// The size of /tmp.
#[derive(Shape, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EphemeralStorage {
    pub(crate) size: i64,
}

/// Accepted and kept.
#[derive(Shape, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SnapStart {
    pub(crate) apply_on: Option<String>,
}

/// Where and how lines are logged.
#[derive(Shape, Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LoggingConfig {
    pub(crate) log_format: Option<String>,
    pub(crate) application_log_level: Option<String>,
    pub(crate) system_log_level: Option<String>,
    pub(crate) log_group: Option<String>,
}

#[derive(Shape)]
pub(crate) struct EnvironmentResponse {
    variables: Option<BTreeMap<String, String>>,
}

#[derive(Shape)]
pub(crate) struct VpcConfigResponse {
    subnet_ids: Option<Vec<String>>,
    security_group_ids: Option<Vec<String>>,
    vpc_id: Option<String>,
    #[shape(name = "Ipv6AllowedForDualStack")]
    ipv6_allowed_for_dual_stack: Option<bool>,
}

#[derive(Shape)]
pub(crate) struct SnapStartResponse {
    apply_on: Option<String>,
    optimization_status: Option<String>,
}

#[derive(Shape)]
pub(crate) struct LayerReference {
    arn: Option<String>,
    code_size: Option<i64>,
}

#[derive(Shape)]
pub(crate) struct RuntimeVersionConfig {
    runtime_version_arn: Option<String>,
}

/// A function's configuration.
#[derive(Shape)]
pub(crate) struct FunctionConfiguration {
    function_name: Option<String>,
    function_arn: Option<String>,
    runtime: Option<String>,
    role: Option<String>,
    handler: Option<String>,
    code_size: Option<i64>,
    description: Option<String>,
    timeout: Option<i64>,
    memory_size: Option<i64>,
    last_modified: Option<String>,
    code_sha256: Option<String>,
    version: Option<String>,
    vpc_config: Option<VpcConfigResponse>,
    dead_letter_config: Option<DeadLetterConfig>,
    environment: Option<EnvironmentResponse>,
    #[shape(name = "KMSKeyArn")]
    kms_key_arn: Option<String>,
    tracing_config: Option<TracingConfig>,
    revision_id: Option<String>,
    layers: Option<Vec<LayerReference>>,
    state: Option<String>,
    last_update_status: Option<String>,
    package_type: Option<String>,
    architectures: Option<Vec<String>>,
    ephemeral_storage: Option<EphemeralStorage>,
    snap_start: Option<SnapStartResponse>,
    runtime_version_config: Option<RuntimeVersionConfig>,
    logging_config: Option<LoggingConfig>,
}

/// A time as Lambda writes it: `2026-01-01T00:00:00.000+0000`.
pub(crate) fn lambda_time(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

impl FunctionConfiguration {
    /// As the operations show it; `qualified` with the version in the ARN even of `$LATEST`.
    pub(crate) fn new(
        function: &Function,
        qualified: bool,
        layer_sizes: impl Fn(&str) -> i64,
    ) -> FunctionConfiguration {
        let arn = if qualified && function.version == LATEST {
            format!("{}:{LATEST}", function.arn())
        } else {
            function.version_arn()
        };
        let layers: Vec<LayerReference> = function
            .layers
            .iter()
            .map(|arn| LayerReference { arn: Some(arn.clone()), code_size: Some(layer_sizes(arn)) })
            .collect();
        let text = |text: &str| Some(text.to_owned());
        let log_group = function.log_group();
        let runtime_hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(function.runtime.as_bytes()));
        FunctionConfiguration {
            function_name: text(&function.name),
            function_arn: Some(arn),
            runtime: text(&function.runtime),
            role: text(&function.role),
            handler: text(&function.handler),
            code_size: Some(function.code.size),
            description: text(&function.description),
            timeout: Some(function.timeout),
            memory_size: Some(function.memory),
            last_modified: Some(lambda_time(function.modified)),
            code_sha256: text(&function.code.sha256),
            version: text(&function.version),
            vpc_config: function.vpc.as_ref().map(|vpc| VpcConfigResponse {
                subnet_ids: Some(vpc.subnet_ids.clone().unwrap_or_default()),
                security_group_ids: Some(vpc.security_group_ids.clone().unwrap_or_default()),
                vpc_id: Some(String::new()),
                ipv6_allowed_for_dual_stack: Some(vpc.ipv6_allowed_for_dual_stack.unwrap_or(false)),
            }),
            dead_letter_config: function.dead_letter.clone().filter(|config| config.target_arn.is_some()),
            environment: function
                .environment
                .as_ref()
                .map(|variables| EnvironmentResponse { variables: Some(variables.iter().cloned().collect()) }),
            kms_key_arn: function.kms_key.clone(),
            tracing_config: Some(function.tracing.clone()),
            revision_id: text(&function.revision),
            layers: (!layers.is_empty()).then_some(layers),
            state: text("Active"),
            last_update_status: text("Successful"),
            package_type: text("Zip"),
            architectures: Some(function.architectures.clone()),
            ephemeral_storage: Some(function.storage.clone()),
            snap_start: Some(SnapStartResponse {
                apply_on: Some(function.snap_start.apply_on.clone().unwrap_or_else(|| "None".to_owned())),
                optimization_status: text("Off"),
            }),
            runtime_version_config: Some(RuntimeVersionConfig {
                runtime_version_arn: Some(format!("arn:aws:lambda:{}::runtime:{runtime_hash}", function.region)),
            }),
            logging_config: Some(LoggingConfig {
                log_format: Some(function.logging.log_format.clone().unwrap_or_else(|| "Text".to_owned())),
                log_group: Some(log_group),
                ..function.logging.clone()
            }),
        }
    }
}
