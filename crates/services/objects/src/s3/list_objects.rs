//! ListObjects and ListObjectsV2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pilvi_bus::http::Response;
use pilvi_store::Range;
use uuid::Uuid;

use super::answer;
use super::request::Req;
use super::text::{encode_listing, iso};
use super::xml::Writer;
use crate::Objects;
use crate::errors::{Result, S3Error};
use crate::object::etag::quote;
use crate::object::listing::{Lister, Step};
use crate::state::{OBJECTS, Object};

/// What both listings and that of versions are asked.
pub struct Asked {
    /// `prefix`.
    pub prefix: String,
    /// `delimiter`.
    pub delimiter: Option<String>,
    /// `max-keys` as asked (up to 1000 are given).
    pub max_keys: i64,
    /// Whether keys are to be url-encoded.
    pub encode: bool,
}

impl Asked {
    /// Reads the parameters.
    pub fn read(req: &Req) -> Result<Self> {
        let encode = match req.query.get("encoding-type") {
            None => false,
            Some(kind) if kind.eq_ignore_ascii_case("url") => true,
            Some(other) => {
                return Err(S3Error::argument("Invalid Encoding Method specified in Request", "encoding-type", other));
            }
        };
        let max_keys = match req.query.get("max-keys") {
            None | Some("") => 1000,
            Some(text) => text.parse::<i32>().map_err(|_| {
                S3Error::argument("Provided max-keys not an integer or within integer range", "max-keys", text)
            })?,
        };
        if max_keys < 0 {
            let value = max_keys.to_string();
            return Err(S3Error::argument(
                "Argument maxKeys must be an integer between 0 and 2147483647",
                "maxKeys",
                value,
            ));
        }
        Ok(Self {
            prefix: req.query.get("prefix").unwrap_or_default().to_owned(),
            delimiter: req.query.get("delimiter").filter(|text| !text.is_empty()).map(str::to_owned),
            max_keys: i64::from(max_keys).min(1000),
            encode,
        })
    }

    /// The size of a page.
    pub fn limit(&self) -> usize {
        usize::try_from(self.max_keys).unwrap_or(1000)
    }

    /// A key as the answer has it.
    pub fn show(&self, key: &str) -> String {
        if self.encode { encode_listing(key) } else { key.to_owned() }
    }
}

/// A page of current objects.
struct Page {
    objects: Vec<(String, Object)>,
    prefixes: Vec<String>,
    truncated: bool,
    last: Option<String>,
}

fn page(objects: &Objects, bucket: Uuid, asked: &Asked, after: Option<&str>) -> Result<Page> {
    let mut page = Page { objects: Vec::new(), prefixes: Vec::new(), truncated: false, last: None };
    if asked.limit() == 0 {
        return Ok(page);
    }
    let mut lister = Lister::new(&asked.prefix, asked.delimiter.as_deref(), after, asked.limit());
    let mut from = lister.start().to_owned();
    objects.platform.store.read(|tx| -> Result<()> {
        'seek: loop {
            let range = Range::prefix(&(bucket,)).from(&(bucket, from.as_str()));
            for entry in tx.range(&OBJECTS, range) {
                let ((_, key), object) = entry?;
                if object.marker {
                    continue;
                }
                match lister.offer(&key) {
                    Step::Entry => {
                        page.last = Some(key.clone());
                        page.objects.push((key, object));
                    }
                    Step::Prefix { prefix, resume } => {
                        page.last = Some(prefix.clone());
                        page.prefixes.push(prefix);
                        let Some(resume) = resume else { return Ok(()) };
                        from = resume;
                        continue 'seek;
                    }
                    Step::Jump(Some(resume)) => {
                        from = resume;
                        continue 'seek;
                    }
                    Step::Jump(None) | Step::End => return Ok(()),
                    Step::Skip => {}
                    Step::Full => {
                        page.truncated = true;
                        return Ok(());
                    }
                }
            }
            return Ok(());
        }
    })?;
    Ok(page)
}

