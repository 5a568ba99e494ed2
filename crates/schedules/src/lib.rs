//! Schedule expressions, pure.
