//! Amazon DynamoDB's front: one file per operation or tight family.

pub mod backups;
pub mod batch;
pub mod consumed;
pub mod create_table;
pub mod delete_item;
pub mod delete_table;
pub mod description;
pub mod get_item;
pub mod indexes;
pub mod limits;
pub mod list_tables;
pub mod params;
pub mod policy;
pub mod put_item;
pub mod query;
pub mod reading;
pub mod scan;
pub mod tags;
pub mod transact;
pub mod ttl;
pub mod update_item;
pub mod update_table;
pub mod wire;
pub mod write;
