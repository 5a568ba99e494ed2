//! CreateSchedule, UpdateSchedule, GetSchedule, DeleteSchedule, ListSchedules.

use std::sync::Arc;

use pilvi_bus::{Ctx, RequestContext};
use pilvi_model::{Shape, val::Timestamp};
use pilvi_store::{Range, ReadTx};

use super::page;
use crate::check;
use crate::core::Timers;
use crate::errors::TimerError;
use crate::firing::ticker::plan_next;
use crate::rhythm::Rhythm;
use crate::state::{DEFAULT_GROUP, GROUPS, Key, Record, SCHEDULES, Spec, group_arn, schedule_arn};
use crate::target::{RetryPolicy, Target};

/// When exactly a schedule may fire.
#[derive(Shape)]
pub(crate) struct FlexibleTimeWindow {
    pub(crate) maximum_window_in_minutes: Option<i64>,
    pub(crate) mode: String,
}

/// What CreateSchedule and UpdateSchedule take.
#[derive(Shape)]
pub(crate) struct PutScheduleInput {
    pub(crate) action_after_completion: Option<String>,
    pub(crate) client_token: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) end_date: Option<Timestamp>,
    pub(crate) flexible_time_window: FlexibleTimeWindow,
    pub(crate) group_name: Option<String>,
    pub(crate) kms_key_arn: Option<String>,
    pub(crate) name: String,
    pub(crate) schedule_expression: String,
    pub(crate) schedule_expression_timezone: Option<String>,
    pub(crate) start_date: Option<Timestamp>,
    pub(crate) state: Option<String>,
    pub(crate) target: Target,
}

/// What CreateSchedule and UpdateSchedule answer.
#[derive(Shape)]
pub(crate) struct PutScheduleOutput {
    pub(crate) schedule_arn: String,
}

/// A schedule by name.
#[derive(Shape)]
pub(crate) struct GetScheduleInput {
    pub(crate) group_name: Option<String>,
    pub(crate) name: String,
}

/// What DeleteSchedule takes.
#[derive(Shape)]
pub(crate) struct DeleteScheduleInput {
    pub(crate) client_token: Option<String>,
    pub(crate) group_name: Option<String>,
    pub(crate) name: String,
}

/// A schedule.
#[derive(Shape)]
pub(crate) struct GetScheduleOutput {
    pub(crate) action_after_completion: Option<String>,
    pub(crate) arn: Option<String>,
    pub(crate) creation_date: Option<Timestamp>,
    pub(crate) description: Option<String>,
    pub(crate) end_date: Option<Timestamp>,
    pub(crate) flexible_time_window: Option<FlexibleTimeWindow>,
    pub(crate) group_name: Option<String>,
    pub(crate) kms_key_arn: Option<String>,
    pub(crate) last_modification_date: Option<Timestamp>,
    pub(crate) name: Option<String>,
    pub(crate) schedule_expression: Option<String>,
    pub(crate) schedule_expression_timezone: Option<String>,
    pub(crate) start_date: Option<Timestamp>,
    pub(crate) state: Option<String>,
    pub(crate) target: Option<Target>,
}

/// What ListSchedules takes.
#[derive(Shape)]
pub(crate) struct ListSchedulesInput {
    pub(crate) group_name: Option<String>,
    pub(crate) max_results: Option<i64>,
    pub(crate) name_prefix: Option<String>,
    pub(crate) next_token: Option<String>,
    pub(crate) state: Option<String>,
}

/// A page of schedules.
#[derive(Shape)]
pub(crate) struct ListSchedulesOutput {
    pub(crate) next_token: Option<String>,
    pub(crate) schedules: Vec<ScheduleSummary>,
}

/// A schedule in a list.
#[derive(Shape)]
pub(crate) struct ScheduleSummary {
    pub(crate) arn: Option<String>,
    pub(crate) creation_date: Option<Timestamp>,
    pub(crate) group_name: Option<String>,
    pub(crate) last_modification_date: Option<Timestamp>,
    pub(crate) name: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) target: Option<TargetSummary>,
}

/// A target in a list.
#[derive(Shape)]
pub(crate) struct TargetSummary {
    pub(crate) arn: String,
}

