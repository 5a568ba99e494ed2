//! From bytes on a socket to a call on the bus, and back.

pub mod sigv4;
