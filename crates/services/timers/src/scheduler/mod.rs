//! Amazon EventBridge Scheduler: a file for each family of operations.

pub(crate) mod groups;
mod page;
pub(crate) mod schedules;
pub(crate) mod tags;
