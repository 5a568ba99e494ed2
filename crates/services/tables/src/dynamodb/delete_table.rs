//! DeleteTable.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::create_table::TableDescriptionOutput;
use super::description::describe;
use super::params;
use crate::errors::TableError;
use crate::state::{self, Tables};

/// What DeleteTable takes.
#[derive(Shape)]
pub struct DeleteTableInput {
    pub table_name: String,
}

/// Deletes a table with its items and indexes. The answer says that it is being deleted; it is gone at once.
pub async fn delete_table(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: DeleteTableInput,
) -> Result<TableDescriptionOutput, TableError> {
    let key = params::table_key(&ctx, &input.table_name)?;
    let now = tables.clock.now_ms();
    let finder = tables.finder();
    let definition = tables
        .store
        .write(move |tx| -> Result<_, TableError> {
            let definition = finder.require_named(tx, &key)?;
            if definition.record.deletion_protection {
                return Err(TableError::invalid(
                    "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
                ));
            }
            state::delete_table(tx, &key, &definition, now)?;
            Ok(definition)
        })
        .await?;
    Ok(TableDescriptionOutput { table_description: describe(&definition, "DELETING", "DELETING", None) })
}