/// ListObjects (version 1).
pub async fn list_objects(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let asked = Asked::read(req)?;
    let marker = req.query.get("marker").unwrap_or_default();
    let page = page(objects, bucket.id, &asked, Some(marker))?;
    let mut writer = Writer::document("ListBucketResult");
    writer.leaf("Name", &bucket.name);
    writer.leaf("Prefix", &asked.show(&asked.prefix));
    writer.leaf("Marker", &asked.show(marker));
    if page.truncated && asked.delimiter.is_some() {
        writer.maybe("NextMarker", page.last.as_deref().map(|last| asked.show(last)).as_deref());
    }
    writer.value("MaxKeys", asked.max_keys);
    tail(&mut writer, &asked, &page, true);
    Ok(answer::xml(writer.finish("ListBucketResult")))
}

/// ListObjectsV2.
pub async fn list_objects_v2(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let asked = Asked::read(req)?;
    let token = match req.query.get("continuation-token") {
        Some("") => {
            return Err(S3Error::argument("The continuation token provided is incorrect", "continuation-token", ""));
        }
        Some(token) => Some((token, decode_token(token)?)),
        None => None,
    };
    let start_after = req.query.get("start-after");
    let after = token.as_ref().map(|(_, after)| after.as_str()).or(start_after);
    let page = page(objects, bucket.id, &asked, after)?;
    let mut writer = Writer::document("ListBucketResult");
    writer.leaf("Name", &bucket.name);
    writer.leaf("Prefix", &asked.show(&asked.prefix));
    writer.maybe("StartAfter", start_after.filter(|text| !text.is_empty()).map(|text| asked.show(text)).as_deref());
    writer.maybe("ContinuationToken", token.as_ref().map(|(token, _)| *token));
    if page.truncated {
        writer.maybe("NextContinuationToken", page.last.as_deref().map(encode_token).as_deref());
    }
    writer.value("KeyCount", page.objects.len() + page.prefixes.len());
    writer.value("MaxKeys", asked.max_keys);
    let with_owner = req.query.get("fetch-owner").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    tail(&mut writer, &asked, &page, with_owner);
    Ok(answer::xml(writer.finish("ListBucketResult")))
}

fn tail(writer: &mut Writer, asked: &Asked, page: &Page, with_owner: bool) {
    writer.maybe("Delimiter", asked.delimiter.as_deref().map(|text| asked.show(text)).as_deref());
    if asked.encode {
        writer.leaf("EncodingType", "url");
    }
    writer.value("IsTruncated", page.truncated);
    for (key, object) in &page.objects {
        writer.open("Contents");
        writer.leaf("Key", &asked.show(key));
        writer.leaf("LastModified", &iso(object.modified));
        writer.leaf("ETag", &quote(&object.etag));
        if let Some(checksum) = &object.checksum {
            writer.leaf("ChecksumAlgorithm", checksum.algorithm.name());
            writer.leaf("ChecksumType", checksum.kind.name());
        }
        writer.value("Size", object.size);
        if with_owner {
            writer.open("Owner");
            writer.leaf("ID", &object.owner);
            writer.close("Owner");
        }
        writer.leaf("StorageClass", object.storage_class.as_deref().unwrap_or("STANDARD"));
        writer.close("Contents");
    }
    prefixes(writer, asked, &page.prefixes);
}

/// The common prefixes of a page.
pub fn prefixes(writer: &mut Writer, asked: &Asked, prefixes: &[String]) {
    for prefix in prefixes {
        writer.open("CommonPrefixes");
        writer.leaf("Prefix", &asked.show(prefix));
        writer.close("CommonPrefixes");
    }
}

/// A continuation token: opaque to clients.
pub fn encode_token(last: &str) -> String {
    STANDARD.encode(last)
}

/// Reads a continuation token.
pub fn decode_token(token: &str) -> Result<String> {
    let bytes = STANDARD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| S3Error::argument("The continuation token provided is incorrect", "continuation-token", token))
}
