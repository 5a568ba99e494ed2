//! The rules of topics, without HTTP, store or clock: filter policies and delivery policies.

pub(crate) mod delivery_policy;
pub(crate) mod filter;
pub(crate) mod json;
