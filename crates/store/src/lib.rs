//! One ordered, transactional, durable key-value space, and a place for large bodies.
