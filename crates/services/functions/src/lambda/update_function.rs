//! UpdateFunctionCode, UpdateFunctionConfiguration.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{WriteTx, blobs};
use uuid::Uuid;

use super::checks;
use super::shapes::{
    DeadLetterConfig, Environment, EphemeralStorage, FileSystemConfig, FunctionCode, FunctionConfiguration,
    ImageConfig, LoggingConfig, SnapStart, TracingConfig, VpcConfig,
};
use crate::code;
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{FUNCTIONS, Function, Package, SHARED, Transition, TransitionKind};

/// What UpdateFunctionCode takes.
#[derive(Shape)]
pub(crate) struct UpdateFunctionCodeInput {
    pub(crate) function_name: String,
    zip_file: Option<bytes::Bytes>,
    #[shape(name = "S3Bucket")]
    s3_bucket: Option<String>,
    #[shape(name = "S3Key")]
    s3_key: Option<String>,
    #[shape(name = "S3ObjectVersion")]
    s3_object_version: Option<String>,
    image_uri: Option<String>,
    publish: Option<bool>,
    dry_run: Option<bool>,
    revision_id: Option<String>,
    architectures: Option<Vec<String>>,
}

/// The package that an update asks for; a function stays of its kind.
async fn new_package(
    functions: &Functions,
    ctx: &Ctx,
    before: &Function,
    source: &FunctionCode,
) -> Result<Package, FunctionError> {
    match (&before.package, &source.image_uri) {
        (Package::Zip(_), Some(_)) => Err(FunctionError::Invalid(
            "Please don't provide ImageUri when updating a function with packageType Zip.".to_owned(),
        )),
        (Package::Zip(_), None) => {
            let zip = code::fetch(&functions.platform.bus, ctx, source).await?;
            Ok(Package::Zip(code::keep(&functions.platform.blobs, zip).await?))
        }
        (Package::Image { config, .. }, Some(uri)) => Ok(Package::Image { uri: uri.clone(), config: config.clone() }),
        (Package::Image { .. }, None) => Err(FunctionError::Invalid(
            "Please provide ImageUri when updating a function with packageType Image.".to_owned(),
        )),
    }
}

pub(crate) async fn update_function_code(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: UpdateFunctionCodeInput,
) -> Result<FunctionConfiguration, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    let before = functions.find(&named)?;
    if input.revision_id.as_ref().is_some_and(|revision| !before.is_revision(revision)) {
        return Err(FunctionError::Revision);
    }
    let source = FunctionCode {
        zip_file: input.zip_file,
        s3_bucket: input.s3_bucket,
        s3_key: input.s3_key,
        s3_object_version: input.s3_object_version,
        image_uri: input.image_uri,
    };
    let package = new_package(&functions, &ctx, &before, &source).await?;
    let change = Change {
        revision: input.revision_id,
        publish: input.publish.unwrap_or(false),
        dry_run: input.dry_run.unwrap_or(false),
        transition: functions.transition(TransitionKind::Updating),
    };
    let architectures = input.architectures;
    let shown = change_function(&functions, named, change, move |_, function| {
        function.package = package.clone();
        if let Some(architectures) = &architectures {
            function.architectures = architectures.clone();
        }
        Ok(())
    })
    .await?;
    functions.retire(&before);
    Ok(FunctionConfiguration::new(&shown, shown.version_arn(), functions.platform.clock.now_ms()))
}

/// How a change is made.
struct Change {
    /// The revision that the caller has seen.
    revision: Option<String>,
    publish: bool,
    dry_run: bool,
    transition: Transition,
}

