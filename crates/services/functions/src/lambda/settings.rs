//! Small settings: runtime management and recursion.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::get_function::{FunctionInput, FunctionNameInput};
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{LATEST, RUNTIME_MANAGEMENT, RuntimeManagement, SHARED};

/// What PutRuntimeManagementConfig takes.
#[derive(Shape)]
pub(crate) struct PutRuntimeManagementInput {
    pub(crate) function_name: String,
    pub(crate) qualifier: Option<String>,
    update_runtime_on: String,
    runtime_version_arn: Option<String>,
}

/// Which version of its runtime a function gets, as both operations answer.
#[derive(Shape)]
pub(crate) struct RuntimeManagementOutput {
    update_runtime_on: String,
    function_arn: String,
    runtime_version_arn: Option<String>,
}

fn output(named: &Named, config: RuntimeManagement) -> RuntimeManagementOutput {
    RuntimeManagementOutput {
        update_runtime_on: config.update_on,
        function_arn: named.arn(),
        runtime_version_arn: config.version_arn,
    }
}

fn qualifier(named: &Named) -> &str {
    named.qualifier.as_deref().unwrap_or(LATEST)
}

pub(crate) async fn put_runtime_management(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: PutRuntimeManagementInput,
) -> Result<RuntimeManagementOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let is_manual = input.update_runtime_on == "Manual";
    if is_manual != input.runtime_version_arn.is_some() {
        let text = if is_manual {
            "RuntimeVersionArn is required when UpdateRuntimeOn is set to Manual."
        } else {
            "RuntimeVersionArn can only be specified when UpdateRuntimeOn is set to Manual."
        };
        return Err(FunctionError::Invalid(text.to_owned()));
    }
    functions
        .store()
        .write(move |tx| {
            find(tx, &named)?;
            let update_on = input.update_runtime_on.clone();
            let config = RuntimeManagement { update_on, version_arn: input.runtime_version_arn.clone() };
            tx.put(&RUNTIME_MANAGEMENT, &named.key_at(qualifier(&named)), &config)?;
            Ok(output(&named, config))
        })
        .await
}

pub(crate) async fn get_runtime_management(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionInput,
) -> Result<RuntimeManagementOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let config = functions.store().read(|tx| {
        find(tx, &named)?;
        tx.get(&RUNTIME_MANAGEMENT, &named.key_at(qualifier(&named))).map_err(FunctionError::from)
    })?;
    let default = || RuntimeManagement { update_on: "Auto".to_owned(), version_arn: None };
    Ok(output(&named, config.unwrap_or_else(default)))
}

/// What PutFunctionRecursionConfig takes.
#[derive(Shape)]
pub(crate) struct PutRecursionInput {
    pub(crate) function_name: String,
    recursive_loop: String,
}

/// What is done about loops.
#[derive(Shape)]
pub(crate) struct RecursionOutput {
    recursive_loop: Option<String>,
}

pub(crate) async fn put_recursion(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: PutRecursionInput,
) -> Result<RecursionOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    functions
        .store()
        .write(move |tx| {
            find(tx, &named)?;
            let mut shared = tx.get(&SHARED, &named.key())?.unwrap_or_default();
            shared.recursion = Some(input.recursive_loop.clone());
            tx.put(&SHARED, &named.key(), &shared)?;
            Ok(RecursionOutput { recursive_loop: shared.recursion })
        })
        .await
}

pub(crate) async fn get_recursion(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionNameInput,
) -> Result<RecursionOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    functions.find(&named)?;
    let loops = functions.shared(&named)?.recursion.unwrap_or_else(|| "Terminate".to_owned());
    Ok(RecursionOutput { recursive_loop: Some(loops) })
}
