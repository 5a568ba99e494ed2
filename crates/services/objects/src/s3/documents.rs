//! Configurations that are kept as the document they came in: CORS, lifecycle, website, replication, logging, acceleration,
//! request payment, and the numbered ones (analytics, inventory, metrics, intelligent tiering).

use pilvi_bus::http::Response;
use pilvi_store::{Range, WriteTx};

use super::answer::{self, Answer};
use super::request::Req;
use super::xml::{Element, Writer};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::state::{BUCKETS, Bucket, DOCUMENTS, Versioning};
use crate::versions;

/// A kind of configuration.
pub struct Kind {
    /// Its subresource, which is also its name in the store.
    pub name: &'static str,
    /// Its document's root.
    pub root: &'static str,
    /// The answer when there is none; without it, an empty document.
    pub absent: Option<Code>,
    /// Checks a document.
    pub check: fn(&Element, &Bucket) -> Result<()>,
}

/// The kinds.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "cors",
        root: "CORSConfiguration",
        absent: Some(Code::NoSuchCORSConfiguration),
        check: super::cors::check,
    },
    Kind {
        name: "lifecycle",
        root: "LifecycleConfiguration",
        absent: Some(Code::NoSuchLifecycleConfiguration),
        check: check_lifecycle,
    },
    Kind {
        name: "website",
        root: "WebsiteConfiguration",
        absent: Some(Code::NoSuchWebsiteConfiguration),
        check: check_website,
    },
    Kind {
        name: "replication",
        root: "ReplicationConfiguration",
        absent: Some(Code::ReplicationConfigurationNotFoundError),
        check: check_replication,
    },
    Kind { name: "logging", root: "BucketLoggingStatus", absent: None, check: anything },
    Kind { name: "accelerate", root: "AccelerateConfiguration", absent: None, check: check_accelerate },
    Kind { name: "requestPayment", root: "RequestPaymentConfiguration", absent: None, check: check_payment },
    Kind {
        name: "analytics",
        root: "AnalyticsConfiguration",
        absent: Some(Code::NoSuchConfiguration),
        check: anything,
    },
    Kind {
        name: "inventory",
        root: "InventoryConfiguration",
        absent: Some(Code::NoSuchConfiguration),
        check: anything,
    },
    Kind { name: "metrics", root: "MetricsConfiguration", absent: Some(Code::NoSuchConfiguration), check: anything },
    Kind {
        name: "intelligent-tiering",
        root: "IntelligentTieringConfiguration",
        absent: Some(Code::NoSuchConfiguration),
        check: anything,
    },
];

/// Kinds of which a bucket has several, by an id.
const NUMBERED: &[&str] = &["analytics", "inventory", "metrics", "intelligent-tiering"];

fn kind(req: &Req) -> Result<&'static Kind> {
    KINDS.iter().find(|kind| req.query.has(kind.name)).ok_or_else(|| Code::MethodNotAllowed.into())
}

fn stored_name(kind: &Kind, req: &Req) -> Result<String> {
    if !NUMBERED.contains(&kind.name) {
        return Ok(kind.name.to_owned());
    }
    let id = req.query.get("id").unwrap_or_default();
    if id.is_empty() || id.len() > 64 {
        return Err(S3Error::new(
            Code::InvalidArgument,
            "The configuration id is missing or longer than 64 characters",
        ));
    }
    Ok(format!("{}/{id}", kind.name))
}

/// A stored document.
pub fn load(objects: &Objects, bucket: &Bucket, name: &str) -> Result<Option<String>> {
    Ok(objects.platform.store.read(|tx| tx.get(&DOCUMENTS, &(bucket.id, name)))?)
}

/// Changes a bucket's record or documents in one transaction.
pub async fn update_bucket(
    objects: &Objects,
    req: &Req,
    change: impl Fn(&mut WriteTx<'_>, &mut Bucket) -> Result<()> + Send + 'static,
) -> Result<()> {
    let known = req.bucket()?.clone();
    let write = move |tx: &mut WriteTx<'_>| -> Result<()> {
        let mut bucket = versions::current_bucket(tx, &known)?;
        change(tx, &mut bucket)?;
        tx.put(&BUCKETS, &(pilvi_bus::region::partition(&bucket.region), bucket.name.as_str()), &bucket)?;
        Ok(())
    };
    objects.platform.store.write(write).await
}

