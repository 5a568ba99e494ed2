//! Reserved concurrency, and the settings of an account.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{Range, ReadTx};

use super::get_function::FunctionNameInput;
use crate::core::Functions;
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{FUNCTIONS, LATEST, LAYERS, PROVISIONED, SHARED};

/// The concurrency of an account ("Lambda quotas").
const ACCOUNT: i64 = 1000;
/// What cannot be reserved.
pub(crate) const UNRESERVED: i64 = 100;

/// The concurrency of an account that no function has for itself, reserved or provisioned.
pub(crate) fn unreserved(tx: &ReadTx<'_>, account: &str, region: &str) -> Result<i64, FunctionError> {
    let mut left = ACCOUNT;
    let mut reserving = Vec::new();
    for entry in tx.range(&SHARED, Range::prefix(&(account, region))) {
        let ((.., name), shared) = entry?;
        if let Some(number) = shared.reserved_concurrency {
            left -= number;
            reserving.push(name);
        }
    }
    for entry in tx.range(&PROVISIONED, Range::prefix(&(account, region))) {
        let ((_, _, name, _), config) = entry?;
        if !reserving.contains(&name) {
            left -= config.requested;
        }
    }
    Ok(left)
}

/// The concurrency that all versions of a function have provisioned.
pub(crate) fn provisioned(tx: &ReadTx<'_>, key: &(&str, &str, &str)) -> Result<i64, FunctionError> {
    let mut all = 0;
    for entry in tx.range(&PROVISIONED, Range::prefix(key)) {
        all += entry?.1.requested;
    }
    Ok(all)
}

/// What PutFunctionConcurrency takes.
#[derive(Shape)]
pub(crate) struct PutFunctionConcurrencyInput {
    pub(crate) function_name: String,
    reserved_concurrent_executions: i64,
}

/// A function's reserved concurrency.
#[derive(Shape)]
pub(crate) struct ConcurrencyOutput {
    reserved_concurrent_executions: Option<i64>,
}

async fn set(functions: &Functions, named: Named, number: Option<i64>) -> Result<(), FunctionError> {
    functions
        .store()
        .write(move |tx| {
            let mut shared = tx.get(&SHARED, &named.key())?.unwrap_or_default();
            let left = unreserved(tx, &named.account, &named.region)? + shared.reserved_concurrency.unwrap_or(0);
            if number.is_some_and(|number| left - number < UNRESERVED) {
                let text = format!(
                    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                     below its minimum value of [{UNRESERVED}]."
                );
                return Err(FunctionError::Bare("InvalidParameterValueException", 400, text));
            }
            let provisioned = provisioned(tx, &named.key())?;
            if let Some(number) = number.filter(|number| *number < provisioned) {
                let text = format!(
                    " ReservedConcurrentExecutions  {number} should not be lower than function's total provisioned \
                     concurrency [{provisioned}]."
                );
                return Err(FunctionError::Bare("InvalidParameterValueException", 400, text));
            }
            shared.reserved_concurrency = number;
            tx.put(&SHARED, &named.key(), &shared)?;
            Ok(())
        })
        .await
}

/// The function that a request names, which must not be a version or alias.
fn whole(ctx: &Ctx, name: &str) -> Result<Named, FunctionError> {
    let named = Named::parse(ctx, name, None)?;
    if named.qualifier.is_some() {
        let text = "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
                    Please specify either a function name or an unqualified function ARN.";
        return Err(FunctionError::Invalid(text.to_owned()));
    }
    Ok(named)
}

pub(crate) async fn put_function_concurrency(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: PutFunctionConcurrencyInput,
) -> Result<ConcurrencyOutput, FunctionError> {
    let number = Some(input.reserved_concurrent_executions);
    let named = whole(&ctx, &input.function_name)?;
    // The version is named where it is missing, although nobody asked for it.
    functions.find(&Named { qualifier: Some(LATEST.to_owned()), ..named.clone() })?;
    set(&functions, named, number).await?;
    Ok(ConcurrencyOutput { reserved_concurrent_executions: number })
}

pub(crate) async fn delete_function_concurrency(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionNameInput,
) -> Result<(), FunctionError> {
    let named = whole(&ctx, &input.function_name)?;
    functions.find(&named)?;
    set(&functions, named, None).await
}

pub(crate) async fn get_function_concurrency(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionNameInput,
) -> Result<ConcurrencyOutput, FunctionError> {
    let named = whole(&ctx, &input.function_name)?;
    functions.find(&named)?;
    Ok(ConcurrencyOutput { reserved_concurrent_executions: functions.shared(&named)?.reserved_concurrency })
}

/// Limits and use of an account.
#[derive(Shape)]
pub(crate) struct GetAccountSettingsOutput {
    account_limit: Option<AccountLimit>,
    account_usage: Option<AccountUsage>,
}

#[derive(Shape)]
struct AccountLimit {
    total_code_size: Option<i64>,
    code_size_unzipped: Option<i64>,
    code_size_zipped: Option<i64>,
    concurrent_executions: Option<i64>,
    unreserved_concurrent_executions: Option<i64>,
}

#[derive(Shape)]
struct AccountUsage {
    total_code_size: Option<i64>,
    function_count: Option<i64>,
}

pub(crate) async fn get_account_settings(
    functions: Arc<Functions>,
    ctx: Ctx,
    (): (),
) -> Result<GetAccountSettingsOutput, FunctionError> {
    let (mut size, mut count) = (0, 0);
    let left = functions.store().read(|tx| {
        let prefix = (ctx.account.as_str(), ctx.region.as_str());
        for entry in tx.range(&FUNCTIONS, Range::prefix(&prefix)) {
            let function = entry?.1;
            size += function.code_size();
            count += i64::from(function.version == LATEST);
        }
        for entry in tx.range(&LAYERS, Range::prefix(&prefix)) {
            size += entry?.1.code.size;
        }
        unreserved(tx, &ctx.account, &ctx.region)
    })?;
    Ok(GetAccountSettingsOutput {
        account_limit: Some(AccountLimit {
            total_code_size: Some(80_530_636_800),
            code_size_unzipped: Some(262_144_000),
            code_size_zipped: Some(52_428_800),
            concurrent_executions: Some(ACCOUNT),
            unreserved_concurrent_executions: Some(left),
        }),
        account_usage: Some(AccountUsage { total_code_size: Some(size), function_count: Some(count) }),
    })
}
