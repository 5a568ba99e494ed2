//! What answers the requests of an API's own clients.

pub(crate) mod access_log;
pub(crate) mod authorize;
pub(crate) mod client;
pub(crate) mod compiled;
pub(crate) mod cors;
pub(crate) mod event;
pub(crate) mod front;
pub(crate) mod integrate;
pub(crate) mod parameters;
pub(crate) mod response;
