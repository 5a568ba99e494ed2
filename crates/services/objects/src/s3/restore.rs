//! RestoreObject: an archived object can be read again for some days. Here that takes no time.

use pilvi_bus::http::Response;
use pilvi_store::WriteTx;

use super::answer;
use super::events::{Cause, Gone, announce};
use super::request::Req;
use super::xml::Element;
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::lifecycle::When;
use crate::state::Object;
use crate::versions;

/// Whether an object has to be restored before it can be read.
pub fn is_archived(object: &Object) -> bool {
    matches!(object.storage_class.as_deref(), Some("GLACIER" | "DEEP_ARCHIVE"))
}

/// RestoreObject: 202 where it begins, 200 where the object is restored already and only kept longer.
pub async fn restore_object(objects: &Objects, req: &mut Req) -> Result<Response> {
    let body = req.document().await?;
    let root = Element::parse_root(&body, "RestoreRequest")?;
    let days = root.required("Days")?.parse::<u32>().ok().filter(|days| *days > 0).ok_or(Code::MalformedXML)?;
    let (known, key, wanted) = (req.bucket()?.clone(), req.key.clone(), req.version()?.map(str::to_owned));
    let cause = Cause::of(objects, req);
    let now = objects.platform.clock.now_ms();
    let write = move |tx: &mut WriteTx<'_>| -> Result<bool> {
        let bucket = versions::current_bucket(tx, &known)?;
        let wanted = wanted.as_deref();
        let mut object = versions::find(tx, bucket.id, &key, wanted)?.ok_or_else(|| versions::missing(&key, wanted))?;
        if object.marker {
            return Err(versions::marked(&object, &key, wanted, "POST"));
        }
        if !is_archived(&object) {
            return Err(S3Error::new(
                Code::InvalidObjectState,
                "Restore is not allowed for the object's current storage class",
            )
            .with("StorageClass", object.storage_class.as_deref().unwrap_or("STANDARD")));
        }
        let again = object.restored.is_some_and(|until| until > now);
        object.restored = Some(When::Days(days).at(now));
        versions::replace(tx, bucket.id, &key, &object)?;
        if !again {
            announce(tx, &bucket, &key, &object, "ObjectRestore:Post", Gone::No, &cause)?;
            announce(tx, &bucket, &key, &object, "ObjectRestore:Completed", Gone::No, &cause)?;
        }
        Ok(again)
    };
    let again = objects.platform.store.write(write).await?;
    Ok(answer::status(if again { 200 } else { 202 }))
}
