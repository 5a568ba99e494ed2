//! Provisioned concurrency: Put, Get, Delete and ListProvisionedConcurrencyConfigs.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Shape;
use pilvi_store::{Range, ReadTx};

use super::concurrency::{UNRESERVED, provisioned, unreserved};
use super::page;
use super::shapes::lambda_time;
use crate::core::{Functions, alias, exists, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{ALIASES, LATEST, PROVISIONED, Provisioned, SHARED};

/// How long environments take to be there. They are started by the first invocations, like all others.
const MOMENT_MS: i64 = 300;

/// What PutProvisionedConcurrencyConfig takes.
#[derive(Shape)]
pub(crate) struct PutProvisionedInput {
    pub(crate) function_name: String,
    pub(crate) qualifier: String,
    provisioned_concurrent_executions: i64,
}

/// A version or alias.
#[derive(Shape)]
pub(crate) struct ProvisionedInput {
    pub(crate) function_name: String,
    pub(crate) qualifier: String,
}

/// How far it is.
#[derive(Shape)]
pub(crate) struct ProvisionedOutput {
    requested_provisioned_concurrent_executions: Option<i64>,
    available_provisioned_concurrent_executions: Option<i64>,
    allocated_provisioned_concurrent_executions: Option<i64>,
    status: Option<String>,
    last_modified: Option<String>,
}

impl ProvisionedOutput {
    fn of(config: &Provisioned, now: i64) -> ProvisionedOutput {
        let ready = now >= config.modified + MOMENT_MS;
        let there = Some(if ready { config.requested } else { 0 });
        ProvisionedOutput {
            requested_provisioned_concurrent_executions: Some(config.requested),
            available_provisioned_concurrent_executions: there,
            allocated_provisioned_concurrent_executions: there,
            status: Some(if ready { "READY" } else { "IN_PROGRESS" }.to_owned()),
            last_modified: Some(lambda_time(config.modified)),
        }
    }
}

/// The version or alias that a request names.
fn target(ctx: &Ctx, name: &str, qualifier: &str, refusal: &str) -> Result<(Named, String), FunctionError> {
    let named = Named::parse(ctx, name, Some(qualifier))?;
    if qualifier == LATEST {
        return Err(FunctionError::Invalid(refusal.to_owned()));
    }
    Ok((named, qualifier.to_owned()))
}

const UNPUBLISHED: &str = "The function resource provided must be an alias or a published version.";

fn missing() -> FunctionError {
    let text = "No Provisioned Concurrency Config found for this function";
    FunctionError::Api(ApiError::new("ProvisionedConcurrencyConfigNotFoundException", 404, text))
}

/// A version is provisioned by itself or by one alias.
fn check_conflicts(tx: &ReadTx<'_>, named: &Named, qualifier: &str) -> Result<(), FunctionError> {
    if let Some(alias) = alias(tx, named)? {
        if tx.contains(&PROVISIONED, &named.key_at(&alias.version))? {
            let text =
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version";
            return Err(FunctionError::Conflict(text.to_owned()));
        }
        return Ok(());
    }
    for entry in tx.range(&ALIASES, Range::prefix(&named.key())) {
        let (key, alias) = entry?;
        if alias.version == qualifier && tx.contains(&PROVISIONED, &key)? {
            return Err(FunctionError::Conflict("Version is pointed by a Provisioned Concurrency alias".to_owned()));
        }
    }
    Ok(())
}

/// The concurrency that is left for it.
fn check_room(tx: &ReadTx<'_>, named: &Named, qualifier: &str, number: i64) -> Result<(), FunctionError> {
    if let Some(reserved) = tx.get(&SHARED, &named.key())?.and_then(|shared| shared.reserved_concurrency) {
        let before = tx.get(&PROVISIONED, &named.key_at(qualifier))?.map_or(0, |config| config.requested);
        if provisioned(tx, &named.key())? - before + number > reserved {
            let text = "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function";
            return Err(FunctionError::Invalid(text.to_owned()));
        }
        return Ok(());
    }
    let left = unreserved(tx, &named.account, &named.region)?;
    let bare = |text| FunctionError::Bare("InvalidParameterValueException", 400, text);
    if number > left {
        return Err(bare(format!(
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{left}]."
        )));
    }
    if left - number < UNRESERVED {
        return Err(bare(format!(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum \
             value of [{UNRESERVED}]."
        )));
    }
    Ok(())
}

