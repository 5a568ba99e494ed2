//! CopyObject, and reading the source of a copy.

use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use pilvi_bus::AccessRequest;
use pilvi_bus::http::Response;
use pilvi_bus::region;

use super::answer::{self, Answer};
use super::body::{Sink, Stored, outgoing};
use super::get_object::check_customer_key;
use super::object_headers as headers;
use super::put_object::{commit, encryption_headers, prepare, version_header, write_conditions};
use super::request::Req;
use super::text::iso;
use super::xml::Writer;
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::checksum::Algorithm;
use crate::object::conditions::Outcome;
use crate::object::etag::quote;
use crate::object::multipart::GREATEST_PART;
use crate::object::range::{self, Span};
use crate::state::{BUCKETS, Bucket, DOCUMENTS, Encryption, Object};
use crate::versions;

/// The source of a copy.
pub struct Source {
    /// Its bucket.
    pub bucket: Bucket,
    /// Its key.
    pub key: String,
    /// The version.
    pub object: Object,
    /// Whether the version was named.
    pub versioned: bool,
}

impl Source {
    /// Finds the source that `x-amz-copy-source` names, if the caller may read it and its conditions hold.
    pub async fn find(objects: &Objects, req: &Req) -> Result<Self> {
        let header = req.header("x-amz-copy-source").unwrap_or_default();
        let invalid = |text: &'static str| S3Error::argument(text, "x-amz-copy-source", header);
        let (path, version) = match header.split_once("?versionId=") {
            Some((_, "")) => return Err(S3Error::argument("Version id cannot be the empty string", "versionId", "")),
            Some((path, version)) => (path, Some(version)),
            None => (header, None),
        };
        let path = percent_decode_str(path).decode_utf8().map_err(|_| invalid("Invalid copy source encoding."))?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (name, key) = path.split_once('/').unwrap_or((path, ""));
        if name.is_empty() || key.is_empty() {
            return Err(invalid("Copy Source must mention the source bucket and key: sourcebucket/sourcekey"));
        }
        let partition = region::partition(&req.ctx.region);
        let (bucket, policy, object) = objects.platform.store.read(|tx| -> Result<_> {
            let bucket = tx.get(&BUCKETS, &(partition, name))?.ok_or_else(|| S3Error::no_such_bucket(name))?;
            let policy = if bucket.has_policy { tx.get(&DOCUMENTS, &(bucket.id, "policy"))? } else { None };
            let object = versions::find(tx, bucket.id, key, version)?;
            Ok((bucket, policy, object))
        })?;
        let action = if version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
        let access = AccessRequest::new(action, format!("{}/{key}", bucket.arn()));
        let mut ctx = (*req.ctx).clone();
        ctx.account.clone_from(&bucket.account);
        let allowed = objects.platform.bus.authorize(&ctx, &access, policy.map(Into::into)).await;
        allowed.map_err(|error| S3Error::new(Code::AccessDenied, error.message))?;
        let object = object.ok_or_else(|| versions::missing(key, version))?;
        if object.marker {
            return Err(match version {
                Some(_) => S3Error::request(
                    "The source of a copy request may not specifically refer to a delete marker by version id.",
                ),
                None => S3Error::no_such_key(key),
            });
        }
        let conditions = req.conditions_of("x-amz-copy-source-");
        match conditions.evaluate(&object.etag, object.modified.div_euclid(1000)) {
            Outcome::Go => {}
            Outcome::Failed(name) | Outcome::NotModified(name) => {
                return Err(S3Error::precondition(&format!("x-amz-copy-source-{name}")));
            }
        }
        check_customer_key(&object, headers::customer_key(req, "copy-source-")?)?;
        Ok(Self { bucket, key: key.to_owned(), object, versioned: version.is_some() })
    }

    /// Reads a part of the source and stores it anew, hashing it on the way.
    pub async fn rewrite(&self, objects: &Objects, span: Span, algorithm: Algorithm) -> Result<Stored> {
        let blobs = &objects.platform.blobs;
        let mut body = outgoing(blobs, &self.object.pieces, span).await?;
        let mut sink = Sink::new(blobs, algorithm);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(S3Error::internal)?;
            if let Ok(bytes) = frame.into_data() {
                sink.write(&bytes).await?;
            }
        }
        sink.finish().await
    }
}

