//! The logs service.
