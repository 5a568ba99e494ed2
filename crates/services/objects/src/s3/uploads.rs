//! CreateMultipartUpload, UploadPart, UploadPartCopy, AbortMultipartUpload.

use pilvi_bus::Principal;
use pilvi_bus::http::Response;
use pilvi_store::{Range, ReadTx, WriteTx};
use uuid::Uuid;

use super::answer::{self, Answer};
use super::body;
use super::copy_object::{Source, copied_span};
use super::object_headers as headers;
use super::put_object::{encryption_headers, entity_tag, prepare, require_length};
use super::request::Req;
use super::text::iso;
use super::xml::Writer;
use crate::Objects;
use crate::errors::{Result, S3Error};
use crate::object::checksum::{Algorithm, Kind};
use crate::object::etag::quote;
use crate::object::multipart::MOST_PARTS;
use crate::state::{Bucket, PARTS, Part, Piece, UPLOADS, Upload};
use crate::versions;

/// The upload that a request names.
pub fn find(tx: &ReadTx<'_>, bucket: &Bucket, key: &str, id: &str) -> Result<Upload> {
    let upload = tx.get(&UPLOADS, &(bucket.id, key, id))?;
    upload.ok_or_else(|| S3Error::no_such_upload(id))
}

/// Deletes an upload with its parts.
pub fn forget(tx: &mut WriteTx<'_>, bucket: Uuid, key: &str, id: &str) -> Result<()> {
    let parts = tx.range(&PARTS, Range::prefix(&(id,))).collect::<std::result::Result<Vec<_>, _>>()?;
    for (number, part) in parts {
        versions::release_piece(tx, &part.piece)?;
        tx.delete(&PARTS, &number)?;
    }
    tx.delete(&UPLOADS, &(bucket, key, id))?;
    Ok(())
}

/// Notes in the uploads of a key that its object was deleted.
pub fn overtake(tx: &mut WriteTx<'_>, bucket: Uuid, key: &str) -> Result<()> {
    let uploads = tx.range(&UPLOADS, Range::prefix(&(bucket, key))).collect::<std::result::Result<Vec<_>, _>>()?;
    for (id, upload) in uploads {
        tx.put(&UPLOADS, &id, &Upload { overtaken: true, ..upload })?;
    }
    Ok(())
}

/// CreateMultipartUpload.
pub async fn create(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    let object = prepare(objects, req, &bucket)?;
    let checksum = wanted_checksum(req)?;
    let upload = Upload {
        begun: object.modified,
        owner: object.owner,
        // An account by its canonical id, a user or role by its ARN.
        initiator: match &req.ctx.principal {
            Principal::Root { .. } | Principal::Anonymous => req.caller_id(),
            principal => principal.arn(&bucket.region),
        },
        checksum,
        metadata: object.metadata,
        tags: object.tags,
        storage_class: object.storage_class,
        encryption: object.encryption.clone(),
        acl: object.acl,
        retention: object.retention,
        hold: object.hold,
        overtaken: false,
    };
    // The time in front keeps the uploads of a key in the order they were begun.
    let id = format!("{:016x}{}", upload.begun, Uuid::new_v4().simple());
    let (known, key, stored_id) = (bucket.clone(), req.key.clone(), id.clone());
    let write = move |tx: &mut WriteTx<'_>| -> Result<()> {
        let bucket = versions::current_bucket(tx, &known)?;
        Ok(tx.put(&UPLOADS, &(bucket.id, key.as_str(), stored_id.as_str()), &upload)?)
    };
    objects.platform.store.write(write).await?;
    let mut writer = Writer::document("InitiateMultipartUploadResult");
    writer.leaf("Bucket", &bucket.name);
    writer.leaf("Key", &req.key);
    writer.leaf("UploadId", &id);
    let answer = encryption_headers(answer::xml(writer.finish("InitiateMultipartUploadResult")), &object.encryption);
    Ok(match checksum {
        Some((algorithm, kind)) => {
            answer.set("x-amz-checksum-algorithm", algorithm.name()).set("x-amz-checksum-type", kind.name())
        }
        None => answer,
    })
}

fn wanted_checksum(req: &Req) -> Result<Option<(Algorithm, Kind)>> {
    let kind = match req.header("x-amz-checksum-type") {
        None => None,
        Some(text) => Some(
            Kind::parse(text).ok_or_else(|| S3Error::request("Value for x-amz-checksum-type header is invalid."))?,
        ),
    };
    let Some(name) = req.header("x-amz-checksum-algorithm") else {
        return match kind {
            Some(_) => Err(S3Error::request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
            None => Ok(None),
        };
    };
    let algorithm = headers::algorithm(name, "x-amz-checksum-algorithm")?;
    let kind = kind.unwrap_or(algorithm.default_kind());
    if !algorithm.supports(kind) {
        let text = format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.name(),
            algorithm.name().to_ascii_lowercase()
        );
        return Err(S3Error::request(text));
    }
    Ok(Some((algorithm, kind)))
}

fn part_number(req: &Req) -> Result<u32> {
    let text = req.query.get("partNumber").unwrap_or_default();
    let number = text.parse::<u32>().ok().filter(|number| (1..=MOST_PARTS).contains(number));
    number.ok_or_else(|| {
        S3Error::argument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", text)
    })
}

