//! DeleteFunction.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_store::{Range, blobs};

use super::get_function::FunctionInput;
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{FUNCTIONS, Function, INVOKE_CONFIGS, LATEST, POLICIES, SHARED};

pub(crate) async fn delete_function(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: FunctionInput,
) -> Result<(), FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    if named.qualifier.as_deref() == Some(LATEST) {
        let text = "$LATEST version cannot be deleted without deleting the function.";
        return Err(FunctionError::Invalid(text.to_owned()));
    }
    let deleted: Vec<Function> = functions
        .store()
        .write(move |tx| {
            let function = find(tx, &named)?;
            let key = (named.account.as_str(), named.region.as_str(), named.name.as_str());
            let mut gone = vec![function];
            if named.qualifier.is_none() {
                let all = tx.range(&FUNCTIONS, Range::prefix(&key));
                gone = all.map(|entry| Ok(entry?.1)).collect::<Result<_, FunctionError>>()?;
                tx.delete(&SHARED, &key)?;
                tx.delete_range(&POLICIES, Range::prefix(&key))?;
                tx.delete_range(&INVOKE_CONFIGS, Range::prefix(&key))?;
            }
            for function in &gone {
                tx.delete(&FUNCTIONS, &function.key())?;
                blobs::release(tx, &function.code.blob)?;
            }
            Ok::<_, FunctionError>(gone)
        })
        .await?;
    for function in &deleted {
        functions.retire(function);
    }
    Ok(())
}
