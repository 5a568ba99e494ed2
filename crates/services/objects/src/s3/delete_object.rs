//! DeleteObject and DeleteObjects.

use pilvi_bus::Principal;
use pilvi_bus::http::Response;
use pilvi_store::WriteTx;

use super::answer::{self, Answer};
use super::events::{Cause, Gone, announce};
use super::put_object::check_write;
use super::request::Req;
use super::text::parse_http_date;
use super::xml::{Element, Writer};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::conditions::Conditions;
use crate::object::etag::unquote;
use crate::object::lock;
use crate::state::{Bucket, Encryption, Metadata, Object, Versioning};
use crate::versions::{self, Stamp};

/// Most keys of one DeleteObjects.
const MOST_KEYS: usize = 1000;

/// One thing to delete.
#[derive(Debug, Clone, Default)]
struct Target {
    key: String,
    version: Option<String>,
    conditions: Conditions,
    size: Option<u64>,
    modified: Option<i64>,
}

/// What deleting did.
#[derive(Debug, Clone, Default)]
struct Deleted {
    /// The version that was deleted, or the delete marker that was made.
    version: Option<String>,
    /// Whether that is a delete marker.
    marker: bool,
}

/// DeleteObject.
pub async fn delete_object(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    let target = Target {
        key: req.key.clone(),
        version: req.version()?.map(str::to_owned),
        conditions: Conditions { if_match: req.header("if-match").map(str::to_owned), ..Conditions::default() },
        size: req.header("x-amz-if-match-size").and_then(|value| value.parse().ok()),
        modified: req.header("x-amz-if-match-last-modified-time").and_then(parse_http_date),
    };
    let bypass = bypass(objects, req).await?;
    let cause = Cause::of(objects, req);
    let stamp = objects.stamp();
    let owner = req.caller_id();
    let delete = move |tx: &mut WriteTx<'_>| delete(tx, &bucket, &target, bypass, &owner, &cause, stamp);
    let deleted = objects.platform.store.write(delete).await?;
    let answer = answer::status(204).maybe("x-amz-version-id", deleted.version);
    Ok(if deleted.marker { answer.set("x-amz-delete-marker", "true") } else { answer })
}

/// Whether the caller bypasses governance retention, which needs a permission of its own.
async fn bypass(objects: &Objects, req: &Req) -> Result<bool> {
    let header = req.header("x-amz-bypass-governance-retention");
    if header.is_some() && !req.bucket()?.object_lock {
        return Err(S3Error::new(
            Code::InvalidArgument,
            "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.",
        )
        .with("ArgumentName", "x-amz-bypass-governance-retention"));
    }
    let asked = header.is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if !asked {
        return Ok(false);
    }
    objects.authorize(req, &req.access("s3:BypassGovernanceRetention")).await?;
    Ok(true)
}

fn delete(
    tx: &mut WriteTx<'_>,
    known: &Bucket,
    target: &Target,
    bypass: bool,
    owner: &str,
    cause: &Cause,
    stamp: Stamp,
) -> Result<Deleted> {
    let bucket = versions::current_bucket(tx, known)?;
    let key = target.key.as_str();
    let current = versions::current(tx, bucket.id, key)?;
    if let Some(wanted) = &target.version {
        let Some(object) = versions::find(tx, bucket.id, key, Some(wanted))? else {
            // Deleting what is not there succeeds, and says which version is not there.
            return Ok(Deleted { version: Some(wanted.clone()), marker: false });
        };
        check_conditions(Some(&object), target)?;
        lock::check_delete(object.retention, object.hold == Some(true), cause.now, bypass)?;
        versions::remove(tx, bucket.id, key, &object)?;
        announce(tx, &bucket, key, &object, "ObjectRemoved:Delete", Gone::Yes, cause)?;
        return Ok(Deleted { version: Some(wanted.clone()), marker: object.marker });
    }
    check_conditions(current.as_ref(), target)?;
    if bucket.versioning == Versioning::Off {
        if let Some(object) = current {
            lock::check_delete(object.retention, object.hold == Some(true), cause.now, bypass)?;
            versions::remove(tx, bucket.id, key, &object)?;
            super::uploads::overtake(tx, bucket.id, key)?;
            announce(tx, &bucket, key, &object, "ObjectRemoved:Delete", Gone::Yes, cause)?;
        }
        return Ok(Deleted::default());
    }
    let marker = versions::write(tx, &bucket, key, delete_marker(owner, cause.now), stamp)?;
    announce(tx, &bucket, key, &marker, "ObjectRemoved:DeleteMarkerCreated", Gone::Yes, cause)?;
    Ok(Deleted { version: Some(marker.version_id().to_owned()), marker: true })
}

fn check_conditions(object: Option<&Object>, target: &Target) -> Result<()> {
    if target.conditions.is_empty() && target.size.is_none() && target.modified.is_none() {
        return Ok(());
    }
    let there = object.filter(|object| !object.marker);
    if target.conditions.if_match.as_deref() == Some("*") && there.is_none() {
        return Err(S3Error::precondition("If-Match"));
    }
    check_write(object, &target.conditions, &target.key)?;
    let Some(object) = there else { return Ok(()) };
    if target.size.is_some_and(|size| size != object.size) {
        return Err(S3Error::precondition("x-amz-if-match-size"));
    }
    if target.modified.is_some_and(|modified| modified != object.modified.div_euclid(1000)) {
        return Err(S3Error::precondition("x-amz-if-match-last-modified-time"));
    }
    Ok(())
}

