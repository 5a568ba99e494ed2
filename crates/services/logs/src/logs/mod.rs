//! Amazon CloudWatch Logs: a file for each family of operations.

pub(crate) mod events;
pub(crate) mod filter;
pub(crate) mod groups;
pub(crate) mod streams;
pub(crate) mod tags;
