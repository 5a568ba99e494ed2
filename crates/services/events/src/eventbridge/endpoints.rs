//! CreateEndpoint, DescribeEndpoint, UpdateEndpoint, DeleteEndpoint, ListEndpoints: global endpoints, as records. Events that name one
//! are put on the bus of the region that was asked: there is no other region to fail over to.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};
use pilvi_store::ReadTx;
use uuid::Uuid;

use crate::core::{Events, time};
use crate::errors::EventsError;
use crate::page::Page;
use crate::state::{ENDPOINTS, Endpoint};

#[derive(Shape, Clone)]
struct RoutingConfig {
    failover_config: FailoverConfig,
}

#[derive(Shape, Clone)]
struct FailoverConfig {
    primary: Primary,
    secondary: Secondary,
}

#[derive(Shape, Clone)]
struct Primary {
    health_check: String,
}

#[derive(Shape, Clone)]
struct Secondary {
    route: String,
}

#[derive(Shape, Clone)]
struct ReplicationConfig {
    state: Option<String>,
}

#[derive(Shape, Clone)]
struct EndpointEventBus {
    event_bus_arn: String,
}

/// What CreateEndpoint takes.
#[derive(Shape)]
pub(crate) struct CreateEndpointInput {
    pub(crate) name: String,
    description: Option<String>,
    routing_config: RoutingConfig,
    replication_config: Option<ReplicationConfig>,
    event_buses: Vec<EndpointEventBus>,
    pub(crate) role_arn: Option<String>,
}

/// The new endpoint.
#[derive(Shape)]
pub(crate) struct CreateEndpointOutput {
    name: Option<String>,
    arn: Option<String>,
    routing_config: Option<RoutingConfig>,
    replication_config: Option<ReplicationConfig>,
    event_buses: Option<Vec<EndpointEventBus>>,
    role_arn: Option<String>,
    state: Option<String>,
}

fn arn(ctx: &Ctx, name: &str) -> String {
    ctx.arn("events", format!("endpoint/{name}")).to_string()
}

fn routing(endpoint: &Endpoint) -> RoutingConfig {
    let primary = Primary { health_check: endpoint.health_check.clone() };
    let secondary = Secondary { route: endpoint.secondary.clone() };
    RoutingConfig { failover_config: FailoverConfig { primary, secondary } }
}

fn replication(endpoint: &Endpoint) -> ReplicationConfig {
    ReplicationConfig { state: Some(endpoint.replication.clone()) }
}

fn buses(endpoint: &Endpoint) -> Vec<EndpointEventBus> {
    endpoint.bus_arns.iter().map(|arn| EndpointEventBus { event_bus_arn: arn.clone() }).collect()
}

fn url(endpoint: &Endpoint) -> String {
    format!("https://{}.endpoint.events.amazonaws.com", endpoint.id)
}

/// An endpoint that exists.
fn endpoint(tx: &ReadTx<'_>, ctx: &Ctx, name: &str) -> Result<Endpoint, EventsError> {
    let endpoint = tx.get(&ENDPOINTS, &(ctx.account.as_str(), ctx.region.as_str(), name))?;
    endpoint.ok_or_else(|| EventsError::NotFound(format!("Endpoint '{name}' does not exist.")))
}

pub(crate) async fn create_endpoint(
    events: Arc<Events>,
    ctx: Ctx,
    input: CreateEndpointInput,
) -> Result<CreateEndpointOutput, EventsError> {
    let now = events.now();
    let id = Uuid::new_v4().simple().to_string();
    let (first, second) = id.split_at_checked(10).unwrap_or((&id, ""));
    let FailoverConfig { primary, secondary } = input.routing_config.failover_config;
    let replication_state = input.replication_config.and_then(|config| config.state);
    let record = Endpoint {
        id: format!("{first}.{}", second.get(..3).unwrap_or_default()),
        description: input.description,
        health_check: primary.health_check,
        secondary: secondary.route,
        replication: replication_state.unwrap_or_else(|| "ENABLED".to_owned()),
        bus_arns: input.event_buses.into_iter().map(|bus| bus.event_bus_arn).collect(),
        role_arn: input.role_arn,
        created: now,
        modified: now,
    };
    let output = CreateEndpointOutput {
        name: Some(input.name.clone()),
        arn: Some(arn(&ctx, &input.name)),
        routing_config: Some(routing(&record)),
        replication_config: Some(replication(&record)),
        event_buses: Some(buses(&record)),
        role_arn: record.role_arn.clone(),
        state: Some("CREATING".to_owned()),
    };
    events
        .store()
        .write(move |tx| {
            let key = (ctx.account.as_str(), ctx.region.as_str(), input.name.as_str());
            if tx.contains(&ENDPOINTS, &key)? {
                return Err(EventsError::Exists(format!("Endpoint '{}' already exists.", input.name)));
            }
            tx.put(&ENDPOINTS, &key, &record)?;
            Ok(())
        })
        .await?;
    Ok(output)
}

/// What DescribeEndpoint takes.
#[derive(Shape)]
pub(crate) struct DescribeEndpointInput {
    pub(crate) name: String,
    home_region: Option<String>,
}

/// An endpoint.
#[derive(Shape)]
pub(crate) struct ShownEndpoint {
    name: Option<String>,
    description: Option<String>,
    arn: Option<String>,
    routing_config: Option<RoutingConfig>,
    replication_config: Option<ReplicationConfig>,
    event_buses: Option<Vec<EndpointEventBus>>,
    role_arn: Option<String>,
    endpoint_id: Option<String>,
    endpoint_url: Option<String>,
    state: Option<String>,
    state_reason: Option<String>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
}

