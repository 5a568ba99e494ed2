//! DeleteFunction.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{Range, WriteTx, blobs};

use super::get_function::FunctionInput;
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{
    ALIASES, FUNCTIONS, Function, INVOKE_CONFIGS, LATEST, POLICIES, PROVISIONED, RUNTIME_MANAGEMENT, SHARED, URL_IDS,
    URLS,
};

/// Nothing but a status.
#[derive(Shape)]
pub(crate) struct DeleteFunctionOutput {
    status_code: Option<i64>,
}

/// Takes away everything that is kept of a function, or of it at one version or alias, but the versions themselves.
pub(crate) fn forget(tx: &mut WriteTx<'_>, named: &Named) -> Result<(), FunctionError> {
    let range = || match &named.qualifier {
        None => Range::prefix(&named.key()),
        Some(qualifier) => {
            Range::prefix(&(named.account.as_str(), named.region.as_str(), named.name.as_str(), qualifier.as_str()))
        }
    };
    // The address of an alias stays when the alias goes; it lets nobody in then.
    if named.qualifier.is_none() {
        let urls: Vec<String> =
            tx.range(&URLS, range()).map(|entry| entry.map(|(_, url)| url.id)).collect::<Result<_, _>>()?;
        for id in urls {
            tx.delete(&URL_IDS, &id)?;
        }
        tx.delete_range(&URLS, range())?;
    }
    tx.delete_range(&POLICIES, range())?;
    tx.delete_range(&INVOKE_CONFIGS, range())?;
    tx.delete_range(&PROVISIONED, range())?;
    tx.delete_range(&RUNTIME_MANAGEMENT, range())?;
    Ok(())
}

/// The versions that a deletion takes away.
fn versions(tx: &WriteTx<'_>, named: &Named) -> Result<Vec<Function>, FunctionError> {
    find(tx, &named.clone().unqualified())?;
    let Some(version) = &named.qualifier else {
        let all = tx.range(&FUNCTIONS, Range::prefix(&named.key()));
        return all.map(|entry| Ok(entry?.1)).collect();
    };
    let mut aliases: Vec<String> = Vec::new();
    for entry in tx.range(&ALIASES, Range::prefix(&named.key())) {
        let ((.., name), alias) = entry?;
        if alias.version == *version || alias.additional.as_ref().is_some_and(|(other, _)| other == version) {
            aliases.push(name);
        }
    }
    if !aliases.is_empty() {
        let text = "Unable to delete version because the following aliases reference it";
        return Err(FunctionError::Conflict(format!("{text}: [{}]", aliases.join(", "))));
    }
    // A version that is not there is no error.
    Ok(tx.get(&FUNCTIONS, &named.key_at(version))?.into_iter().collect())
}

pub(crate) async fn delete_function(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionInput,
) -> Result<DeleteFunctionOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    if named.qualifier.as_deref() == Some(LATEST) {
        let text = "$LATEST version cannot be deleted without deleting the function.";
        return Err(FunctionError::Invalid(text.to_owned()));
    }
    let deleted: Vec<Function> = functions
        .store()
        .write(move |tx| {
            let gone = versions(tx, &named)?;
            forget(tx, &named)?;
            if named.qualifier.is_none() {
                tx.delete(&SHARED, &named.key())?;
                tx.delete_range(&ALIASES, Range::prefix(&named.key()))?;
            }
            for function in &gone {
                tx.delete(&FUNCTIONS, &function.key())?;
                for blob in function.blobs() {
                    blobs::release(tx, blob)?;
                }
            }
            Ok::<_, FunctionError>(gone)
        })
        .await?;
    for function in &deleted {
        functions.retire(function);
    }
    Ok(DeleteFunctionOutput { status_code: Some(204) })
}
