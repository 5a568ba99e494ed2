//! CreateArchive, DescribeArchive, UpdateArchive, DeleteArchive, ListArchives.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};
use pilvi_patterns::Pattern;
use pilvi_store::{Range, ReadTx};
use uuid::Uuid;

use super::buses::check_bus;
use crate::core::{Events, time};
use crate::errors::EventsError;
use crate::names::BusName;
use crate::page::Page;
use crate::state::{ARCHIVED, ARCHIVES, Archive};

const ENABLED: &str = "ENABLED";

/// What CreateArchive takes.
#[derive(Shape)]
pub(crate) struct CreateArchiveInput {
    pub(crate) archive_name: String,
    event_source_arn: String,
    description: Option<String>,
    event_pattern: Option<String>,
    retention_days: Option<i64>,
    kms_key_identifier: Option<String>,
}

/// The archive, and how it is.
#[derive(Shape)]
pub(crate) struct ArchiveOutput {
    archive_arn: Option<String>,
    state: Option<String>,
    state_reason: Option<String>,
    creation_time: Option<Timestamp>,
}

pub(crate) fn archive_arn(ctx: &Ctx, name: &str) -> String {
    ctx.arn("events", format!("archive/{name}")).to_string()
}

fn no_archive(name: &str) -> EventsError {
    EventsError::NotFound(format!("Archive {name} does not exist."))
}

/// An archive that exists.
pub(crate) fn archive(tx: &ReadTx<'_>, ctx: &Ctx, name: &str) -> Result<Archive, EventsError> {
    let archive = tx.get(&ARCHIVES, &(ctx.account.as_str(), ctx.region.as_str(), name))?;
    archive.ok_or_else(|| no_archive(name))
}

pub(crate) async fn create_archive(
    events: Arc<Events>,
    ctx: Ctx,
    input: CreateArchiveInput,
) -> Result<ArchiveOutput, EventsError> {
    let bus = BusName::from_arn(&input.event_source_arn).ok_or_else(|| EventsError::no_bus(&input.event_source_arn))?;
    check_bus(&events, &bus)?;
    if let Some(pattern) = &input.event_pattern {
        Pattern::parse(pattern)?;
    }
    let now = events.now();
    let record = Archive {
        id: Uuid::new_v4().to_string(),
        source_arn: input.event_source_arn,
        description: input.description,
        pattern: input.event_pattern,
        retention_days: input.retention_days.unwrap_or(0),
        kms_key: input.kms_key_identifier,
        created: now,
        size: 0,
        count: 0,
    };
    let key = (ctx.account.clone(), ctx.region.clone(), input.archive_name.clone());
    events
        .store()
        .write(move |tx| {
            if tx.contains(&ARCHIVES, &key)? {
                return Err(EventsError::Exists(format!("Archive {} already exists.", key.2)));
            }
            tx.put(&ARCHIVES, &key, &record)?;
            Ok(())
        })
        .await?;
    events.refresh_archive(&bus, &ctx, &input.archive_name)?;
    Ok(output(&ctx, &input.archive_name, now))
}

fn output(ctx: &Ctx, name: &str, created: i64) -> ArchiveOutput {
    ArchiveOutput {
        archive_arn: Some(archive_arn(ctx, name)),
        state: Some(ENABLED.to_owned()),
        state_reason: None,
        creation_time: Some(time(created)),
    }
}

/// An archive by name.
#[derive(Shape)]
pub(crate) struct ArchiveInput {
    pub(crate) archive_name: String,
}

/// An archive.
#[derive(Shape)]
pub(crate) struct DescribeArchiveOutput {
    archive_arn: Option<String>,
    archive_name: Option<String>,
    event_source_arn: Option<String>,
    description: Option<String>,
    event_pattern: Option<String>,
    state: Option<String>,
    state_reason: Option<String>,
    kms_key_identifier: Option<String>,
    retention_days: Option<i64>,
    size_bytes: Option<i64>,
    event_count: Option<i64>,
    creation_time: Option<Timestamp>,
}

pub(crate) async fn describe_archive(
    events: Arc<Events>,
    ctx: Ctx,
    input: ArchiveInput,
) -> Result<DescribeArchiveOutput, EventsError> {
    let name = input.archive_name;
    let archive = events.store().read(|tx| archive(tx, &ctx, &name))?;
    Ok(DescribeArchiveOutput {
        archive_arn: Some(archive_arn(&ctx, &name)),
        archive_name: Some(name),
        event_source_arn: Some(archive.source_arn),
        description: archive.description,
        event_pattern: archive.pattern,
        state: Some(ENABLED.to_owned()),
        state_reason: None,
        kms_key_identifier: archive.kms_key,
        retention_days: Some(archive.retention_days),
        size_bytes: Some(archive.size),
        event_count: Some(archive.count),
        creation_time: Some(time(archive.created)),
    })
}