/// The part of a source that UploadPartCopy wants.
pub fn copied_span(req: &Req, size: u64) -> Result<Span> {
    let Some(header) = req.header("x-amz-copy-source-range") else { return Ok(Span { start: 0, length: size }) };
    let (first, last) = range::copy_source(header).ok_or_else(|| {
        S3Error::argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            header,
        )
    })?;
    if first >= size {
        return Err(S3Error::request("The specified copy range is invalid for the source object size"));
    }
    if last >= size {
        let text = format!("Range specified is not valid for source object of size: {size}");
        return Err(S3Error::argument(text, "x-amz-copy-source-range", header));
    }
    Ok(Span { start: first, length: last - first + 1 })
}

fn directive(req: &Req, name: &'static str) -> Result<bool> {
    match req.header(name) {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => {
            let what =
                if name.contains("tagging") { "Unknown tagging directive." } else { "Unknown metadata directive." };
            Err(S3Error::argument(what, name, other))
        }
    }
}

/// CopyObject.
pub async fn copy_object(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    let replace_metadata = directive(req, "x-amz-metadata-directive")?;
    let replace_tags = directive(req, "x-amz-tagging-directive")?;
    let source = Source::find(objects, req).await?;
    if source.object.size > GREATEST_PART {
        return Err(S3Error::request(
            "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120",
        ));
    }
    let same = source.bucket.id == bucket.id && source.key == req.key && !source.versioned;
    let changes = replace_metadata
        || [
            "x-amz-storage-class",
            "x-amz-server-side-encryption",
            "x-amz-website-redirect-location",
            "x-amz-server-side-encryption-customer-algorithm",
        ]
        .iter()
        .any(|name| req.headers.contains_key(*name));
    // What the bucket encrypts by default is a change, even to the same (measured, not documented).
    if same && !changes && bucket.encryption.is_none() {
        return Err(S3Error::request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let asked = prepare(objects, req, &bucket)?;
    let algorithm = match req.header("x-amz-checksum-algorithm") {
        Some(name) => Some(headers::algorithm(name, "x-amz-checksum-algorithm")?),
        None => None,
    };
    let mut object = Object { multipart: false, ..asked };
    if !replace_metadata {
        let redirect =
            object.metadata.system.iter().find(|(name, _)| name == "x-amz-website-redirect-location").cloned();
        object.metadata = source.object.metadata.clone();
        object.metadata.system.retain(|(name, _)| name != "x-amz-website-redirect-location");
        object.metadata.system.extend(redirect);
    }
    if !replace_tags {
        object.tags.clone_from(&source.object.tags);
    }
    // A multipart source becomes one piece with one hash; any other keeps its bytes where they are.
    let known = source.object.checksum.as_ref();
    let plain = |encryption: &Encryption| encryption.kms_key.is_none() && encryption.customer_key_md5.is_none();
    let same_tag = plain(&source.object.encryption) && plain(&object.encryption);
    let keep = same_tag
        && !source.object.multipart
        && algorithm.is_none_or(|wanted| known.is_some_and(|known| known.algorithm == wanted));
    if keep {
        object.size = source.object.size;
        object.etag.clone_from(&source.object.etag);
        object.checksum = known.cloned();
        object.pieces.clone_from(&source.object.pieces);
    } else {
        let wanted = algorithm.or(known.map(|known| known.algorithm)).unwrap_or(Algorithm::Crc64Nvme);
        let stored = source.rewrite(objects, Span { start: 0, length: source.object.size }, wanted).await?;
        super::put_object::fill(&mut object, stored);
    }
    let conditions = write_conditions(req)?;
    let written = commit(objects, req, &bucket, object, conditions, "ObjectCreated:Copy").await?;
    let mut writer = Writer::document("CopyObjectResult");
    writer.leaf("LastModified", &iso(written.modified));
    writer.leaf("ETag", &quote(&written.etag));
    if let Some(checksum) = &written.checksum {
        writer.leaf(checksum.algorithm.element(), &checksum.value);
        writer.leaf("ChecksumType", checksum.kind.name());
    }
    let answer = encryption_headers(answer::xml(writer.finish("CopyObjectResult")), &written.encryption);
    let answer = version_header(answer, &written);
    Ok(answer.maybe("x-amz-copy-source-version-id", source.object.version.as_deref()))
}
