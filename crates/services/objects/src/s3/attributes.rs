//! GetObjectAttributes.

use pilvi_bus::http::Response;

use super::answer::{self, Answer};
use super::get_object::{check_customer_key, readable};
use super::object_headers::customer_key;
use super::request::Req;
use super::text::http_date;
use super::xml::Writer;
use crate::Objects;
use crate::errors::{Result, S3Error};
use crate::object::checksum::Kind;
use crate::state::{Object, Versioning};

const KNOWN: &[&str] = &["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

/// GetObjectAttributes.
pub async fn get_object_attributes(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let mut wanted: Vec<String> = Vec::new();
    for value in req.headers.get_all("x-amz-object-attributes") {
        let text = value.to_str().unwrap_or_default();
        wanted.extend(text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()));
    }
    if wanted.is_empty() {
        return Err(S3Error::argument(
            "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty",
            "x-amz-object-attributes",
            "null",
        ));
    }
    if wanted.iter().any(|name| !KNOWN.contains(&name.as_str())) {
        return Err(S3Error::argument(
            "Invalid attribute name specified.",
            "x-amz-object-attributes",
            wanted.join(","),
        ));
    }
    let object = readable(objects, req, bucket)?;
    check_customer_key(&object, customer_key(req, "")?)?;
    let asks = |name: &str| wanted.iter().any(|wanted| wanted == name);
    let mut writer = Writer::document("GetObjectAttributesResponse");
    if asks("ETag") {
        writer.leaf("ETag", &object.etag);
    }
    if asks("Checksum")
        && let Some(checksum) = &object.checksum
    {
        writer.open("Checksum");
        let bare = checksum.value.split('-').next().unwrap_or_default();
        writer.leaf(checksum.algorithm.element(), bare);
        writer.leaf("ChecksumType", checksum.kind.name());
        writer.close("Checksum");
    }
    if asks("ObjectParts") && object.multipart {
        parts(&mut writer, req, &object);
    }
    if asks("StorageClass") {
        writer.leaf("StorageClass", object.storage_class.as_deref().unwrap_or("STANDARD"));
    }
    if asks("ObjectSize") {
        writer.value("ObjectSize", object.size);
    }
    let answer =
        answer::xml(writer.finish("GetObjectAttributesResponse")).set("last-modified", http_date(object.modified));
    let versioned = bucket.versioning != Versioning::Off || object.version.is_some();
    Ok(if versioned { answer.set("x-amz-version-id", object.version_id()) } else { answer })
}

fn parts(writer: &mut Writer, req: &Req, object: &Object) {
    writer.open("ObjectParts");
    // The parts themselves are told only where they have checksums of their own that make up the object's.
    let composite = object.checksum.as_ref().is_some_and(|checksum| checksum.kind == Kind::Composite);
    if composite {
        let number =
            |name: &str, default: usize| req.header(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        let marker = number("x-amz-part-number-marker", 0);
        let limit = number("x-amz-max-parts", 1000).min(1000);
        let rest =
            object.pieces.iter().enumerate().map(|(index, piece)| (index + 1, piece)).filter(|(n, _)| *n > marker);
        let page: Vec<_> = rest.take(limit).collect();
        let last = page.last().map_or(marker, |(n, _)| *n);
        writer.value("PartsCount", object.pieces.len());
        writer.value("PartNumberMarker", marker);
        writer.value("NextPartNumberMarker", last);
        writer.value("MaxParts", limit);
        writer.value("IsTruncated", last < object.pieces.len());
        for (number, piece) in page {
            writer.open("Part");
            writer.value("PartNumber", number);
            writer.value("Size", piece.size);
            if let Some(checksum) = &piece.checksum {
                writer.leaf(checksum.algorithm.element(), &checksum.value);
            }
            writer.close("Part");
        }
    } else {
        writer.value("PartsCount", object.pieces.len());
    }
    writer.close("ObjectParts");
}