/// What UpdateArchive takes.
#[derive(Shape)]
pub(crate) struct UpdateArchiveInput {
    pub(crate) archive_name: String,
    description: Option<String>,
    event_pattern: Option<String>,
    retention_days: Option<i64>,
    kms_key_identifier: Option<String>,
}

pub(crate) async fn update_archive(
    events: Arc<Events>,
    ctx: Ctx,
    input: UpdateArchiveInput,
) -> Result<ArchiveOutput, EventsError> {
    if let Some(pattern) = &input.event_pattern {
        Pattern::parse(pattern)?;
    }
    let name = input.archive_name.clone();
    let caller = ctx.clone();
    let changed = events
        .store()
        .write(move |tx| {
            // AWS fails over an archive that it does not have.
            let mut own = archive(tx, &caller, &input.archive_name).map_err(|error| match error {
                EventsError::NotFound(_) => EventsError::Unexpected,
                other => other,
            })?;
            own.description = input.description.clone().or(own.description);
            own.pattern = input.event_pattern.clone().or(own.pattern);
            own.retention_days = input.retention_days.unwrap_or(own.retention_days);
            own.kms_key = input.kms_key_identifier.clone().or(own.kms_key);
            let key = (caller.account.as_str(), caller.region.as_str(), input.archive_name.as_str());
            tx.put(&ARCHIVES, &key, &own)?;
            Ok::<_, EventsError>(own)
        })
        .await?;
    if let Some(bus) = BusName::from_arn(&changed.source_arn) {
        events.refresh_archive(&bus, &ctx, &name)?;
    }
    Ok(output(&ctx, &name, changed.created))
}

pub(crate) async fn delete_archive(events: Arc<Events>, ctx: Ctx, input: ArchiveInput) -> Result<(), EventsError> {
    let (caller, name) = (ctx.clone(), input.archive_name.clone());
    let gone = events
        .store()
        .write(move |tx| {
            let own = archive(tx, &caller, &name)?;
            tx.delete(&ARCHIVES, &(caller.account.as_str(), caller.region.as_str(), name.as_str()))?;
            tx.delete_range(&ARCHIVED, Range::prefix(&(own.id.as_str(),)))?;
            Ok::<_, EventsError>(own)
        })
        .await?;
    if let Some(bus) = BusName::from_arn(&gone.source_arn) {
        events.refresh_archive(&bus, &ctx, &input.archive_name)?;
    }
    Ok(())
}

/// What ListArchives takes.
#[derive(Shape)]
pub(crate) struct ListArchivesInput {
    name_prefix: Option<String>,
    event_source_arn: Option<String>,
    state: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// An archive in a list.
#[derive(Shape)]
pub(crate) struct ListedArchive {
    archive_name: Option<String>,
    event_source_arn: Option<String>,
    state: Option<String>,
    state_reason: Option<String>,
    retention_days: Option<i64>,
    size_bytes: Option<i64>,
    event_count: Option<i64>,
    creation_time: Option<Timestamp>,
}

/// A page of archives.
#[derive(Shape)]
pub(crate) struct ListArchivesOutput {
    archives: Option<Vec<ListedArchive>>,
    next_token: Option<String>,
}

pub(crate) async fn list_archives(
    events: Arc<Events>,
    ctx: Ctx,
    input: ListArchivesInput,
) -> Result<ListArchivesOutput, EventsError> {
    let filters = [input.name_prefix.is_some(), input.event_source_arn.is_some(), input.state.is_some()];
    if filters.into_iter().filter(|given| *given).count() > 1 {
        let text = "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix.";
        return Err(EventsError::Invalid(text.to_owned()));
    }
    if let Some(arn) = &input.event_source_arn {
        check_bus(&events, &BusName::from_arn(arn).ok_or_else(|| EventsError::no_bus(arn))?)?;
    }
    let page = Page { prefix: input.name_prefix, token: input.next_token, limit: input.limit };
    let listing = page.of(events.store(), &ctx, &ARCHIVES, |_, archive| {
        input.event_source_arn.as_ref().is_none_or(|arn| *arn == archive.source_arn)
            && input.state.as_ref().is_none_or(|state| state == ENABLED)
    })?;
    let (archives, next_token) = listing.show(|name, archive| ListedArchive {
        archive_name: Some(name),
        event_source_arn: Some(archive.source_arn),
        state: Some(ENABLED.to_owned()),
        state_reason: None,
        retention_days: Some(archive.retention_days),
        size_bytes: Some(archive.size),
        event_count: Some(archive.count),
        creation_time: Some(time(archive.created)),
    });
    Ok(ListArchivesOutput { archives, next_token })
}
