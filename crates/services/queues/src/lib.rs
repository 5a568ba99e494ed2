//! The queues service.
