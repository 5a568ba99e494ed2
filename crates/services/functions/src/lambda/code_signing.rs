//! Code signing configurations: kept as records, and which functions have which. No signature is checked.

use std::sync::Arc;

use pilvi_bus::{ApiError, Arn, Ctx, RequestContext};
use pilvi_model::Shape;
use pilvi_store::{Range, ReadTx};
use uuid::Uuid;

use super::get_function::FunctionNameInput;
use super::page;
use super::shapes::lambda_time;
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{CODE_SIGNING, CodeSigning, FunctionKey, SHARED, function_arn};

/// Whose signatures count.
#[derive(Shape, Clone)]
pub(crate) struct AllowedPublishers {
    signing_profile_version_arns: Vec<String>,
}

/// What is done with code that they have not signed.
#[derive(Shape, Clone)]
pub(crate) struct CodeSigningPolicies {
    untrusted_artifact_on_deployment: Option<String>,
}

/// What CreateCodeSigningConfig takes.
#[derive(Shape)]
pub(crate) struct CreateInput {
    description: Option<String>,
    allowed_publishers: AllowedPublishers,
    code_signing_policies: Option<CodeSigningPolicies>,
    tags: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Shape)]
struct CodeSigningConfig {
    code_signing_config_id: String,
    code_signing_config_arn: String,
    description: Option<String>,
    allowed_publishers: AllowedPublishers,
    code_signing_policies: CodeSigningPolicies,
    last_modified: String,
}

/// A configuration.
#[derive(Shape)]
pub(crate) struct ConfigOutput {
    code_signing_config: CodeSigningConfig,
}

fn arn(ctx: &RequestContext, id: &str) -> String {
    ctx.arn("lambda", format!("code-signing-config:{id}")).to_string()
}

impl CodeSigningConfig {
    fn of(ctx: &RequestContext, config: &CodeSigning) -> CodeSigningConfig {
        CodeSigningConfig {
            code_signing_config_arn: arn(ctx, &config.id),
            code_signing_config_id: config.id.clone(),
            description: Some(config.description.clone()),
            allowed_publishers: AllowedPublishers { signing_profile_version_arns: config.publishers.clone() },
            code_signing_policies: CodeSigningPolicies {
                untrusted_artifact_on_deployment: Some(config.policy.clone()),
            },
            last_modified: lambda_time(config.modified),
        }
    }
}

/// The key of the configuration with this ARN.
pub(crate) fn key_of(arn: &str) -> Option<FunctionKey> {
    let arn = Arn::parse(arn)?;
    let id = arn.resource.strip_prefix("code-signing-config:")?.to_owned();
    Some((arn.account, arn.region, id))
}

/// There is no configuration with this ARN.
pub(crate) fn not_found(arn: &str) -> FunctionError {
    let text = format!("The Lambda code signing configuration {arn} can not be found.");
    FunctionError::Bare("ResourceNotFoundException", 404, text)
}

/// The words for a function that is to have a configuration that is not there.
pub(crate) fn not_found_for_function(arn: &str) -> FunctionError {
    let text = format!(
        "The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}."
    );
    FunctionError::Api(ApiError::new("CodeSigningConfigNotFoundException", 404, text))
}

fn find_config(tx: &ReadTx<'_>, arn: &str) -> Result<(FunctionKey, CodeSigning), FunctionError> {
    let key = key_of(arn).ok_or_else(|| not_found(arn))?;
    let config = tx.get(&CODE_SIGNING, &key)?.ok_or_else(|| not_found(arn))?;
    Ok((key, config))
}

pub(crate) async fn create(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: CreateInput,
) -> Result<ConfigOutput, FunctionError> {
    let id: String = Uuid::new_v4().simple().to_string().chars().take(17).collect();
    let policies = input.code_signing_policies.and_then(|policies| policies.untrusted_artifact_on_deployment);
    let config = CodeSigning {
        id: format!("csc-{id}"),
        description: input.description.unwrap_or_default(),
        publishers: input.allowed_publishers.signing_profile_version_arns,
        policy: policies.unwrap_or_else(|| "Warn".to_owned()),
        tags: input.tags.unwrap_or_default().into_iter().collect(),
        modified: functions.platform.clock.now_ms(),
    };
    let shown = CodeSigningConfig::of(&ctx, &config);
    let key = (ctx.account.clone(), ctx.region.clone(), config.id.clone());
    functions.store().write(move |tx| tx.put(&CODE_SIGNING, &key, &config)).await?;
    Ok(ConfigOutput { code_signing_config: shown })
}

/// A configuration by ARN.
#[derive(Shape)]
pub(crate) struct ArnInput {
    pub(crate) code_signing_config_arn: String,
}

pub(crate) async fn get(functions: Arc<Functions>, ctx: Ctx, input: ArnInput) -> Result<ConfigOutput, FunctionError> {
    let (_, config) = functions.store().read(|tx| find_config(tx, &input.code_signing_config_arn))?;
    Ok(ConfigOutput { code_signing_config: CodeSigningConfig::of(&ctx, &config) })
}

/// What UpdateCodeSigningConfig takes; what is absent stays as it is.
#[derive(Shape)]
pub(crate) struct UpdateInput {
    pub(crate) code_signing_config_arn: String,
    description: Option<String>,
    allowed_publishers: Option<AllowedPublishers>,
    code_signing_policies: Option<CodeSigningPolicies>,
}

