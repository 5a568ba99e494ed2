//! AWS Identity and Access Management: a file for each family of operations.

pub(crate) mod access_keys;
pub(crate) mod account;
pub(crate) mod attached;
pub(crate) mod boundaries;
pub(crate) mod details;
pub(crate) mod groups;
pub(crate) mod inline;
pub(crate) mod linked;
pub(crate) mod mfa;
pub(crate) mod oidc;
pub(crate) mod passwords;
pub(crate) mod policies;
pub(crate) mod profiles;
pub(crate) mod rename;
pub(crate) mod report;
pub(crate) mod roles;
pub(crate) mod saml;
pub(crate) mod server_certificates;
pub(crate) mod service_credentials;
pub(crate) mod shapes;
pub(crate) mod signing_certificates;
pub(crate) mod simulate;
pub(crate) mod ssh_keys;
pub(crate) mod totp;
pub(crate) mod users;