/// The full name of a schedule that a call is about.
pub(crate) fn key(ctx: &RequestContext, group: Option<&String>, name: &str) -> Key {
    let group = group.map_or_else(|| DEFAULT_GROUP.to_owned(), Clone::clone);
    (ctx.account.clone(), ctx.region.clone(), group, name.to_owned())
}

fn has_group(tx: &ReadTx<'_>, (account, region, group, _): &Key) -> Result<(), TimerError> {
    if group != DEFAULT_GROUP && !tx.contains(&GROUPS, &(account.as_str(), region.as_str(), group.as_str()))? {
        return Err(TimerError::NoGroup(group.clone()));
    }
    Ok(())
}

/// What is asked for, checked, with what is left out filled in as AWS shows it.
async fn spec(timers: &Timers, ctx: &Ctx, group: &str, input: PutScheduleInput) -> Result<Spec, TimerError> {
    let FlexibleTimeWindow { mode, maximum_window_in_minutes: window } = input.flexible_time_window;
    let mut target = input.target;
    let policy = target.retry_policy.get_or_insert_default();
    let RetryPolicy { maximum_event_age_in_seconds: age, maximum_retry_attempts: attempts } = RetryPolicy::default();
    policy.maximum_event_age_in_seconds = policy.maximum_event_age_in_seconds.or(age);
    policy.maximum_retry_attempts = policy.maximum_retry_attempts.or(attempts);
    let spec = Spec {
        expression: input.schedule_expression,
        zone: input.schedule_expression_timezone.unwrap_or_else(|| "UTC".to_owned()),
        start: input.start_date.map(Timestamp::as_millisecond),
        end: input.end_date.map(Timestamp::as_millisecond),
        description: input.description,
        window,
        enabled: input.state.as_deref() != Some("DISABLED"),
        delete: input.action_after_completion.as_deref() == Some("DELETE"),
        kms_key: input.kms_key_arn,
        target,
    };
    check::check(ctx, &spec, &mode, window, timers.now())?;
    let identity = timers.platform.bus.identity()?;
    let (role, group) = (&spec.target.role_arn, group_arn(&ctx.account, &ctx.region, group));
    if !identity.may_pass_role_on_behalf(ctx, role, "scheduler.amazonaws.com", &group).await? {
        let text = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
        return Err(TimerError::Invalid(text.to_owned()));
    }
    Ok(spec)
}

pub(crate) async fn create_schedule(
    timers: Arc<Timers>,
    ctx: Ctx,
    input: PutScheduleInput,
) -> Result<PutScheduleOutput, TimerError> {
    let key = key(&ctx, input.group_name.as_ref(), &input.name);
    let token = input.client_token.clone();
    let spec = spec(&timers, &ctx, &key.2, input).await?;
    let now = timers.now();
    let mut record = Record { created: now, modified: now, token, spec, anchor: now, next: None };
    record.next = Rhythm::of(&record).and_then(|rhythm| plan_next(&record.spec, rhythm.first(now)));
    let written = key.clone();
    timers
        .store()
        .write(move |tx| {
            has_group(tx, &written)?;
            match tx.get(&SCHEDULES, &written)? {
                // The same call once more: the client did not hear the answer.
                Some(there) if there.token.is_some() && there.token == record.token => Ok(()),
                Some(_) => Err(TimerError::ScheduleExists(written.3.clone())),
                None => Ok(tx.put(&SCHEDULES, &written, &record)?),
            }
        })
        .await?;
    timers.replan(std::slice::from_ref(&key))?;
    Ok(PutScheduleOutput { schedule_arn: schedule_arn(&key) })
}

pub(crate) async fn update_schedule(
    timers: Arc<Timers>,
    ctx: Ctx,
    input: PutScheduleInput,
) -> Result<PutScheduleOutput, TimerError> {
    let key = key(&ctx, input.group_name.as_ref(), &input.name);
    let spec = spec(&timers, &ctx, &key.2, input).await?;
    let now = timers.now();
    let written = key.clone();
    timers
        .store()
        .write(move |tx| {
            has_group(tx, &written)?;
            let Some(before) = tx.get(&SCHEDULES, &written)? else {
                return Err(TimerError::NoSchedule(written.3.clone()));
            };
            // A rate goes on as it went, unless it is another one.
            let same = before.spec.expression == spec.expression && before.spec.enabled;
            let anchor = if same { before.anchor } else { now };
            let mut record = Record { modified: now, spec: spec.clone(), anchor, ..before };
            record.next = Rhythm::of(&record).and_then(|rhythm| plan_next(&record.spec, rhythm.first(now)));
            Ok(tx.put(&SCHEDULES, &written, &record)?)
        })
        .await?;
    timers.replan(std::slice::from_ref(&key))?;
    Ok(PutScheduleOutput { schedule_arn: schedule_arn(&key) })
}

