//! From bytes on a socket to a call on the bus, and back.
//!
//! Read [`edge`] first: it is the way of a request, step by step. No service is known here; what differs between
//! services comes from their models.

pub mod answers;
pub mod authenticate;
pub mod edge;
pub mod pages;
pub mod protocol;
pub mod routes;
pub mod routing;
pub mod server;
pub mod sigv4;
pub mod validate;

pub use edge::Edge;
