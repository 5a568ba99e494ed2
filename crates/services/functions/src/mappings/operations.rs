//! CreateEventSourceMapping, Get, List, Update and Delete.
//!
//! A change takes effect before its answer is sent; the answer still tells the state in between (`Creating`), as AWS's does.

use std::sync::Arc;

use pilvi_bus::{Access, AccessRequest, ApiError, Ctx, Manifest, RequestContext};
use pilvi_store::{Range, StoreError};
use uuid::Uuid;

use super::shapes::{
    CreateEventSourceMappingInput, EventSourceMappingConfiguration, EventSourceMappingInput,
    ListEventSourceMappingsInput, ListEventSourceMappingsOutput, UpdateEventSourceMappingInput,
};
use super::state::{self, MAPPINGS, Mapping};
use super::{Mappings, rules};
use crate::names::Named;

/// The most that one answer lists.
const PAGE: usize = 100;

/// Adds the operations to the manifest of a service whose state has the mappings.
pub(crate) fn add<S: Send + Sync + 'static>(manifest: Manifest<S>, mappings: fn(&S) -> &Arc<Mappings>) -> Manifest<S> {
    fn on(ctx: &RequestContext, action: &'static str, uuid: &str) -> Vec<AccessRequest> {
        vec![AccessRequest::new(action, state::arn(&ctx.account, &ctx.region, uuid))]
    }
    manifest
        .operation(
            "CreateEventSourceMapping",
            move |state: Arc<S>, ctx, input| create(mappings(&state).clone(), ctx, input),
            Access::any("lambda:CreateEventSourceMapping"),
        )
        .operation(
            "GetEventSourceMapping",
            move |state: Arc<S>, ctx, input| get(mappings(&state).clone(), ctx, input),
            Access::to(|input: &EventSourceMappingInput, ctx| on(ctx, "lambda:GetEventSourceMapping", &input.uuid)),
        )
        .operation(
            "ListEventSourceMappings",
            move |state: Arc<S>, ctx, input| list(mappings(&state).clone(), ctx, input),
            Access::any("lambda:ListEventSourceMappings"),
        )
        .operation(
            "UpdateEventSourceMapping",
            move |state: Arc<S>, ctx, input| update(mappings(&state).clone(), ctx, input),
            Access::to(|input: &UpdateEventSourceMappingInput, ctx| {
                on(ctx, "lambda:UpdateEventSourceMapping", &input.uuid)
            }),
        )
        .operation(
            "DeleteEventSourceMapping",
            move |state: Arc<S>, ctx, input| delete(mappings(&state).clone(), ctx, input),
            Access::to(|input: &EventSourceMappingInput, ctx| on(ctx, "lambda:DeleteEventSourceMapping", &input.uuid)),
        )
}

async fn create(
    mappings: Arc<Mappings>,
    ctx: Ctx,
    input: CreateEventSourceMappingInput,
) -> Result<EventSourceMappingConfiguration, ApiError> {
    rules::only_of_streams(&input)?;
    rules::scaling(input.scaling_config.as_ref(), input.provisioned_poller_config.as_ref())?;
    let source = rules::source_kind(input.event_source_arn)?;
    let filters = rules::filters(input.filter_criteria)?;
    let function = mappings.functions.function(&ctx, &input.function_name).map_err(|problem| match problem.status {
        404 => rules::invalid("Function does not exist"),
        _ => problem,
    })?;
    let mut mapping = Mapping {
        uuid: Uuid::new_v4().to_string(),
        account: ctx.account.clone(),
        region: ctx.region.clone(),
        source,
        function: function.arn.clone(),
        enabled: input.enabled.unwrap_or(true),
        fifo: false,
        batch_size: input.batch_size.unwrap_or(10),
        window: input.maximum_batching_window_in_seconds.unwrap_or(0),
        max_concurrency: input.scaling_config.and_then(|config| config.maximum_concurrency),
        filters,
        response_types: input.function_response_types.unwrap_or_default(),
        kms_key: input.kms_key_arn,
        metrics: input.metrics_config.and_then(|config| config.metrics),
        pollers: input.provisioned_poller_config,
        tags: input.tags.map(|tags| tags.0).unwrap_or_default(),
        modified: mappings.platform.clock.now_ms(),
    };
    rules::batching(&mapping)?;
    mapping.fifo = rules::source(&mappings.platform, &function, &mapping.source).await?;
    rules::batching(&mapping)?;
    let (new, name) = (mapping.clone(), function.name);
    let write = mappings.platform.store.write(move |tx| {
        for entry in tx.range(&MAPPINGS, Range::prefix(&(&*new.account, &*new.region))) {
            let (_, other) = entry?;
            if other.source == new.source && other.function == new.function {
                let text = format!(
                    "An event source mapping with SQS arn (\" {} \") and function (\" {name} \") already exists. Please update or delete the existing mapping with UUID {}",
                    new.source, other.uuid
                );
                return Err(ApiError::new("ResourceConflictException", 409, text));
            }
        }
        tx.put(&MAPPINGS, &new.key(), &new).map_err(ApiError::from)
    });
    write.await?;
    mappings.poll(&mapping);
    Ok(EventSourceMappingConfiguration::of(&mapping, Some("Creating")))
}