pub(crate) async fn get_schedule(
    timers: Arc<Timers>,
    ctx: Ctx,
    input: GetScheduleInput,
) -> Result<GetScheduleOutput, TimerError> {
    let key = key(&ctx, input.group_name.as_ref(), &input.name);
    let record = timers.store().read(|tx| {
        has_group(tx, &key)?;
        tx.get(&SCHEDULES, &key)?.ok_or_else(|| TimerError::NoSchedule(key.3.clone()))
    })?;
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
    let spec = record.spec;
    let mode = if spec.window.is_some() { "FLEXIBLE" } else { "OFF" };
    Ok(GetScheduleOutput {
        action_after_completion: Some(if spec.delete { "DELETE" } else { "NONE" }.to_owned()),
        arn: Some(schedule_arn(&key)),
        creation_date: time(record.created),
        description: spec.description,
        end_date: spec.end.and_then(time),
        flexible_time_window: Some(FlexibleTimeWindow {
            maximum_window_in_minutes: spec.window,
            mode: mode.to_owned(),
        }),
        group_name: Some(key.2),
        kms_key_arn: spec.kms_key,
        last_modification_date: time(record.modified),
        name: Some(key.3),
        schedule_expression: Some(spec.expression),
        schedule_expression_timezone: Some(spec.zone),
        start_date: spec.start.and_then(time),
        state: Some(state(spec.enabled)),
        target: Some(spec.target),
    })
}

fn state(enabled: bool) -> String {
    if enabled { "ENABLED" } else { "DISABLED" }.to_owned()
}

pub(crate) async fn delete_schedule(
    timers: Arc<Timers>,
    ctx: Ctx,
    input: DeleteScheduleInput,
) -> Result<(), TimerError> {
    let key = key(&ctx, input.group_name.as_ref(), &input.name);
    let gone = key.clone();
    timers
        .store()
        .write(move |tx| {
            has_group(tx, &gone)?;
            if !tx.delete(&SCHEDULES, &gone)? {
                return Err(TimerError::NoSchedule(gone.3.clone()));
            }
            Ok(())
        })
        .await?;
    timers.replan(&[key])?;
    Ok(())
}

pub(crate) async fn list_schedules(
    timers: Arc<Timers>,
    ctx: Ctx,
    input: ListSchedulesInput,
) -> Result<ListSchedulesOutput, TimerError> {
    let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
    let mut range = match &input.group_name {
        Some(group) => {
            timers.store().read(|tx| has_group(tx, &key(&ctx, Some(group), "")))?;
            Range::prefix(&(account, region, group.as_str()))
        }
        None => Range::prefix(&(account, region)),
    };
    if let Some(token) = &input.next_token {
        let last = page::read(token)?;
        let (group, name) = last.split_once('/').unwrap_or((&last, ""));
        range = range.after(&(account, region, group, name));
    }
    let most = page::most(input.max_results);
    let mut output = ListSchedulesOutput { next_token: None, schedules: Vec::new() };
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
    let mut last = String::new();
    timers.store().read(|tx| {
        for entry in tx.range(&SCHEDULES, range) {
            let (key, record) = entry?;
            let state = state(record.spec.enabled);
            let wanted = input.name_prefix.as_ref().is_none_or(|prefix| key.3.starts_with(prefix))
                && input.state.as_ref().is_none_or(|wanted| *wanted == state);
            if !wanted {
                continue;
            }
            if output.schedules.len() == most {
                output.next_token = Some(page::token(&last));
                break;
            }
            last = format!("{}/{}", key.2, key.3);
            output.schedules.push(ScheduleSummary {
                arn: Some(schedule_arn(&key)),
                creation_date: time(record.created),
                group_name: Some(key.2),
                last_modification_date: time(record.modified),
                name: Some(key.3),
                state: Some(state),
                target: Some(TargetSummary { arn: record.spec.target.arn }),
            });
        }
        Ok::<(), TimerError>(())
    })?;
    Ok(output)
}
