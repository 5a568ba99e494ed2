//! CreateEventBus, DescribeEventBus, UpdateEventBus, DeleteEventBus, ListEventBuses.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};
use pilvi_store::{Range, ReadTx, StoreError};

use super::tags::{Tag, from_tags};
use super::target_shapes::DeadLetterConfig;
use crate::core::{Events, bus, change_bus, time};
use crate::errors::EventsError;
use crate::names::BusName;
use crate::page::Page;
use crate::state::{ARCHIVES, BUSES, Bus, RULES};

/// What CreateEventBus takes.
#[derive(Shape)]
pub(crate) struct CreateEventBusInput {
    pub(crate) name: String,
    event_source_name: Option<String>,
    description: Option<String>,
    kms_key_identifier: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    log_config: Option<LogConfig>,
    tags: Option<Vec<Tag>>,
}

/// What is logged of a bus.
#[derive(Shape)]
pub(crate) struct LogConfig {
    include_detail: Option<String>,
    level: Option<String>,
}

/// The new bus.
#[derive(Shape)]
pub(crate) struct CreateEventBusOutput {
    event_bus_arn: Option<String>,
    description: Option<String>,
    kms_key_identifier: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    log_config: Option<LogConfig>,
}

fn log_config(bus: &Bus) -> Option<LogConfig> {
    bus.log.clone().map(|(include_detail, level)| LogConfig { include_detail, level })
}

fn dead_letter_config(bus: &Bus) -> Option<DeadLetterConfig> {
    bus.dead_letter_arn.clone().map(|arn| DeadLetterConfig { arn: Some(arn) })
}

pub(crate) async fn create_event_bus(
    events: Arc<Events>,
    ctx: Ctx,
    input: CreateEventBusInput,
) -> Result<CreateEventBusOutput, EventsError> {
    if input.event_source_name.is_some() || input.name.starts_with("aws.partner/") {
        let source = input.event_source_name.unwrap_or(input.name);
        return Err(EventsError::NotFound(format!("Event source {source} does not exist.")));
    }
    if input.name.contains('/') {
        return Err(EventsError::Invalid("Event bus name must not contain '/'.".to_owned()));
    }
    let name = BusName::of(&ctx, Some(&input.name));
    let now = events.now();
    let record = Bus {
        created: now,
        modified: now,
        description: input.description,
        kms_key: input.kms_key_identifier,
        dead_letter_arn: input.dead_letter_config.and_then(|config| config.arn),
        log: input.log_config.map(|log| (log.include_detail, log.level)),
        policy: None,
        tags: from_tags(input.tags),
    };
    let output = CreateEventBusOutput {
        event_bus_arn: Some(name.arn()),
        description: record.description.clone(),
        kms_key_identifier: record.kms_key.clone(),
        dead_letter_config: dead_letter_config(&record),
        log_config: log_config(&record),
    };
    events
        .store()
        .write(move |tx| {
            if name.is_default() || tx.contains(&BUSES, &name.key())? {
                return Err(EventsError::Exists(format!("Event bus {} already exists.", name.name)));
            }
            tx.put(&BUSES, &name.key(), &record)?;
            Ok(())
        })
        .await?;
    Ok(output)
}

/// What DescribeEventBus takes.
#[derive(Shape)]
pub(crate) struct DescribeEventBusInput {
    pub(crate) name: Option<String>,
}

/// A bus.
#[derive(Shape)]
pub(crate) struct DescribeEventBusOutput {
    name: Option<String>,
    arn: Option<String>,
    description: Option<String>,
    kms_key_identifier: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    policy: Option<String>,
    log_config: Option<LogConfig>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
}

pub(crate) async fn describe_event_bus(
    events: Arc<Events>,
    ctx: Ctx,
    input: DescribeEventBusInput,
) -> Result<DescribeEventBusOutput, EventsError> {
    let name = BusName::of(&ctx, input.name.as_deref());
    events.keep_default(&ctx).await?;
    let bus = events.bus(&name)?;
    Ok(DescribeEventBusOutput {
        arn: Some(name.arn()),
        name: Some(name.name),
        description: bus.description.clone(),
        kms_key_identifier: bus.kms_key.clone(),
        dead_letter_config: dead_letter_config(&bus),
        log_config: log_config(&bus),
        creation_time: Some(time(bus.created)),
        last_modified_time: Some(time(bus.modified)),
        policy: bus.policy,
    })
}

impl Events {
    /// Keeps the default bus of a caller, so that it stays as old as it is.
    pub(crate) async fn keep_default(&self, ctx: &Ctx) -> Result<(), EventsError> {
        let name = BusName::of(ctx, None);
        if self.store().read(|tx| tx.contains(&BUSES, &name.key()))? {
            return Ok(());
        }
        change_bus(self, name, |_| Ok(())).await.map(|_| ())
    }
}

