//! PutObject, and what all ways of writing an object share.

use http::HeaderMap;
use pilvi_bus::http::Response;
use pilvi_store::WriteTx;

use super::answer::{self, Answer};
use super::body::{self, Stored};
use super::events::{Cause, Gone, announce};
use super::expire::expiration_header;
use super::object_headers as headers;
use super::request::Req;
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::checksum::Checksum;
use crate::object::conditions::{Conditions, Outcome};
use crate::object::etag::quote;
use crate::state::{Bucket, Encryption, Object};
use crate::versions::{self, Stamp};

/// PutObject.
pub async fn put_object(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    require_length(&req.headers, req.body.announced())?;
    let mut object = prepare(objects, req, &bucket)?;
    let conditions = write_conditions(req)?;
    let expected = headers::expected(req)?;
    if (object.retention.is_some() || object.hold.is_some())
        && expected.md5.is_none()
        && expected.checksum.is_none()
        && (req.header("x-amz-object-lock-mode").is_some() || req.header("x-amz-object-lock-legal-hold").is_some())
    {
        return Err(S3Error::request(
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
        ));
    }
    // A write that cannot come true should not cost the body's way to the disk.
    check_write(
        objects.platform.store.read(|tx| versions::current(tx, bucket.id, &req.key))?.as_ref(),
        &conditions,
        &req.key,
    )?;
    let stored = body::store(&objects.platform.blobs, &mut req.body, expected).await?;
    fill(&mut object, stored);
    let written = commit(objects, req, &bucket, object, conditions, "ObjectCreated:Put").await?;
    let answer = answer::status(200).set("content-length", "0").set("etag", quote(&written.etag));
    let answer = expiration_header(objects, &bucket, &req.key, &written, answer)?;
    Ok(written_headers(answer, &written))
}

/// A body needs its length announced.
pub fn require_length(headers: &HeaderMap, announced: Option<u64>) -> Result<()> {
    if announced.is_some() {
        return Ok(());
    }
    if headers.contains_key("transfer-encoding") {
        return Err(S3Error::from(Code::NotImplemented).with("Header", "Transfer-Encoding"));
    }
    Err(Code::MissingContentLength.into())
}

/// An object as its headers describe it, without its bytes.
pub fn prepare(objects: &Objects, req: &Req, bucket: &Bucket) -> Result<Object> {
    let now = objects.platform.clock.now_ms();
    let owner = headers::owner(req, bucket);
    let (retention, hold) = headers::lock(req, bucket, now)?;
    Ok(Object {
        place: 0,
        version: None,
        null_place: None,
        marker: false,
        modified: now,
        size: 0,
        etag: String::new(),
        checksum: None,
        pieces: Vec::new(),
        multipart: false,
        metadata: headers::metadata(req)?,
        tags: headers::tags(req)?,
        storage_class: headers::storage_class(req)?,
        encryption: headers::encryption(req, bucket)?,
        acl: headers::object_acl(req, bucket, &owner)?,
        retention,
        hold,
        restored: None,
        owner,
    })
}

/// Gives an object its bytes.
pub fn fill(object: &mut Object, stored: Stored) {
    object.size = stored.size;
    object.etag = entity_tag(&object.encryption, &stored.md5);
    object.checksum = Some(stored.checksum.clone());
    object.pieces =
        stored.into_piece(0).into_iter().map(|piece| crate::state::Piece { checksum: None, ..piece }).collect();
}

/// The entity tag of bytes: their MD5, unless they are encrypted by a key of KMS or of the client ("Object" in the API
/// reference): then it says nothing about them.
pub fn entity_tag(encryption: &Encryption, md5: &str) -> String {
    if encryption.kms_key.is_none() && encryption.customer_key_md5.is_none() {
        return md5.to_owned();
    }
    uuid::Uuid::new_v4().simple().to_string()
}

