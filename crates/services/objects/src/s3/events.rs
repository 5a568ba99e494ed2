//! Tells of what happened to objects.

use std::sync::Arc;

use pilvi_store::WriteTx;

use super::request::Req;
use super::text::iso_milliseconds;
use crate::Objects;
use crate::errors::Result;
use crate::object::acl::canonical_id;
use crate::object::notify::{Happening, event_bridge_detail, record};
use crate::outbox::{Notice, Outbox, Recipient};
use crate::state::{Bucket, NOTIFICATIONS, Object, Versioning};

/// What of a request goes into the events it causes. Owned, as it goes into transactions.
#[derive(Clone)]
pub struct Cause {
    outbox: Arc<dyn Outbox>,
    principal: String,
    requester: String,
    source_ip: String,
    request_id: String,
    host_id: String,
    trace: String,
    /// Milliseconds since the epoch.
    pub now: i64,
}

impl Cause {
    /// The cause that a lifecycle rule is.
    pub fn lifecycle(objects: &Objects) -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string().to_ascii_uppercase();
        Self {
            outbox: objects.outbox.clone(),
            principal: "s3.amazonaws.com".to_owned(),
            requester: "s3.amazonaws.com".to_owned(),
            source_ip: "127.0.0.1".to_owned(),
            request_id: id.get(..16).unwrap_or(&id).to_owned(),
            host_id: id.clone(),
            trace: pilvi_bus::context::new_trace(),
            now: objects.platform.clock.now_ms(),
        }
    }

    /// The cause that a request is.
    pub fn of(objects: &Objects, req: &Req) -> Self {
        Self {
            outbox: objects.outbox.clone(),
            principal: format!("AWS:{}", req.ctx.principal.id()),
            requester: req.ctx.principal.account().to_owned(),
            source_ip: req.ctx.source_ip.map_or_else(|| "127.0.0.1".to_owned(), |ip| ip.to_string()),
            request_id: req.ctx.request_id.clone(),
            host_id: req.host_id.clone(),
            trace: req.ctx.trace.clone(),
            now: objects.platform.clock.now_ms(),
        }
    }
}

/// Whether the object is gone: then neither size nor entity tag are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It is there.
    No,
    /// It was removed.
    Yes,
}

/// Queues the notices of one event in the transaction that causes it.
pub fn announce(
    tx: &mut WriteTx<'_>,
    bucket: &Bucket,
    key: &str,
    object: &Object,
    event: &'static str,
    gone: Gone,
    cause: &Cause,
) -> Result<()> {
    if !bucket.notifies {
        return Ok(());
    }
    let Some(notifications) = tx.get(&NOTIFICATIONS, &bucket.id)? else { return Ok(()) };
    let mut matching = notifications.matching(event, key).peekable();
    if matching.peek().is_none() && !notifications.event_bridge {
        return Ok(());
    }
    let there = gone == Gone::No;
    let sized = there && !event.starts_with("ObjectTagging:") && !event.starts_with("ObjectAcl:");
    let marker = object.marker;
    let happening = Happening {
        event,
        time: iso_milliseconds(cause.now),
        region: bucket.region.clone(),
        bucket: bucket.name.clone(),
        bucket_arn: bucket.arn(),
        bucket_owner: owner_principal(&bucket.account),
        key: key.to_owned(),
        size: sized.then_some(object.size),
        etag: if there {
            Some(object.etag.clone())
        } else {
            marker.then(|| "d41d8cd98f00b204e9800998ecf8427e".to_owned())
        },
        version: (bucket.versioning != Versioning::Off).then(|| object.version_id().to_owned()),
        sequencer: object.place,
        storage_class: object.storage_class.clone(),
        restored: object.restored.map(iso_milliseconds),
        principal: cause.principal.clone(),
        requester: cause.requester.clone(),
        source_ip: cause.source_ip.clone(),
        request_id: cause.request_id.clone(),
        host_id: cause.host_id.clone(),
    };
    let notice = |to: Recipient, message: String| Notice {
        bucket_arn: bucket.arn(),
        account: bucket.account.clone(),
        region: bucket.region.clone(),
        to,
        message,
        trace: cause.trace.clone(),
    };
    for rule in matching {
        let message = record(&happening, rule).to_string();
        cause.outbox.enqueue(tx, &notice(Recipient::Destination(rule.destination.clone()), message))?;
    }
    if notifications.event_bridge
        && let Some((detail_type, detail)) = event_bridge_detail(&happening)
    {
        cause.outbox.enqueue(tx, &notice(Recipient::EventBridge { detail_type }, detail.to_string()))?;
    }
    Ok(())
}

/// An owner as events name one: an id like `A3NL1KOZZKEXAM`, always the same for an account.
fn owner_principal(account: &str) -> String {
    let id = canonical_id(account).to_ascii_uppercase();
    format!("A{}", id.get(..13).unwrap_or_default())
}
