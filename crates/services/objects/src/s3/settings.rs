//! Settings that every request of a bucket needs, and which therefore live in its record: versioning, ownership, public access block,
//! default encryption, Object Lock.

use pilvi_bus::http::Response;

use super::answer::{self, Answer};
use super::documents::update_bucket;
use super::request::Req;
use super::xml::{Element, Writer};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::acl::{canonical_id, is_owner_only};
use crate::object::lock::Mode;
use crate::state::{DefaultRetention, Ownership, PublicAccessBlock, Span, Versioning};

fn done() -> Response {
    answer::status(200).set("content-length", "0")
}

/// PutBucketVersioning.
pub async fn put_versioning(objects: &Objects, req: &mut Req) -> Result<Response> {
    let body = req.document().await?;
    let root = Element::parse_root(&body, "VersioningConfiguration")?;
    let versioning = match root.text_of("Status") {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        Some(_) => return Err(Code::MalformedXML.into()),
        None => return Err(Code::IllegalVersioningConfigurationException.into()),
    };
    let mfa = root.child("MfaDelete").or_else(|| root.child("MFADelete")).map(|element| element.text == "Enabled");
    update_bucket(objects, req, move |_, bucket| {
        if bucket.object_lock && versioning == Versioning::Suspended {
            return Err(S3Error::new(
                Code::InvalidBucketState,
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
            ));
        }
        bucket.versioning = versioning;
        bucket.mfa_delete = mfa.or(bucket.mfa_delete);
        Ok(())
    })
    .await?;
    Ok(done())
}

/// GetBucketVersioning.
pub async fn get_versioning(_: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let mut writer = Writer::document("VersioningConfiguration");
    match bucket.versioning {
        Versioning::Off => {}
        Versioning::Enabled => writer.leaf("Status", "Enabled"),
        Versioning::Suspended => writer.leaf("Status", "Suspended"),
    }
    if let Some(enabled) = bucket.mfa_delete {
        writer.leaf("MfaDelete", if enabled { "Enabled" } else { "Disabled" });
    }
    Ok(answer::xml(writer.finish("VersioningConfiguration")))
}

/// PutBucketOwnershipControls.
pub async fn put_ownership(objects: &Objects, req: &mut Req) -> Result<Response> {
    let body = req.document().await?;
    let root = Element::parse_root(&body, "OwnershipControls")?;
    let rules: Vec<&Element> = root.all("Rule").collect();
    let [rule] = rules.as_slice() else { return Err(Code::MalformedXML.into()) };
    let ownership = Ownership::parse(rule.required("ObjectOwnership")?).ok_or(Code::MalformedXML)?;
    update_bucket(objects, req, move |_, bucket| {
        let owner = canonical_id(&bucket.account);
        if ownership == Ownership::BucketOwnerEnforced && !is_owner_only(&bucket.acl, &owner) {
            return Err(Code::InvalidBucketAclWithObjectOwnership.into());
        }
        bucket.ownership = Some(ownership);
        Ok(())
    })
    .await?;
    Ok(done())
}

/// GetBucketOwnershipControls.
pub async fn get_ownership(_: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let Some(ownership) = bucket.ownership else {
        return Err(S3Error::from(Code::OwnershipControlsNotFoundError).with("BucketName", &bucket.name));
    };
    let mut writer = Writer::document("OwnershipControls");
    writer.open("Rule");
    writer.leaf("ObjectOwnership", ownership.name());
    writer.close("Rule");
    Ok(answer::xml(writer.finish("OwnershipControls")))
}

/// DeleteBucketOwnershipControls.
pub async fn delete_ownership(objects: &Objects, req: &mut Req) -> Result<Response> {
    update_bucket(objects, req, |_, bucket| {
        bucket.ownership = None;
        Ok(())
    })
    .await?;
    Ok(answer::status(204))
}

/// PutPublicAccessBlock.
pub async fn put_public_access(objects: &Objects, req: &mut Req) -> Result<Response> {
    let body = req.document().await?;
    let root = Element::parse_root(&body, "PublicAccessBlockConfiguration")?;
    let flag = |name: &str| match root.text_of(name).map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(S3Error::from(Code::MalformedXML)),
    };
    let block = PublicAccessBlock {
        block_acls: flag("BlockPublicAcls")?,
        ignore_acls: flag("IgnorePublicAcls")?,
        block_policy: flag("BlockPublicPolicy")?,
        restrict: flag("RestrictPublicBuckets")?,
    };
    update_bucket(objects, req, move |_, bucket| {
        bucket.public_access = Some(block);
        Ok(())
    })
    .await?;
    Ok(done())
}

/// GetPublicAccessBlock.
pub async fn get_public_access(_: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let Some(block) = bucket.public_access else {
        return Err(S3Error::from(Code::NoSuchPublicAccessBlockConfiguration).with("BucketName", &bucket.name));
    };
    let mut writer = Writer::document("PublicAccessBlockConfiguration");
    writer.value("BlockPublicAcls", block.block_acls);
    writer.value("IgnorePublicAcls", block.ignore_acls);
    writer.value("BlockPublicPolicy", block.block_policy);
    writer.value("RestrictPublicBuckets", block.restrict);
    Ok(answer::xml(writer.finish("PublicAccessBlockConfiguration")))
}

