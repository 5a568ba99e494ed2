//! UpdateTimeToLive, DescribeTimeToLive, and the deletion of items whose time has come.

use std::sync::Arc;
use std::time::Duration;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::StoreError;
use tokio_util::sync::CancellationToken;

use super::params;
use super::tags::change;
use crate::errors::TableError;
use crate::state::changes::{self, Cause};
use crate::state::{self, TableKey, Tables, items};
use crate::table::Value;
use crate::table::value::Item;

/// How often tables are searched for items to delete. The service promises a few days.
const INTERVAL: Duration = Duration::from_secs(30);
/// Items that expired longer ago than this are kept: most likely the attribute means something else (AWS documents five years).
const TOO_OLD: i64 = 5 * 365 * 24 * 3600;

/// What UpdateTimeToLive takes.
#[derive(Shape)]
pub struct UpdateTimeToLiveInput {
    pub table_name: String,
    pub time_to_live_specification: TimeToLiveSpecification,
}

/// TimeToLiveSpecification.
#[derive(Clone, Shape)]
pub struct TimeToLiveSpecification {
    pub enabled: bool,
    pub attribute_name: String,
}

/// What UpdateTimeToLive answers.
#[derive(Shape)]
pub struct UpdateTimeToLiveOutput {
    pub time_to_live_specification: TimeToLiveSpecification,
}

/// What DescribeTimeToLive takes.
#[derive(Shape)]
pub struct DescribeTimeToLiveInput {
    pub table_name: String,
}

/// What DescribeTimeToLive answers.
#[derive(Shape)]
pub struct DescribeTimeToLiveOutput {
    pub time_to_live_description: TimeToLiveDescription,
}

/// TimeToLiveDescription.
#[derive(Shape)]
pub struct TimeToLiveDescription {
    pub time_to_live_status: String,
    pub attribute_name: Option<String>,
}

/// Switches time to live on or off.
pub async fn update_time_to_live(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: UpdateTimeToLiveInput,
) -> Result<UpdateTimeToLiveOutput, TableError> {
    let key = params::table_key(&ctx, &input.table_name)?;
    let missing = format!("Requested resource not found: Table: {} not found", key.2);
    let wanted = input.time_to_live_specification;
    let now = tables.clock.now_ms();
    let specification = wanted.clone();
    change(&tables, key, missing, move |record| {
        match (&record.ttl, wanted.enabled) {
            (Some(current), true) if *current == wanted.attribute_name => {
                return Err(TableError::invalid("TimeToLive is already enabled"));
            }
            (Some(current), _) if *current != wanted.attribute_name => {
                return Err(TableError::Validation(format!(
                    "TimeToLive is active on a different AttributeName: current AttributeName is {current}"
                )));
            }
            (None, false) => return Err(TableError::invalid("TimeToLive is already disabled")),
            _ => {}
        }
        record.ttl = wanted.enabled.then(|| wanted.attribute_name.clone());
        record.ttl_changed = Some(now);
        Ok(())
    })
    .await?;
    Ok(UpdateTimeToLiveOutput { time_to_live_specification: specification })
}

/// Whether items expire, and by which attribute.
pub async fn describe_time_to_live(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: DescribeTimeToLiveInput,
) -> Result<DescribeTimeToLiveOutput, TableError> {
    let key = params::table_key(&ctx, &input.table_name)?;
    let definition = tables.table(&key)?.ok_or_else(|| TableError::no_such_table_named(&key.2))?;
    let attribute = definition.record.ttl.clone();
    let status = if attribute.is_some() { "ENABLED" } else { "DISABLED" };
    Ok(DescribeTimeToLiveOutput {
        time_to_live_description: TimeToLiveDescription {
            time_to_live_status: status.to_owned(),
            attribute_name: attribute,
        },
    })
}

/// Deletes expired items and what deleted tables have left, until shutdown.
pub async fn background(tables: Arc<Tables>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tables.clock.sleep(INTERVAL) => {}
        }
        if let Err(error) = tidy(&tables).await {
            tracing::warn!(%error, "could not remove expired items");
        }
    }
}

/// One round of the background work.
pub async fn tidy(tables: &Tables) -> Result<(), StoreError> {
    while state::sweep(&tables.store).await? {}
    let now = tables.clock.now_ms();
    while tables.store.read(|tx| changes::has_old(tx, now))? {
        tables.store.write(move |tx| changes::trim(tx, now)).await?;
    }
    state::forget_tokens(&tables.store, tables.clock.now_ms()).await?;
    for key in tables.store.read(state::all_tables)? {
        if tables.table(&key)?.is_some_and(|definition| definition.record.ttl.is_some()) {
            expire(tables, &key).await?;
        }
    }
    Ok(())
}

/// Deletes a table's expired items, page by page.
async fn expire(tables: &Tables, key: &TableKey) -> Result<(), StoreError> {
    const PAGE: usize = 500;
    let (now, now_ms) = (tables.clock.now_s(), tables.clock.now_ms());
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = tables.store.read(|tx| -> Result<_, StoreError> {
            let Some(definition) = tables.finder().find(tx, key)? else { return Ok(None) };
            let Some(attribute) = definition.record.ttl.clone() else { return Ok(None) };
            let page = items::page(tx, definition.record.id, after.as_deref(), PAGE)?;
            Ok(Some((attribute, page)))
        })?;
        let Some((attribute, page)) = page else { return Ok(()) };
        let full = page.len() == PAGE;
        after = page.last().map(|(key, _)| key.to_vec());
        let due: Vec<_> =
            page.into_iter().filter(|(_, item)| is_due(item, &attribute, now)).map(|(key, _)| key).collect();
        if !due.is_empty() {
            let (finder, key) = (tables.finder(), key.clone());
            let delete = move |tx: &mut pilvi_store::WriteTx<'_>| -> Result<(), StoreError> {
                let Some(definition) = finder.find(tx, &key)? else { return Ok(()) };
                for item_key in &due {
                    let item = items::get(tx, definition.record.id, item_key)?;
                    // It may have been written meanwhile.
                    if let Some(item) = item.filter(|item| is_due(item, &attribute, now)) {
                        items::replace(tx, &definition, item_key, Some(&item), None, None)?;
                        let cause = Cause { at: now_ms, expired: true };
                        changes::log(tx, &definition.record, &definition.schema.keys, Some(&item), None, cause)?;
                    }
                }
                Ok(())
            };
            tables.store.write(delete).await?;
        }
        if !full {
            return Ok(());
        }
    }
}

fn is_due(item: &Item, attribute: &str, now: i64) -> bool {
    let Some(Value::N(number)) = item.get(attribute) else { return false };
    number.to_i64().is_some_and(|time| time < now && time > now - TOO_OLD)
}
