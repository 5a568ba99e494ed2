//! The messages: version 2.1 of the S3 event ("Event message structure" in the S3 user guide), the test event, and EventBridge's detail.

use serde_json::{Value, json};

use super::rules::Rule;

/// Something that happened to an object.
#[derive(Debug, Clone)]
pub struct Happening {
    /// `ObjectCreated:Put` and the like, without `s3:`.
    pub event: &'static str,
    /// When, as `2026-01-02T03:04:05.678Z`.
    pub time: String,
    /// The bucket's region.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// Its ARN.
    pub bucket_arn: String,
    /// Its owner's id.
    pub bucket_owner: String,
    /// The key, as it is.
    pub key: String,
    /// Size in bytes; none when something was removed.
    pub size: Option<u64>,
    /// Entity tag; none when something was removed for good.
    pub etag: Option<String>,
    /// Version, in a bucket that has versions.
    pub version: Option<String>,
    /// Orders the events of one key.
    pub sequencer: u64,
    /// The storage class; none for STANDARD.
    pub storage_class: Option<String>,
    /// Until when it is restored.
    pub restored: Option<String>,
    /// Who did it (`AWS:AIDA…`, `AWS:AROA…:session`).
    pub principal: String,
    /// The caller's account, for EventBridge.
    pub requester: String,
    /// From where.
    pub source_ip: String,
    /// The request's ids.
    pub request_id: String,
    /// `x-amz-id-2`.
    pub host_id: String,
}

impl Happening {
    /// Whether the event has a place in the order of the key's versions; changes of what goes with a version have none.
    fn is_ordered(&self) -> bool {
        !self.event.starts_with("ObjectTagging:") && !self.event.starts_with("ObjectAcl:")
    }
}

/// The event as a destination gets it: one record.
pub fn record(what: &Happening, rule: &Rule) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("key".into(), encode_key(&what.key).into());
    if let Some(size) = what.size {
        object.insert("size".into(), size.into());
    }
    if let Some(etag) = &what.etag {
        object.insert("eTag".into(), etag.as_str().into());
    }
    if let Some(version) = &what.version {
        object.insert("versionId".into(), version.as_str().into());
    }
    if what.is_ordered() {
        object.insert("sequencer".into(), sequencer(what.sequencer).into());
    }
    json!({ "Records": [{
        "eventVersion": if what.is_ordered() { "2.1" } else { "2.3" },
        "eventSource": "aws:s3",
        "awsRegion": what.region,
        "eventTime": what.time,
        "eventName": what.event,
        "userIdentity": { "principalId": what.principal },
        "requestParameters": { "sourceIPAddress": what.source_ip },
        "responseElements": { "x-amz-request-id": what.request_id, "x-amz-id-2": what.host_id },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule.id,
            "bucket": {
                "name": what.bucket,
                "ownerIdentity": { "principalId": what.bucket_owner },
                "arn": what.bucket_arn,
            },
            "object": object,
        },
    }]})
}

/// What a queue or topic gets when a configuration starts naming it.
pub fn test_event(bucket: &str, time: &str, request_id: &str, host_id: &str) -> Value {
    json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": time,
        "Bucket": bucket,
        "RequestId": request_id,
        "HostId": host_id,
    })
}

/// EventBridge's detail type and detail for the same happening; none for events that EventBridge is not told of.
pub fn event_bridge_detail(what: &Happening) -> Option<(&'static str, Value)> {
    let (kind, reason) = match what.event {
        "ObjectCreated:Put" => ("Object Created", "PutObject"),
        "ObjectCreated:Post" => ("Object Created", "POST Object"),
        "ObjectCreated:Copy" => ("Object Created", "CopyObject"),
        "ObjectCreated:CompleteMultipartUpload" => ("Object Created", "CompleteMultipartUpload"),
        "ObjectRemoved:Delete" | "ObjectRemoved:DeleteMarkerCreated" => ("Object Deleted", "DeleteObject"),
        "LifecycleExpiration:Delete" | "LifecycleExpiration:DeleteMarkerCreated" => {
            ("Object Deleted", "Lifecycle Expiration")
        }
        "ObjectTagging:Put" => ("Object Tags Added", ""),
        "ObjectTagging:Delete" => ("Object Tags Deleted", ""),
        "ObjectAcl:Put" => ("Object ACL Updated", ""),
        "ObjectRestore:Post" => ("Object Restore Initiated", ""),
        "ObjectRestore:Completed" => ("Object Restore Completed", ""),
        "LifecycleTransition" => ("Object Storage Class Changed", ""),
        _ => return None,
    };
    let mut object = serde_json::Map::new();
    object.insert("key".into(), what.key.as_str().into());
    if let Some(size) = what.size {
        object.insert("size".into(), size.into());
    }
    if let Some(etag) = &what.etag {
        object.insert("etag".into(), etag.as_str().into());
    }
    if let Some(version) = &what.version {
        object.insert("version-id".into(), version.as_str().into());
    }
    if what.is_ordered() && !what.event.starts_with("ObjectRestore:") {
        object.insert("sequencer".into(), sequencer(what.sequencer).into());
    }
    let mut detail = json!({
        "version": "0",
        "bucket": { "name": what.bucket },
        "object": object,
        "request-id": what.request_id,
        "requester": what.requester,
        "source-ip-address": what.source_ip,
    });
    if let Some(detail) = detail.as_object_mut() {
        if !reason.is_empty() {
            detail.insert("reason".into(), reason.into());
        }
        if what.event.starts_with("ObjectRestore:") {
            let class = what.storage_class.as_deref().unwrap_or("STANDARD");
            detail.insert("source-storage-class".into(), class.into());
        }
        if what.event == "ObjectRestore:Completed" {
            detail.insert("restore-expiry-time".into(), what.restored.as_deref().unwrap_or_default().into());
        }
        if what.event == "LifecycleTransition" {
            let class = what.storage_class.as_deref().unwrap_or("STANDARD");
            detail.insert("destination-storage-class".into(), class.into());
        }
        match what.event.rsplit(':').next() {
            Some("Delete") if kind == "Object Deleted" => {
                detail.insert("deletion-type".into(), "Permanently Deleted".into());
            }
            Some("DeleteMarkerCreated") => {
                detail.insert("deletion-type".into(), "Delete Marker Created".into());
            }
            _ => {}
        }
    }
    Some((kind, detail))
}

/// Hexadecimal, padded: of two events of one key, the greater sequencer came later.
fn sequencer(place: u64) -> String {
    format!("00{place:016X}")
}

/// The key as events carry it: url-encoded as in a form, a space being `+`.
fn encode_key(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_as_forms_are() {
        assert_eq!(encode_key("job offers/é+1=(a).csv"), "job+offers/%C3%A9%2B1%3D%28a%29.csv");
    }

    #[test]
    fn sequencers_sort_as_places_do() {
        assert!(sequencer(9) < sequencer(10) && sequencer(0xff) < sequencer(0x100));
    }
}
