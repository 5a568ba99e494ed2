//! Retention and legal hold of an object's version.

use pilvi_bus::http::Response;
use pilvi_store::WriteTx;

use super::answer::{self, Answer};
use super::request::Req;
use super::text::{iso_milliseconds, parse_iso};
use super::xml::{Element, Writer};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::lock::{Mode, Retention, check_change};
use crate::state::Object;
use crate::versions;

fn require_lock(req: &Req) -> Result<()> {
    if req.bucket()?.object_lock {
        return Ok(());
    }
    Err(S3Error::request("Bucket is missing Object Lock Configuration"))
}

async fn change(
    objects: &Objects,
    req: &Req,
    edit: impl Fn(&mut Object) -> Result<()> + Send + 'static,
) -> Result<Response> {
    let (known, key, wanted) = (req.bucket()?.clone(), req.key.clone(), req.version()?.map(str::to_owned));
    let method = req.method.clone();
    let write = move |tx: &mut WriteTx<'_>| -> Result<()> {
        let bucket = versions::current_bucket(tx, &known)?;
        let wanted = wanted.as_deref();
        let mut object = versions::find(tx, bucket.id, &key, wanted)?.ok_or_else(|| versions::missing(&key, wanted))?;
        if object.marker {
            return Err(versions::marked(&object, &key, wanted, method.as_str()));
        }
        edit(&mut object)?;
        versions::replace(tx, bucket.id, &key, &object)
    };
    objects.platform.store.write(write).await?;
    Ok(answer::status(200).set("content-length", "0"))
}

/// PutObjectRetention.
pub async fn put_retention(objects: &Objects, req: &mut Req) -> Result<Response> {
    require_lock(req)?;
    let body = req.document().await?;
    let root = Element::parse_root(&body, "Retention")?;
    let now = objects.platform.clock.now_ms();
    let retention = match (root.text_of("Mode"), root.text_of("RetainUntilDate")) {
        (None, None) => None,
        (Some(mode), Some(until)) => {
            let mode = Mode::parse(mode).ok_or(Code::MalformedXML)?;
            let until = parse_iso(until).ok_or(Code::MalformedXML)?;
            if until <= now {
                return Err(S3Error::new(Code::InvalidArgument, "The retain until date must be in the future!"));
            }
            Some(Retention { mode, until })
        }
        _ => return Err(Code::MalformedXML.into()),
    };
    let bypass =
        req.header("x-amz-bypass-governance-retention").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if bypass {
        objects.authorize(req, &req.access("s3:BypassGovernanceRetention")).await?;
    }
    change(objects, req, move |object| {
        check_change(object.retention, retention, now, bypass)?;
        object.retention = retention;
        Ok(())
    })
    .await
}

/// GetObjectRetention.
pub async fn get_retention(objects: &Objects, req: &mut Req) -> Result<Response> {
    require_lock(req)?;
    let object = super::get_object::readable(objects, req, req.bucket()?)?;
    let Some(retention) = object.retention else {
        return Err(Code::NoSuchObjectLockConfiguration.into());
    };
    let mut writer = Writer::document("Retention");
    writer.leaf("Mode", retention.mode.name());
    writer.leaf("RetainUntilDate", &iso_milliseconds(retention.until));
    Ok(answer::xml(writer.finish("Retention")))
}

/// PutObjectLegalHold.
pub async fn put_legal_hold(objects: &Objects, req: &mut Req) -> Result<Response> {
    require_lock(req)?;
    let body = req.document().await?;
    let root = Element::parse_root(&body, "LegalHold")?;
    let hold = match root.text_of("Status") {
        Some("ON") => true,
        Some("OFF") => false,
        _ => return Err(Code::MalformedXML.into()),
    };
    change(objects, req, move |object| {
        object.hold = Some(hold);
        Ok(())
    })
    .await
}

/// GetObjectLegalHold.
pub async fn get_legal_hold(objects: &Objects, req: &mut Req) -> Result<Response> {
    require_lock(req)?;
    let object = super::get_object::readable(objects, req, req.bucket()?)?;
    let Some(hold) = object.hold else {
        return Err(Code::NoSuchObjectLockConfiguration.into());
    };
    let mut writer = Writer::document("LegalHold");
    writer.leaf("Status", if hold { "ON" } else { "OFF" });
    Ok(answer::xml(writer.finish("LegalHold")))
}
