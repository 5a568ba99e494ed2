//! The events service: Amazon EventBridge.
//!
//! This is its manifest: the operations, what a call of each needs to be allowed, and the background work. [`event`] is what an event
//! is and what targets get of it; `core` is who gets events of a bus; `ingest` is what happens when one arrives, `deliver` and
//! `destination` how it reaches its targets; `schedule` fires rules by the clock, `replay` puts archived events again; `eventbridge` has
//! a file for each family of operations.

mod authorize;
mod calls;
mod core;
mod deliver;
mod destination;
mod errors;
mod event;
mod eventbridge;
mod ingest;
mod names;
mod page;
mod replay;
mod schedule;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use pilvi_bus::{Access, AccessRequest, Manifest, Platform, RequestContext, Service};
use pilvi_delivery::Deliveries;
use pilvi_store::StoreError;

pub use errors::EventsError;

use crate::core::Events;
use crate::eventbridge::put_events::PutEventsInput;
use crate::eventbridge::put_targets::PutTargetsInput;
use crate::eventbridge::rules::PutRuleInput;
use crate::eventbridge::{
    api_destinations, archives, buses, connections, endpoints, partners, permissions, put_events, put_targets, replays,
    rules, tags, targets, test_event_pattern,
};
use crate::names::BusName;

/// An action on the bus that the input names.
fn on_bus<I: 'static>(action: &'static str, bus: fn(&I) -> Option<&str>) -> Access<I> {
    Access::to(move |input: &I, ctx: &RequestContext| {
        vec![AccessRequest::new(action, BusName::of(ctx, bus(input)).arn())]
    })
}

/// An action on a rule of a bus.
fn on_rule<I: 'static>(action: &'static str, rule: fn(&I) -> (Option<&str>, &str)) -> Access<I> {
    Access::to(move |input: &I, ctx: &RequestContext| {
        let (bus, name) = rule(input);
        vec![AccessRequest::new(action, BusName::of(ctx, bus).rule_arn(name))]
    })
}

/// An action on something else of the caller's: `archive`, `connection`, …
fn on<I: 'static>(action: &'static str, kind: &'static str, name: fn(&I) -> &str) -> Access<I> {
    Access::to(move |input: &I, ctx: &RequestContext| {
        let end = if matches!(kind, "connection" | "api-destination") { "/*" } else { "" };
        let arn = ctx.arn("events", format!("{kind}/{}{end}", name(input)));
        vec![AccessRequest::new(action, arn.to_string())]
    })
}

/// An action on the resource of this ARN.
fn on_arn<I: 'static>(action: &'static str, arn: fn(&I) -> &str) -> Access<I> {
    Access::to(move |input: &I, _| vec![AccessRequest::new(action, arn(input))])
}

/// Whoever gives a role to something has to be allowed to pass it on.
fn pass_role(role: &str) -> AccessRequest {
    AccessRequest::new("iam:PassRole", role).with("iam:PassedToService", deliver::SERVICE)
}

fn put_rule_access() -> Access<PutRuleInput> {
    Access::to(|input: &PutRuleInput, ctx| {
        let bus = BusName::of(ctx, input.event_bus_name.as_deref());
        let rule = AccessRequest::new("events:PutRule", bus.rule_arn(&input.name));
        std::iter::once(rule).chain(input.role_arn.as_deref().map(pass_role)).collect()
    })
}

fn put_targets_access() -> Access<PutTargetsInput> {
    Access::to(|input: &PutTargetsInput, ctx| {
        let bus = BusName::of(ctx, input.event_bus_name.as_deref());
        let rule = AccessRequest::new("events:PutTargets", bus.rule_arn(&input.rule));
        let roles = input.targets.iter().filter_map(|target| target.role_arn.as_deref()).map(pass_role);
        std::iter::once(rule).chain(roles).collect()
    })
}

fn put_events_access() -> Access<PutEventsInput> {
    Access::to(|input: &PutEventsInput, ctx| {
        let buses = input.entries.iter().map(|entry| BusName::of(ctx, entry.event_bus_name.as_deref()).arn());
        let mut buses: Vec<String> = buses.collect();
        buses.dedup();
        buses.into_iter().map(|arn| AccessRequest::new("events:PutEvents", arn)).collect()
    })
}

