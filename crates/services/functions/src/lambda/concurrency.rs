//! Reserved concurrency, and the settings of an account.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::Range;

use super::get_function::FunctionNameInput;
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{FUNCTIONS, SHARED};

/// The concurrency of an account ("Lambda quotas").
const ACCOUNT: i64 = 1000;
/// What cannot be reserved.
const UNRESERVED: i64 = 100;

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

async fn set(functions: &Functions, ctx: &Ctx, name: &str, number: Option<i64>) -> Result<(), FunctionError> {
    let named = Named { qualifier: None, ..Named::parse(ctx, name, None)? };
    functions
        .store()
        .write(move |tx| {
            find(tx, &named)?;
            let key = (named.account.as_str(), named.region.as_str(), named.name.as_str());
            let mut shared = tx.get(&SHARED, &key)?.unwrap_or_default();
            if number.is_some_and(|number| number > ACCOUNT - UNRESERVED) {
                let text = format!(
                    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                     below its minimum value of [{UNRESERVED}]."
                );
                return Err(FunctionError::Invalid(text));
            }
            shared.reserved_concurrency = number;
            tx.put(&SHARED, &key, &shared)?;
            Ok(())
        })
        .await
}

pub(crate) async fn put_function_concurrency(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: PutFunctionConcurrencyInput,
) -> Result<ConcurrencyOutput, FunctionError> {
    let number = Some(input.reserved_concurrent_executions);
    set(&functions, &ctx, &input.function_name, number).await?;
    Ok(ConcurrencyOutput { reserved_concurrent_executions: number })
}

pub(crate) async fn delete_function_concurrency(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionNameInput,
) -> Result<(), FunctionError> {
    set(&functions, &ctx, &input.function_name, None).await
}

pub(crate) async fn get_function_concurrency(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionNameInput,
) -> Result<ConcurrencyOutput, FunctionError> {
    let function = functions.named(&ctx, &input.function_name, None)?;
    Ok(ConcurrencyOutput { reserved_concurrent_executions: functions.shared(&function)?.reserved_concurrency })
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
    let (mut size, mut count, mut reserved) = (0, 0, 0);
    functions.store().read(|tx| {
        let prefix = (ctx.account.as_str(), ctx.region.as_str());
        for entry in tx.range(&FUNCTIONS, Range::prefix(&prefix)) {
            let function = entry?.1;
            size += function.code.size;
            count += i64::from(function.version == crate::state::LATEST);
        }
        for entry in tx.range(&SHARED, Range::prefix(&prefix)) {
            reserved += entry?.1.reserved_concurrency.unwrap_or(0);
        }
        Ok::<(), FunctionError>(())
    })?;
    Ok(GetAccountSettingsOutput {
        account_limit: Some(AccountLimit {
            total_code_size: Some(80_530_636_800),
            code_size_unzipped: Some(262_144_000),
            code_size_zipped: Some(52_428_800),
            concurrent_executions: Some(ACCOUNT),
            unreserved_concurrent_executions: Some(ACCOUNT - reserved),
        }),
        account_usage: Some(AccountUsage { total_code_size: Some(size), function_count: Some(count) }),
    })
}
