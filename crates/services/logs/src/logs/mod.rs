//! Amazon CloudWatch Logs: a file for each family of operations.

pub(crate) mod destinations;
pub(crate) mod events;
pub(crate) mod filter;
pub(crate) mod groups;
pub(crate) mod metric_filters;
pub(crate) mod queries;
pub(crate) mod resource_policies;
pub(crate) mod streams;
pub(crate) mod subscription_filters;
pub(crate) mod tags;
pub(crate) mod vended;
