//! Objects and buckets themselves: the rules, free of HTTP, XML and the store.

pub mod acl;
pub mod bucket_name;
pub mod checksum;
pub mod conditions;
pub mod etag;
pub mod inline;
pub mod lifecycle;
pub mod listing;
pub mod lock;
pub mod multipart;
pub mod notify;
pub mod range;
pub mod tags;
pub mod version;
