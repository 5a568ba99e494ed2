//! The timers service: Amazon EventBridge Scheduler.
//!
//! This is its manifest: the operations, what a call of each needs to be allowed, and the background work. `rhythm` says when a
//! schedule is due, `check` what it has to satisfy, `firing` is how it reaches its target, and `scheduler` has the operations.
//!
//! A schedule that is due fires in one step of the store with the planning of its next time, so a crash neither loses nor doubles
//! it; from there on it is a delivery. When the clock is moved, each time that it passed fires. What a cloud that was not running
//! has missed fires once per schedule, since nobody wants the hundreds of a night at once.

mod check;
mod core;
mod errors;
mod firing;
mod rhythm;
mod scheduler;
mod state;
mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use pilvi_bus::{Access, AccessRequest, Manifest, Platform, RequestContext, Service};
use pilvi_delivery::Deliveries;
use pilvi_store::StoreError;

pub use crate::core::Timers;
pub use errors::TimerError;

use scheduler::groups::{
    CreateScheduleGroupInput, DeleteScheduleGroupInput, GetScheduleGroupInput, create_schedule_group,
    delete_schedule_group, get_schedule_group, list_schedule_groups,
};
use scheduler::schedules::{
    DeleteScheduleInput, GetScheduleInput, PutScheduleInput, create_schedule, delete_schedule, get_schedule, key,
    list_schedules, update_schedule,
};
use scheduler::tags::{
    ListTagsForResourceInput, TagResourceInput, UntagResourceInput, list_tags_for_resource, tag_resource,
    untag_resource,
};

/// An action on the schedule that the input names.
macro_rules! on_schedule {
    ($action:literal, $input:ty) => {
        Access::to(|input: &$input, ctx| {
            let key = key(ctx, input.group_name.as_ref(), &input.name);
            vec![AccessRequest::new($action, state::schedule_arn(&key))]
        })
    };
}

/// An action on the group that the input names.
macro_rules! on_group {
    ($action:literal, $input:ty) => {
        Access::to(|input: &$input, ctx: &RequestContext| {
            vec![AccessRequest::new($action, state::group_arn(&ctx.account, &ctx.region, &input.name))]
        })
    };
}

/// An action on the resource of the input's ARN.
macro_rules! on_arn {
    ($action:literal, $input:ty) => {
        Access::to(|input: &$input, _| vec![AccessRequest::new($action, input.resource_arn.clone())])
    };
}

/// The service, wired to the bus.
///
/// # Errors
/// When the store cannot be read.
pub fn service(platform: &Platform, deliveries: Arc<Deliveries>) -> Result<Arc<dyn Service>, StoreError> {
    deliveries.register("scheduler.invocation", firing::Invocations::new(platform));
    deliveries.register("scheduler.dead-letter", firing::DeadLetters::new(platform));
    let manifest = Manifest::new("scheduler", Timers::open(platform, deliveries)?)
        .operation("CreateSchedule", create_schedule, on_schedule!("scheduler:CreateSchedule", PutScheduleInput))
        .operation(
            "CreateScheduleGroup",
            create_schedule_group,
            on_group!("scheduler:CreateScheduleGroup", CreateScheduleGroupInput),
        )
        .operation("DeleteSchedule", delete_schedule, on_schedule!("scheduler:DeleteSchedule", DeleteScheduleInput))
        .operation(
            "DeleteScheduleGroup",
            delete_schedule_group,
            on_group!("scheduler:DeleteScheduleGroup", DeleteScheduleGroupInput),
        )
        .operation("GetSchedule", get_schedule, on_schedule!("scheduler:GetSchedule", GetScheduleInput))
        .operation(
            "GetScheduleGroup",
            get_schedule_group,
            on_group!("scheduler:GetScheduleGroup", GetScheduleGroupInput),
        )
        .operation("ListScheduleGroups", list_schedule_groups, Access::any("scheduler:ListScheduleGroups"))
        .operation("ListSchedules", list_schedules, Access::any("scheduler:ListSchedules"))
        .operation(
            "ListTagsForResource",
            list_tags_for_resource,
            on_arn!("scheduler:ListTagsForResource", ListTagsForResourceInput),
        )
        .operation("TagResource", tag_resource, on_arn!("scheduler:TagResource", TagResourceInput))
        .operation("UntagResource", untag_resource, on_arn!("scheduler:UntagResource", UntagResourceInput))
        .operation("UpdateSchedule", update_schedule, on_schedule!("scheduler:UpdateSchedule", PutScheduleInput))
        .background(firing::ticker::run);
    Ok(manifest.into_service())
}
