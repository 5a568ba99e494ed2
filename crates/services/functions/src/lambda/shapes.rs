//! Shapes that several operations share.

use std::collections::BTreeMap;

use bytes::Bytes;
use pilvi_model::shape::Entries;
use pilvi_model::{Shape, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state::{Function, LATEST, Package, TransitionKind};

/// A function's variables, in the order in which they are given.
#[derive(Shape, Clone)]
pub(crate) struct Environment {
    pub(crate) variables: Option<Entries<String>>,
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

/// A file system that a function mounts: kept as it is.
#[derive(Shape, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileSystemConfig {
    pub(crate) arn: String,
    pub(crate) local_mount_path: String,
}

/// What an image is started with: kept as it is.
#[derive(Shape, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageConfig {
    pub(crate) entry_point: Option<Vec<String>>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) working_directory: Option<String>,
}

impl ImageConfig {
    pub(crate) fn is_empty(&self) -> bool {
        self.entry_point.is_none() && self.command.is_none() && self.working_directory.is_none()
    }
}

/// Which sites may call a function's address.
#[derive(Shape, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cors {
    pub(crate) allow_credentials: Option<bool>,
    pub(crate) allow_headers: Option<Vec<String>>,
    pub(crate) allow_methods: Option<Vec<String>>,
    pub(crate) allow_origins: Option<Vec<String>>,
    pub(crate) expose_headers: Option<Vec<String>>,
    pub(crate) max_age: Option<i64>,
}

#[derive(Shape)]
struct ImageConfigResponse {
    image_config: Option<ImageConfig>,
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
    state_reason: Option<String>,
    state_reason_code: Option<String>,
    last_update_status: Option<String>,
    last_update_status_reason: Option<String>,
    last_update_status_reason_code: Option<String>,
    file_system_configs: Option<Vec<FileSystemConfig>>,
    image_config_response: Option<ImageConfigResponse>,
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

/// The ARN of the version of a runtime: the same one for all functions with the runtime on the same architecture.
fn runtime_version_arn(function: &Function) -> String {
    let version = format!("{} {}", function.runtime, function.architectures.join(" "));
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(version.as_bytes()));
    let partition = pilvi_bus::region::partition(&function.region);
    format!("arn:{partition}:lambda:{}::runtime:{hash}", function.region)
}

impl FunctionConfiguration {
    /// As it is shown under this ARN at this time.
    pub(crate) fn new(function: &Function, arn: String, now: i64) -> FunctionConfiguration {
        let text = |text: &str| Some(text.to_owned());
        let full = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let change = function.changing(now).map(|transition| transition.kind);
        let creating = change == Some(TransitionKind::Creating);
        let updating = change == Some(TransitionKind::Updating);
        let reason = || text("The function is being created.");
        let code = || text("Creating");
        let layers: Vec<LayerReference> = function
            .layers
            .iter()
            .map(|layer| LayerReference { arn: Some(layer.arn.clone()), code_size: Some(layer.code.size) })
            .collect();
        let image = match &function.package {
            Package::Zip(_) => None,
            Package::Image { config, .. } => Some(config.clone()),
        };
        let snaps = function.snap_start.apply_on.as_deref() == Some("PublishedVersions") && function.version != LATEST;
        FunctionConfiguration {
            function_name: text(&function.name),
            function_arn: Some(arn),
            runtime: full(&function.runtime),
            role: text(&function.role),
            handler: full(&function.handler),
            code_size: Some(function.code_size()),
            description: text(&function.description),
            timeout: Some(function.timeout),
            memory_size: Some(function.memory),
            last_modified: Some(lambda_time(function.modified)),
            code_sha256: Some(function.code_sha256()),
            version: text(&function.version),
            vpc_config: function.vpc.as_ref().map(VpcConfigResponse::of),
            dead_letter_config: function.dead_letter.clone().filter(|config| config.target_arn.is_some()),
            environment: function
                .environment
                .as_ref()
                .map(|variables| EnvironmentResponse { variables: Some(variables.iter().cloned().collect()) }),
            kms_key_arn: function.kms_key.clone(),
            tracing_config: Some(function.tracing.clone()),
            revision_id: text(function.revision(now)),
            layers: (!layers.is_empty()).then_some(layers),
            state: text(if creating { "Pending" } else { "Active" }),
            state_reason: creating.then(reason).flatten(),
            state_reason_code: creating.then(code).flatten(),
            last_update_status: match (creating, updating) {
                (true, _) => None,
                (_, true) => text("InProgress"),
                _ => text("Successful"),
            },
            last_update_status_reason: updating.then(reason).flatten(),
            last_update_status_reason_code: updating.then(code).flatten(),
            file_system_configs: function.file_systems.clone(),
            package_type: text(if image.is_some() { "Image" } else { "Zip" }),
            architectures: Some(function.architectures.clone()),
            ephemeral_storage: Some(function.storage.clone()),
            snap_start: Some(SnapStartResponse {
                apply_on: Some(function.snap_start.apply_on.clone().unwrap_or_else(|| "None".to_owned())),
                optimization_status: text(if snaps { "On" } else { "Off" }),
            }),
            runtime_version_config: image
                .is_none()
                .then(|| RuntimeVersionConfig { runtime_version_arn: Some(runtime_version_arn(function)) }),
            image_config_response: image.flatten().map(|config| ImageConfigResponse { image_config: Some(config) }),
            logging_config: Some(function.logging_shown()),
        }
    }

    /// As lists show it: without its state.
    pub(crate) fn listed(function: &Function, arn: String, now: i64) -> FunctionConfiguration {
        FunctionConfiguration {
            state: None,
            state_reason: None,
            state_reason_code: None,
            last_update_status: None,
            last_update_status_reason: None,
            last_update_status_reason_code: None,
            runtime_version_config: None,
            ..FunctionConfiguration::new(function, arn, now)
        }
    }
}

impl VpcConfigResponse {
    fn of(vpc: &VpcConfig) -> VpcConfigResponse {
        let subnets = vpc.subnet_ids.clone().unwrap_or_default();
        // There is no network to ask: a name that stays the same stands for the one that the subnets lie in.
        let id = subnets.first().map(|subnet| subnet.replacen("subnet-", "vpc-", 1)).unwrap_or_default();
        VpcConfigResponse {
            security_group_ids: Some(vpc.security_group_ids.clone().unwrap_or_default()),
            vpc_id: Some(id),
            ipv6_allowed_for_dual_stack: Some(vpc.ipv6_allowed_for_dual_stack.unwrap_or(false)),
            subnet_ids: Some(subnets),
        }
    }
}
