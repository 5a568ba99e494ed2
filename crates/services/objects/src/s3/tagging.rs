//! Tags of objects and of buckets.

use pilvi_bus::http::Response;
use pilvi_store::WriteTx;

use super::answer::{self, Answer};
use super::documents::update_bucket;
use super::events::{Cause, Gone, announce};
use super::put_object::version_header;
use super::request::Req;
use super::xml::{Element, Writer};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::tags::{self, Of, Tags};
use crate::state::{DOCUMENTS, Object};
use crate::versions;

/// Tags as their document.
pub fn document(tags: &Tags) -> String {
    let mut writer = Writer::document("Tagging");
    writer.open("TagSet");
    for (key, value) in tags {
        writer.open("Tag");
        writer.leaf("Key", key);
        writer.leaf("Value", value);
        writer.close("Tag");
    }
    writer.close("TagSet");
    writer.finish("Tagging")
}

/// Reads a `Tagging` document.
pub fn parse(document: &[u8], of: Of) -> Result<Tags> {
    let root = Element::parse_root(document, "Tagging")?;
    let set = root.child("TagSet").ok_or(Code::MalformedXML)?;
    let mut found = Tags::new();
    for tag in &set.children {
        if tag.name != "Tag" {
            return Err(Code::MalformedXML.into());
        }
        found.push((tag.required("Key")?.to_owned(), tag.required("Value")?.to_owned()));
    }
    tags::check(&found, of)?;
    Ok(found)
}

/// PutObjectTagging.
pub async fn put_object_tagging(objects: &Objects, req: &mut Req) -> Result<Response> {
    let document = req.document().await?;
    let tags = parse(&document, Of::Object)?;
    change(objects, req, tags, "ObjectTagging:Put").await.map(|answer| answer.set("content-length", "0"))
}

/// DeleteObjectTagging.
pub async fn delete_object_tagging(objects: &Objects, req: &mut Req) -> Result<Response> {
    let mut answer = change(objects, req, Tags::new(), "ObjectTagging:Delete").await?;
    *answer.status_mut() = http::StatusCode::NO_CONTENT;
    Ok(answer)
}

async fn change(objects: &Objects, req: &Req, tags: Tags, event: &'static str) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    let (known, key, wanted) = (bucket.clone(), req.key.clone(), req.version()?.map(str::to_owned));
    let method = req.method.clone();
    let cause = Cause::of(objects, req);
    let write = move |tx: &mut WriteTx<'_>| -> Result<Object> {
        let bucket = versions::current_bucket(tx, &known)?;
        let wanted = wanted.as_deref();
        let mut object = versions::find(tx, bucket.id, &key, wanted)?.ok_or_else(|| versions::missing(&key, wanted))?;
        if object.marker {
            return Err(versions::marked(&object, &key, wanted, method.as_str()));
        }
        object.tags.clone_from(&tags);
        versions::replace(tx, bucket.id, &key, &object)?;
        announce(tx, &bucket, &key, &object, event, Gone::No, &cause)?;
        Ok(object)
    };
    let object = objects.platform.store.write(write).await?;
    Ok(version_header(answer::status(200), &object))
}

/// GetObjectTagging.
pub async fn get_object_tagging(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let object = super::get_object::readable(objects, req, bucket).map_err(|error| match error.code {
        // This operation names the bucket with the key.
        Code::NoSuchKey => S3Error::no_such_key(&format!("{}/{}", bucket.name, req.key)),
        _ => error,
    })?;
    Ok(version_header(answer::xml(document(&object.tags)), &object))
}

/// PutBucketTagging.
pub async fn put_bucket_tagging(objects: &Objects, req: &mut Req) -> Result<Response> {
    let body = req.document().await?;
    let text = document(&parse(&body, Of::Bucket)?);
    update_bucket(objects, req, move |tx, bucket| Ok(tx.put(&DOCUMENTS, &(bucket.id, "tagging"), &text)?)).await?;
    Ok(answer::status(204))
}

/// GetBucketTagging: a bucket without tags answers that there is no such set.
pub async fn get_bucket_tagging(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    match super::documents::load(objects, bucket, "tagging")? {
        Some(document) if document.contains("<Tag>") => Ok(answer::xml(document)),
        _ => Err(S3Error::from(Code::NoSuchTagSet).with("BucketName", &bucket.name)),
    }
}

/// DeleteBucketTagging.
pub async fn delete_bucket_tagging(objects: &Objects, req: &mut Req) -> Result<Response> {
    update_bucket(objects, req, |tx, bucket| {
        tx.delete(&DOCUMENTS, &(bucket.id, "tagging"))?;
        Ok(())
    })
    .await?;
    Ok(answer::status(204))
}
