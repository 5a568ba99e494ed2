//! How asynchronous invocations go: Put, Update, Get and DeleteFunctionEventInvokeConfig, ListFunctionEventInvokeConfigs.

use std::sync::Arc;

use pilvi_bus::{Arn, Ctx};
use pilvi_model::{Shape, Timestamp};
use pilvi_store::Range;

use super::get_function::FunctionInput;
use super::page;
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

/// Checks the destinations of a request.
fn check(ctx: &Ctx, functions: &Functions, named: &Named, config: &DestinationConfig) -> Result<(), FunctionError> {
    let arn = |one: &Option<Destination>| one.as_ref().and_then(|destination| destination.destination.clone());
    let (success, failure) = (arn(&config.on_success), arn(&config.on_failure));
    for destination in [&success, &failure].into_iter().flatten().filter(|arn| !arn.is_empty()) {
        let service = Arn::parse(destination).map(|arn| arn.service).unwrap_or_default();
        match service.as_str() {
            "lambda" => {
                let invalid = |_| FunctionError::Invalid(format!("The destination ARN {destination} is invalid."));
                let target = Named::parse_anywhere(ctx, destination, None).map_err(invalid)?;
                functions.find(&target).map_err(invalid)?;
                if target.unqualified() == named.clone().unqualified() {
                    let text = "You can't specify the function as a destination for itself.";
                    return Err(FunctionError::Invalid(text.to_owned()));
                }
            }
            "sqs" | "sns" | "events" | "s3" => {}
            _ => {
                let print = |name: &str, arn: &Option<String>| match arn {
                    Some(arn) => format!("{name}(destination={arn})"),
                    None => "null".to_owned(),
                };
                return Err(FunctionError::Invalid(format!(
                    "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid.",
                    print("OnSuccess", &success),
                    print("OnFailure", &failure)
                )));
            }
        }
    }
    Ok(())
}

async fn set(functions: &Functions, ctx: &Ctx, input: PutInput, keep: bool) -> Result<ConfigOutput, FunctionError> {
    let named = Named::parse(ctx, &input.function_name, input.qualifier.as_deref())?;
    let nothing = input.maximum_retry_attempts.is_none()
        && input.maximum_event_age_in_seconds.is_none()
        && input.destination_config.is_none();
    if nothing {
        let text = "You must specify at least one of error handling or destination setting.";
        return Err(FunctionError::Invalid(text.to_owned()));
    }
    functions.find(&named).map_err(no_function)?;
    if let Some(config) = &input.destination_config {
        check(ctx, functions, &named, config)?;
    }
    let modified = functions.platform.clock.now_ms();
    let wanted = named.clone();
    let config = functions
        .store()
        .write(move |tx| {
            find(tx, &wanted).map_err(no_function)?;
            let key = config_key(&wanted);
            let old = tx.get(&INVOKE_CONFIGS, &key)?;
            if keep && old.is_none() {
                return Err(missing(&wanted));
            }
            let old = old.filter(|_| keep).unwrap_or_default();
            let destinations = input.destination_config.as_ref();
            // An empty destination takes the old one away.
            let arn = |new: Option<&Option<Destination>>, old: Option<String>| match new.and_then(Option::as_ref) {
                Some(new) => new.destination.clone().filter(|arn| !arn.is_empty()),
                None => old,
            };
            let config = InvokeConfig {
                retries: input.maximum_retry_attempts.or(old.retries),
                max_age: input.maximum_event_age_in_seconds.or(old.max_age),
                on_success: arn(destinations.map(|config| &config.on_success), old.on_success),
                on_failure: arn(destinations.map(|config| &config.on_failure), old.on_failure),
                modified,
            };
            tx.put(&INVOKE_CONFIGS, &key, &config)?;
            Ok(config)
        })
        .await?;
    Ok(output(&named, &config))
}

fn no_function(error: FunctionError) -> FunctionError {
    match error {
        FunctionError::NotFound(_) => FunctionError::Missing("The function doesn't exist.".to_owned()),
        other => other,
    }
}

fn missing(named: &Named) -> FunctionError {
    let qualifier = named.qualifier.as_deref().unwrap_or(LATEST);
    let arn = named.unqualified_arn();
    FunctionError::Missing(format!("The function {arn}:{qualifier} doesn't have an EventInvokeConfig"))
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
    let config = functions.store().read(|tx| tx.get(&INVOKE_CONFIGS, &config_key(&named)))?;
    config.map(|config| output(&named, &config)).ok_or_else(|| missing(&named))
}

pub(crate) async fn delete(functions: Arc<Functions>, ctx: Ctx, input: FunctionInput) -> Result<(), FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    functions
        .store()
        .write(move |tx| if tx.delete(&INVOKE_CONFIGS, &config_key(&named))? { Ok(()) } else { Err(missing(&named)) })
        .await
}

/// What ListFunctionEventInvokeConfigs takes.
#[derive(Shape)]
pub(crate) struct ListInput {
    pub(crate) function_name: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of settings.
#[derive(Shape)]
pub(crate) struct ListOutput {
    function_event_invoke_configs: Option<Vec<ConfigOutput>>,
    next_marker: Option<String>,
}

pub(crate) async fn list(functions: Arc<Functions>, ctx: Ctx, input: ListInput) -> Result<ListOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    let all = functions.store().read(|tx| {
        find(tx, &named).map_err(no_function)?;
        let entries = tx.range(&INVOKE_CONFIGS, Range::prefix(&named.key()));
        let entries = entries.map(|entry| entry.map(|((.., qualifier), config)| (qualifier, config)));
        entries.collect::<Result<Vec<(String, InvokeConfig)>, _>>().map_err(FunctionError::from)
    })?;
    let (page, next_marker) = page(all, input.marker.as_deref(), input.max_items, 50, |(name, _)| name.clone());
    let configs = page
        .into_iter()
        .map(|(qualifier, config)| output(&Named { qualifier: Some(qualifier), ..named.clone() }, &config));
    Ok(ListOutput { function_event_invoke_configs: Some(configs.collect()), next_marker })
}
