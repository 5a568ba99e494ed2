//! The tables service.