/// DeletePublicAccessBlock.
pub async fn delete_public_access(objects: &Objects, req: &mut Req) -> Result<Response> {
    update_bucket(objects, req, |_, bucket| {
        bucket.public_access = None;
        Ok(())
    })
    .await?;
    Ok(answer::status(204))
}

/// PutBucketEncryption.
pub async fn put_encryption(objects: &Objects, req: &mut Req) -> Result<Response> {
    let body = req.document().await?;
    let root = Element::parse_root(&body, "ServerSideEncryptionConfiguration")?;
    let rules: Vec<&Element> = root.all("Rule").collect();
    let [rule] = rules.as_slice() else { return Err(Code::MalformedXML.into()) };
    let default = rule.child("ApplyServerSideEncryptionByDefault").ok_or(Code::MalformedXML)?;
    let algorithm = default.required("SSEAlgorithm")?.to_owned();
    if !matches!(algorithm.as_str(), "AES256" | "aws:kms" | "aws:kms:dsse") {
        return Err(Code::MalformedXML.into());
    }
    let key = default.text_of("KMSMasterKeyID").filter(|text| !text.is_empty()).map(str::to_owned);
    if algorithm == "AES256" && key.is_some() {
        return Err(S3Error::new(
            Code::InvalidArgument,
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
        )
        .with("ArgumentName", "ApplyServerSideEncryptionByDefault"));
    }
    let bucket_key = rule.text_of("BucketKeyEnabled").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    update_bucket(objects, req, move |_, bucket| {
        bucket.encryption = Some((algorithm.clone(), key.clone()));
        bucket.bucket_key = bucket_key;
        Ok(())
    })
    .await?;
    Ok(done())
}

/// GetBucketEncryption: every bucket has a default (SSE-S3 since January 2023).
pub async fn get_encryption(_: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let (algorithm, key) = bucket.encryption.clone().unwrap_or_else(|| ("AES256".to_owned(), None));
    let mut writer = Writer::document("ServerSideEncryptionConfiguration");
    writer.open("Rule");
    writer.open("ApplyServerSideEncryptionByDefault");
    writer.leaf("SSEAlgorithm", &algorithm);
    writer.maybe("KMSMasterKeyID", key.as_deref());
    writer.close("ApplyServerSideEncryptionByDefault");
    writer.value("BucketKeyEnabled", bucket.bucket_key);
    writer.close("Rule");
    Ok(answer::xml(writer.finish("ServerSideEncryptionConfiguration")))
}

/// DeleteBucketEncryption: back to the default.
pub async fn delete_encryption(objects: &Objects, req: &mut Req) -> Result<Response> {
    update_bucket(objects, req, |_, bucket| {
        bucket.encryption = None;
        bucket.bucket_key = false;
        Ok(())
    })
    .await?;
    Ok(answer::status(204))
}

/// PutObjectLockConfiguration.
pub async fn put_object_lock(objects: &Objects, req: &mut Req) -> Result<Response> {
    let body = req.document().await?;
    let root = Element::parse_root(&body, "ObjectLockConfiguration")?;
    if root.text_of("ObjectLockEnabled") != Some("Enabled") {
        return Err(Code::MalformedXML.into());
    }
    let retention = match root.child("Rule") {
        None => None,
        Some(rule) => {
            let default = rule.child("DefaultRetention").ok_or(Code::MalformedXML)?;
            let mode = Mode::parse(default.required("Mode")?).ok_or(Code::MalformedXML)?;
            let span = match (default.text_of("Days"), default.text_of("Years")) {
                (Some(days), None) => Span::Days(period(days)?),
                (None, Some(years)) => Span::Years(period(years)?),
                _ => return Err(Code::MalformedXML.into()),
            };
            Some(DefaultRetention { mode, span })
        }
    };
    update_bucket(objects, req, move |_, bucket| {
        if bucket.versioning != Versioning::Enabled {
            return Err(S3Error::new(
                Code::InvalidBucketState,
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
            ));
        }
        bucket.object_lock = true;
        bucket.default_retention = retention;
        Ok(())
    })
    .await?;
    Ok(done())
}

fn period(text: &str) -> Result<u32> {
    let period = text.trim().parse::<u32>().map_err(|_| Code::MalformedXML)?;
    if period == 0 {
        return Err(S3Error::new(Code::InvalidArgument, "Default retention period must be a positive integer value."));
    }
    if period > 36_500 {
        return Err(S3Error::new(Code::InvalidArgument, "Default retention period too large."));
    }
    Ok(period)
}

/// GetObjectLockConfiguration.
pub async fn get_object_lock(_: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    if !bucket.object_lock {
        return Err(S3Error::from(Code::ObjectLockConfigurationNotFoundError).with("BucketName", &bucket.name));
    }
    let mut writer = Writer::document("ObjectLockConfiguration");
    writer.leaf("ObjectLockEnabled", "Enabled");
    if let Some(default) = bucket.default_retention {
        writer.open("Rule");
        writer.open("DefaultRetention");
        writer.leaf("Mode", default.mode.name());
        match default.span {
            Span::Days(days) => writer.value("Days", days),
            Span::Years(years) => writer.value("Years", years),
        }
        writer.close("DefaultRetention");
        writer.close("Rule");
    }
    Ok(answer::xml(writer.finish("ObjectLockConfiguration")))
}
