//! Read and write objects.

use async_trait::async_trait;
use bytes::Bytes;

use crate::http::Body;
use crate::{ApiError, Ctx};

/// Which object.
#[derive(Clone, Debug)]
pub struct ObjectName {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version; the current one where there is none.
    pub version: Option<String>,
}

/// An object's body.
pub struct ObjectBody {
    /// Bytes in all.
    pub size: u64,
    /// The bytes, streamed.
    pub body: Body,
    /// The ETag, without quotes.
    pub etag: String,
}

/// The typed calls of objects. Each is authorized as the caller of `ctx` (`s3:GetObject` and so on).
#[async_trait]
pub trait ObjectCalls: Send + Sync {
    /// Reads an object.
    async fn get(&self, ctx: &Ctx, name: &ObjectName) -> Result<ObjectBody, ApiError>;
    /// Writes an object, held in memory: for small ones.
    async fn put(&self, ctx: &Ctx, name: &ObjectName, body: Bytes) -> Result<(), ApiError>;
}
