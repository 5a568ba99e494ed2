//! What Lambda refuses of a function's configuration, in its words.

use std::collections::BTreeMap;

use pilvi_bus::{ApiError, Ctx};
use pilvi_store::ReadTx;

use super::shapes::{Environment, LoggingConfig, SnapStart};
use crate::core::{Functions, layer_by_arn};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::LayerUse;

/// The runtimes that functions can be made with, in the order in which Lambda names them. Those that it does not take any more
/// are taken here, since they still run.
const RUNTIMES: &str = "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java17, \
                        nodejs16.x, java25, dotnet8, python3.10, java11, python3.11, dotnet6, java21, nodejs18.x, \
                        provided.al2, ruby3.3, ruby3.4, java8.al2, ruby3.2, python3.8, python3.9";
const OLD_RUNTIMES: [&str; 13] = [
    "nodejs14.x",
    "nodejs12.x",
    "nodejs10.x",
    "nodejs8.10",
    "python3.7",
    "python3.6",
    "python2.7",
    "java8",
    "go1.x",
    "ruby2.7",
    "ruby2.5",
    "dotnetcore3.1",
    "provided",
];
/// Those that lists of layers can be asked for.
const LAYER_RUNTIMES: &str = "ruby3.5, ruby2.6, dotnetcore1.0, python3.7, nodejs8.10, nasa, ruby2.7, python2.7-greengrass, \
                              dotnetcore2.0, python3.8, java21, dotnet6, dotnetcore2.1, python3.9, java11, nodejs6.10, \
                              provided, dotnetcore3.1, dotnet8, java25, java17, nodejs, nodejs4.3, java8.al2, go1.x, \
                              dotnet10, nodejs20.x, go1.9, byol, nodejs10.x, provided.al2023, nodejs22.x, python3.10, \
                              java8, nodejs12.x, python3.11, nodejs24.x, nodejs8.x, python3.12, nodejs14.x, nodejs8.9, \
                              nodejs26.x, python3.13, python3.14, nodejs16.x, python3.15, provided.al2, nodejs4.3-edge, \
                              nodejs18.x, ruby3.2, python3.4, ruby3.3, ruby3.4, ruby2.5, python3.6, python2.7";
/// "Improving startup performance with Lambda SnapStart": runtimes.
const SNAPPING: [&str; 9] =
    ["java11", "java17", "java21", "java25", "python3.12", "python3.13", "python3.14", "dotnet8", "dotnet10"];
/// Variables that the runtime sets itself ("Defined runtime environment variables").
const RESERVED: [&str; 16] = [
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
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ACCESS_KEY",
];

fn invalid(text: impl Into<String>) -> FunctionError {
    FunctionError::Invalid(text.into())
}

/// A ValidationException, as the wire answers where the model has the rule.
pub(crate) fn validation(text: impl Into<String>) -> FunctionError {
    FunctionError::Api(ApiError::new("ValidationException", 400, text))
}

fn is_one_of(list: &str, name: &str) -> bool {
    list.split(", ").any(|known| known == name)
}

/// A name that a function can have.
pub(crate) fn name(named: &Named) -> Result<(), FunctionError> {
    if named.name.len() > 64 {
        return Err(invalid(format!(
            "1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: Member must have length \
             less than or equal to 64",
            named.name
        )));
    }
    Ok(())
}

/// A runtime that functions can have.
pub(crate) fn runtime(name: &str) -> Result<(), FunctionError> {
    if is_one_of(RUNTIMES, name) || OLD_RUNTIMES.contains(&name) {
        return Ok(());
    }
    Err(invalid(format!(
        "Value {name} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{RUNTIMES}] or be a \
         valid ARN"
    )))
}

/// Runtimes that a layer version says it fits.
pub(crate) fn layer_runtimes(names: &[String]) -> Result<(), FunctionError> {
    let known = |name: &String| is_one_of(RUNTIMES, name) || is_one_of(LAYER_RUNTIMES, name);
    if names.iter().all(known) {
        return Ok(());
    }
    Err(validation(format!(
        "1 validation error detected: Value '[{}]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy \
         enum value set: [{RUNTIMES}]",
        names.join(", ")
    )))
}

/// A runtime that lists of layers can be asked for.
pub(crate) fn listed_runtime(name: Option<&String>) -> Result<(), FunctionError> {
    match name {
        Some(name) if !is_one_of(LAYER_RUNTIMES, name) && !is_one_of(RUNTIMES, name) => Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'compatibleRuntime' failed to satisfy constraint: Member must \
             satisfy enum value set: [{LAYER_RUNTIMES}]"
        ))),
        _ => Ok(()),
    }
}

/// Whether SnapStart can be had with a runtime.
pub(crate) fn snap_start(config: &SnapStart, runtime: &str) -> Result<(), FunctionError> {
    if config.apply_on.as_deref() == Some("PublishedVersions") && !SNAPPING.contains(&runtime) {
        return Err(invalid(format!("{runtime} is not supported for SnapStart enabled functions.")));
    }
    Ok(())
}

/// Log levels are for JSON only ("Configuring advanced logging controls").
pub(crate) fn logging(config: &LoggingConfig) -> Result<(), FunctionError> {
    let is_text = config.log_format.as_deref().unwrap_or("Text") == "Text";
    if is_text && (config.application_log_level.is_some() || config.system_log_level.is_some()) {
        let text =
            "To set a log level, your log format must be JSON. Please update your log format to JSON and try again.";
        return Err(invalid(text));
    }
    Ok(())
}

/// Checks variables and puts them in order.
pub(crate) fn variables(environment: Environment) -> Result<Vec<(String, String)>, FunctionError> {
    let variables: Vec<(String, String)> = environment.variables.map(|entries| entries.0).unwrap_or_default();
    let reserved: Vec<&str> =
        variables.iter().map(|(name, _)| name.as_str()).filter(|name| RESERVED.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let members: serde_json::Map<String, serde_json::Value> =
        variables.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let document = serde_json::Value::Object(members).to_string();
    if document.len() > 4096 {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             exceeded the 4KB limit. String measured: {document}"
        )));
    }
    Ok(variables)
}

/// Whether Lambda may take on a role, and the caller may hand it over.
pub(crate) async fn role(functions: &Functions, ctx: &Ctx, role: &str) -> Result<(), FunctionError> {
    if !functions.platform.bus.identity()?.may_pass_role(ctx, role, "lambda.amazonaws.com").await? {
        return Err(invalid("The role defined for the function cannot be assumed by Lambda."));
    }
    Ok(())
}

/// Finds layers; there are not too many, and each is there once.
pub(crate) fn layers(tx: &ReadTx<'_>, region: &str, arns: &[String]) -> Result<Vec<LayerUse>, FunctionError> {
    if arns.len() > 5 {
        return Err(invalid("Cannot reference more than 5 layers."));
    }
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    let mut layers = Vec::new();
    for arn in arns {
        let Some((layer, _)) = arn.rsplit_once(':') else { continue };
        if arn.split(':').nth(3) != Some(region) {
            return Err(invalid(format!(
                "Layers are not in the same region as the function. Layers are expected to be in region {region}."
            )));
        }
        let missing = || invalid(format!("Layer version {arn} does not exist."));
        let code = layer_by_arn(tx, arn)?.ok_or_else(missing)?.code;
        if let Some(first) = found.insert(layer, arn) {
            return Err(invalid(format!(
                "Two different versions of the same layer are not allowed to be referenced in the same function. {first} and \
                 {arn} are versions of the same layer."
            )));
        }
        layers.push(LayerUse { arn: arn.clone(), code });
    }
    Ok(layers)
}
