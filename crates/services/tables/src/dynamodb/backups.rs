//! DescribeContinuousBackups and UpdateContinuousBackups. The setting is kept; nothing can be restored yet.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::{Shape, Timestamp};

use super::params;
use super::tags::change;
use crate::errors::TableError;
use crate::state::Tables;

/// What DescribeContinuousBackups takes.
#[derive(Shape)]
pub struct DescribeContinuousBackupsInput {
    pub table_name: String,
}

/// What UpdateContinuousBackups takes.
#[derive(Shape)]
pub struct UpdateContinuousBackupsInput {
    pub table_name: String,
    pub point_in_time_recovery_specification: RecoverySpecification,
}

/// PointInTimeRecoverySpecification.
#[derive(Shape)]
pub struct RecoverySpecification {
    pub point_in_time_recovery_enabled: bool,
    pub recovery_period_in_days: Option<i64>,
}

/// What both answer.
#[derive(Shape)]
pub struct ContinuousBackupsOutput {
    pub continuous_backups_description: ContinuousBackups,
}

/// ContinuousBackupsDescription.
#[derive(Shape)]
pub struct ContinuousBackups {
    pub continuous_backups_status: String,
    pub point_in_time_recovery_description: Recovery,
}

/// PointInTimeRecoveryDescription.
#[derive(Shape)]
pub struct Recovery {
    pub point_in_time_recovery_status: String,
    pub recovery_period_in_days: Option<i64>,
    pub earliest_restorable_date_time: Option<Timestamp>,
    pub latest_restorable_date_time: Option<Timestamp>,
}

fn not_found(name: &str) -> ApiError {
    ApiError::new("TableNotFoundException", 400, format!("Table not found: {name}"))
}

fn output(recovery: Option<(i64, i64)>, now: i64) -> ContinuousBackupsOutput {
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
    ContinuousBackupsOutput {
        continuous_backups_description: ContinuousBackups {
            continuous_backups_status: "ENABLED".to_owned(),
            point_in_time_recovery_description: Recovery {
                point_in_time_recovery_status: if recovery.is_some() { "ENABLED" } else { "DISABLED" }.to_owned(),
                recovery_period_in_days: recovery.map(|(_, days)| days).filter(|days| *days > 0),
                earliest_restorable_date_time: recovery.and_then(|(since, _)| time(since)),
                latest_restorable_date_time: recovery.and_then(|(since, _)| time((now - 300_000).max(since))),
            },
        },
    }
}

/// Whether there is point-in-time recovery.
pub async fn describe_continuous_backups(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: DescribeContinuousBackupsInput,
) -> Result<ContinuousBackupsOutput, ApiError> {
    let key = params::table_key(&ctx, &input.table_name)?;
    let definition = tables.table(&key)?.ok_or_else(|| not_found(&key.2))?;
    Ok(output(definition.record.recovery, tables.clock.now_ms()))
}

/// Switches point-in-time recovery on or off.
pub async fn update_continuous_backups(
    tables: Arc<Tables>,
    ctx: Ctx,
    input: UpdateContinuousBackupsInput,
) -> Result<ContinuousBackupsOutput, ApiError> {
    let key = params::table_key(&ctx, &input.table_name)?;
    let name = key.2.clone();
    let now = tables.clock.now_ms();
    let wanted = input.point_in_time_recovery_specification;
    let changed = change(&tables, key, String::new(), move |record| {
        // Zero where it is not named, and then it is not answered: it is 35 days.
        let days = wanted.recovery_period_in_days.unwrap_or(0);
        record.recovery =
            wanted.point_in_time_recovery_enabled.then(|| (record.recovery.map_or(now, |(since, _)| since), days));
        Ok(())
    });
    match changed.await {
        Ok(record) => Ok(output(record.recovery, now)),
        Err(TableError::NotFound(_)) => Err(not_found(&name)),
        Err(other) => Err(other.into()),
    }
}
