//! ListFunctions.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::Range;

use super::shapes::FunctionConfiguration;
use crate::core::Functions;
use crate::errors::FunctionError;
use crate::state::{FUNCTIONS, Function, LATEST};

/// What ListFunctions takes.
#[derive(Shape)]
pub(crate) struct ListFunctionsInput {
    function_version: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of functions.
#[derive(Shape)]
pub(crate) struct ListFunctionsOutput {
    next_marker: Option<String>,
    functions: Option<Vec<FunctionConfiguration>>,
}

pub(crate) async fn list_functions(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ListFunctionsInput,
) -> Result<ListFunctionsOutput, FunctionError> {
    let every_version = input.function_version.as_deref() == Some("ALL");
    let most = usize::try_from(input.max_items.unwrap_or(50)).unwrap_or(50).clamp(1, 50);
    // The marker is the last function shown, so that pages join up while functions come and go.
    let after = input.marker.as_deref().and_then(|marker| marker.split_once(':'));
    let mut page: Vec<Function> = Vec::new();
    let mut more = false;
    functions.store().read(|tx| {
        let mut range = Range::prefix(&(ctx.account.as_str(), ctx.region.as_str()));
        if let Some((name, version)) = after {
            range = range.after(&(ctx.account.as_str(), ctx.region.as_str(), name, version));
        }
        for entry in tx.range(&FUNCTIONS, range) {
            let function = entry?.1;
            if !every_version && function.version != LATEST {
                continue;
            }
            if page.len() == most {
                more = true;
                break;
            }
            page.push(function);
        }
        Ok::<(), FunctionError>(())
    })?;
    let last = page.last().filter(|_| more).map(|function| format!("{}:{}", function.name, function.version));
    let now = functions.platform.clock.now_ms();
    let shown = page.iter().map(|function| {
        let arn = if every_version { format!("{}:{}", function.arn(), function.version) } else { function.arn() };
        FunctionConfiguration::listed(function, arn, now)
    });
    Ok(ListFunctionsOutput { functions: Some(shown.collect()), next_marker: last })
}
