//! CreateApiDestination, DescribeApiDestination, UpdateApiDestination, DeleteApiDestination, ListApiDestinations.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};
use pilvi_store::{ReadTx, StoreError};
use uuid::Uuid;

use super::connections::connection_arn;
use crate::core::{Events, time};
use crate::errors::EventsError;
use crate::names::named;
use crate::page::Page;
use crate::state::{API_DESTINATIONS, ApiDestination, CONNECTIONS};

/// Invocations a second where nobody says.
const RATE: i64 = 300;

/// What CreateApiDestination takes.
#[derive(Shape)]
pub(crate) struct CreateApiDestinationInput {
    pub(crate) name: String,
    description: Option<String>,
    connection_arn: String,
    invocation_endpoint: String,
    http_method: String,
    invocation_rate_limit_per_second: Option<i64>,
}

/// A destination, and how it is.
#[derive(Shape)]
pub(crate) struct ApiDestinationOutput {
    api_destination_arn: Option<String>,
    api_destination_state: Option<String>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
}

fn arn(ctx: &Ctx, name: &str, destination: &ApiDestination) -> String {
    ctx.arn("events", format!("api-destination/{name}/{}", destination.id)).to_string()
}

/// A destination is as good as its connection.
fn state(tx: &ReadTx<'_>, ctx: &Ctx, destination: &ApiDestination) -> Result<String, StoreError> {
    let name = named("connection", &destination.connection_arn);
    let connection = tx.get(&CONNECTIONS, &(ctx.account.as_str(), ctx.region.as_str(), name))?;
    let active = connection.is_some_and(|connection| {
        connection.state == "AUTHORIZED" && connection_arn(ctx, name, &connection) == destination.connection_arn
    });
    Ok(if active { "ACTIVE" } else { "INACTIVE" }.to_owned())
}

fn output(
    tx: &ReadTx<'_>,
    ctx: &Ctx,
    name: &str,
    destination: &ApiDestination,
) -> Result<ApiDestinationOutput, StoreError> {
    Ok(ApiDestinationOutput {
        api_destination_arn: Some(arn(ctx, name, destination)),
        api_destination_state: Some(state(tx, ctx, destination)?),
        creation_time: Some(time(destination.created)),
        last_modified_time: Some(time(destination.modified)),
    })
}

fn check_connection(tx: &ReadTx<'_>, ctx: &Ctx, given: &str) -> Result<(), EventsError> {
    let name = named("connection", given);
    let connection = tx.get(&CONNECTIONS, &(ctx.account.as_str(), ctx.region.as_str(), name))?;
    if connection.is_some_and(|connection| connection_arn(ctx, name, &connection) == given) {
        return Ok(());
    }
    Err(EventsError::NotFound(format!("Connection '{given}' does not exist.")))
}

/// A destination that exists; `verb` is what could not be done with it.
fn destination(tx: &ReadTx<'_>, ctx: &Ctx, name: &str, verb: &str) -> Result<ApiDestination, EventsError> {
    let destination = tx.get(&API_DESTINATIONS, &(ctx.account.as_str(), ctx.region.as_str(), name))?;
    destination.ok_or_else(|| {
        let text = format!("Failed to {verb} the api-destination(s). An api-destination '{name}' does not exist.");
        EventsError::NotFound(text)
    })
}

pub(crate) async fn create_api_destination(
    events: Arc<Events>,
    ctx: Ctx,
    input: CreateApiDestinationInput,
) -> Result<ApiDestinationOutput, EventsError> {
    let now = events.now();
    let record = ApiDestination {
        id: Uuid::new_v4().to_string(),
        description: input.description,
        connection_arn: input.connection_arn,
        endpoint: input.invocation_endpoint,
        method: input.http_method,
        rate: input.invocation_rate_limit_per_second.unwrap_or(RATE),
        created: now,
        modified: now,
    };
    let name = input.name;
    events
        .store()
        .write(move |tx| {
            let key = (ctx.account.as_str(), ctx.region.as_str(), name.as_str());
            if tx.contains(&API_DESTINATIONS, &key)? {
                return Err(EventsError::Exists(format!("An api-destination '{name}' already exists.")));
            }
            check_connection(tx, &ctx, &record.connection_arn)?;
            tx.put(&API_DESTINATIONS, &key, &record)?;
            Ok(output(tx, &ctx, &name, &record)?)
        })
        .await
}

/// A destination by name.
#[derive(Shape)]
pub(crate) struct ApiDestinationInput {
    pub(crate) name: String,
}

/// A destination.
#[derive(Shape)]
pub(crate) struct DescribeApiDestinationOutput {
    api_destination_arn: Option<String>,
    name: Option<String>,
    description: Option<String>,
    api_destination_state: Option<String>,
    connection_arn: Option<String>,
    invocation_endpoint: Option<String>,
    http_method: Option<String>,
    invocation_rate_limit_per_second: Option<i64>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
}

