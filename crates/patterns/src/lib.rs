//! Event patterns, pure.