fn upload_id(req: &Req) -> &str {
    req.query.get("uploadId").unwrap_or_default()
}

/// UploadPart.
pub async fn upload_part(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    let number = part_number(req)?;
    require_length(&req.headers, req.body.announced())?;
    let id = upload_id(req).to_owned();
    let upload = objects.platform.store.read(|tx| find(tx, &bucket, &req.key, &id))?;
    check_key(&upload, headers::customer_key(req, "")?)?;
    let mut expected = headers::expected(req)?;
    let given = expected.checksum.as_ref().map(|(algorithm, _)| *algorithm);
    if let Some((algorithm, _)) = upload.checksum {
        if given.is_some_and(|given| given != algorithm) {
            return Err(S3Error::request(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                algorithm.name().to_ascii_lowercase(),
                given.map_or("null", Algorithm::name).to_ascii_lowercase()
            )));
        }
        if given.is_none() {
            expected.checksum = Some((algorithm, None));
        }
    }
    // The object's checksum is the CRC-64 where the upload names none, whichever the parts bring.
    expected.also_crc64 = upload.checksum.is_none();
    let mut stored = body::store(&objects.platform.blobs, &mut req.body, expected).await?;
    stored.md5 = entity_tag(&upload.encryption, &stored.md5);
    let answer = answer::status(200).set("content-length", "0").set("etag", quote(&stored.md5));
    let answer = match upload.checksum.map(|(algorithm, _)| algorithm).or(given) {
        Some(algorithm) => answer.set(algorithm.header(), &stored.checksum.value),
        None => answer,
    };
    if let Some(crc64) = stored.crc64.take() {
        stored.checksum = crc64;
    }
    save(objects, req, &bucket, &id, number, stored).await?;
    Ok(encryption_headers(answer, &upload.encryption))
}

fn check_key(upload: &Upload, given: Option<String>) -> Result<()> {
    match (&upload.encryption.customer_key_md5, given) {
        (None, None) => Ok(()),
        (Some(known), Some(given)) if *known == given => Ok(()),
        (Some(_), None) => Err(S3Error::request(
            "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
        )),
        _ => Err(S3Error::request("The provided encryption parameters did not match the ones used originally.")),
    }
}

async fn save(
    objects: &Objects,
    req: &Req,
    bucket: &Bucket,
    id: &str,
    number: u32,
    stored: body::Stored,
) -> Result<i64> {
    let modified = objects.platform.clock.now_ms();
    let etag = stored.md5.clone();
    let (size, checksum) = (stored.size, Some(stored.checksum.clone()));
    let empty = crate::state::Data::Inline(crate::object::inline::Inline::default());
    let piece = Piece { number, size, checksum, data: stored.data.unwrap_or(empty) };
    let part = Part { modified, etag, piece };
    let (known, key, id) = (bucket.clone(), req.key.clone(), id.to_owned());
    let write = move |tx: &mut WriteTx<'_>| -> Result<()> {
        let bucket = versions::current_bucket(tx, &known)?;
        find(tx, &bucket, &key, &id)?;
        versions::retain_piece(tx, &part.piece)?;
        if let Some(replaced) = tx.get(&PARTS, &(id.as_str(), number))? {
            versions::release_piece(tx, &replaced.piece)?;
        }
        Ok(tx.put(&PARTS, &(id.as_str(), number), &part)?)
    };
    objects.platform.store.write(write).await?;
    Ok(modified)
}

/// UploadPartCopy.
pub async fn upload_part_copy(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    let number = part_number(req)?;
    let id = upload_id(req).to_owned();
    let upload = objects.platform.store.read(|tx| find(tx, &bucket, &req.key, &id))?;
    let source = Source::find(objects, req).await?;
    let span = copied_span(req, source.object.size)?;
    let algorithm = upload.checksum.map_or(Algorithm::Crc64Nvme, |(algorithm, _)| algorithm);
    let mut stored = source.rewrite(objects, span, algorithm).await?;
    stored.md5 = entity_tag(&upload.encryption, &stored.md5);
    let (md5, checksum) = (stored.md5.clone(), stored.checksum.clone());
    let modified = save(objects, req, &bucket, &id, number, stored).await?;
    let mut writer = Writer::document("CopyPartResult");
    writer.leaf("LastModified", &iso(modified));
    writer.leaf("ETag", &quote(&md5));
    if upload.checksum.is_some() {
        writer.leaf(checksum.algorithm.element(), &checksum.value);
    }
    let answer = answer::xml(writer.finish("CopyPartResult"));
    let answer = answer.maybe("x-amz-copy-source-version-id", source.object.version.as_deref());
    Ok(encryption_headers(answer, &upload.encryption))
}

/// AbortMultipartUpload.
pub async fn abort(objects: &Objects, req: &mut Req) -> Result<Response> {
    let (known, key, id) = (req.bucket()?.clone(), req.key.clone(), upload_id(req).to_owned());
    let write = move |tx: &mut WriteTx<'_>| -> Result<()> {
        let bucket = versions::current_bucket(tx, &known)?;
        find(tx, &bucket, &key, &id)?;
        forget(tx, bucket.id, &key, &id)
    };
    objects.platform.store.write(write).await?;
    Ok(answer::status(204))
}
