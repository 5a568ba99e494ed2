//! Amazon EventBridge: a file for each family of operations.

pub(crate) mod api_destinations;
pub(crate) mod archives;
pub(crate) mod buses;
pub(crate) mod connection_shapes;
pub(crate) mod connections;
pub(crate) mod endpoints;
pub(crate) mod partners;
pub(crate) mod permissions;
pub(crate) mod put_events;
pub(crate) mod put_targets;
pub(crate) mod replays;
pub(crate) mod rules;
pub(crate) mod tags;
pub(crate) mod target_shapes;
pub(crate) mod targets;
pub(crate) mod test_event_pattern;