fn show(ctx: &Ctx, name: String, endpoint: Endpoint) -> ShownEndpoint {
    ShownEndpoint {
        arn: Some(arn(ctx, &name)),
        name: Some(name),
        routing_config: Some(routing(&endpoint)),
        replication_config: Some(replication(&endpoint)),
        event_buses: Some(buses(&endpoint)),
        endpoint_url: Some(url(&endpoint)),
        description: endpoint.description,
        role_arn: endpoint.role_arn,
        endpoint_id: Some(endpoint.id),
        state: Some("ACTIVE".to_owned()),
        state_reason: None,
        creation_time: Some(time(endpoint.created)),
        last_modified_time: Some(time(endpoint.modified)),
    }
}

pub(crate) async fn describe_endpoint(
    events: Arc<Events>,
    ctx: Ctx,
    input: DescribeEndpointInput,
) -> Result<ShownEndpoint, EventsError> {
    let _ = input.home_region;
    let endpoint = events.store().read(|tx| endpoint(tx, &ctx, &input.name))?;
    Ok(show(&ctx, input.name, endpoint))
}

/// What UpdateEndpoint takes.
#[derive(Shape)]
pub(crate) struct UpdateEndpointInput {
    pub(crate) name: String,
    description: Option<String>,
    routing_config: Option<RoutingConfig>,
    replication_config: Option<ReplicationConfig>,
    event_buses: Option<Vec<EndpointEventBus>>,
    pub(crate) role_arn: Option<String>,
}

/// The changed endpoint.
#[derive(Shape)]
pub(crate) struct UpdateEndpointOutput {
    name: Option<String>,
    arn: Option<String>,
    routing_config: Option<RoutingConfig>,
    replication_config: Option<ReplicationConfig>,
    event_buses: Option<Vec<EndpointEventBus>>,
    role_arn: Option<String>,
    endpoint_id: Option<String>,
    endpoint_url: Option<String>,
    state: Option<String>,
}

pub(crate) async fn update_endpoint(
    events: Arc<Events>,
    ctx: Ctx,
    input: UpdateEndpointInput,
) -> Result<UpdateEndpointOutput, EventsError> {
    let (now, name, caller) = (events.now(), input.name.clone(), ctx.clone());
    let own = events
        .store()
        .write(move |tx| {
            let mut own = endpoint(tx, &caller, &input.name)?;
            own.description = input.description.clone().or(own.description);
            if let Some(config) = &input.routing_config {
                own.health_check.clone_from(&config.failover_config.primary.health_check);
                own.secondary.clone_from(&config.failover_config.secondary.route);
            }
            if let Some(state) = input.replication_config.as_ref().and_then(|config| config.state.clone()) {
                own.replication = state;
            }
            if let Some(buses) = &input.event_buses {
                own.bus_arns = buses.iter().map(|bus| bus.event_bus_arn.clone()).collect();
            }
            own.role_arn = input.role_arn.clone().or(own.role_arn);
            own.modified = now;
            tx.put(&ENDPOINTS, &(caller.account.as_str(), caller.region.as_str(), input.name.as_str()), &own)?;
            Ok::<_, EventsError>(own)
        })
        .await?;
    Ok(UpdateEndpointOutput {
        arn: Some(arn(&ctx, &name)),
        name: Some(name),
        routing_config: Some(routing(&own)),
        replication_config: Some(replication(&own)),
        event_buses: Some(buses(&own)),
        endpoint_url: Some(url(&own)),
        role_arn: own.role_arn,
        endpoint_id: Some(own.id),
        state: Some("UPDATING".to_owned()),
    })
}

/// What DeleteEndpoint takes.
#[derive(Shape)]
pub(crate) struct DeleteEndpointInput {
    pub(crate) name: String,
}

pub(crate) async fn delete_endpoint(
    events: Arc<Events>,
    ctx: Ctx,
    input: DeleteEndpointInput,
) -> Result<(), EventsError> {
    events
        .store()
        .write(move |tx| {
            endpoint(tx, &ctx, &input.name)?;
            tx.delete(&ENDPOINTS, &(ctx.account.as_str(), ctx.region.as_str(), input.name.as_str()))?;
            Ok(())
        })
        .await
}

/// What ListEndpoints takes.
#[derive(Shape)]
pub(crate) struct ListEndpointsInput {
    name_prefix: Option<String>,
    home_region: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

/// A page of endpoints.
#[derive(Shape)]
pub(crate) struct ListEndpointsOutput {
    endpoints: Option<Vec<ShownEndpoint>>,
    next_token: Option<String>,
}

pub(crate) async fn list_endpoints(
    events: Arc<Events>,
    ctx: Ctx,
    input: ListEndpointsInput,
) -> Result<ListEndpointsOutput, EventsError> {
    let here = input.home_region.is_none_or(|region| region == ctx.region);
    let page = Page { prefix: input.name_prefix, token: input.next_token, limit: input.max_results };
    let listing = page.of(events.store(), &ctx, &ENDPOINTS, |_, _| here)?;
    let (endpoints, next_token) = listing.show(|name, endpoint| show(&ctx, name, endpoint));
    Ok(ListEndpointsOutput { endpoints, next_token })
}
