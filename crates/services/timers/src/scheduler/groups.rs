//! CreateScheduleGroup, GetScheduleGroup, DeleteScheduleGroup, ListScheduleGroups.

use std::sync::Arc;

use pilvi_bus::{Ctx, RequestContext};
use pilvi_model::{Shape, val::Timestamp};
use pilvi_store::{Range, StoreError};

use super::page;
use super::tags::Tag;
use crate::core::Timers;
use crate::errors::TimerError;
use crate::state::{DEFAULT_GROUP, GROUPS, Group, Key, SCHEDULES, group_arn};

/// What CreateScheduleGroup takes.
#[derive(Shape)]
pub(crate) struct CreateScheduleGroupInput {
    pub(crate) client_token: Option<String>,
    pub(crate) name: String,
    pub(crate) tags: Option<Vec<Tag>>,
}

/// What CreateScheduleGroup answers.
#[derive(Shape)]
pub(crate) struct CreateScheduleGroupOutput {
    pub(crate) schedule_group_arn: String,
}

/// A group by name.
#[derive(Shape)]
pub(crate) struct GetScheduleGroupInput {
    pub(crate) name: String,
}

/// What DeleteScheduleGroup takes.
#[derive(Shape)]
pub(crate) struct DeleteScheduleGroupInput {
    pub(crate) client_token: Option<String>,
    pub(crate) name: String,
}

/// A group.
#[derive(Shape)]
pub(crate) struct ScheduleGroup {
    pub(crate) arn: Option<String>,
    pub(crate) creation_date: Option<Timestamp>,
    pub(crate) last_modification_date: Option<Timestamp>,
    pub(crate) name: Option<String>,
    pub(crate) state: Option<String>,
}

/// What ListScheduleGroups takes.
#[derive(Shape)]
pub(crate) struct ListScheduleGroupsInput {
    pub(crate) max_results: Option<i64>,
    pub(crate) name_prefix: Option<String>,
    pub(crate) next_token: Option<String>,
}

/// A page of groups.
#[derive(Shape)]
pub(crate) struct ListScheduleGroupsOutput {
    pub(crate) next_token: Option<String>,
    pub(crate) schedule_groups: Vec<ScheduleGroup>,
}

pub(crate) async fn create_schedule_group(
    timers: Arc<Timers>,
    ctx: Ctx,
    input: CreateScheduleGroupInput,
) -> Result<CreateScheduleGroupOutput, TimerError> {
    if input.name == DEFAULT_GROUP {
        return Err(TimerError::DefaultGroup);
    }
    let now = timers.now();
    let tags = input.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    let group = Group { created: now, modified: now, tags, token: input.client_token };
    let arn = group_arn(&ctx.account, &ctx.region, &input.name);
    let key = (ctx.account.clone(), ctx.region.clone(), input.name);
    timers
        .store()
        .write(move |tx| match tx.get(&GROUPS, &key)? {
            Some(there) if there.token.is_some() && there.token == group.token => Ok(()),
            Some(_) => Err(TimerError::GroupExists(key.2.clone())),
            None => Ok(tx.put(&GROUPS, &key, &group)?),
        })
        .await?;
    Ok(CreateScheduleGroupOutput { schedule_group_arn: arn })
}

pub(crate) async fn get_schedule_group(
    timers: Arc<Timers>,
    ctx: Ctx,
    input: GetScheduleGroupInput,
) -> Result<ScheduleGroup, TimerError> {
    let key = (ctx.account.as_str(), ctx.region.as_str(), input.name.as_str());
    let group = timers.store().read(|tx| tx.get(&GROUPS, &key))?;
    match group {
        Some(group) => Ok(show(&ctx, &input.name, &group)),
        None if input.name == DEFAULT_GROUP => Ok(show(&ctx, DEFAULT_GROUP, &Group::default())),
        None => Err(TimerError::NoGroup(input.name)),
    }
}

fn show(ctx: &RequestContext, name: &str, group: &Group) -> ScheduleGroup {
    ScheduleGroup {
        arn: Some(group_arn(&ctx.account, &ctx.region, name)),
        creation_date: Timestamp::from_millisecond(group.created).ok(),
        last_modification_date: Timestamp::from_millisecond(group.modified).ok(),
        name: Some(name.to_owned()),
        state: Some("ACTIVE".to_owned()),
    }
}

/// Deletes a group with its schedules. AWS takes its time for that and shows the group as DELETING meanwhile; here it is one step.
pub(crate) async fn delete_schedule_group(
    timers: Arc<Timers>,
    ctx: Ctx,
    input: DeleteScheduleGroupInput,
) -> Result<(), TimerError> {
    if input.name == DEFAULT_GROUP {
        return Err(TimerError::DefaultGroup);
    }
    let key = (ctx.account.clone(), ctx.region.clone(), input.name);
    let schedules = timers
        .store()
        .write(move |tx| {
            let group = (key.0.as_str(), key.1.as_str(), key.2.as_str());
            if !tx.delete(&GROUPS, &group)? {
                return Err(TimerError::NoGroup(key.2.clone()));
            }
            let schedules = tx.keys(&SCHEDULES, Range::prefix(&group)).collect::<Result<Vec<Key>, StoreError>>()?;
            for schedule in &schedules {
                tx.delete(&SCHEDULES, schedule)?;
            }
            Ok(schedules)
        })
        .await?;
    timers.replan(&schedules)?;
    Ok(())
}

pub(crate) async fn list_schedule_groups(
    timers: Arc<Timers>,
    ctx: Ctx,
    input: ListScheduleGroupsInput,
) -> Result<ListScheduleGroupsOutput, TimerError> {
    let after = input.next_token.as_deref().map(page::read).transpose()?;
    let prefix = input.name_prefix.unwrap_or_default();
    let mut groups = timers.store().read(|tx| {
        let own = tx.range(&GROUPS, Range::starts_with(&(ctx.account.as_str(), ctx.region.as_str()), &prefix));
        own.map(|entry| entry.map(|((_, _, name), group)| (name, group))).collect::<Result<Vec<_>, StoreError>>()
    })?;
    if DEFAULT_GROUP.starts_with(&prefix) {
        groups.push((DEFAULT_GROUP.to_owned(), Group::default()));
        groups.sort_by(|one, other| one.0.cmp(&other.0));
    }
    groups.retain(|(name, _)| after.as_ref().is_none_or(|after| name > after));
    let most = page::most(input.max_results);
    let more = groups.len() > most;
    groups.truncate(most);
    let next_token = if more { groups.last().map(|(name, _)| page::token(name)) } else { None };
    let schedule_groups = groups.iter().map(|(name, group)| show(&ctx, name, group)).collect();
    Ok(ListScheduleGroupsOutput { next_token, schedule_groups })
}
