//! UpdateFunctionCode, UpdateFunctionConfiguration.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::blobs;

use super::create_function::{check_layers, check_role, variables};
use super::shapes::{
    DeadLetterConfig, Environment, EphemeralStorage, FunctionCode, FunctionConfiguration, LoggingConfig, SnapStart,
    TracingConfig, VpcConfig,
};
use crate::code;
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{FUNCTIONS, Function, SHARED};

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

pub(crate) async fn update_function_code(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: UpdateFunctionCodeInput,
) -> Result<FunctionConfiguration, FunctionError> {
    let named = Named { qualifier: None, ..Named::parse(&ctx, &input.function_name, None)? };
    let before = functions.find(&named)?;
    let source = FunctionCode {
        zip_file: input.zip_file,
        s3_bucket: input.s3_bucket,
        s3_key: input.s3_key,
        s3_object_version: input.s3_object_version,
        image_uri: input.image_uri,
    };
    let zip = code::fetch(&functions.platform.bus, &ctx, &source).await?;
    let new_code = code::keep(&functions.platform.blobs, zip).await?;
    let change = Change {
        revision: input.revision_id,
        publish: input.publish.unwrap_or(false),
        dry_run: input.dry_run.unwrap_or(false),
    };
    let architectures = input.architectures;
    let shown = change_function(&functions, named, change, move |function| {
        function.code = new_code.clone();
        if let Some(architectures) = &architectures {
            function.architectures = architectures.clone();
        }
        Ok(())
    })
    .await?;
    functions.retire(&before);
    Ok(FunctionConfiguration::new(&shown, false, |arn| functions.layer_size(arn)))
}

/// How a change is made.
struct Change {
    /// The revision that the caller has seen.
    revision: Option<String>,
    publish: bool,
    dry_run: bool,
}

async fn change_function(
    functions: &Functions,
    named: Named,
    how: Change,
    change: impl Fn(&mut Function) -> Result<(), FunctionError> + Send + 'static,
) -> Result<Function, FunctionError> {
    let now = functions.platform.clock.now_ms();
    functions
        .store()
        .write(move |tx| {
            let before = find(tx, &named)?;
            if how.revision.as_ref().is_some_and(|revision| *revision != before.revision) {
                return Err(FunctionError::Revision);
            }
            let mut function = before.clone();
            change(&mut function)?;
            function.modified = now.max(before.modified + 1);
            function.revision = uuid::Uuid::new_v4().to_string();
            if how.dry_run {
                return Ok(function);
            }
            if function.code.blob != before.code.blob {
                blobs::retain(tx, &function.code.blob)?;
                blobs::release(tx, &before.code.blob)?;
            }
            tx.put(&FUNCTIONS, &function.key(), &function)?;
            if how.publish {
                let key = (named.account.as_str(), named.region.as_str(), named.name.as_str());
                let mut shared = tx.get(&SHARED, &key)?.unwrap_or_default();
                let version = super::versions::publish(tx, &function, &mut shared, None)?;
                tx.put(&SHARED, &key, &shared)?;
                return Ok(version);
            }
            Ok(function)
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
    ephemeral_storage: Option<EphemeralStorage>,
    snap_start: Option<SnapStart>,
    logging_config: Option<LoggingConfig>,
}

pub(crate) async fn update_function_configuration(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: UpdateFunctionConfigurationInput,
) -> Result<FunctionConfiguration, FunctionError> {
    let named = Named { qualifier: None, ..Named::parse(&ctx, &input.function_name, None)? };
    let before = functions.find(&named)?;
    if let Some(role) = input.role.as_ref().filter(|role| **role != before.role) {
        check_role(&functions, &ctx, role).await?;
    }
    if let Some(layers) = &input.layers {
        check_layers(&functions, layers)?;
    }
    let environment = input.environment.map(variables).transpose()?;
    let how = Change { revision: input.revision_id, publish: false, dry_run: false };
    let shown = change_function(&functions, named, how, move |function| {
        fn set<T: Clone>(field: &mut T, new: &Option<T>) {
            if let Some(new) = new {
                *field = new.clone();
            }
        }
        set(&mut function.role, &input.role);
        set(&mut function.handler, &input.handler);
        set(&mut function.description, &input.description);
        set(&mut function.timeout, &input.timeout);
        set(&mut function.memory, &input.memory_size);
        set(&mut function.runtime, &input.runtime);
        set(&mut function.tracing, &input.tracing_config);
        set(&mut function.layers, &input.layers);
        set(&mut function.storage, &input.ephemeral_storage);
        set(&mut function.snap_start, &input.snap_start);
        set(&mut function.logging, &input.logging_config);
        if let Some(variables) = &environment {
            function.environment = (!variables.is_empty()).then(|| variables.clone());
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
        Ok(())
    })
    .await?;
    functions.retire(&before);
    Ok(FunctionConfiguration::new(&shown, false, |arn| functions.layer_size(arn)))
}