pub(crate) async fn update(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: UpdateInput,
) -> Result<ConfigOutput, FunctionError> {
    let now = functions.platform.clock.now_ms();
    let config = functions
        .store()
        .write(move |tx| {
            let (key, mut config) = find_config(tx, &input.code_signing_config_arn)?;
            if let Some(text) = &input.description {
                config.description.clone_from(text);
            }
            if let Some(publishers) = &input.allowed_publishers {
                config.publishers.clone_from(&publishers.signing_profile_version_arns);
            }
            let policies = input.code_signing_policies.as_ref();
            if let Some(policy) = policies.and_then(|policies| policies.untrusted_artifact_on_deployment.as_ref()) {
                config.policy.clone_from(policy);
            }
            config.modified = now;
            tx.put(&CODE_SIGNING, &key, &config)?;
            Ok::<_, FunctionError>(config)
        })
        .await?;
    Ok(ConfigOutput { code_signing_config: CodeSigningConfig::of(&ctx, &config) })
}

/// The ARNs of the functions that have a configuration, in its account and region.
fn users(tx: &ReadTx<'_>, key: &FunctionKey, arn: &str) -> Result<Vec<String>, FunctionError> {
    let mut found = Vec::new();
    for entry in tx.range(&SHARED, Range::prefix(&(key.0.as_str(), key.1.as_str()))) {
        let ((account, region, name), shared) = entry?;
        if shared.code_signing.as_deref() == Some(arn) {
            found.push(function_arn(&account, &region, &name));
        }
    }
    Ok(found)
}

pub(crate) async fn delete(functions: Arc<Functions>, _: Ctx, input: ArnInput) -> Result<(), FunctionError> {
    functions
        .store()
        .write(move |tx| {
            let arn = &input.code_signing_config_arn;
            let (key, _) = find_config(tx, arn)?;
            if !users(tx, &key, arn)?.is_empty() {
                let text = format!("The code signing configuration {arn} is used by functions and cannot be deleted.");
                return Err(FunctionError::Conflict(text));
            }
            tx.delete(&CODE_SIGNING, &key)?;
            Ok(())
        })
        .await
}

/// What ListCodeSigningConfigs takes.
#[derive(Shape)]
pub(crate) struct ListInput {
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of configurations.
#[derive(Shape)]
pub(crate) struct ListOutput {
    next_marker: Option<String>,
    code_signing_configs: Option<Vec<CodeSigningConfig>>,
}

pub(crate) async fn list(functions: Arc<Functions>, ctx: Ctx, input: ListInput) -> Result<ListOutput, FunctionError> {
    let all = functions.store().read(|tx| {
        let entries = tx.range(&CODE_SIGNING, Range::prefix(&(ctx.account.as_str(), ctx.region.as_str())));
        entries.map(|entry| Ok(entry?.1)).collect::<Result<Vec<CodeSigning>, FunctionError>>()
    })?;
    let (page, next_marker) = page(all, input.marker.as_deref(), input.max_items, 10_000, |config| config.id.clone());
    let configs = page.iter().map(|config| CodeSigningConfig::of(&ctx, config)).collect();
    Ok(ListOutput { next_marker, code_signing_configs: Some(configs) })
}

/// What ListFunctionsByCodeSigningConfig takes.
#[derive(Shape)]
pub(crate) struct ListFunctionsInput {
    pub(crate) code_signing_config_arn: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of functions.
#[derive(Shape)]
pub(crate) struct ListFunctionsOutput {
    next_marker: Option<String>,
    function_arns: Option<Vec<String>>,
}

pub(crate) async fn list_functions(
    functions: Arc<Functions>,
    _: Ctx,
    input: ListFunctionsInput,
) -> Result<ListFunctionsOutput, FunctionError> {
    let arn = &input.code_signing_config_arn;
    let all = functions.store().read(|tx| {
        let (key, _) = find_config(tx, arn)?;
        users(tx, &key, arn)
    })?;
    let (page, next_marker) = page(all, input.marker.as_deref(), input.max_items, 10_000, Clone::clone);
    Ok(ListFunctionsOutput { next_marker, function_arns: Some(page) })
}

/// What PutFunctionCodeSigningConfig takes.
#[derive(Shape)]
pub(crate) struct PutForFunctionInput {
    code_signing_config_arn: String,
    pub(crate) function_name: String,
}

/// The configuration that a function has.
#[derive(Shape)]
pub(crate) struct FunctionConfigOutput {
    code_signing_config_arn: Option<String>,
    function_name: Option<String>,
}

/// The same where there is always one.
#[derive(Shape)]
pub(crate) struct PutForFunctionOutput {
    code_signing_config_arn: String,
    function_name: String,
}

pub(crate) async fn put_for_function(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: PutForFunctionInput,
) -> Result<PutForFunctionOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    functions
        .store()
        .write(move |tx| {
            let arn = &input.code_signing_config_arn;
            find_config(tx, arn).map_err(|_| not_found_for_function(arn))?;
            find(tx, &named)?;
            let mut shared = tx.get(&SHARED, &named.key())?.unwrap_or_default();
            shared.code_signing = Some(arn.clone());
            tx.put(&SHARED, &named.key(), &shared)?;
            Ok(PutForFunctionOutput { code_signing_config_arn: arn.clone(), function_name: named.name.clone() })
        })
        .await
}

pub(crate) async fn get_for_function(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionNameInput,
) -> Result<FunctionConfigOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    functions.find(&named)?;
    let arn = functions.shared(&named)?.code_signing;
    // A function without a configuration is answered with an empty document.
    Ok(FunctionConfigOutput { function_name: arn.is_some().then_some(named.name), code_signing_config_arn: arn })
}

pub(crate) async fn delete_for_function(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionNameInput,
) -> Result<(), FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    functions
        .store()
        .write(move |tx| {
            find(tx, &named)?;
            let mut shared = tx.get(&SHARED, &named.key())?.unwrap_or_default();
            shared.code_signing = None;
            tx.put(&SHARED, &named.key(), &shared)?;
            Ok(())
        })
        .await
}