/// What UpdateEventBus takes.
#[derive(Shape)]
pub(crate) struct UpdateEventBusInput {
    pub(crate) name: Option<String>,
    kms_key_identifier: Option<String>,
    description: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    log_config: Option<LogConfig>,
}

/// The changed bus.
#[derive(Shape)]
pub(crate) struct UpdateEventBusOutput {
    arn: Option<String>,
    name: Option<String>,
    kms_key_identifier: Option<String>,
    description: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    log_config: Option<LogConfig>,
}

pub(crate) async fn update_event_bus(
    events: Arc<Events>,
    ctx: Ctx,
    input: UpdateEventBusInput,
) -> Result<UpdateEventBusOutput, EventsError> {
    let name = BusName::of(&ctx, input.name.as_deref());
    let (now, on) = (events.now(), name.clone());
    let log = input.log_config.map(|log| (log.include_detail, log.level));
    let dead_letter = input.dead_letter_config.map(|config| config.arn);
    let bus = change_bus(&events, on, move |bus| {
        bus.modified = now;
        if let Some(description) = &input.description {
            bus.description = Some(description.clone()).filter(|text| !text.is_empty());
        }
        if let Some(key) = &input.kms_key_identifier {
            bus.kms_key = Some(key.clone()).filter(|text| !text.is_empty());
        }
        if let Some(arn) = &dead_letter {
            bus.dead_letter_arn.clone_from(arn);
        }
        if log.is_some() {
            bus.log.clone_from(&log);
        }
        Ok(())
    })
    .await?;
    Ok(UpdateEventBusOutput {
        arn: Some(name.arn()),
        name: Some(name.name),
        kms_key_identifier: bus.kms_key.clone(),
        description: bus.description.clone(),
        dead_letter_config: dead_letter_config(&bus),
        log_config: log_config(&bus),
    })
}

/// What DeleteEventBus takes.
#[derive(Shape)]
pub(crate) struct DeleteEventBusInput {
    pub(crate) name: String,
}

pub(crate) async fn delete_event_bus(
    events: Arc<Events>,
    ctx: Ctx,
    input: DeleteEventBusInput,
) -> Result<(), EventsError> {
    let name = BusName::of(&ctx, Some(&input.name));
    if name.is_default() {
        return Err(EventsError::Invalid("Cannot delete event bus default.".to_owned()));
    }
    events
        .store()
        .write(move |tx| {
            if has_rules(tx, &name)? {
                return Err(EventsError::Invalid("EventBus can't be deleted since it has rules.".to_owned()));
            }
            // A bus that is not there is deleted without a word.
            tx.delete(&BUSES, &name.key())?;
            Ok(())
        })
        .await
}

/// Whether a bus has rules. To AWS an archive is one, too.
fn has_rules(tx: &ReadTx<'_>, bus: &BusName) -> Result<bool, StoreError> {
    let arn = bus.arn();
    for entry in tx.range(&ARCHIVES, Range::prefix(&(bus.account.as_str(), bus.region.as_str()))) {
        if entry?.1.source_arn == arn {
            return Ok(true);
        }
    }
    Ok(tx.keys(&RULES, Range::prefix(&bus.key())).next().transpose()?.is_some())
}

/// What ListEventBuses takes.
#[derive(Shape)]
pub(crate) struct ListEventBusesInput {
    name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A bus in a list.
#[derive(Shape)]
pub(crate) struct EventBus {
    name: Option<String>,
    arn: Option<String>,
    description: Option<String>,
    policy: Option<String>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
}

/// A page of buses.
#[derive(Shape)]
pub(crate) struct ListEventBusesOutput {
    event_buses: Option<Vec<EventBus>>,
    next_token: Option<String>,
}

pub(crate) async fn list_event_buses(
    events: Arc<Events>,
    ctx: Ctx,
    input: ListEventBusesInput,
) -> Result<ListEventBusesOutput, EventsError> {
    events.keep_default(&ctx).await?;
    let page = Page { prefix: input.name_prefix, token: input.next_token, limit: input.limit };
    let listing = page.of(events.store(), &ctx, &BUSES, |_, _| true)?;
    let (event_buses, next_token) = listing.show(|name, bus| EventBus {
        arn: Some(BusName::of(&ctx, Some(&name)).arn()),
        name: Some(name),
        description: bus.description,
        policy: bus.policy,
        creation_time: Some(time(bus.created)),
        last_modified_time: Some(time(bus.modified)),
    });
    Ok(ListEventBusesOutput { event_buses, next_token })
}

/// Refuses what is said of a bus that does not exist.
pub(crate) fn check_bus(events: &Events, name: &BusName) -> Result<(), EventsError> {
    let now = events.now();
    events.store().read(|tx| bus(tx, name, now)).map(|_| ())
}