/// The conditions that a write may carry.
pub fn write_conditions(req: &Req) -> Result<Conditions> {
    let conditions = req.conditions();
    if conditions.if_match.is_some() && conditions.if_none_match.is_some() {
        return Err(S3Error::from(Code::NotImplemented)
            .with("Header", "If-Match,If-None-Match")
            .with("additionalMessage", "Multiple conditional request headers present in the request"));
    }
    if conditions.if_none_match.as_deref().is_some_and(|value| value.trim() != "*") {
        return Err(S3Error::from(Code::NotImplemented)
            .with("Header", "If-None-Match")
            .with("additionalMessage", "We don't accept the provided value of If-None-Match header for this API"));
    }
    if conditions.if_match.as_deref().is_some_and(|value| value.trim() == "*") {
        return Err(S3Error::from(Code::NotImplemented)
            .with("Header", "If-Match")
            .with("additionalMessage", "We don't accept the provided value of If-Match header for this API"));
    }
    Ok(Conditions { if_modified_since: None, if_unmodified_since: None, ..conditions })
}

/// Checks a write's conditions against the current version.
pub fn check_write(current: Option<&Object>, conditions: &Conditions, key: &str) -> Result<()> {
    let current = current.filter(|object| !object.marker);
    match current {
        None if conditions.if_match.is_some() => Err(S3Error::no_such_key(key)),
        None => Ok(()),
        Some(object) => match conditions.evaluate(&object.etag, object.modified.div_euclid(1000)) {
            Outcome::Go => Ok(()),
            Outcome::Failed(condition) | Outcome::NotModified(condition) => Err(S3Error::precondition(condition)),
        },
    }
}

/// Writes a prepared object and tells of it, in one transaction.
pub async fn commit(
    objects: &Objects,
    req: &Req,
    bucket: &Bucket,
    object: Object,
    conditions: Conditions,
    event: &'static str,
) -> Result<Object> {
    let (bucket, key) = (bucket.clone(), req.key.clone());
    let cause = Cause::of(objects, req);
    let stamp = objects.stamp();
    let write = move |tx: &mut WriteTx<'_>| -> Result<Object> {
        commit_in(tx, &bucket, &key, object.clone(), &conditions, event, &cause, stamp)
    };
    objects.platform.store.write(write).await
}

/// The same, inside a transaction that does more.
#[allow(clippy::too_many_arguments)] // one step of several transactions; a struct would only rename these
pub fn commit_in(
    tx: &mut WriteTx<'_>,
    known: &Bucket,
    key: &str,
    object: Object,
    conditions: &Conditions,
    event: &'static str,
    cause: &Cause,
    stamp: Stamp,
) -> Result<Object> {
    let bucket = versions::current_bucket(tx, known)?;
    if !conditions.is_empty() {
        check_write(versions::current(tx, bucket.id, key)?.as_ref(), conditions, key)?;
    }
    let written = versions::write(tx, &bucket, key, object, stamp)?;
    announce(tx, &bucket, key, &written, event, Gone::No, cause)?;
    Ok(written)
}

/// The headers with which every write answers, besides the entity tag.
pub fn written_headers(answer: Response, object: &Object) -> Response {
    let answer = checksum_headers(answer, object.checksum.as_ref());
    let answer = encryption_headers(answer, &object.encryption);
    version_header(answer, object)
}

/// `x-amz-version-id`. Null versions are named only where they are read.
pub fn version_header(answer: Response, object: &Object) -> Response {
    answer.maybe("x-amz-version-id", object.version.as_deref())
}

/// The headers of a checksum.
pub fn checksum_headers(answer: Response, checksum: Option<&Checksum>) -> Response {
    match checksum {
        Some(checksum) => {
            answer.set(checksum.algorithm.header(), &checksum.value).set("x-amz-checksum-type", checksum.kind.name())
        }
        None => answer,
    }
}

/// The headers of server-side encryption.
pub fn encryption_headers(answer: Response, encryption: &Encryption) -> Response {
    let answer = answer
        .maybe("x-amz-server-side-encryption", encryption.algorithm.as_deref())
        .maybe("x-amz-server-side-encryption-aws-kms-key-id", encryption.kms_key.as_deref());
    let answer = match &encryption.customer_key_md5 {
        Some(md5) => answer
            .set("x-amz-server-side-encryption-customer-algorithm", "AES256")
            .set("x-amz-server-side-encryption-customer-key-md5", md5),
        None => answer,
    };
    if encryption.bucket_key { answer.set("x-amz-server-side-encryption-bucket-key-enabled", "true") } else { answer }
}