async fn change_function(
    functions: &Functions,
    named: Named,
    how: Change,
    change: impl Fn(&WriteTx<'_>, &mut Function) -> Result<(), FunctionError> + Send + 'static,
) -> Result<Function, FunctionError> {
    let now = functions.platform.clock.now_ms();
    functions
        .store()
        .write(move |tx| {
            let before = find(tx, &named)?;
            if how.revision.as_ref().is_some_and(|revision| !before.is_revision(revision)) {
                return Err(FunctionError::Revision);
            }
            let mut function = before.clone();
            function.touch();
            change(tx, &mut function)?;
            function.modified = now.max(before.modified + 1);
            if how.dry_run {
                return Ok(function);
            }
            function.build = Uuid::new_v4().to_string();
            function.transition = Some(how.transition.clone());
            for blob in function.blobs() {
                blobs::retain(tx, blob)?;
            }
            for blob in before.blobs() {
                blobs::release(tx, blob)?;
            }
            tx.put(&FUNCTIONS, &function.key(), &function)?;
            if !how.publish {
                return Ok(function);
            }
            let mut shared = tx.get(&SHARED, &named.key())?.unwrap_or_default();
            // The version is made of the new code, so it is on its way as long as that.
            let mut version = super::versions::publish(tx, &function, &mut shared, None)?;
            version.transition = Some(Transition {
                kind: TransitionKind::Creating,
                revision: version.revision.clone(),
                ..how.transition.clone()
            });
            tx.put(&FUNCTIONS, &version.key(), &version)?;
            tx.put(&SHARED, &named.key(), &shared)?;
            Ok(version)
        })
        .await
}

/// What UpdateFunctionConfiguration takes; what is absent stays as it is.
#[derive(Shape)]
pub(crate) struct UpdateFunctionConfigurationInput {
    pub(crate) function_name: String,
    pub(crate) role: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    timeout: Option<i64>,
    memory_size: Option<i64>,
    vpc_config: Option<VpcConfig>,
    environment: Option<Environment>,
    runtime: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    #[shape(name = "KMSKeyArn")]
    kms_key_arn: Option<String>,
    tracing_config: Option<TracingConfig>,
    revision_id: Option<String>,
    layers: Option<Vec<String>>,
    file_system_configs: Option<Vec<FileSystemConfig>>,
    image_config: Option<ImageConfig>,
    ephemeral_storage: Option<EphemeralStorage>,
    snap_start: Option<SnapStart>,
    logging_config: Option<LoggingConfig>,
}

/// Puts what the request has into the function; what it leaves out stays as it is.
fn apply(
    input: &UpdateFunctionConfigurationInput,
    environment: Option<&Vec<(String, String)>>,
    function: &mut Function,
) -> Result<(), FunctionError> {
    fn set<T: Clone>(field: &mut T, new: Option<&T>) {
        if let Some(new) = new {
            *field = new.clone();
        }
    }
    set(&mut function.role, input.role.as_ref());
    set(&mut function.handler, input.handler.as_ref());
    set(&mut function.description, input.description.as_ref());
    set(&mut function.timeout, input.timeout.as_ref());
    set(&mut function.memory, input.memory_size.as_ref());
    set(&mut function.runtime, input.runtime.as_ref());
    set(&mut function.tracing, input.tracing_config.as_ref());
    set(&mut function.storage, input.ephemeral_storage.as_ref());
    set(&mut function.snap_start, input.snap_start.as_ref());
    set(&mut function.logging, input.logging_config.as_ref());
    if let Some(variables) = environment {
        function.environment = Some(variables.clone());
    }
    if let Some(key) = &input.kms_key_arn {
        function.kms_key = (!key.is_empty()).then(|| key.clone());
    }
    if let Some(vpc) = &input.vpc_config {
        function.vpc = Some(vpc.clone());
    }
    if let Some(dead_letter) = &input.dead_letter_config {
        let target = dead_letter.target_arn.as_deref().unwrap_or_default();
        function.dead_letter = (!target.is_empty()).then(|| dead_letter.clone());
    }
    if let Some(list) = &input.file_system_configs {
        function.file_systems = (!list.is_empty()).then(|| list.clone());
    }
    if let (Some(new), Package::Image { config, .. }) = (&input.image_config, &mut function.package) {
        *config = (!new.is_empty()).then(|| new.clone());
    }
    checks::snap_start(&function.snap_start, &function.runtime)
}

pub(crate) async fn update_function_configuration(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: UpdateFunctionConfigurationInput,
) -> Result<FunctionConfiguration, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    if let Some(runtime) = &input.runtime {
        checks::runtime(runtime)?;
    }
    if let Some(config) = &input.logging_config {
        checks::logging(config)?;
    }
    let before = functions.find(&named)?;
    if let Some(role) = input.role.as_ref().filter(|role| **role != before.role) {
        checks::role(&functions, &ctx, role).await?;
    }
    let environment = input.environment.clone().map(checks::variables).transpose()?;
    let how = Change {
        revision: input.revision_id.clone(),
        publish: false,
        dry_run: false,
        transition: functions.transition(TransitionKind::Updating),
    };
    let shown = change_function(&functions, named, how, move |tx, function| {
        if let Some(arns) = &input.layers {
            function.layers = checks::layers(tx, &function.region, arns)?;
        }
        apply(&input, environment.as_ref(), function)
    })
    .await?;
    functions.retire(&before);
    Ok(FunctionConfiguration::new(&shown, shown.version_arn(), functions.platform.clock.now_ms()))
}
