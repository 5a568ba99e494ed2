//! A request on its way to its operation.

use http::{HeaderMap, Method};
use pilvi_bus::{AccessRequest, Ctx, Principal};

use super::body::Incoming;
use super::query::Query;
use super::text::parse_http_date;
use crate::errors::{Code, Result, S3Error};
use crate::object::acl::canonical_id;
use crate::object::conditions::Conditions;
use crate::state::Bucket;

/// Largest document a request may carry, in bytes (a DeleteObjects of a thousand of the longest keys fits).
const LARGEST_DOCUMENT: usize = 4 * 1024 * 1024;

/// A request.
pub struct Req {
    /// Who calls, and where.
    pub ctx: Ctx,
    /// Method.
    pub method: Method,
    /// Bucket name; empty for the service.
    pub bucket_name: String,
    /// The bucket, if there is one of that name.
    pub found: Option<Bucket>,
    /// Key; empty for the bucket.
    pub key: String,
    /// Query.
    pub query: Query,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Incoming,
    /// `x-amz-id-2` of the answer.
    pub host_id: String,
    /// The bucket's policy.
    pub policy: Option<std::sync::Arc<str>>,
}

impl Req {
    /// The bucket.
    pub fn bucket(&self) -> Result<&Bucket> {
        self.found.as_ref().ok_or_else(|| S3Error::no_such_bucket(&self.bucket_name))
    }

    /// A header, if it is readable text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The requested version.
    pub fn version(&self) -> Result<Option<&str>> {
        match self.query.get("versionId") {
            Some("") => Err(S3Error::argument("Version id cannot be the empty string", "versionId", "")),
            other => Ok(other),
        }
    }

    /// The conditions on the object itself.
    pub fn conditions(&self) -> Conditions {
        self.conditions_of("")
    }

    /// The conditions with a prefix (`x-amz-copy-source-`).
    pub fn conditions_of(&self, prefix: &str) -> Conditions {
        let text = |name: &str| self.header(&format!("{prefix}{name}")).map(str::to_owned);
        let time = |name: &str| self.header(&format!("{prefix}{name}")).and_then(parse_http_date);
        Conditions {
            if_match: text("if-match"),
            if_none_match: text("if-none-match"),
            if_modified_since: time("if-modified-since"),
            if_unmodified_since: time("if-unmodified-since"),
        }
    }

    /// The caller's canonical id; the anonymous one's for unsigned requests.
    pub fn caller_id(&self) -> String {
        match &self.ctx.principal {
            Principal::Anonymous => "65a011a29cdf8ec533ec3d1ccaae921c".to_owned(),
            principal => canonical_id(principal.account()),
        }
    }

    /// The document in the body; empty bodies are refused.
    pub async fn document(&mut self) -> Result<bytes::Bytes> {
        let document = self.optional_document().await?;
        if document.is_empty() { Err(Code::MissingRequestBodyError.into()) } else { Ok(document) }
    }

    /// The document in the body, if any, checked against `Content-MD5` and checksum headers.
    pub async fn optional_document(&mut self) -> Result<bytes::Bytes> {
        use md5::Digest;
        let document = self.body.all(LARGEST_DOCUMENT).await?;
        if let Some(declared) = super::object_headers::content_md5(self)? {
            let computed = md5::Md5::digest(&document);
            if computed.as_slice() != declared.as_slice() {
                return Err(Code::BadDigest.into());
            }
        }
        for algorithm in crate::object::checksum::ALL {
            let Some(value) = self.header(algorithm.header()) else { continue };
            if crate::object::checksum::of(algorithm, &document).value != value {
                let text = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
                return Err(S3Error::new(Code::BadDigest, text));
            }
        }
        Ok(document)
    }

    /// The ARN of the bucket or object that this request names.
    pub fn resource(&self) -> String {
        let region = self.found.as_ref().map_or(self.ctx.region.as_str(), |b| b.region.as_str());
        let partition = pilvi_bus::region::partition(region);
        match (self.bucket_name.as_str(), self.key.as_str()) {
            ("", _) => "*".to_owned(),
            (bucket, "") => format!("arn:{partition}:s3:::{bucket}"),
            (bucket, key) => format!("arn:{partition}:s3:::{bucket}/{key}"),
        }
    }

    /// An action on this request's resource, with S3's condition keys.
    pub fn access(&self, action: &'static str) -> AccessRequest {
        let mut access = AccessRequest::new(action, self.resource());
        for (key, name) in [
            ("s3:prefix", "prefix"),
            ("s3:delimiter", "delimiter"),
            ("s3:max-keys", "max-keys"),
            ("s3:VersionId", "versionId"),
        ] {
            if let Some(value) = self.query.get(name) {
                access = access.with(key, value);
            }
        }
        for (key, name) in [
            ("s3:x-amz-acl", "x-amz-acl"),
            ("s3:x-amz-copy-source", "x-amz-copy-source"),
            ("s3:x-amz-metadata-directive", "x-amz-metadata-directive"),
            ("s3:x-amz-server-side-encryption", "x-amz-server-side-encryption"),
            ("s3:x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-aws-kms-key-id"),
            ("s3:x-amz-storage-class", "x-amz-storage-class"),
        ] {
            if let Some(value) = self.header(name) {
                access = access.with(key, value);
            }
        }
        access
    }
}