async fn get(
    mappings: Arc<Mappings>,
    ctx: Ctx,
    input: EventSourceMappingInput,
) -> Result<EventSourceMappingConfiguration, ApiError> {
    let mapping = mappings.find(&ctx, &input.uuid)?;
    Ok(EventSourceMappingConfiguration::of(&mapping, None))
}

async fn list(
    mappings: Arc<Mappings>,
    ctx: Ctx,
    input: ListEventSourceMappingsInput,
) -> Result<ListEventSourceMappingsOutput, ApiError> {
    let function = match &input.function_name {
        // A function that is gone, or never was, has no mappings or those that outlived it.
        Some(name) => Some(Named::parse(&ctx, name, None)?.arn()),
        None => None,
    };
    let most = input.max_items.and_then(|most| usize::try_from(most).ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let mut range = Range::prefix(&(&*ctx.account, &*ctx.region));
    if let Some(marker) = &input.marker {
        range = range.after(&(&*ctx.account, &*ctx.region, &**marker));
    }
    let fits = |mapping: &Mapping| {
        input.event_source_arn.as_ref().is_none_or(|source| *source == mapping.source)
            && function.as_ref().is_none_or(|function| *function == mapping.function)
    };
    let mut found = mappings.platform.store.read(|tx| {
        let all = tx.range(&MAPPINGS, range).map(|entry| entry.map(|(_, mapping)| mapping));
        let fitting = all.filter(|mapping| mapping.as_ref().map_or(true, fits));
        fitting.take(most + 1).collect::<Result<Vec<Mapping>, StoreError>>()
    })?;
    let more = found.len() > most;
    found.truncate(most);
    let next_marker = found.last().filter(|_| more).map(|last| last.uuid.clone());
    let list = found.iter().map(|mapping| EventSourceMappingConfiguration::of(mapping, None));
    Ok(ListEventSourceMappingsOutput { next_marker, event_source_mappings: list.collect() })
}

async fn update(
    mappings: Arc<Mappings>,
    ctx: Ctx,
    input: UpdateEventSourceMappingInput,
) -> Result<EventSourceMappingConfiguration, ApiError> {
    let mut mapping = mappings.find(&ctx, &input.uuid)?;
    let was = mapping.enabled;
    if let Some(name) = &input.function_name {
        let function = mappings.functions.function(&ctx, name).map_err(|problem| match problem.status {
            404 => rules::invalid("Function does not exist"),
            _ => problem,
        })?;
        rules::source(&mappings.platform, &function, &mapping.source).await?;
        mapping.function = function.arn;
    }
    if input.filter_criteria.is_some() {
        mapping.filters = rules::filters(input.filter_criteria)?;
    }
    mapping.enabled = input.enabled.unwrap_or(mapping.enabled);
    mapping.batch_size = input.batch_size.unwrap_or(mapping.batch_size);
    mapping.window = input.maximum_batching_window_in_seconds.unwrap_or(mapping.window);
    rules::scaling(input.scaling_config.as_ref(), input.provisioned_poller_config.as_ref())?;
    if let Some(config) = input.scaling_config {
        mapping.max_concurrency = config.maximum_concurrency;
    }
    if let Some(config) = input.provisioned_poller_config {
        mapping.pollers = Some(config);
    }
    if let Some(config) = input.metrics_config {
        mapping.metrics = config.metrics.filter(|metrics| !metrics.is_empty());
    }
    if let Some(kinds) = input.function_response_types {
        mapping.response_types = kinds;
    }
    if let Some(key) = input.kms_key_arn {
        mapping.kms_key = (!key.is_empty()).then_some(key);
    }
    mapping.modified = mappings.platform.clock.now_ms();
    rules::batching(&mapping)?;
    let new = mapping.clone();
    mappings.platform.store.write(move |tx| tx.put(&MAPPINGS, &new.key(), &new)).await?;
    mappings.poll(&mapping);
    let state = match (was, mapping.enabled) {
        (false, true) => "Enabling",
        (true, false) => "Disabling",
        _ => "Updating",
    };
    Ok(EventSourceMappingConfiguration::of(&mapping, Some(state)))
}

async fn delete(
    mappings: Arc<Mappings>,
    ctx: Ctx,
    input: EventSourceMappingInput,
) -> Result<EventSourceMappingConfiguration, ApiError> {
    let mapping = mappings.find(&ctx, &input.uuid)?;
    let key = mapping.key();
    mappings.platform.store.write(move |tx| tx.delete(&MAPPINGS, &key)).await?;
    mappings.stop(&mapping.uuid);
    Ok(EventSourceMappingConfiguration::of(&mapping, Some("Deleting")))
}
