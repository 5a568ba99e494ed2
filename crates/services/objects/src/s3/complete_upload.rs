//! CompleteMultipartUpload: the parts become the object's pieces, without a byte being copied.

use std::collections::BTreeMap;

use pilvi_bus::http::Response;
use pilvi_store::{Range, WriteTx};

use super::answer;
use super::events::Cause;
use super::expire::expiration_header;
use super::put_object::{check_write, commit_in, encryption_headers, version_header, write_conditions};
use super::request::Req;
use super::text::encode_path;
use super::uploads::{find, forget};
use super::xml::{Element, Writer};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::checksum::{ALL, Algorithm, Checksum, Kind, of_parts};
use crate::object::conditions::Conditions;
use crate::object::etag::{of_parts as etag_of_parts, quote};
use crate::object::multipart::{MOST_PARTS, Named, Uploaded, check};
use crate::state::{Object, PARTS, Part, Upload};
use crate::versions;

/// CompleteMultipartUpload.
pub async fn complete(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    let id = req.query.get("uploadId").unwrap_or_default().to_owned();
    let conditions = write_conditions(req)?;
    let declared_size = req.header("x-amz-mp-object-size").and_then(|text| text.parse::<u64>().ok());
    let declared = declared_checksum(req)?;
    // Checksum headers describe the object here, not the document.
    let document = req.body.all(4 * 1024 * 1024).await?;
    if document.is_empty() {
        return Err(S3Error::request("You must specify at least one part"));
    }
    let named = named(&document)?;
    let cause = Cause::of(objects, req);
    let stamp = objects.stamp();
    let (known, key) = (bucket.clone(), req.key.clone());
    let write = move |tx: &mut WriteTx<'_>| -> Result<(Object, Option<(Algorithm, Kind)>)> {
        let bucket = versions::current_bucket(tx, &known)?;
        let upload = find(tx, &bucket, &key, &id)?;
        check_conflict(tx, bucket.id, &key, &upload, &conditions)?;
        let mut parts = BTreeMap::new();
        for entry in tx.range(&PARTS, Range::prefix(&(id.as_str(),))) {
            let ((_, number), part) = entry?;
            parts.insert(number, part);
        }
        if let Some((algorithm, Kind::Composite)) = upload.checksum {
            require_checksums(&named, algorithm)?;
        }
        check(&id, &named, |number| {
            parts.get(&number).map(|part: &Part| Uploaded {
                etag: &part.etag,
                size: part.piece.size,
                checksum: part.piece.checksum.as_ref(),
            })
        })?;
        let chosen: Vec<&Part> = named.iter().filter_map(|named| parts.get(&named.number)).collect();
        let object = assemble(&upload, &chosen, cause.now)?;
        check_declared(&object, declared.as_ref(), declared_size)?;
        let wanted = upload.checksum;
        let written =
            commit_in(tx, &bucket, &key, object, &conditions, "ObjectCreated:CompleteMultipartUpload", &cause, stamp)?;
        forget(tx, bucket.id, &key, &id)?;
        Ok((written, wanted))
    };
    let (object, _) = objects.platform.store.write(write).await?;
    let mut writer = Writer::document("CompleteMultipartUploadResult");
    writer.leaf("Location", &format!("{}/{}/{}", req.ctx.endpoint, bucket.name, encode_path(&req.key)));
    writer.leaf("Bucket", &bucket.name);
    writer.leaf("Key", &req.key);
    writer.leaf("ETag", &quote(&object.etag));
    if let Some(checksum) = &object.checksum {
        writer.leaf(checksum.algorithm.element(), &checksum.value);
        writer.leaf("ChecksumType", checksum.kind.name());
    }
    let answer = encryption_headers(answer::xml(writer.finish("CompleteMultipartUploadResult")), &object.encryption);
    let answer = expiration_header(objects, &bucket, &req.key, &object, answer)?;
    Ok(version_header(answer, &object))
}

