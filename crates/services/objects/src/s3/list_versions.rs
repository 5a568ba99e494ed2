//! ListObjectVersions: for each key its current version and those behind it, newest first.

use pilvi_bus::http::Response;
use pilvi_store::{Range, ReadTx};
use uuid::Uuid;

use super::answer;
use super::list_objects::{Asked, prefixes};
use super::request::Req;
use super::text::iso;
use super::xml::Writer;
use crate::Objects;
use crate::errors::{Result, S3Error};
use crate::object::etag::quote;
use crate::object::listing::{Lister, Step};
use crate::state::{OBJECTS, Object, VERSIONS};
use crate::versions;

#[derive(Default)]
struct Page {
    versions: Vec<(String, Object, bool)>,
    prefixes: Vec<String>,
    truncated: bool,
    /// Key and version that the next page comes after.
    last: Option<(String, Option<String>)>,
}

/// ListObjectVersions.
pub async fn list_object_versions(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let asked = Asked::read(req)?;
    let key_marker = req.query.get("key-marker").filter(|text| !text.is_empty());
    let version_marker = req.query.get("version-id-marker");
    if version_marker.is_some() && key_marker.is_none() {
        return Err(S3Error::argument(
            "A version-id marker cannot be specified without a key marker.",
            "version-id-marker",
            version_marker.unwrap_or_default(),
        ));
    }
    if version_marker == Some("") {
        return Err(S3Error::argument("A version-id marker cannot be empty.", "version-id-marker", ""));
    }
    let page = objects.platform.store.read(|tx| page(tx, bucket.id, &asked, key_marker, version_marker))?;
    let mut writer = Writer::document("ListVersionsResult");
    writer.leaf("Name", &bucket.name);
    writer.leaf("Prefix", &asked.show(&asked.prefix));
    writer.leaf("KeyMarker", &asked.show(key_marker.unwrap_or_default()));
    writer.leaf("VersionIdMarker", version_marker.unwrap_or_default());
    if page.truncated
        && let Some((key, version)) = &page.last
    {
        writer.leaf("NextKeyMarker", &asked.show(key));
        writer.maybe("NextVersionIdMarker", version.as_deref());
    }
    writer.value("MaxKeys", asked.max_keys);
    writer.maybe("Delimiter", asked.delimiter.as_deref().map(|text| asked.show(text)).as_deref());
    if asked.encode {
        writer.leaf("EncodingType", "url");
    }
    writer.value("IsTruncated", page.truncated);
    for (key, object, latest) in &page.versions {
        write_version(&mut writer, &asked, key, object, *latest);
    }
    prefixes(&mut writer, &asked, &page.prefixes);
    Ok(answer::xml(writer.finish("ListVersionsResult")))
}

fn write_version(writer: &mut Writer, asked: &Asked, key: &str, object: &Object, latest: bool) {
    let name = if object.marker { "DeleteMarker" } else { "Version" };
    writer.open(name);
    writer.leaf("Key", &asked.show(key));
    writer.leaf("VersionId", object.version_id());
    writer.value("IsLatest", latest);
    writer.leaf("LastModified", &iso(object.modified));
    if !object.marker {
        writer.leaf("ETag", &quote(&object.etag));
        if let Some(checksum) = &object.checksum {
            writer.leaf("ChecksumAlgorithm", checksum.algorithm.name());
            writer.leaf("ChecksumType", checksum.kind.name());
        }
        writer.value("Size", object.size);
        writer.leaf("StorageClass", object.storage_class.as_deref().unwrap_or("STANDARD"));
    }
    writer.open("Owner");
    writer.leaf("ID", &object.owner);
    writer.close("Owner");
    writer.close(name);
}

fn page(
    tx: &ReadTx<'_>,
    bucket: Uuid,
    asked: &Asked,
    key_marker: Option<&str>,
    version_marker: Option<&str>,
) -> Result<Page> {
    let mut page = Page::default();
    let mut left = asked.limit();
    if left == 0 {
        return Ok(page);
    }
    // The rest of the marker's key first: what is older than the marker's version.
    if let (Some(key), Some(marker)) = (key_marker, version_marker)
        && let Some(at) = versions::find(tx, bucket, key, Some(marker))?
    {
        let current = versions::current(tx, bucket, key)?;
        for entry in tx.range(&VERSIONS, Range::prefix(&(bucket, key)).after(&(bucket, key, !at.place))) {
            let (_, object) = entry?;
            if current.as_ref().is_some_and(|current| current.place == object.place) {
                continue;
            }
            if !add(&mut page, &mut left, key, object, false) {
                return Ok(page);
            }
        }
    }
    // Versions are counted apart, as a key may have many; the lister only folds and skips.
    let mut lister = Lister::new(&asked.prefix, asked.delimiter.as_deref(), key_marker, usize::MAX);
    let mut from = lister.start().to_owned();
    'seek: loop {
        for entry in tx.range(&OBJECTS, Range::prefix(&(bucket,)).from(&(bucket, from.as_str()))) {
            let ((_, key), current) = entry?;
            match lister.offer(&key) {
                Step::Entry => {
                    if !add(&mut page, &mut left, &key, current, true) {
                        return Ok(page);
                    }
                    for behind in tx.range(&VERSIONS, Range::prefix(&(bucket, key.as_str()))) {
                        if !add(&mut page, &mut left, &key, behind?.1, false) {
                            return Ok(page);
                        }
                    }
                }
                Step::Prefix { prefix, resume } => {
                    if left == 0 {
                        page.truncated = true;
                        return Ok(page);
                    }
                    left -= 1;
                    page.last = Some((prefix.clone(), None));
                    page.prefixes.push(prefix);
                    let Some(resume) = resume else { return Ok(page) };
                    from = resume;
                    continue 'seek;
                }
                Step::Jump(Some(resume)) => {
                    from = resume;
                    continue 'seek;
                }
                Step::Jump(None) | Step::End | Step::Full => return Ok(page),
                Step::Skip => {}
            }
        }
        return Ok(page);
    }
}

/// Adds a version; false when the page was full.
fn add(page: &mut Page, left: &mut usize, key: &str, object: Object, latest: bool) -> bool {
    if *left == 0 {
        page.truncated = true;
        return false;
    }
    *left -= 1;
    page.last = Some((key.to_owned(), Some(object.version_id().to_owned())));
    page.versions.push((key.to_owned(), object, latest));
    true
}
