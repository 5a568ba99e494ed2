//! AWS Identity and Access Management: a file for each family of operations.

pub(crate) mod access_keys;
pub(crate) mod account;
pub(crate) mod attached;
pub(crate) mod boundaries;
pub(crate) mod groups;
pub(crate) mod inline;
pub(crate) mod policies;
pub(crate) mod profiles;
pub(crate) mod roles;
pub(crate) mod shapes;
pub(crate) mod users;