/// A conditional completion fails where the key was written or deleted since the upload began.
fn check_conflict(
    tx: &WriteTx<'_>,
    bucket: uuid::Uuid,
    key: &str,
    upload: &Upload,
    conditions: &Conditions,
) -> Result<()> {
    if conditions.is_empty() {
        return Ok(());
    }
    let current = versions::current(tx, bucket, key)?;
    check_write(current.as_ref(), conditions, key)?;
    if !upload.overtaken && current.is_none_or(|object| object.modified <= upload.begun) {
        return Ok(());
    }
    let condition = if conditions.if_match.is_some() { "If-Match" } else { "If-None-Match" };
    Err(S3Error::from(Code::ConditionalRequestConflict).with("Condition", condition).with("Key", key))
}

/// A checksum of checksums needs each part's again.
fn require_checksums(named: &[Named], algorithm: Algorithm) -> Result<()> {
    let missing = named.iter().find(|part| part.checksums.iter().all(|(given, _)| *given != algorithm));
    missing.map_or(Ok(()), |part| {
        Err(S3Error::request(format!(
            "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
            algorithm.name().to_ascii_lowercase(),
            part.number
        )))
    })
}

fn named(document: &[u8]) -> Result<Vec<Named>> {
    let root = Element::parse(document)?;
    if root.name != "CompleteMultipartUpload" && root.name != "CompletedMultipartUpload" {
        return Err(Code::MalformedXML.into());
    }
    let mut named = Vec::new();
    for part in root.all("Part") {
        let number = part.required("PartNumber")?.trim().parse::<u32>().map_err(|_| Code::MalformedXML)?;
        if !(1..=MOST_PARTS).contains(&number) {
            return Err(S3Error::argument("PartNumber must be >= 1 and <= 10000", "PartNumber", number.to_string()));
        }
        let checksums = ALL.iter().filter_map(|a| Some((*a, part.text_of(a.element())?.to_owned()))).collect();
        named.push(Named { number, etag: part.required("ETag")?.to_owned(), checksums });
    }
    if named.is_empty() { Err(Code::MalformedXML.into()) } else { Ok(named) }
}

/// The checksum of the whole object that the client states.
fn declared_checksum(req: &Req) -> Result<Option<(Algorithm, String)>> {
    let mut declared = None;
    for algorithm in ALL {
        let Some(value) = req.header(algorithm.header()) else { continue };
        declared = Some((algorithm, value.to_owned()));
    }
    Ok(declared)
}

fn assemble(upload: &Upload, parts: &[&Part], now: i64) -> Result<Object> {
    let (algorithm, kind) = upload.checksum.unwrap_or((Algorithm::Crc64Nvme, Kind::FullObject));
    let values = parts.iter().map(|part| {
        let known = part.piece.checksum.as_ref().filter(|known| known.algorithm == algorithm);
        (known.map(|known| known.value.as_str()), part.piece.size)
    });
    let checksum: Option<Checksum> = of_parts(algorithm, kind, values);
    let size = parts.iter().map(|part| part.piece.size).sum();
    Ok(Object {
        place: 0,
        version: None,
        null_place: None,
        marker: false,
        modified: now,
        owner: upload.owner.clone(),
        size,
        etag: etag_of_parts(parts.iter().map(|part| part.etag.as_str())),
        checksum,
        pieces: parts.iter().map(|part| part.piece.clone()).collect(),
        multipart: true,
        metadata: upload.metadata.clone(),
        tags: upload.tags.clone(),
        storage_class: upload.storage_class.clone(),
        encryption: upload.encryption.clone(),
        acl: upload.acl.clone(),
        retention: upload.retention,
        hold: upload.hold,
        restored: None,
    })
}

fn check_declared(object: &Object, declared: Option<&(Algorithm, String)>, size: Option<u64>) -> Result<()> {
    if size.is_some_and(|size| size != object.size) {
        return Err(S3Error::request(format!(
            "The provided 'x-amz-mp-object-size' header value {} does not match what was computed: {}",
            size.unwrap_or_default(),
            object.size
        )));
    }
    let (Some((algorithm, value)), Some(computed)) = (declared, &object.checksum) else { return Ok(()) };
    let bare = value.split_once('-').map_or(value.as_str(), |(bare, _)| bare);
    let computed_bare = computed.value.split_once('-').map_or(computed.value.as_str(), |(bare, _)| bare);
    if *algorithm == computed.algorithm && bare != computed_bare {
        let text = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
        return Err(S3Error::new(Code::BadDigest, text));
    }
    Ok(())
}
