//! AWS Lambda: a file for each family of operations.

pub(crate) mod concurrency;
pub(crate) mod create_function;
pub(crate) mod delete_function;
pub(crate) mod get_function;
pub(crate) mod invoke;
pub(crate) mod invoke_config;
pub(crate) mod layers;
pub(crate) mod list_functions;
pub(crate) mod permissions;
pub(crate) mod shapes;
pub(crate) mod tags;
pub(crate) mod update_function;
pub(crate) mod versions;
