//! The typed calls that other services make: read and write an object as their caller.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use pilvi_bus::calls::{ObjectBody, ObjectCalls, ObjectName};
use pilvi_bus::{ApiError, Ctx};

use crate::Objects;
use crate::errors::S3Error;
use crate::object::conditions::Conditions;
use crate::object::range::Span;
use crate::s3::address::Address;
use crate::s3::body::{self, Expected, Incoming};
use crate::s3::get_object::readable;
use crate::s3::put_object::{commit, fill, prepare};
use crate::s3::query::Query;
use crate::s3::request::Req;

impl From<S3Error> for ApiError {
    fn from(error: S3Error) -> Self {
        ApiError::new(error.code.as_str(), error.code.status(), error.message.into_owned())
    }
}

impl Objects {
    /// A request from inside.
    fn inner_request(&self, ctx: &Ctx, name: &ObjectName, method: Method, body: Bytes) -> Result<Req, ApiError> {
        let query = match &name.version {
            Some(version) => Query::parse(&format!("versionId={}", crate::s3::text::encode_strict(version)))?,
            None => Query::default(),
        };
        let mut parts = http::Request::new(()).into_parts().0;
        parts.method = method;
        parts.headers = HeaderMap::new();
        let address = Address { bucket: Some(name.bucket.clone()), key: Some(name.key.clone()), virtual_host: false };
        let size = body.len() as u64;
        let incoming = Incoming::new(pilvi_bus::http::full(body), None, None, Some(size));
        Ok(self.request(parts, address, query, (**ctx).clone(), incoming, "")?)
    }
}

/// The typed calls on the service.
pub struct Calls(pub Arc<Objects>);

#[async_trait]
impl ObjectCalls for Calls {
    async fn get(&self, ctx: &Ctx, name: &ObjectName) -> Result<ObjectBody, ApiError> {
        let req = self.0.inner_request(ctx, name, Method::GET, Bytes::new())?;
        let bucket = req.bucket()?;
        let action = if name.version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
        self.0.authorize(&req, &req.access(action)).await?;
        let object = readable(&self.0, &req, bucket)?;
        let span = Span { start: 0, length: object.size };
        let body = body::outgoing(&self.0.platform.blobs, &object.pieces, span).await?;
        Ok(ObjectBody { size: object.size, body, etag: object.etag })
    }

    async fn put(&self, ctx: &Ctx, name: &ObjectName, bytes: Bytes) -> Result<(), ApiError> {
        let mut req = self.0.inner_request(ctx, name, Method::PUT, bytes)?;
        let bucket = req.bucket()?.clone();
        self.0.authorize(&req, &req.access("s3:PutObject")).await?;
        let mut object = prepare(&self.0, &req, &bucket)?;
        let stored = body::store(&self.0.platform.blobs, &mut req.body, Expected::default()).await?;
        fill(&mut object, stored);
        commit(&self.0, &req, &bucket, object, Conditions::default(), "ObjectCreated:Put").await?;
        Ok(())
    }
}