pub(crate) async fn describe_api_destination(
    events: Arc<Events>,
    ctx: Ctx,
    input: ApiDestinationInput,
) -> Result<DescribeApiDestinationOutput, EventsError> {
    let name = input.name;
    events.store().read(|tx| {
        let destination = destination(tx, &ctx, &name, "describe")?;
        Ok(DescribeApiDestinationOutput {
            api_destination_arn: Some(arn(&ctx, &name, &destination)),
            name: Some(name.clone()),
            api_destination_state: Some(state(tx, &ctx, &destination)?),
            description: destination.description,
            connection_arn: Some(destination.connection_arn),
            invocation_endpoint: Some(destination.endpoint),
            http_method: Some(destination.method),
            invocation_rate_limit_per_second: Some(destination.rate),
            creation_time: Some(time(destination.created)),
            last_modified_time: Some(time(destination.modified)),
        })
    })
}

/// What UpdateApiDestination takes.
#[derive(Shape)]
pub(crate) struct UpdateApiDestinationInput {
    pub(crate) name: String,
    description: Option<String>,
    connection_arn: Option<String>,
    invocation_endpoint: Option<String>,
    http_method: Option<String>,
    invocation_rate_limit_per_second: Option<i64>,
}

pub(crate) async fn update_api_destination(
    events: Arc<Events>,
    ctx: Ctx,
    input: UpdateApiDestinationInput,
) -> Result<ApiDestinationOutput, EventsError> {
    let now = events.now();
    events
        .store()
        .write(move |tx| {
            let mut own = destination(tx, &ctx, &input.name, "update")?;
            if let Some(arn) = &input.connection_arn {
                check_connection(tx, &ctx, arn)?;
                own.connection_arn.clone_from(arn);
            }
            own.description = input.description.clone().or(own.description);
            own.endpoint = input.invocation_endpoint.clone().unwrap_or(own.endpoint);
            own.method = input.http_method.clone().unwrap_or(own.method);
            own.rate = input.invocation_rate_limit_per_second.unwrap_or(own.rate);
            own.modified = now;
            tx.put(&API_DESTINATIONS, &(ctx.account.as_str(), ctx.region.as_str(), input.name.as_str()), &own)?;
            Ok(output(tx, &ctx, &input.name, &own)?)
        })
        .await
}

pub(crate) async fn delete_api_destination(
    events: Arc<Events>,
    ctx: Ctx,
    input: ApiDestinationInput,
) -> Result<(), EventsError> {
    events
        .store()
        .write(move |tx| {
            destination(tx, &ctx, &input.name, "delete")?;
            tx.delete(&API_DESTINATIONS, &(ctx.account.as_str(), ctx.region.as_str(), input.name.as_str()))?;
            Ok(())
        })
        .await
}

/// What ListApiDestinations takes.
#[derive(Shape)]
pub(crate) struct ListApiDestinationsInput {
    name_prefix: Option<String>,
    connection_arn: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A destination in a list.
#[derive(Shape)]
pub(crate) struct ListedApiDestination {
    api_destination_arn: Option<String>,
    name: Option<String>,
    api_destination_state: Option<String>,
    connection_arn: Option<String>,
    invocation_endpoint: Option<String>,
    http_method: Option<String>,
    invocation_rate_limit_per_second: Option<i64>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
}

/// A page of destinations.
#[derive(Shape)]
pub(crate) struct ListApiDestinationsOutput {
    api_destinations: Option<Vec<ListedApiDestination>>,
    next_token: Option<String>,
}

pub(crate) async fn list_api_destinations(
    events: Arc<Events>,
    ctx: Ctx,
    input: ListApiDestinationsInput,
) -> Result<ListApiDestinationsOutput, EventsError> {
    let page = Page { prefix: input.name_prefix, token: input.next_token, limit: input.limit };
    let wanted = |_: &str, destination: &ApiDestination| {
        input.connection_arn.as_ref().is_none_or(|arn| *arn == destination.connection_arn)
    };
    let listing = page.of(events.store(), &ctx, &API_DESTINATIONS, wanted)?;
    let states = events.store().read(|tx| {
        let states = listing.entries.iter().map(|(_, destination)| state(tx, &ctx, destination));
        states.collect::<Result<Vec<_>, StoreError>>()
    })?;
    let next_token = listing.next;
    let shown = listing.entries.into_iter().zip(states).map(|((name, destination), state)| ListedApiDestination {
        api_destination_arn: Some(arn(&ctx, &name, &destination)),
        name: Some(name),
        api_destination_state: Some(state),
        connection_arn: Some(destination.connection_arn),
        invocation_endpoint: Some(destination.endpoint),
        http_method: Some(destination.method),
        invocation_rate_limit_per_second: Some(destination.rate),
        creation_time: Some(time(destination.created)),
        last_modified_time: Some(time(destination.modified)),
    });
    Ok(ListApiDestinationsOutput { api_destinations: Some(shown.collect()), next_token })
}
