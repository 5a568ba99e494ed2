//! The table itself: values, keys, expressions and capacity. Pure rules: no HTTP, no JSON, no store, no clock.

pub mod capacity;
pub mod encoding;
pub mod expression;
pub mod key;
pub mod legacy;
pub mod number;
pub mod schema;
pub mod value;

pub use key::KeySchema;
pub use schema::{Index, Projection, Schema};
pub use value::{Item, Type, Value};
