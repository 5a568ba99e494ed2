//! The logs service: Amazon CloudWatch Logs.
//!
//! This is its manifest. `state` is what is kept, `pattern` the filter patterns, `query` the language of Logs Insights, `subscriptions` and
//! `metrics` what happens to events as they come; `logs` has a file for each family of operations.

mod calls;
mod core;
mod errors;
mod logs;
mod metrics;
mod pattern;
mod query;
mod state;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use pilvi_bus::{Access, AccessRequest, Manifest, Platform, RequestContext, Service};
use pilvi_delivery::Deliveries;

pub use crate::core::Logs;
pub use errors::LogsError;

use crate::core::{group_arn, group_name, policy_arn};
use crate::logs::{
    destinations, events, filter, groups, metric_filters, queries, resource_policies, streams, subscription_filters,
    tags, vended,
};

/// An action on the group that the input names, by name or ARN.
fn on<I: 'static>(action: &'static str, name: fn(&I) -> &str) -> Access<I> {
    Access::to(move |input: &I, ctx: &RequestContext| {
        vec![AccessRequest::new(action, policy_arn(ctx, &group_name(name(input))))]
    })
}

/// An action on the resource whose ARN the input gives: those on tags take the group's own.
fn on_arn<I: 'static>(action: &'static str, arn: fn(&I) -> &str) -> Access<I> {
    Access::to(move |input: &I, _| vec![AccessRequest::new(action, arn(input))])
}

/// An action on a destination, `arn` being that of one with this name.
fn on_named<I: 'static>(
    action: &'static str,
    arn: fn(&RequestContext, &str) -> String,
    name: fn(&I) -> &str,
) -> Access<I> {
    Access::to(move |input: &I, ctx: &RequestContext| vec![AccessRequest::new(action, arn(ctx, name(input)))])
}

/// An action on a stream.
fn on_stream<I: 'static>(action: &'static str, names: fn(&I) -> (&str, &str)) -> Access<I> {
    Access::to(move |input: &I, ctx: &RequestContext| {
        let (group, stream) = names(input);
        vec![AccessRequest::new(action, format!("{}:log-stream:{stream}", group_arn(ctx, group)))]
    })
}

