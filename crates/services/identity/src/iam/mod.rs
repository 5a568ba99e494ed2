//! AWS Identity and Access Management: a file for each family of operations.

pub(crate) mod absent;
pub(crate) mod access_keys;
pub(crate) mod account;
pub(crate) mod attached;
pub(crate) mod boundaries;
pub(crate) mod details;
pub(crate) mod groups;
pub(crate) mod inline;
pub(crate) mod linked;
pub(crate) mod oidc;
pub(crate) mod passwords;
pub(crate) mod policies;
pub(crate) mod profiles;
pub(crate) mod rename;
pub(crate) mod report;
pub(crate) mod roles;
pub(crate) mod saml;
pub(crate) mod shapes;
pub(crate) mod simulate;
pub(crate) mod users;
