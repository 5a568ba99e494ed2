//! The logs service: Amazon CloudWatch Logs.
//!
//! This is its manifest. `state` is what is kept, `pattern` the filter patterns; `logs` has a file for each family of
//! operations.

mod calls;
mod core;
mod errors;
mod logs;
mod pattern;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use pilvi_bus::{Access, AccessRequest, Manifest, Platform, RequestContext, Service};

pub use crate::core::Logs;
pub use errors::LogsError;

use crate::core::{group_arn, group_name, policy_arn};
use crate::logs::{events, filter, groups, streams, tags};

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

/// An action on a stream.
fn on_stream<I: 'static>(action: &'static str, names: fn(&I) -> (&str, &str)) -> Access<I> {
    Access::to(move |input: &I, ctx: &RequestContext| {
        let (group, stream) = names(input);
        vec![AccessRequest::new(action, format!("{}:log-stream:{stream}", group_arn(ctx, group)))]
    })
}

/// The service.
#[rustfmt::skip] // a table reads better with a line for each operation
pub fn service(platform: &Platform) -> Arc<dyn Service> {
    let logs = Logs::new(platform);
    platform.bus.wire_logs(Arc::new(calls::Calls(logs.clone())));
    Manifest::new("logs", logs)
        .operation("CreateLogGroup", groups::create_log_group, on("logs:CreateLogGroup", |input| &input.log_group_name))
        .operation("DeleteLogGroup", groups::delete_log_group, on("logs:DeleteLogGroup", |input| &input.log_group_name))
        .operation("DescribeLogGroups", groups::describe_log_groups, Access::any("logs:DescribeLogGroups"))
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
        .operation("TagResource", tags::tag_resource, on_arn("logs:TagResource", |input| &input.resource_arn))
        .operation("UntagResource", tags::untag_resource, on_arn("logs:UntagResource", |input| &input.resource_arn))
        .operation("ListTagsForResource", tags::list_tags_for_resource, on_arn("logs:ListTagsForResource", |input| &input.resource_arn))
        .operation("TagLogGroup", tags::tag_log_group, on("logs:TagLogGroup", |input| &input.log_group_name))
        .operation("UntagLogGroup", tags::untag_log_group, on("logs:UntagLogGroup", |input| &input.log_group_name))
        .operation("ListTagsLogGroup", tags::list_tags_log_group, on("logs:ListTagsLogGroup", |input| &input.log_group_name))
        .background(Logs::expire)
        .into_service()
}
