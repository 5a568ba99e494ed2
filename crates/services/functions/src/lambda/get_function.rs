//! GetFunction, GetFunctionConfiguration and the small settings that are read with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::shapes::FunctionConfiguration;
use crate::core::Functions;
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::Package;

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
    image_uri: Option<String>,
    resolved_image_uri: Option<String>,
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
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let function = functions.find(&named)?;
    let shared = functions.shared(&named)?;
    let code = match &function.package {
        // The content's hash is the secret of the address: who knows it has seen the code.
        Package::Zip(code) => FunctionCodeLocation {
            repository_type: Some("S3".to_owned()),
            location: Some(format!("{}{}{}", ctx.endpoint, crate::download::PATH, code.blob)),
            image_uri: None,
            resolved_image_uri: None,
        },
        Package::Image { uri, .. } => FunctionCodeLocation {
            repository_type: Some("ECR".to_owned()),
            location: None,
            image_uri: Some(uri.clone()),
            resolved_image_uri: Some(format!("{}@sha256:{}", repository(uri), function.code_sha256())),
        },
    };
    let now = functions.platform.clock.now_ms();
    Ok(GetFunctionOutput {
        configuration: Some(FunctionConfiguration::new(&function, named.arn(), now)),
        code: Some(code),
        tags: (!shared.tags.is_empty()).then(|| shared.tags.into_iter().collect()),
        concurrency: shared
            .reserved_concurrency
            .map(|number| Concurrency { reserved_concurrent_executions: Some(number) }),
    })
}

/// An image's address without its tag or digest.
fn repository(uri: &str) -> &str {
    let uri = uri.split('@').next().unwrap_or(uri);
    match uri.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => uri,
    }
}

pub(crate) async fn get_function_configuration(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionInput,
) -> Result<FunctionConfiguration, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let function = functions.find(&named)?;
    Ok(FunctionConfiguration::new(&function, named.arn(), functions.platform.clock.now_ms()))
}