/// The service, wired to the bus.
///
/// # Errors
/// When the store cannot be read.
pub fn service(platform: &Platform, deliveries: Arc<Deliveries>) -> Result<Arc<dyn Service>, StoreError> {
    let events = Events::open(platform, deliveries.clone())?;
    deliveries.register(ingest::KIND, Arc::new(deliver::Deliveries(events.clone())));
    deliveries.register(deliver::DEAD_LETTER, Arc::new(deliver::DeadLetters(events.clone())));
    deliveries.register(authorize::KIND, Arc::new(authorize::Authorizations(events.clone())));
    platform.bus.wire_events(Arc::new(calls::Calls(events.clone())));
    Ok(manifest(events).background(schedule::run).background(replay::run).background(replay::sweep).into_service())
}

#[rustfmt::skip] // a table reads better with a line for each operation
fn manifest(events: Arc<Events>) -> Manifest<Events> {
    Manifest::new("events", events.clone())
        .resource_policies(events)
        .operation("ActivateEventSource", partners::no_event_source, Access::any("events:ActivateEventSource"))
        .operation("CancelReplay", replays::cancel_replay, on("events:CancelReplay", "replay", |input| &input.replay_name))
        .operation("CreateApiDestination", api_destinations::create_api_destination, on("events:CreateApiDestination", "api-destination", |input| &input.name))
        .operation("CreateArchive", archives::create_archive, on("events:CreateArchive", "archive", |input| &input.archive_name))
        .operation("CreateConnection", connections::create_connection, on("events:CreateConnection", "connection", |input| &input.name))
        .operation("CreateEndpoint", endpoints::create_endpoint, on("events:CreateEndpoint", "endpoint", |input| &input.name))
        .operation("CreateEventBus", buses::create_event_bus, on_bus("events:CreateEventBus", |input| Some(&input.name)))
        .operation("CreatePartnerEventSource", partners::partners_only, Access::any("events:CreatePartnerEventSource"))
        .operation("DeactivateEventSource", partners::no_event_source, Access::any("events:DeactivateEventSource"))
        .operation("DeauthorizeConnection", connections::deauthorize_connection, on("events:DeauthorizeConnection", "connection", |input| &input.name))
        .operation("DeleteApiDestination", api_destinations::delete_api_destination, on("events:DeleteApiDestination", "api-destination", |input| &input.name))
        .operation("DeleteArchive", archives::delete_archive, on("events:DeleteArchive", "archive", |input| &input.archive_name))
        .operation("DeleteConnection", connections::delete_connection, on("events:DeleteConnection", "connection", |input| &input.name))
        .operation("DeleteEndpoint", endpoints::delete_endpoint, on("events:DeleteEndpoint", "endpoint", |input| &input.name))
        .operation("DeleteEventBus", buses::delete_event_bus, on_bus("events:DeleteEventBus", |input| Some(&input.name)))
        .operation("DeletePartnerEventSource", partners::partners_only, Access::any("events:DeletePartnerEventSource"))
        .operation("DeleteRule", rules::delete_rule, on_rule("events:DeleteRule", |input| (input.event_bus_name.as_deref(), &input.name)))
        .operation("DescribeApiDestination", api_destinations::describe_api_destination, on("events:DescribeApiDestination", "api-destination", |input| &input.name))
        .operation("DescribeArchive", archives::describe_archive, on("events:DescribeArchive", "archive", |input| &input.archive_name))
        .operation("DescribeConnection", connections::describe_connection, on("events:DescribeConnection", "connection", |input| &input.name))
        .operation("DescribeEndpoint", endpoints::describe_endpoint, on("events:DescribeEndpoint", "endpoint", |input| &input.name))
        .operation("DescribeEventBus", buses::describe_event_bus, on_bus("events:DescribeEventBus", |input| input.name.as_deref()))
        .operation("DescribeEventSource", partners::no_event_source, Access::any("events:DescribeEventSource"))
        .operation("DescribePartnerEventSource", partners::partners_only, Access::any("events:DescribePartnerEventSource"))
        .operation("DescribeReplay", replays::describe_replay, on("events:DescribeReplay", "replay", |input| &input.replay_name))
        .operation("DescribeRule", rules::describe_rule, on_rule("events:DescribeRule", |input| (input.event_bus_name.as_deref(), &input.name)))
        .operation("DisableRule", rules::disable_rule, on_rule("events:DisableRule", |input| (input.event_bus_name.as_deref(), &input.name)))
        .operation("EnableRule", rules::enable_rule, on_rule("events:EnableRule", |input| (input.event_bus_name.as_deref(), &input.name)))
        .operation("ListApiDestinations", api_destinations::list_api_destinations, Access::any("events:ListApiDestinations"))
        .operation("ListArchives", archives::list_archives, Access::any("events:ListArchives"))
        .operation("ListConnections", connections::list_connections, Access::any("events:ListConnections"))
        .operation("ListEndpoints", endpoints::list_endpoints, Access::any("events:ListEndpoints"))
        .operation("ListEventBuses", buses::list_event_buses, Access::any("events:ListEventBuses"))
        .operation("ListEventSources", partners::list_event_sources, Access::any("events:ListEventSources"))
        .operation("ListPartnerEventSourceAccounts", partners::partners_only, Access::any("events:ListPartnerEventSourceAccounts"))
        .operation("ListPartnerEventSources", partners::partners_only, Access::any("events:ListPartnerEventSources"))
        .operation("ListReplays", replays::list_replays, Access::any("events:ListReplays"))
        .operation("ListRuleNamesByTarget", rules::list_rule_names_by_target, Access::any("events:ListRuleNamesByTarget"))
        .operation("ListRules", rules::list_rules, Access::any("events:ListRules"))
        .operation("ListTagsForResource", tags::list_tags_for_resource, on_arn("events:ListTagsForResource", |input| &input.resource_arn))
        .operation("ListTargetsByRule", targets::list_targets_by_rule, on_rule("events:ListTargetsByRule", |input| (input.event_bus_name.as_deref(), &input.rule)))
        .operation("PutEvents", put_events::put_events, put_events_access())
        .operation("PutPartnerEvents", partners::partners_only, Access::any("events:PutPartnerEvents"))
        .operation("PutPermission", permissions::put_permission, on_bus("events:PutPermission", |input| input.event_bus_name.as_deref()))
        .operation("PutRule", rules::put_rule, put_rule_access())
        .operation("PutTargets", put_targets::put_targets, put_targets_access())
        .operation("RemovePermission", permissions::remove_permission, on_bus("events:RemovePermission", |input| input.event_bus_name.as_deref()))
        .operation("RemoveTargets", targets::remove_targets, on_rule("events:RemoveTargets", |input| (input.event_bus_name.as_deref(), &input.rule)))
        .operation("StartReplay", replays::start_replay, on_arn("events:StartReplay", |input| &input.event_source_arn))
        .operation("TagResource", tags::tag_resource, on_arn("events:TagResource", |input| &input.resource_arn))
        .operation("TestEventPattern", test_event_pattern::test_event_pattern, Access::any("events:TestEventPattern"))
        .operation("UntagResource", tags::untag_resource, on_arn("events:UntagResource", |input| &input.resource_arn))
        .operation("UpdateApiDestination", api_destinations::update_api_destination, on("events:UpdateApiDestination", "api-destination", |input| &input.name))
        .operation("UpdateArchive", archives::update_archive, on("events:UpdateArchive", "archive", |input| &input.archive_name))
        .operation("UpdateConnection", connections::update_connection, on("events:UpdateConnection", "connection", |input| &input.name))
        .operation("UpdateEndpoint", endpoints::update_endpoint, on("events:UpdateEndpoint", "endpoint", |input| &input.name))
        .operation("UpdateEventBus", buses::update_event_bus, on_bus("events:UpdateEventBus", |input| input.name.as_deref()))
}
