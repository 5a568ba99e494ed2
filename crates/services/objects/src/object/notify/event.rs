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
    object.insert("sequencer".into(), sequencer(what.sequencer).into());
    json!({ "Records": [{
        "eventVersion": "2.1",
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
    object.insert("sequencer".into(), sequencer(what.sequencer).into());
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
