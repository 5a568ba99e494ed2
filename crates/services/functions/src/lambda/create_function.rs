//! CreateFunction.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Shape;
use pilvi_store::blobs;
use uuid::Uuid;

use super::checks;
use super::shapes::{
    DeadLetterConfig, Environment, EphemeralStorage, FileSystemConfig, FunctionCode, FunctionConfiguration,
    ImageConfig, LoggingConfig, SnapStart, TracingConfig, VpcConfig,
};
use crate::code;
use crate::core::Functions;
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{CODE_SIGNING, FUNCTIONS, Function, LATEST, Package, SHARED, Shared, Transition, TransitionKind};

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
    file_system_configs: Option<Vec<FileSystemConfig>>,
    image_config: Option<ImageConfig>,
    code_signing_config_arn: Option<String>,
    architectures: Option<Vec<String>>,
    ephemeral_storage: Option<EphemeralStorage>,
    snap_start: Option<SnapStart>,
    logging_config: Option<LoggingConfig>,
}

/// How long a function shows that it is being made or changed. Long enough for a client that looks at once, short enough for
/// one that waits; the function can be invoked meanwhile.
const MOMENT_MS: i64 = 150;

impl Functions {
    /// A change that begins now.
    pub(crate) fn transition(&self, kind: TransitionKind) -> Transition {
        let until = self.platform.clock.now_ms() + MOMENT_MS;
        Transition { kind, until, revision: Uuid::new_v4().to_string() }
    }
}

/// What a new function runs, checked and kept.
async fn package(functions: &Functions, ctx: &Ctx, input: &CreateFunctionInput) -> Result<Package, FunctionError> {
    if input.package_type.as_deref() == Some("Image") {
        let Some(uri) = &input.code.image_uri else {
            let text = "Please provide ImageUri when creating a function with packageType Image.";
            return Err(FunctionError::Invalid(text.to_owned()));
        };
        let config = input.image_config.clone().filter(|config| !config.is_empty());
        return Ok(Package::Image { uri: uri.clone(), config });
    }
    if input.code.image_uri.is_some() {
        let text = "Please don't provide ImageUri when creating a function with packageType Zip.";
        return Err(FunctionError::Invalid(text.to_owned()));
    }
    let zip = code::fetch(&functions.platform.bus, ctx, &input.code).await?;
    Ok(Package::Zip(code::keep(&functions.platform.blobs, zip).await?))
}

/// What is wrong without looking at the code.
fn check(ctx: &Ctx, named: &Named, input: &CreateFunctionInput) -> Result<(), FunctionError> {
    checks::name(named)?;
    if named.account != ctx.account {
        // AWS says no more than this.
        return Err(FunctionError::Api(ApiError::new("AccessDeniedException", 403, "")));
    }
    let is_image = input.package_type.as_deref() == Some("Image");
    match (is_image, &input.runtime, &input.handler) {
        (false, None, _) => Err(FunctionError::Invalid("Runtime is mandatory for Zip packages".to_owned())),
        (false, _, None) => Err(FunctionError::Invalid("Handler is mandatory for Zip packages".to_owned())),
        (true, Some(_), _) | (true, _, Some(_)) => {
            let text =
                "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.";
            Err(FunctionError::Invalid(text.to_owned()))
        }
        _ => Ok(()),
    }?;
    let runtime = input.runtime.as_deref().unwrap_or_default();
    if !is_image {
        checks::runtime(runtime)?;
    }
    if let Some(config) = &input.snap_start {
        checks::snap_start(config, runtime)?;
    }
    if let Some(config) = &input.logging_config {
        checks::logging(config)?;
    }
    Ok(())
}

pub(crate) async fn create_function(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: CreateFunctionInput,
) -> Result<FunctionConfiguration, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    check(&ctx, &named, &input)?;
    checks::role(&functions, &ctx, &input.role).await?;
    let wanted = input.layers.clone().unwrap_or_default();
    let layers = functions.store().read(|tx| checks::layers(tx, &named.region, &wanted))?;
    let exists = FunctionError::Conflict(format!("Function already exist: {}", named.name));
    if functions.find(&named).is_ok() {
        return Err(exists);
    }
    let environment = input.environment.clone().map(checks::variables).transpose()?;
    let function = Function {
        name: named.name.clone(),
        version: LATEST.to_owned(),
        account: named.account.clone(),
        region: named.region.clone(),
        package: package(&functions, &ctx, &input).await?,
        runtime: input.runtime.unwrap_or_default(),
        role: input.role,
        handler: input.handler.unwrap_or_default(),
        description: input.description.unwrap_or_default(),
        timeout: input.timeout.unwrap_or(3),
        memory: input.memory_size.unwrap_or(128),
        environment,
        layers,
        architectures: input.architectures.unwrap_or_else(|| vec!["x86_64".to_owned()]),
        modified: functions.platform.clock.now_ms(),
        revision: Uuid::new_v4().to_string(),
        build: Uuid::new_v4().to_string(),
        transition: Some(functions.transition(TransitionKind::Creating)),
        kms_key: input.kms_key_arn,
        vpc: input.vpc_config,
        dead_letter: input.dead_letter_config,
        tracing: input.tracing_config.unwrap_or(TracingConfig { mode: Some("PassThrough".to_owned()) }),
        storage: input.ephemeral_storage.unwrap_or(EphemeralStorage { size: 512 }),
        snap_start: input.snap_start.unwrap_or(SnapStart { apply_on: None }),
        logging: input.logging_config.unwrap_or_default(),
        file_systems: input.file_system_configs.filter(|list| !list.is_empty()),
    };
    let shared = Shared {
        tags: input.tags.unwrap_or_default().into_iter().collect(),
        next: 1,
        code_signing: input.code_signing_config_arn,
        ..Shared::default()
    };
    let shown = store(&functions, named, function, shared, input.publish.unwrap_or(false)).await?;
    // A version that is published at once is shown under the function's own ARN.
    Ok(FunctionConfiguration::new(&shown, shown.arn(), functions.platform.clock.now_ms()))
}

/// Writes a new function; the answer is what the operation shows: the function, or the version that is published of it.
async fn store(
    functions: &Functions,
    named: Named,
    function: Function,
    shared: Shared,
    publish: bool,
) -> Result<Function, FunctionError> {
    functions
        .store()
        .write(move |tx| {
            if tx.contains(&FUNCTIONS, &function.key())? {
                return Err(FunctionError::Conflict(format!("Function already exist: {}", named.name)));
            }
            if let Some(arn) = &shared.code_signing
                && super::code_signing::key_of(arn).map(|key| tx.contains(&CODE_SIGNING, &key)).transpose()?
                    != Some(true)
            {
                return Err(super::code_signing::not_found_for_function(arn));
            }
            let mut shared = shared.clone();
            let mut shown = function.clone();
            tx.put(&FUNCTIONS, &function.key(), &function)?;
            for blob in function.blobs() {
                blobs::retain(tx, blob)?;
            }
            if publish {
                shown = super::versions::publish(tx, &function, &mut shared, None)?;
            }
            tx.put(&SHARED, &named.key(), &shared)?;
            Ok(shown)
        })
        .await
}
