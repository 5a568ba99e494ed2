//! What has to happen later: durable, at-least-once deliveries.
//!
//! The transaction that causes a delivery also writes it ([`Deliveries::enqueue`]); the engine ([`Deliveries::run`]) finds it once that
//! transaction is durable, hands it to the [`Deliverer`] of its kind, and deletes it only after the deliverer said that it is done or
//! dead. What comes of a delivery (a destination's message, a dead letter) is enqueued in the very step that deletes it. A crash
//! at any moment therefore repeats a delivery at worst, and never forgets one.

mod deliverer;
mod engine;
pub mod http;
pub mod notices;
mod plan;
mod record;
pub mod targets;
#[cfg(test)]
mod tests;

pub use deliverer::{Deliverer, Outcome, Schedule};
pub use engine::{Backlog, Deliveries, Waiting};
pub use record::{Delivery, NewDelivery, Origin};
