//! CreateFunction.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::blobs;

use super::shapes::{
    DeadLetterConfig, Environment, EphemeralStorage, FunctionCode, FunctionConfiguration, LoggingConfig, SnapStart,
    TracingConfig, VpcConfig,
};
use crate::code;
use crate::core::{Functions, layer_by_arn};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{FUNCTIONS, Function, LATEST, SHARED, Shared};

/// What CreateFunction takes.
#[derive(Shape)]
pub(crate) struct CreateFunctionInput {
    pub(crate) function_name: String,
    runtime: Option<String>,
    pub(crate) role: String,
    handler: Option<String>,
    code: FunctionCode,
    description: Option<String>,
    timeout: Option<i64>,
    memory_size: Option<i64>,
    publish: Option<bool>,
    vpc_config: Option<VpcConfig>,
    package_type: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    environment: Option<Environment>,
    #[shape(name = "KMSKeyArn")]
    kms_key_arn: Option<String>,
    tracing_config: Option<TracingConfig>,
    tags: Option<std::collections::BTreeMap<String, String>>,
    layers: Option<Vec<String>>,
    architectures: Option<Vec<String>>,
    ephemeral_storage: Option<EphemeralStorage>,
    snap_start: Option<SnapStart>,
    logging_config: Option<LoggingConfig>,
}

/// Variables that the runtime sets itself ("Defined runtime environment variables").
const RESERVED: [&str; 14] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// Checks variables and puts them in order.
pub(crate) fn variables(environment: Environment) -> Result<Vec<(String, String)>, FunctionError> {
    let variables: Vec<(String, String)> = environment.variables.unwrap_or_default().into_iter().collect();
    let reserved: Vec<&str> =
        variables.iter().map(|(name, _)| name.as_str()).filter(|name| RESERVED.contains(name)).collect();
    if !reserved.is_empty() {
        let text = "Lambda was unable to configure your environment variables because the environment variables you have \
                    provided contains reserved keys that are currently not supported for modification. Reserved keys used \
                    in this request: ";
        return Err(FunctionError::Invalid(format!("{text}{}", reserved.join(", "))));
    }
    let document = serde_json::to_string(&variables.iter().cloned().collect::<std::collections::BTreeMap<_, _>>());
    if let Ok(document) = document
        && document.len() > 4096
    {
        let text = "Lambda was unable to configure your environment variables because the environment variables you have \
                    provided exceeded the 4KB limit. String measured: ";
        return Err(FunctionError::Invalid(format!("{text}{document}")));
    }
    Ok(variables)
}

/// Whether Lambda may take on a role, and the caller may hand it over.
pub(crate) async fn check_role(functions: &Functions, ctx: &Ctx, role: &str) -> Result<(), FunctionError> {
    if !functions.platform.bus.identity()?.may_pass_role(ctx, role, "lambda.amazonaws.com").await? {
        let text = "The role defined for the function cannot be assumed by Lambda.";
        return Err(FunctionError::Invalid(text.to_owned()));
    }
    Ok(())
}

/// Whether layers exist, and are not too many.
pub(crate) fn check_layers(functions: &Functions, layers: &[String]) -> Result<(), FunctionError> {
    if layers.len() > 5 {
        return Err(FunctionError::Invalid("Cannot reference more than 5 layers.".to_owned()));
    }
    for arn in layers {
        if functions.store().read(|tx| layer_by_arn(tx, arn))?.is_none() {
            return Err(FunctionError::Invalid(format!("Layer version {arn} does not exist.")));
        }
    }
    Ok(())
}

pub(crate) async fn create_function(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: CreateFunctionInput,
) -> Result<FunctionConfiguration, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?;
    if input.package_type.as_deref() != Some("Image") {
        if input.runtime.is_none() {
            return Err(FunctionError::Invalid("Runtime is mandatory for Zip packages".to_owned()));
        }
        if input.handler.is_none() {
            return Err(FunctionError::Invalid("Handler is mandatory for Zip packages".to_owned()));
        }
    }
    let (Some(runtime), Some(handler)) = (input.runtime, input.handler) else {
        let error =
            pilvi_bus::ApiError::new("NotImplemented", 501, "Pilvi does not run functions from container images yet.");
        return Err(FunctionError::Api(error));
    };
    check_role(&functions, &ctx, &input.role).await?;
    let layers = input.layers.unwrap_or_default();
    check_layers(&functions, &layers)?;
    let exists = || FunctionError::Conflict(format!("Function already exist: {}", named.name));
    if functions.find(&Named { qualifier: None, ..named.clone() }).is_ok() {
        return Err(exists());
    }
    let zip = code::fetch(&functions.platform.bus, &ctx, &input.code).await?;
    let function = Function {
        name: named.name.clone(),
        version: LATEST.to_owned(),
        account: named.account.clone(),
        region: named.region.clone(),
        runtime,
        role: input.role,
        handler,
        description: input.description.unwrap_or_default(),
        timeout: input.timeout.unwrap_or(3),
        memory: input.memory_size.unwrap_or(128),
        environment: input.environment.map(variables).transpose()?,
        layers,
        architectures: input.architectures.unwrap_or_else(|| vec!["x86_64".to_owned()]),
        code: code::keep(&functions.platform.blobs, zip).await?,
        modified: functions.platform.clock.now_ms(),
        revision: uuid::Uuid::new_v4().to_string(),
        kms_key: input.kms_key_arn,
        vpc: input.vpc_config,
        dead_letter: input.dead_letter_config,
        tracing: input.tracing_config.unwrap_or(TracingConfig { mode: Some("PassThrough".to_owned()) }),
        storage: input.ephemeral_storage.unwrap_or(EphemeralStorage { size: 512 }),
        snap_start: input.snap_start.unwrap_or(SnapStart { apply_on: None }),
        logging: input.logging_config.unwrap_or_default(),
    };
    let tags: Vec<(String, String)> = input.tags.unwrap_or_default().into_iter().collect();
    let publish = input.publish.unwrap_or(false);
    let stored = function.clone();
    let name = named.name.clone();
    let shown = functions
        .store()
        .write(move |tx| {
            if tx.contains(&FUNCTIONS, &stored.key())? {
                return Err(FunctionError::Conflict(format!("Function already exist: {name}")));
            }
            let mut shared = Shared { tags: tags.clone(), next: 1, ..Shared::default() };
            tx.put(&FUNCTIONS, &stored.key(), &stored)?;
            blobs::retain(tx, &stored.code.blob)?;
            let mut shown = stored.clone();
            if publish {
                shown = super::versions::publish(tx, &stored, &mut shared, None)?;
            }
            let key = (stored.account.as_str(), stored.region.as_str(), stored.name.as_str());
            tx.put(&SHARED, &key, &shared)?;
            Ok(shown)
        })
        .await?;
    Ok(FunctionConfiguration::new(&shown, false, |arn| functions.layer_size(arn)))
}
