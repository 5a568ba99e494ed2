//! The functions service.
