//! Configurations that are kept as the document they came in: CORS, lifecycle, website, replication, logging, acceleration,
//! request payment, and the numbered ones (analytics, inventory, metrics, intelligent tiering).

use pilvi_bus::http::Response;
use pilvi_store::{Range, WriteTx};

use super::answer::{self, Answer};
use super::request::Req;
use super::xml::{Element, Writer};
use super::{checks, lifecycle};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::state::{BUCKETS, Bucket, DOCUMENTS};
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
    pub check: fn(&Objects, &Element, &Bucket) -> Result<()>,
}

/// The kinds.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "cors",
        root: "CORSConfiguration",
        absent: Some(Code::NoSuchCORSConfiguration),
        check: |_, root, bucket| super::cors::check(root, bucket),
    },
    Kind {
        name: "lifecycle",
        root: "LifecycleConfiguration",
        absent: Some(Code::NoSuchLifecycleConfiguration),
        check: |_, root, _| lifecycle::check(root),
    },
    Kind {
        name: "website",
        root: "WebsiteConfiguration",
        absent: Some(Code::NoSuchWebsiteConfiguration),
        check: checks::website,
    },
    Kind {
        name: "replication",
        root: "ReplicationConfiguration",
        absent: Some(Code::ReplicationConfigurationNotFoundError),
        check: checks::replication,
    },
    Kind { name: "logging", root: "BucketLoggingStatus", absent: None, check: checks::logging },
    Kind { name: "accelerate", root: "AccelerateConfiguration", absent: None, check: checks::accelerate },
    Kind { name: "requestPayment", root: "RequestPaymentConfiguration", absent: None, check: checks::payment },
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
        check: checks::inventory,
    },
    Kind { name: "metrics", root: "MetricsConfiguration", absent: Some(Code::NoSuchConfiguration), check: anything },
    Kind {
        name: "intelligent-tiering",
        root: "IntelligentTieringConfiguration",
        absent: Some(Code::NoSuchConfiguration),
        check: checks::tiering,
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
    let numbered = NUMBERED.contains(&kind.name);
    if numbered {
        checks::same_id(&root, req.query.get("id").unwrap_or_default())?;
    }
    (kind.check)(objects, &root, req.bucket()?)?;
    let root = if kind.name == "lifecycle" { lifecycle::with_ids(root) } else { root };
    let (name, document) = (stored_name(kind, req)?, root.to_document());
    update_bucket(objects, req, move |tx, bucket| {
        flag(bucket, &name, true);
        Ok(tx.put(&DOCUMENTS, &(bucket.id, name.as_str()), &document)?)
    })
    .await?;
    if numbered {
        return Ok(answer::status(204));
    }
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
        return list(objects, req, bucket, kind);
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
        let error = S3Error::from(code);
        return Err(if NUMBERED.contains(&kind.name) { error } else { error.with("BucketName", &bucket.name) });
    }
    let mut writer = Writer::document(kind.root);
    if kind.name == "requestPayment" {
        writer.leaf("Payer", "BucketOwner");
    }
    Ok(answer::xml(writer.finish(kind.root)))
}

/// How many numbered configurations a list has at once.
const PAGE: usize = 100;

/// The numbered configurations of a kind, in the order of their ids; a page's token is its last one's id.
fn list(objects: &Objects, req: &Req, bucket: &Bucket, kind: &Kind) -> Result<Response> {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let root = match kind.name {
        "analytics" => "ListBucketAnalyticsConfigurationResult",
        "inventory" => "ListInventoryConfigurationsResult",
        "metrics" => "ListMetricsConfigurationsResult",
        _ => "ListBucketIntelligentTieringConfigurationsOutput",
    };
    let token = req.query.get("continuation-token").filter(|token| !token.is_empty());
    let after = match token {
        None => None,
        Some(token) => {
            let id = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let refused =
                || S3Error::argument("The continuation token provided is incorrect", "continuation-token", token);
            Some(id.ok_or_else(refused)?)
        }
    };
    let start = format!("{}/", kind.name);
    let mut found = objects.platform.store.read(|tx| {
        let mut range = Range::starts_with(&(bucket.id,), &start);
        if let Some(after) = &after {
            range = range.after(&(bucket.id, format!("{start}{after}")));
        }
        tx.range(&DOCUMENTS, range).take(PAGE + 1).collect::<Result<Vec<_>, _>>()
    })?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let mut writer = Writer::document(root);
    for (_, document) in &found {
        writer.element(&Element::parse(document.as_bytes())?);
    }
    writer.value("IsTruncated", more);
    writer.maybe("ContinuationToken", token);
    let last = found.last().and_then(|((_, name), _)| name.strip_prefix(&start)).filter(|_| more);
    writer.maybe("NextContinuationToken", last.map(|id| URL_SAFE_NO_PAD.encode(id)).as_deref());
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
        "lifecycle" => bucket.has_lifecycle = there,
        _ => {}
    }
}

fn anything(_: &Objects, _: &Element, _: &Bucket) -> Result<()> {
    Ok(())
}

/// An id that nobody chose.
pub fn made_up_id() -> String {
    use base64::Engine;
    let bytes = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes).concat();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
