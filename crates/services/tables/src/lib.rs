//! The tables service: Amazon DynamoDB.

pub mod table;
