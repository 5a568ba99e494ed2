//! The objects service.