/// PutBucketCors and the like.
pub async fn put(objects: &Objects, req: &mut Req) -> Result<Response> {
    let kind = kind(req)?;
    let body = req.document().await?;
    let root = Element::parse_root(&body, kind.root)?;
    (kind.check)(&root, req.bucket()?)?;
    let root = if kind.name == "lifecycle" { with_ids(root) } else { root };
    let (name, document) = (stored_name(kind, req)?, root.to_document());
    update_bucket(objects, req, move |tx, bucket| {
        flag(bucket, &name, true);
        Ok(tx.put(&DOCUMENTS, &(bucket.id, name.as_str()), &document)?)
    })
    .await?;
    let answer = answer::status(200).set("content-length", "0");
    if kind.name == "lifecycle" {
        return Ok(answer.set("x-amz-transition-default-minimum-object-size", minimum_size(req)));
    }
    Ok(answer)
}

fn minimum_size(req: &Req) -> &str {
    req.header("x-amz-transition-default-minimum-object-size").unwrap_or("all_storage_classes_128K")
}

/// GetBucketCors and the like.
pub async fn get(objects: &Objects, req: &mut Req) -> Result<Response> {
    let kind = kind(req)?;
    let bucket = req.bucket()?;
    if NUMBERED.contains(&kind.name) && !req.query.has("id") {
        return list(objects, bucket, kind);
    }
    if let Some(document) = load(objects, bucket, &stored_name(kind, req)?)? {
        let answer = answer::xml(document);
        let lifecycle = kind.name == "lifecycle";
        return Ok(if lifecycle {
            answer.set("x-amz-transition-default-minimum-object-size", "all_storage_classes_128K")
        } else {
            answer
        });
    }
    if let Some(code) = kind.absent {
        return Err(S3Error::from(code).with("BucketName", &bucket.name));
    }
    let mut writer = Writer::document(kind.root);
    if kind.name == "requestPayment" {
        writer.leaf("Payer", "BucketOwner");
    }
    Ok(answer::xml(writer.finish(kind.root)))
}

fn list(objects: &Objects, bucket: &Bucket, kind: &Kind) -> Result<Response> {
    let root = match kind.name {
        "analytics" => "ListBucketAnalyticsConfigurationResult",
        "inventory" => "ListInventoryConfigurationsResult",
        "metrics" => "ListMetricsConfigurationsResult",
        _ => "ListBucketIntelligentTieringConfigurationsOutput",
    };
    let documents = objects.platform.store.read(|tx| {
        let range = Range::starts_with(&(bucket.id,), format!("{}/", kind.name));
        tx.range(&DOCUMENTS, range).map(|entry| entry.map(|(_, document)| document)).collect::<Result<Vec<_>, _>>()
    })?;
    let mut writer = Writer::document(root);
    for document in documents {
        let element = Element::parse(document.as_bytes())?;
        writer.element(&element);
    }
    writer.leaf("IsTruncated", "false");
    Ok(answer::xml(writer.finish(root)))
}

/// DeleteBucketCors and the like.
pub async fn delete(objects: &Objects, req: &mut Req) -> Result<Response> {
    let kind = kind(req)?;
    let name = stored_name(kind, req)?;
    if NUMBERED.contains(&kind.name) && load(objects, req.bucket()?, &name)?.is_none() {
        return Err(Code::NoSuchConfiguration.into());
    }
    update_bucket(objects, req, move |tx, bucket| {
        flag(bucket, &name, false);
        tx.delete(&DOCUMENTS, &(bucket.id, name.as_str()))?;
        Ok(())
    })
    .await?;
    Ok(answer::status(204))
}

fn flag(bucket: &mut Bucket, name: &str, there: bool) {
    match name {
        "cors" => bucket.has_cors = there,
        "website" => bucket.has_website = there,
        _ => {}
    }
}