/// The service.
#[rustfmt::skip] // a table reads better with a line for each operation
pub fn service(platform: &Platform, deliveries: Arc<Deliveries>) -> Arc<dyn Service> {
    let logs = Logs::new(platform, deliveries.clone());
    platform.bus.wire_logs(Arc::new(calls::Calls(logs.clone())));
    deliveries.register(subscriptions::KIND, Arc::new(subscriptions::Subscriber(logs.clone())));
    deliveries.register(metrics::KIND, Arc::new(metrics::Reporter(logs.clone())));
    Manifest::new("logs", logs)
        .operation("CreateLogGroup", groups::create_log_group, on("logs:CreateLogGroup", |input| &input.log_group_name))
        .operation("DeleteLogGroup", groups::delete_log_group, on("logs:DeleteLogGroup", |input| &input.log_group_name))
        .operation("DescribeLogGroups", groups::describe_log_groups, Access::any("logs:DescribeLogGroups"))
        .operation("ListLogGroups", groups::list_log_groups, Access::any("logs:ListLogGroups"))
        .operation("PutRetentionPolicy", groups::put_retention_policy, on("logs:PutRetentionPolicy", |input| &input.log_group_name))
        .operation("DeleteRetentionPolicy", groups::delete_retention_policy, on("logs:DeleteRetentionPolicy", |input| &input.log_group_name))
        .operation("AssociateKmsKey", groups::associate_kms_key, on("logs:AssociateKmsKey", |input| input.group()))
        .operation("DisassociateKmsKey", groups::disassociate_kms_key, on("logs:DisassociateKmsKey", |input| input.group()))
        .operation("PutLogGroupDeletionProtection", groups::put_log_group_deletion_protection, on("logs:PutLogGroupDeletionProtection", |input| &input.log_group_identifier))
        .operation("CreateLogStream", streams::create_log_stream, on_stream("logs:CreateLogStream", |input| (&input.log_group_name, &input.log_stream_name)))
        .operation("DeleteLogStream", streams::delete_log_stream, on_stream("logs:DeleteLogStream", |input| (&input.log_group_name, &input.log_stream_name)))
        .operation("DescribeLogStreams", streams::describe_log_streams, on("logs:DescribeLogStreams", |input| input.log_group_name.as_deref().or(input.log_group_identifier.as_deref()).unwrap_or("*")))
        .operation("PutLogEvents", events::put_log_events, on_stream("logs:PutLogEvents", |input| (&input.log_group_name, &input.log_stream_name)))
        .operation("GetLogEvents", events::get_log_events, on("logs:GetLogEvents", |input| input.log_group_name.as_deref().or(input.log_group_identifier.as_deref()).unwrap_or("*")))
        .operation("FilterLogEvents", filter::filter_log_events, on("logs:FilterLogEvents", |input| input.log_group_name.as_deref().or(input.log_group_identifier.as_deref()).unwrap_or("*")))
        .operation("PutMetricFilter", metric_filters::put_metric_filter, on("logs:PutMetricFilter", |input| &input.log_group_name))
        .operation("DeleteMetricFilter", metric_filters::delete_metric_filter, on("logs:DeleteMetricFilter", |input| &input.log_group_name))
        .operation("DescribeMetricFilters", metric_filters::describe_metric_filters, on("logs:DescribeMetricFilters", |input| input.log_group_name.as_deref().unwrap_or("*")))
        .operation("TestMetricFilter", metric_filters::test_metric_filter, Access::any("logs:TestMetricFilter"))
        .operation("PutSubscriptionFilter", subscription_filters::put_subscription_filter, on("logs:PutSubscriptionFilter", |input| &input.log_group_name))
        .operation("DeleteSubscriptionFilter", subscription_filters::delete_subscription_filter, on("logs:DeleteSubscriptionFilter", |input| &input.log_group_name))
        .operation("DescribeSubscriptionFilters", subscription_filters::describe_subscription_filters, on("logs:DescribeSubscriptionFilters", |input| &input.log_group_name))
        .operation("StartQuery", queries::start_query, Access::to(|input: &queries::StartQueryInput, ctx: &RequestContext| {
            input.groups().iter().map(|name| AccessRequest::new("logs:StartQuery", policy_arn(ctx, name))).collect()
        }))
        .operation("GetQueryResults", queries::get_query_results, Access::any("logs:GetQueryResults"))
        .operation("DescribeQueries", queries::describe_queries, Access::any("logs:DescribeQueries"))
        .operation("StopQuery", queries::stop_query, Access::any("logs:StopQuery"))
        .operation("PutResourcePolicy", resource_policies::put_resource_policy, Access::any("logs:PutResourcePolicy"))
        .operation("DeleteResourcePolicy", resource_policies::delete_resource_policy, Access::any("logs:DeleteResourcePolicy"))
        .operation("DescribeResourcePolicies", resource_policies::describe_resource_policies, Access::any("logs:DescribeResourcePolicies"))
        .operation("PutDestination", destinations::put_destination, on_named("logs:PutDestination", destinations::arn, |input| &input.destination_name))
        .operation("PutDestinationPolicy", destinations::put_destination_policy, on_named("logs:PutDestinationPolicy", destinations::arn, |input| &input.destination_name))
        .operation("DeleteDestination", destinations::delete_destination, on_named("logs:DeleteDestination", destinations::arn, |input| &input.destination_name))
        .operation("DescribeDestinations", destinations::describe_destinations, Access::any("logs:DescribeDestinations"))
        .operation("PutDeliveryDestination", vended::put_delivery_destination, on_named("logs:PutDeliveryDestination", vended::arn, |input| &input.name))
        .operation("GetDeliveryDestination", vended::get_delivery_destination, on_named("logs:GetDeliveryDestination", vended::arn, |input| &input.name))
        .operation("DeleteDeliveryDestination", vended::delete_delivery_destination, on_named("logs:DeleteDeliveryDestination", vended::arn, |input| &input.name))
        .operation("DescribeDeliveryDestinations", vended::describe_delivery_destinations, Access::any("logs:DescribeDeliveryDestinations"))
        .operation("PutDeliveryDestinationPolicy", vended::put_delivery_destination_policy, on_named("logs:PutDeliveryDestinationPolicy", vended::arn, |input| &input.delivery_destination_name))
        .operation("GetDeliveryDestinationPolicy", vended::get_delivery_destination_policy, on_named("logs:GetDeliveryDestinationPolicy", vended::arn, |input| &input.delivery_destination_name))
        .operation("DeleteDeliveryDestinationPolicy", vended::delete_delivery_destination_policy, on_named("logs:DeleteDeliveryDestinationPolicy", vended::arn, |input| &input.delivery_destination_name))
        .operation("PutDeliverySource", vended::put_delivery_source, on_named("logs:PutDeliverySource", vended::source_arn, |input| &input.name))
        .operation("GetDeliverySource", vended::get_delivery_source, on_named("logs:GetDeliverySource", vended::source_arn, |input| &input.name))
        .operation("TagResource", tags::tag_resource, on_arn("logs:TagResource", |input| &input.resource_arn))
        .operation("UntagResource", tags::untag_resource, on_arn("logs:UntagResource", |input| &input.resource_arn))
        .operation("ListTagsForResource", tags::list_tags_for_resource, on_arn("logs:ListTagsForResource", |input| &input.resource_arn))
        .operation("TagLogGroup", tags::tag_log_group, on("logs:TagLogGroup", |input| &input.log_group_name))
        .operation("UntagLogGroup", tags::untag_log_group, on("logs:UntagLogGroup", |input| &input.log_group_name))
        .operation("ListTagsLogGroup", tags::list_tags_log_group, on("logs:ListTagsLogGroup", |input| &input.log_group_name))
        .background(Logs::expire)
        .into_service()
}
