//! ListTables.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use crate::errors::TableError;
use crate::state::{Tables, table_names};

/// What ListTables takes.
#[derive(Shape)]
pub struct ListTablesInput {
    pub exclusive_start_table_name: Option<String>,
    pub limit: Option<i64>,
}

/// What ListTables answers.
#[derive(Shape)]
pub struct ListTablesOutput {
    pub table_names: Vec<String>,
    pub last_evaluated_table_name: Option<String>,
}

/// The names of the caller's tables, in order, a hundred at a time.
pub async fn list_tables(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: ListTablesInput,
) -> Result<ListTablesOutput, TableError> {
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100);
    let start = input.exclusive_start_table_name.as_deref();
    let mut names = tables.store.read(|tx| table_names(tx, &ctx.account, &ctx.region, start, limit + 1))?;
    let more = names.len() > limit;
    names.truncate(limit);
    let last = names.last().filter(|_| more).cloned();
    Ok(ListTablesOutput { table_names: names, last_evaluated_table_name: last })
}
