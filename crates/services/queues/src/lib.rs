//! The queues service.
#![allow(dead_code)] // until the service stands on it
mod queue;
