//! Notifications: who is told of which events of a bucket, and what they are told.

mod event;
mod rules;

pub use event::{Happening, event_bridge_detail, record, test_event};
pub use rules::{Destination, Kind, Notifications, Rule, check};
