//! Amazon's front on the objects: the S3 REST API.
//!
//! The wire format is our own rather than a crate's. `s3s` (0.14.1) was weighed and left out: its errors carry only code and text where S3's name
//! the key, argument or condition; it verifies times with the wall clock, which cannot be moved; it decodes chunked bodies only
//! of clients whose secret is known, while local setups sign with any key; and CORS, websites and strictness in AWS's order would have been
//! ours anyway. restXml is small when a document is a tree: `xml`, `query`, `address`, `signature` and `chunked` are all of it.

pub mod address;
pub mod answer;
pub mod body;
pub mod chunked;
pub mod events;
pub mod front;
pub mod identify;
pub mod object_headers;
pub mod operation;
pub mod query;
pub mod request;
pub mod signature;
pub mod text;
pub mod xml;

pub mod acls;
pub mod attributes;
pub mod buckets;
pub mod checks;
pub mod complete_upload;
pub mod copy_object;
pub mod cors;
pub mod delete_object;
pub mod documents;
pub mod expire;
pub mod get_object;
pub mod lifecycle;
pub mod list_objects;
pub mod list_uploads;
pub mod list_versions;
pub mod locks;
pub mod notification;
pub mod policy;
pub mod post_object;
pub mod put_object;
pub mod restore;
pub mod settings;
pub mod tagging;
pub mod uploads;
pub mod website;
