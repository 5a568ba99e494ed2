//! The wire formats, driven by the models: from a request to a [`Val`], from a [`Val`] or an error to an answer.
//!
//! | protocol | requests | answers |
//! | --- | --- | --- |
//! | awsJson 1.0, 1.1 | [`json`] | [`json_out`] |
//! | awsQuery | [`query`] | [`xml_out`], [`query_json`] |
//! | restJson1 | [`rest`] | [`rest`] over [`json_out`] |
//!
//! S3's restXml is not here: it belongs to the objects service.

pub mod json;
pub mod json_out;
pub mod query;
pub mod query_json;
pub mod rest;
#[cfg(test)]
mod tests;
pub mod time;
pub mod xml_out;

use pilvi_bus::ApiError;
use pilvi_model::Val;

use crate::validate::Problems;

/// A request that could not be read: its syntax or its types are wrong, before any constraint is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl From<Unreadable> for ApiError {
    fn from(error: Unreadable) -> ApiError {
        ApiError::new("SerializationException", 400, error.0)
    }
}

/// A request as it was read: the tree, and the constraints that it breaks.
pub struct Parsed {
    /// The input.
    pub input: Val,
    /// What is wrong with it.
    pub problems: Problems,
}