fn anything(_: &Element, _: &Bucket) -> Result<()> {
    Ok(())
}

fn check_accelerate(root: &Element, bucket: &Bucket) -> Result<()> {
    if bucket.name.contains('.') {
        return Err(S3Error::request(
            "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names",
        ));
    }
    match root.text_of("Status") {
        Some("Enabled" | "Suspended") => Ok(()),
        _ => Err(Code::MalformedXML.into()),
    }
}

fn check_payment(root: &Element, _: &Bucket) -> Result<()> {
    match root.text_of("Payer") {
        Some("Requester" | "BucketOwner") => Ok(()),
        _ => Err(Code::MalformedXML.into()),
    }
}

fn check_replication(root: &Element, bucket: &Bucket) -> Result<()> {
    if bucket.versioning != Versioning::Enabled {
        return Err(S3Error::request(
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
        ));
    }
    root.required("Role")?;
    if root.all("Rule").next().is_none() { Err(Code::MalformedXML.into()) } else { Ok(()) }
}

fn check_website(root: &Element, _: &Bucket) -> Result<()> {
    if let Some(all) = root.child("RedirectAllRequestsTo") {
        all.required("HostName")?;
        return Ok(());
    }
    let Some(index) = root.child("IndexDocument") else {
        return Err(S3Error::new(
            Code::InvalidArgument,
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
        )
        .with("ArgumentName", "IndexDocument"));
    };
    let suffix = index.text_of("Suffix").unwrap_or_default();
    if suffix.is_empty() || suffix.contains('/') {
        return Err(S3Error::argument("The IndexDocument Suffix is not well formed", "IndexDocument", suffix));
    }
    Ok(())
}

fn check_lifecycle(root: &Element, _: &Bucket) -> Result<()> {
    let mut ids = Vec::new();
    for rule in root.all("Rule") {
        if !matches!(rule.text_of("Status"), Some("Enabled" | "Disabled")) {
            return Err(Code::MalformedXML.into());
        }
        if rule.child("Filter").is_none() && rule.child("Prefix").is_none() {
            return Err(Code::MalformedXML.into());
        }
        const ACTIONS: [&str; 5] = [
            "Expiration",
            "Transition",
            "NoncurrentVersionExpiration",
            "NoncurrentVersionTransition",
            "AbortIncompleteMultipartUpload",
        ];
        if !ACTIONS.iter().any(|action| rule.child(action).is_some()) {
            return Err(S3Error::request("At least one action needs to be specified in a rule"));
        }
        for days in ACTIONS.iter().flat_map(|action| rule.all(action)).filter_map(|action| action.text_of("Days")) {
            if days.parse::<u32>().is_err() {
                return Err(S3Error::argument("'Days' for Expiration action must be a positive integer", "Days", days));
            }
        }
        if rule.child("Expiration").and_then(|expiration| expiration.text_of("Days")) == Some("0") {
            return Err(S3Error::new(Code::InvalidArgument, "'Days' for Expiration action must be a positive integer"));
        }
        if let Some(id) = rule.text_of("ID") {
            if id.len() > 255 {
                return Err(S3Error::new(Code::InvalidArgument, "ID length should not exceed allowed limit of 255"));
            }
            if !id.is_empty() && ids.contains(&id) {
                return Err(S3Error::new(
                    Code::InvalidArgument,
                    "Rule ID must be unique. Found same ID for more than one rule",
                ));
            }
            ids.push(id);
        }
    }
    if root.all("Rule").next().is_none() { Err(Code::MalformedXML.into()) } else { Ok(()) }
}

/// Rules without an id get one.
fn with_ids(mut root: Element) -> Element {
    for rule in root.children.iter_mut().filter(|child| child.name == "Rule") {
        match rule.children.iter_mut().find(|child| child.name == "ID") {
            Some(id) if id.text.is_empty() => id.text = made_up_id(),
            Some(_) => {}
            None => rule.children.insert(0, Element { name: "ID".into(), text: made_up_id(), ..Element::default() }),
        }
    }
    root
}

/// An id that nobody chose.
pub fn made_up_id() -> String {
    use base64::Engine;
    let bytes = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes).concat();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