pub(crate) async fn put(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: PutProvisionedInput,
) -> Result<ProvisionedOutput, FunctionError> {
    let refusal = "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
    let (named, qualifier) = target(&ctx, &input.function_name, &input.qualifier, refusal)?;
    let requested = input.provisioned_concurrent_executions;
    let config = Provisioned { requested, modified: functions.platform.clock.now_ms() };
    functions
        .store()
        .write(move |tx| {
            exists(tx, &named)?;
            check_conflicts(tx, &named, &qualifier)?;
            check_room(tx, &named, &qualifier, requested)?;
            tx.put(&PROVISIONED, &named.key_at(&qualifier), &config)?;
            Ok(ProvisionedOutput::of(&config, config.modified))
        })
        .await
}

pub(crate) async fn get(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ProvisionedInput,
) -> Result<ProvisionedOutput, FunctionError> {
    let (named, qualifier) = target(&ctx, &input.function_name, &input.qualifier, UNPUBLISHED)?;
    let config = functions.store().read(|tx| {
        exists(tx, &named)?;
        tx.get(&PROVISIONED, &named.key_at(&qualifier))?.ok_or_else(missing)
    })?;
    Ok(ProvisionedOutput::of(&config, functions.platform.clock.now_ms()))
}

pub(crate) async fn delete(functions: Arc<Functions>, ctx: Ctx, input: ProvisionedInput) -> Result<(), FunctionError> {
    let (named, qualifier) = target(&ctx, &input.function_name, &input.qualifier, UNPUBLISHED)?;
    functions
        .store()
        .write(move |tx| {
            exists(tx, &named)?;
            tx.delete(&PROVISIONED, &named.key_at(&qualifier))?;
            Ok(())
        })
        .await
}

/// What ListProvisionedConcurrencyConfigs takes.
#[derive(Shape)]
pub(crate) struct ListProvisionedInput {
    pub(crate) function_name: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

#[derive(Shape)]
struct ProvisionedItem {
    function_arn: Option<String>,
    requested_provisioned_concurrent_executions: Option<i64>,
    available_provisioned_concurrent_executions: Option<i64>,
    allocated_provisioned_concurrent_executions: Option<i64>,
    status: Option<String>,
    last_modified: Option<String>,
}

/// A page of them.
#[derive(Shape)]
pub(crate) struct ListProvisionedOutput {
    provisioned_concurrency_configs: Option<Vec<ProvisionedItem>>,
    next_marker: Option<String>,
}

pub(crate) async fn list(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ListProvisionedInput,
) -> Result<ListProvisionedOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    let all = functions.store().read(|tx| {
        find(tx, &named)?;
        let entries = tx.range(&PROVISIONED, Range::prefix(&named.key()));
        let entries = entries.map(|entry| entry.map(|((.., qualifier), config)| (qualifier, config)));
        entries.collect::<Result<Vec<(String, Provisioned)>, _>>().map_err(FunctionError::from)
    })?;
    let now = functions.platform.clock.now_ms();
    let (page, next_marker) = page(all, input.marker.as_deref(), input.max_items, 50, |(name, _)| name.clone());
    let items = page.iter().map(|(qualifier, config)| {
        let shown = ProvisionedOutput::of(config, now);
        ProvisionedItem {
            function_arn: Some(format!("{}:{qualifier}", named.unqualified_arn())),
            requested_provisioned_concurrent_executions: shown.requested_provisioned_concurrent_executions,
            available_provisioned_concurrent_executions: shown.available_provisioned_concurrent_executions,
            allocated_provisioned_concurrent_executions: shown.allocated_provisioned_concurrent_executions,
            status: shown.status,
            last_modified: shown.last_modified,
        }
    });
    Ok(ListProvisionedOutput { provisioned_concurrency_configs: Some(items.collect()), next_marker })
}