/// A delete marker to be.
pub fn delete_marker(owner: &str, now: i64) -> Object {
    Object {
        place: 0,
        version: None,
        null_place: None,
        marker: true,
        modified: now,
        owner: owner.to_owned(),
        size: 0,
        etag: String::new(),
        checksum: None,
        pieces: Vec::new(),
        multipart: false,
        metadata: Metadata::default(),
        tags: Vec::new(),
        storage_class: None,
        encryption: Encryption::default(),
        acl: None,
        retention: None,
        hold: None,
        restored: None,
    }
}

/// DeleteObjects: each key succeeds or fails for itself.
pub async fn delete_objects(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    let protected = req.header("content-md5").is_some()
        || crate::object::checksum::ALL.iter().any(|algorithm| req.headers.contains_key(algorithm.header()))
        || req.headers.contains_key("x-amz-trailer");
    if !protected {
        return Err(S3Error::request("Missing required header for this request: Content-MD5 OR x-amz-checksum-*"));
    }
    let document = req.document().await?;
    let root = Element::parse_root(&document, "Delete")?;
    let quiet = root.text_of("Quiet").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let targets = root.all("Object").map(target).collect::<Result<Vec<_>>>()?;
    if targets.is_empty() || targets.len() > MOST_KEYS {
        return Err(Code::MalformedXML.into());
    }
    let bypass = bypass(objects, req).await?;
    let mut results: Vec<(Target, Result<Deleted>)> = Vec::with_capacity(targets.len());
    let mut allowed = Vec::new();
    for target in targets {
        match may_delete(objects, req, &target).await {
            Ok(()) => allowed.push((results.len(), target.clone())),
            Err(error) => {
                results.push((target, Err(error)));
                continue;
            }
        }
        results.push((target, Ok(Deleted::default())));
    }
    let cause = Cause::of(objects, req);
    let stamp = objects.stamp();
    let owner = req.caller_id();
    let delete_all = move |tx: &mut WriteTx<'_>| -> Result<Vec<(usize, Result<Deleted>)>> {
        let mut outcomes = Vec::with_capacity(allowed.len());
        for (at, target) in &allowed {
            let random =
                stamp.random.wrapping_add((*at as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
            let outcome = delete(tx, &bucket, target, bypass, &owner, &cause, Stamp { random, ..stamp });
            // Among many, an identifier that cannot be read is one of no version.
            let outcome = outcome.map_err(|error| match &target.version {
                Some(version) if error.details.iter().any(|(_, value)| value == "versionId") => {
                    S3Error::no_such_version(&target.key, version)
                }
                _ => error,
            });
            if let Err(error) = &outcome
                && error.code == Code::InternalError
            {
                return Err(error.clone());
            }
            outcomes.push((*at, outcome));
        }
        Ok(outcomes)
    };
    for (at, outcome) in objects.platform.store.write(delete_all).await? {
        if let Some(slot) = results.get_mut(at) {
            slot.1 = outcome;
        }
    }
    Ok(answer::xml(results_document(&results, quiet)))
}

fn target(element: &Element) -> Result<Target> {
    let key = element.required("Key")?.to_owned();
    if key.is_empty() {
        return Err(S3Error::new(Code::MalformedXML, Code::MalformedXML.text()));
    }
    Ok(Target {
        key,
        version: element.text_of("VersionId").filter(|text| !text.is_empty()).map(str::to_owned),
        conditions: Conditions {
            if_match: element
                .text_of("ETag")
                .map(|tag| if tag == "*" { tag.to_owned() } else { format!("\"{}\"", unquote(tag)) }),
            ..Conditions::default()
        },
        size: element.text_of("Size").and_then(|text| text.parse().ok()),
        modified: element.text_of("LastModifiedTime").and_then(parse_http_date),
    })
}

async fn may_delete(objects: &Objects, req: &Req, target: &Target) -> Result<()> {
    if target.key.len() > 1024 {
        return Err(S3Error::from(Code::KeyTooLongError));
    }
    if req.ctx.principal.is_root_of(&req.ctx.account) && !req.found.as_ref().is_some_and(|b| b.has_policy) {
        return Ok(());
    }
    let action = if target.version.is_some() { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" };
    let mut access = req.access(action);
    access.resource = format!("{}/{}", req.bucket()?.arn(), target.key);
    if req.ctx.principal == Principal::Anonymous && req.policy.is_none() {
        return Err(Code::AccessDenied.into());
    }
    objects.authorize(req, &access).await
}

fn results_document(results: &[(Target, Result<Deleted>)], quiet: bool) -> String {
    let mut writer = Writer::document("DeleteResult");
    for (target, result) in results {
        match result {
            Ok(_) if quiet => {}
            Ok(deleted) => {
                writer.open("Deleted");
                writer.leaf("Key", &target.key);
                writer.maybe("VersionId", target.version.as_deref());
                if deleted.marker {
                    writer.leaf("DeleteMarker", "true");
                    writer.maybe("DeleteMarkerVersionId", deleted.version.as_deref());
                }
                writer.close("Deleted");
            }
            Err(error) => {
                writer.open("Error");
                writer.leaf("Key", &target.key);
                writer.maybe("VersionId", target.version.as_deref());
                writer.leaf("Code", error.code.as_str());
                writer.leaf("Message", &error.message);
                writer.close("Error");
            }
        }
    }
    writer.finish("DeleteResult")
}
