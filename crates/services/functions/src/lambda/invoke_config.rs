//! How asynchronous invocations go: Put, Update, Get and DeleteFunctionEventInvokeConfig.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};

use super::get_function::FunctionInput;
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{INVOKE_CONFIGS, InvokeConfig, LATEST, VersionKey};

/// What putting and updating take.
#[derive(Shape)]
pub(crate) struct PutInput {
    pub(crate) function_name: String,
    qualifier: Option<String>,
    maximum_retry_attempts: Option<i64>,
    maximum_event_age_in_seconds: Option<i64>,
    destination_config: Option<DestinationConfig>,
}

/// Where results go.
#[derive(Shape)]
pub(crate) struct DestinationConfig {
    on_success: Option<Destination>,
    on_failure: Option<Destination>,
}

#[derive(Shape)]
struct Destination {
    destination: Option<String>,
}

/// The settings.
#[derive(Shape)]
pub(crate) struct ConfigOutput {
    last_modified: Option<Timestamp>,
    function_arn: Option<String>,
    maximum_retry_attempts: Option<i64>,
    maximum_event_age_in_seconds: Option<i64>,
    destination_config: Option<DestinationConfig>,
}

pub(crate) fn config_key(named: &Named) -> VersionKey {
    let qualifier = named.qualifier.clone().unwrap_or_else(|| LATEST.to_owned());
    (named.account.clone(), named.region.clone(), named.name.clone(), qualifier)
}

fn output(named: &Named, config: &InvokeConfig) -> ConfigOutput {
    let destination = |arn: &Option<String>| Destination { destination: arn.clone() };
    let qualifier = named.qualifier.as_deref().unwrap_or(LATEST);
    ConfigOutput {
        last_modified: Timestamp::from_millisecond(config.modified).ok(),
        function_arn: Some(format!("{}:{qualifier}", named.unqualified_arn())),
        maximum_retry_attempts: config.retries,
        maximum_event_age_in_seconds: config.max_age,
        destination_config: Some(DestinationConfig {
            on_success: Some(destination(&config.on_success)),
            on_failure: Some(destination(&config.on_failure)),
        }),
    }
}

async fn set(functions: &Functions, ctx: &Ctx, input: PutInput, keep: bool) -> Result<ConfigOutput, FunctionError> {
    let named = Named::parse(ctx, &input.function_name, input.qualifier.as_deref())?;
    let modified = functions.platform.clock.now_ms();
    let wanted = named.clone();
    let config = functions
        .store()
        .write(move |tx| {
            find(tx, &wanted)?;
            let key = config_key(&wanted);
            let old = tx.get(&INVOKE_CONFIGS, &key)?;
            if keep && old.is_none() {
                return Err(missing(&wanted));
            }
            let old = old.filter(|_| keep).unwrap_or_default();
            let destinations = input.destination_config.as_ref();
            let arn = |one: Option<&Option<Destination>>| {
                one.and_then(Option::as_ref).and_then(|destination| destination.destination.clone())
            };
            let config = InvokeConfig {
                retries: input.maximum_retry_attempts.or(old.retries),
                max_age: input.maximum_event_age_in_seconds.or(old.max_age),
                on_success: arn(destinations.map(|config| &config.on_success)).or(old.on_success),
                on_failure: arn(destinations.map(|config| &config.on_failure)).or(old.on_failure),
                modified,
            };
            tx.put(&INVOKE_CONFIGS, &key, &config)?;
            Ok(config)
        })
        .await?;
    Ok(output(&named, &config))
}

fn missing(named: &Named) -> FunctionError {
    FunctionError::Missing(format!("The function {} doesn't have an EventInvokeConfig", named.arn()))
}

pub(crate) async fn put(functions: Arc<Functions>, ctx: Ctx, input: PutInput) -> Result<ConfigOutput, FunctionError> {
    set(&functions, &ctx, input, false).await
}

pub(crate) async fn update(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: PutInput,
) -> Result<ConfigOutput, FunctionError> {
    set(&functions, &ctx, input, true).await
}

pub(crate) async fn get(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionInput,
) -> Result<ConfigOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    functions.find(&named)?;
    let config = functions.store().read(|tx| tx.get(&INVOKE_CONFIGS, &config_key(&named)))?;
    config.map(|config| output(&named, &config)).ok_or_else(|| missing(&named))
}

pub(crate) async fn delete(functions: Arc<Functions>, ctx: Ctx, input: FunctionInput) -> Result<(), FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    functions
        .store()
        .write(move |tx| {
            find(tx, &named)?;
            if tx.delete(&INVOKE_CONFIGS, &config_key(&named))? { Ok(()) } else { Err(missing(&named)) }
        })
        .await
}
