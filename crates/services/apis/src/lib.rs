//! The apis service.
