//! ListParts and ListMultipartUploads.

use pilvi_bus::http::Response;
use pilvi_store::Range;

use super::answer;
use super::list_objects::{Asked, prefixes};
use super::request::Req;
use super::text::iso;
use super::uploads::find;
use super::xml::Writer;
use crate::Objects;
use crate::errors::{Result, S3Error};
use crate::object::etag::quote;
use crate::object::listing::{Lister, Step};
use crate::state::{PARTS, UPLOADS, Upload};

fn number(req: &Req, name: &'static str, default: usize) -> Result<usize> {
    match req.query.get(name) {
        None | Some("") => Ok(default),
        Some(text) => text.parse::<u32>().map(|n| n as usize).map_err(|_| {
            S3Error::argument(format!("Provided {name} not an integer or within integer range"), name, text)
        }),
    }
}

fn people(writer: &mut Writer, upload: &Upload) {
    writer.open("Initiator");
    writer.leaf("ID", &upload.initiator);
    writer.close("Initiator");
    writer.open("Owner");
    writer.leaf("ID", &upload.owner);
    writer.close("Owner");
    writer.leaf("StorageClass", upload.storage_class.as_deref().unwrap_or("STANDARD"));
}

fn checksum(writer: &mut Writer, upload: &Upload) {
    if let Some((algorithm, kind)) = upload.checksum {
        writer.leaf("ChecksumAlgorithm", algorithm.name());
        writer.leaf("ChecksumType", kind.name());
    }
}

/// ListParts.
pub async fn list_parts(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let id = req.query.get("uploadId").unwrap_or_default();
    let limit = number(req, "max-parts", 1000)?.min(1000);
    let marker = u32::try_from(number(req, "part-number-marker", 0)?).unwrap_or(u32::MAX);
    let mut parts = Vec::new();
    let mut truncated = false;
    let upload = objects.platform.store.read(|tx| -> Result<Upload> {
        let upload = find(tx, bucket, &req.key, id)?;
        for entry in tx.range(&PARTS, Range::prefix(&(id,)).after(&(id, marker))) {
            if parts.len() == limit {
                truncated = true;
                break;
            }
            parts.push(entry?);
        }
        Ok(upload)
    })?;
    let mut writer = Writer::document("ListPartsResult");
    writer.leaf("Bucket", &bucket.name);
    writer.leaf("Key", &req.key);
    writer.leaf("UploadId", id);
    people(&mut writer, &upload);
    writer.value("PartNumberMarker", marker);
    writer.value("NextPartNumberMarker", parts.last().map_or(0, |((_, number), _)| *number));
    writer.value("MaxParts", limit);
    writer.value("IsTruncated", truncated);
    checksum(&mut writer, &upload);
    for ((_, number), part) in &parts {
        writer.open("Part");
        writer.value("PartNumber", number);
        writer.leaf("LastModified", &iso(part.modified));
        writer.leaf("ETag", &quote(&part.etag));
        writer.value("Size", part.piece.size);
        if let Some(known) = part.piece.checksum.as_ref().filter(|_| upload.checksum.is_some()) {
            writer.leaf(known.algorithm.element(), &known.value);
        }
        writer.close("Part");
    }
    Ok(answer::xml(writer.finish("ListPartsResult")))
}

/// ListMultipartUploads.
pub async fn list_multipart_uploads(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let asked = Asked::read(req)?;
    let limit = number(req, "max-uploads", 1000)?.min(1000);
    let key_marker = req.query.get("key-marker").filter(|text| !text.is_empty());
    // Without a key marker the upload id marker is ignored.
    let id_marker = req.query.get("upload-id-marker").filter(|text| !text.is_empty() && key_marker.is_some());
    let mut found: Vec<(String, String, Upload)> = Vec::new();
    let mut groups: Vec<String> = Vec::new();
    let mut truncated = false;
    let mut last = (String::new(), String::new());
    objects.platform.store.read(|tx| -> Result<()> {
        let mut lister = Lister::new(&asked.prefix, asked.delimiter.as_deref(), None, usize::MAX);
        let mut from = lister.start().max(key_marker.unwrap_or_default()).to_owned();
        'seek: loop {
            for entry in tx.range(&UPLOADS, Range::prefix(&(bucket.id,)).from(&(bucket.id, from.as_str()))) {
                let ((_, key, id), upload) = entry?;
                let before = match (key_marker, id_marker) {
                    (Some(marker), Some(id_marker)) => key == marker && id.as_str() <= id_marker,
                    (Some(marker), None) => key == marker,
                    _ => false,
                };
                if before {
                    continue;
                }
                let full = found.len() + groups.len() >= limit;
                match lister.offer(&key) {
                    Step::Entry | Step::Prefix { .. } if full => {
                        truncated = limit > 0;
                        return Ok(());
                    }
                    Step::Entry => {
                        last = (key.clone(), id.clone());
                        found.push((key, id, upload));
                    }
                    Step::Prefix { prefix, resume } => {
                        last = (prefix.clone(), String::new());
                        groups.push(prefix);
                        let Some(resume) = resume else { return Ok(()) };
                        from = resume;
                        continue 'seek;
                    }
                    Step::Jump(Some(resume)) => {
                        from = resume;
                        continue 'seek;
                    }
                    Step::Jump(None) | Step::End | Step::Full => return Ok(()),
                    Step::Skip => {}
                }
            }
            return Ok(());
        }
    })?;
    let mut writer = Writer::document("ListMultipartUploadsResult");
    writer.leaf("Bucket", &bucket.name);
    writer.leaf("KeyMarker", &asked.show(key_marker.unwrap_or_default()));
    writer.leaf("UploadIdMarker", id_marker.unwrap_or_default());
    writer.leaf("NextKeyMarker", &asked.show(&last.0));
    writer.leaf("NextUploadIdMarker", &last.1);
    if !asked.prefix.is_empty() {
        writer.leaf("Prefix", &asked.show(&asked.prefix));
    }
    writer.maybe("Delimiter", asked.delimiter.as_deref().map(|text| asked.show(text)).as_deref());
    if asked.encode {
        writer.leaf("EncodingType", "url");
    }
    writer.value("MaxUploads", limit);
    writer.value("IsTruncated", truncated);
    for (key, id, upload) in &found {
        writer.open("Upload");
        writer.leaf("Key", &asked.show(key));
        writer.leaf("UploadId", id);
        people(&mut writer, upload);
        writer.leaf("Initiated", &iso(upload.begun));
        checksum(&mut writer, upload);
        writer.close("Upload");
    }
    prefixes(&mut writer, &asked, &groups);
    Ok(answer::xml(writer.finish("ListMultipartUploadsResult")))
}
