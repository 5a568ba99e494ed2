//! GetFunction, GetFunctionConfiguration and the small settings that are read with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::shapes::FunctionConfiguration;
use crate::core::Functions;
use crate::errors::FunctionError;

/// A function, maybe at a version.
#[derive(Shape)]
pub(crate) struct FunctionInput {
    pub(crate) function_name: String,
    pub(crate) qualifier: Option<String>,
}

/// A function without a version.
#[derive(Shape)]
pub(crate) struct FunctionNameInput {
    pub(crate) function_name: String,
}

/// A function, and where its code can be had.
#[derive(Shape)]
pub(crate) struct GetFunctionOutput {
    configuration: Option<FunctionConfiguration>,
    code: Option<FunctionCodeLocation>,
    tags: Option<BTreeMap<String, String>>,
    concurrency: Option<Concurrency>,
}

#[derive(Shape)]
struct FunctionCodeLocation {
    repository_type: Option<String>,
    location: Option<String>,
}

#[derive(Shape)]
struct Concurrency {
    reserved_concurrent_executions: Option<i64>,
}

pub(crate) async fn get_function(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionInput,
) -> Result<GetFunctionOutput, FunctionError> {
    let function = functions.named(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let shared = functions.shared(&function)?;
    let qualified = input.qualifier.is_some();
    // The content's hash is the secret of the address: who knows it has seen the code.
    let location = format!("{}{}{}", ctx.endpoint, crate::download::PATH, function.code.blob);
    Ok(GetFunctionOutput {
        configuration: Some(FunctionConfiguration::new(&function, qualified, |arn| functions.layer_size(arn))),
        code: Some(FunctionCodeLocation { repository_type: Some("S3".to_owned()), location: Some(location) }),
        tags: (!shared.tags.is_empty()).then(|| shared.tags.into_iter().collect()),
        concurrency: shared
            .reserved_concurrency
            .map(|number| Concurrency { reserved_concurrent_executions: Some(number) }),
    })
}

pub(crate) async fn get_function_configuration(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionInput,
) -> Result<FunctionConfiguration, FunctionError> {
    let function = functions.named(&ctx, &input.function_name, input.qualifier.as_deref())?;
    Ok(FunctionConfiguration::new(&function, input.qualifier.is_some(), |arn| functions.layer_size(arn)))
}

/// No code signing configuration: there is none of its own here.
#[derive(Shape)]
pub(crate) struct GetFunctionCodeSigningConfigOutput {
    code_signing_config_arn: String,
    function_name: String,
}

pub(crate) async fn get_function_code_signing_config(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionNameInput,
) -> Result<GetFunctionCodeSigningConfigOutput, FunctionError> {
    let function = functions.named(&ctx, &input.function_name, None)?;
    Ok(GetFunctionCodeSigningConfigOutput { code_signing_config_arn: String::new(), function_name: function.name })
}
