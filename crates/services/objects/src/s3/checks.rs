//! What S3 refuses of the configurations that it keeps as documents.

use super::xml::Element;
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::state::{BUCKETS, Bucket, Versioning};

fn named_bucket(objects: &Objects, near: &Bucket, name: &str) -> Result<Option<Bucket>> {
    let partition = pilvi_bus::region::partition(&near.region);
    Ok(objects.platform.store.read(|tx| tx.get(&BUCKETS, &(partition, name)))?)
}

/// Transfer acceleration.
pub fn accelerate(_: &Objects, root: &Element, bucket: &Bucket) -> Result<()> {
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

/// Who pays.
pub fn payment(_: &Objects, root: &Element, _: &Bucket) -> Result<()> {
    match root.text_of("Payer") {
        Some("Requester" | "BucketOwner") => Ok(()),
        _ => Err(Code::MalformedXML.into()),
    }
}

/// Replication.
pub fn replication(objects: &Objects, root: &Element, bucket: &Bucket) -> Result<()> {
    if bucket.versioning != Versioning::Enabled {
        return Err(S3Error::request(
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
        ));
    }
    root.required("Role")?;
    if root.all("Rule").next().is_none() {
        return Err(Code::MalformedXML.into());
    }
    for rule in root.all("Rule") {
        let arn = rule.child("Destination").ok_or(Code::MalformedXML)?.required("Bucket")?;
        let name = arn.rsplit(':').next().unwrap_or(arn);
        let there = named_bucket(objects, bucket, name)?;
        if there.is_none_or(|there| there.versioning != Versioning::Enabled) {
            return Err(S3Error::request("Destination bucket must have versioning enabled."));
        }
    }
    Ok(())
}

/// Server access logs.
pub fn logging(objects: &Objects, root: &Element, bucket: &Bucket) -> Result<()> {
    let Some(enabled) = root.child("LoggingEnabled") else { return Ok(()) };
    let target = enabled.required("TargetBucket")?;
    enabled.required("TargetPrefix")?;
    match named_bucket(objects, bucket, target)? {
        None => Err(S3Error::from(Code::InvalidTargetBucketForLogging).with("TargetBucket", target)),
        Some(there) if there.region != bucket.region => {
            Err(S3Error::from(Code::CrossLocationLoggingProhibitted).with("TargetBucketLocation", there.region))
        }
        Some(_) => Ok(()),
    }
}

/// A configuration whose id has to be the one that the request names.
pub fn same_id(root: &Element, id: &str) -> Result<()> {
    if root.required("Id")? == id {
        return Ok(());
    }
    Err(if root.name == "InventoryConfiguration" { Code::IdMismatch } else { Code::MalformedXML }.into())
}

/// The optional fields of an inventory.
const FIELDS: &[&str] = &[
    "Size",
    "LastModifiedDate",
    "StorageClass",
    "ETag",
    "IsMultipartUploaded",
    "ReplicationStatus",
    "EncryptionStatus",
    "ObjectLockRetainUntilDate",
    "ObjectLockMode",
    "ObjectLockLegalHoldStatus",
    "IntelligentTieringAccessTier",
    "BucketKeyStatus",
    "ChecksumAlgorithm",
    "ObjectAccessControlList",
    "ObjectOwner",
    "LifecycleExpirationDate",
];

/// An inventory.
pub fn inventory(_: &Objects, root: &Element, _: &Bucket) -> Result<()> {
    let malformed = || S3Error::from(Code::MalformedXML);
    let destination = root.child("Destination").and_then(|to| to.child("S3BucketDestination")).ok_or_else(malformed)?;
    let arn = destination.required("Bucket")?;
    if pilvi_bus::Arn::parse(arn).is_none_or(|arn| arn.service != "s3") {
        return Err(Code::InvalidS3DestinationBucket.into());
    }
    let fields = root.child("OptionalFields");
    let known = matches!(destination.text_of("Format"), Some("CSV" | "ORC" | "Parquet"))
        && matches!(
            root.child("Schedule").and_then(|schedule| schedule.text_of("Frequency")),
            Some("Daily" | "Weekly")
        )
        && matches!(root.text_of("IncludedObjectVersions"), Some("All" | "Current"))
        && matches!(root.text_of("IsEnabled"), Some("true" | "false"))
        && fields.is_none_or(|fields| fields.children.iter().all(|field| FIELDS.contains(&field.text.as_str())));
    if known { Ok(()) } else { Err(malformed()) }
}

/// Intelligent tiering.
pub fn tiering(_: &Objects, root: &Element, _: &Bucket) -> Result<()> {
    let tiers = root.all("Tiering").count();
    let known = matches!(root.text_of("Status"), Some("Enabled" | "Disabled"))
        && tiers > 0
        && root.all("Tiering").all(|tier| {
            matches!(tier.text_of("AccessTier"), Some("ARCHIVE_ACCESS" | "DEEP_ARCHIVE_ACCESS"))
                && tier.text_of("Days").is_some_and(|days| days.parse::<u32>().is_ok())
        });
    if known { Ok(()) } else { Err(Code::MalformedXML.into()) }
}

/// A website.
pub fn website(_: &Objects, root: &Element, _: &Bucket) -> Result<()> {
    if let Some(all) = root.child("RedirectAllRequestsTo") {
        if root.children.len() > 1 {
            return Err(S3Error::argument(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
                "RedirectAllRequestsTo",
                "not null",
            ));
        }
        all.required("HostName")?;
        return protocol(all);
    }
    let Some(index) = root.child("IndexDocument") else {
        return Err(S3Error::argument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            "IndexDocument",
            "null",
        ));
    };
    let suffix = index.text_of("Suffix").unwrap_or_default();
    if suffix.is_empty() || suffix.contains('/') {
        return Err(S3Error::argument("The IndexDocument Suffix is not well formed", "IndexDocument", suffix));
    }
    let Some(rules) = root.child("RoutingRules") else { return Ok(()) };
    if rules.children.is_empty() {
        return Err(Code::MalformedXML.into());
    }
    for rule in &rules.children {
        let redirect = rule.child("Redirect").ok_or(Code::MalformedXML)?;
        if redirect.child("ReplaceKeyPrefixWith").is_some() && redirect.child("ReplaceKeyWith").is_some() {
            return Err(S3Error::request("You can only define ReplaceKeyPrefix or ReplaceKey but not both."));
        }
        if rule.child("Condition").is_some_and(|condition| condition.children.is_empty()) {
            return Err(S3Error::request(
                "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.",
            ));
        }
        protocol(redirect)?;
    }
    Ok(())
}

fn protocol(redirect: &Element) -> Result<()> {
    match redirect.text_of("Protocol") {
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(S3Error::request(
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.",
        )),
    }
}
