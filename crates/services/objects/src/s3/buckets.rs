//! CreateBucket, DeleteBucket, HeadBucket, ListBuckets, GetBucketLocation.

use pilvi_bus::http::Response;
use pilvi_bus::region;
use pilvi_store::{Range, WriteTx};
use uuid::Uuid;

use super::answer::{self, Answer};
use super::object_headers;
use super::request::Req;
use super::text::iso;
use super::xml::{Element, Writer};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::acl::{canned, canonical_id, is_public};
use crate::object::tags::{self, Of, Tags};
use crate::state::{
    BUCKETS, Bucket, DOCUMENTS, NOTIFICATIONS, OBJECTS, Ownership, PublicAccessBlock, UPLOADS, VERSIONS, Versioning,
};
use crate::versions;

/// CreateBucket.
pub async fn create_bucket(objects: &Objects, req: &mut Req) -> Result<Response> {
    if !crate::object::bucket_name::is_valid(&req.bucket_name) {
        return Err(S3Error::from(Code::InvalidBucketName).with("BucketName", &req.bucket_name));
    }
    let (constraint, tags) = configuration(req).await?;
    let region = bucket_region(&req.ctx.region, constraint.as_deref())?;
    let account = req.ctx.principal.account().to_owned();
    let owner = canonical_id(&account);
    let ownership = match req.header("x-amz-object-ownership") {
        None => Ownership::default(),
        Some(text) => Ownership::parse(text).ok_or_else(|| {
            S3Error::new(Code::InvalidArgument, format!("Invalid x-amz-object-ownership header: {text}"))
                .with("ArgumentName", "x-amz-object-ownership")
        })?,
    };
    let acl = object_headers::acl(req, &owner, &owner)?;
    if let Some(grants) = &acl
        && ownership == Ownership::BucketOwnerEnforced
        && !crate::object::acl::is_owner_only(grants, &owner)
    {
        return Err(Code::InvalidBucketAclWithObjectOwnership.into());
    }
    if acl.as_ref().is_some_and(|grants| is_public(grants)) {
        // New buckets block public ACLs.
        return Err(Code::AccessDenied.into());
    }
    let object_lock =
        req.header("x-amz-bucket-object-lock-enabled").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let bucket = Bucket {
        id: Uuid::new_v4(),
        name: req.bucket_name.clone(),
        account,
        region: region.clone(),
        created: objects.platform.clock.now_ms(),
        versioning: if object_lock { Versioning::Enabled } else { Versioning::Off },
        mfa_delete: None,
        ownership: Some(ownership),
        public_access: Some(PublicAccessBlock {
            block_acls: true,
            ignore_acls: true,
            block_policy: true,
            restrict: true,
        }),
        acl: match acl {
            Some(acl) => acl,
            None => canned("private", &owner, &owner)?,
        },
        object_lock,
        default_retention: None,
        encryption: None,
        bucket_key: false,
        has_policy: false,
        notifies: false,
        has_cors: false,
        has_website: false,
        has_lifecycle: false,
    };
    let location = format!("/{}", bucket.name);
    let arn = bucket.arn();
    let create = move |tx: &mut WriteTx<'_>| -> Result<()> {
        let key = (region::partition(&bucket.region), bucket.name.as_str());
        if let Some(existing) = tx.get(&BUCKETS, &key)? {
            if existing.account != bucket.account {
                return Err(S3Error::from(Code::BucketAlreadyExists).with("BucketName", &bucket.name));
            }
            // us-east-1 answers as if it had been made again, for the sake of its oldest clients.
            if existing.region == "us-east-1" && bucket.region == "us-east-1" {
                return Ok(());
            }
            return Err(S3Error::from(Code::BucketAlreadyOwnedByYou).with("BucketName", &bucket.name));
        }
        tx.put(&BUCKETS, &key, &bucket)?;
        if !tags.is_empty() {
            tx.put(&DOCUMENTS, &(bucket.id, "tagging"), &super::tagging::document(&tags))?;
        }
        Ok(())
    };
    objects.platform.store.write(create).await?;
    Ok(answer::status(200).set("location", location).set("x-amz-bucket-arn", arn).set("content-length", "0"))
}

async fn configuration(req: &mut Req) -> Result<(Option<String>, Tags)> {
    let document = req.optional_document().await?;
    if document.is_empty() {
        return Ok((None, Tags::new()));
    }
    let root = Element::parse_root(&document, "CreateBucketConfiguration")?;
    let mut found = Tags::new();
    if let Some(list) = root.child("Tags") {
        for tag in list.all("Tag") {
            found.push((tag.required("Key")?.to_owned(), tag.required("Value")?.to_owned()));
        }
        tags::check(&found, Of::Bucket)?;
    }
    let constraint = root.text_of("LocationConstraint").map(str::trim).filter(|text| !text.is_empty());
    Ok((constraint.map(str::to_owned), found))
}

/// The region of a new bucket: the endpoint's, which a constraint must agree with; us-east-1 takes any and is never named.
fn bucket_region(endpoint: &str, constraint: Option<&str>) -> Result<String> {
    match constraint {
        None if endpoint == "us-east-1" => Ok(endpoint.to_owned()),
        None => Err(Code::IllegalLocationConstraintException.into()),
        Some("EU") if matches!(endpoint, "us-east-1" | "eu-west-1") => Ok("eu-west-1".to_owned()),
        Some(name) if name == "us-east-1" || !region::is_region(name) => {
            Err(S3Error::from(Code::InvalidLocationConstraint).with("LocationConstraint", name))
        }
        Some(name) if name == endpoint || endpoint == "us-east-1" => Ok(name.to_owned()),
        Some(name) => Err(S3Error::new(
            Code::IllegalLocationConstraintException,
            format!(
                "The {name} location constraint is incompatible for the region specific endpoint this request was sent to."
            ),
        )),
    }
}

/// DeleteBucket. Uploads in progress go with it; objects and versions keep it.
pub async fn delete_bucket(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    let delete = move |tx: &mut WriteTx<'_>| -> Result<()> {
        let bucket = versions::current_bucket(tx, &bucket)?;
        let id = bucket.id;
        let mut keys = tx.keys(&OBJECTS, Range::prefix(&(id,)));
        if keys.next().transpose()?.is_some() {
            let text = match bucket.versioning {
                Versioning::Off => Code::BucketNotEmpty.text(),
                _ => "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
            };
            return Err(S3Error::new(Code::BucketNotEmpty, text).with("BucketName", &bucket.name));
        }
        drop(keys);
        let uploads = tx.keys(&UPLOADS, Range::prefix(&(id,))).collect::<std::result::Result<Vec<_>, _>>()?;
        for (_, key, upload) in uploads {
            super::uploads::forget(tx, id, &key, &upload)?;
        }
        tx.delete_range(&VERSIONS, Range::prefix(&(id,)))?;
        tx.delete_range(&DOCUMENTS, Range::prefix(&(id,)))?;
        tx.delete(&NOTIFICATIONS, &id)?;
        tx.delete(&BUCKETS, &(region::partition(&bucket.region), bucket.name.as_str()))?;
        Ok(())
    };
    objects.platform.store.write(delete).await?;
    Ok(answer::status(204))
}

/// HeadBucket.
pub async fn head_bucket(_: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    Ok(answer::status(200)
        .set("x-amz-bucket-region", &bucket.region)
        .set("x-amz-bucket-arn", bucket.arn())
        .set("x-amz-access-point-alias", "false")
        .set("content-type", "application/xml"))
}

/// GetBucketLocation: us-east-1 is told by saying nothing.
pub async fn get_bucket_location(_: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let mut writer = Writer::document("LocationConstraint");
    if bucket.region != "us-east-1" {
        writer.text(&bucket.region);
    }
    Ok(answer::xml(writer.finish("LocationConstraint")))
}

/// ListBuckets: the account's, by name.
pub async fn list_buckets(objects: &Objects, req: &mut Req) -> Result<Response> {
    let account = req.ctx.principal.account().to_owned();
    let prefix = req.query.get("prefix").unwrap_or_default();
    let wanted_region = req.query.get("bucket-region");
    let limit = match req.query.get("max-buckets") {
        None => usize::MAX,
        Some(text) => text.parse().ok().filter(|n| (1..=10_000).contains(n)).ok_or_else(|| {
            S3Error::argument("Argument maxBuckets must be an integer between 1 and 10000", "maxBuckets", text)
        })?,
    };
    let after = match req.query.get("continuation-token") {
        None => None,
        Some(token) => Some(super::list_objects::decode_token(token)?),
    };
    let partition = region::partition(&req.ctx.region);
    let mut writer = Writer::document("ListAllMyBucketsResult");
    writer.open("Owner");
    writer.leaf("ID", &req.caller_id());
    writer.close("Owner");
    writer.open("Buckets");
    let mut last = None;
    let mut more = false;
    objects.platform.store.read(|tx| -> Result<()> {
        let mut range = Range::starts_with(&(partition,), prefix);
        if let Some(after) = &after {
            range = range.after(&(partition, after.as_str()));
        }
        let mut count = 0;
        for entry in tx.range(&BUCKETS, range) {
            let (_, bucket) = entry?;
            if bucket.account != account || wanted_region.is_some_and(|region| region != bucket.region) {
                continue;
            }
            if count == limit {
                more = true;
                break;
            }
            count += 1;
            writer.open("Bucket");
            writer.leaf("Name", &bucket.name);
            writer.leaf("CreationDate", &iso(bucket.created));
            if limit != usize::MAX || wanted_region.is_some() {
                writer.leaf("BucketRegion", &bucket.region);
            }
            writer.leaf("BucketArn", &bucket.arn());
            writer.close("Bucket");
            last = Some(bucket.name);
        }
        Ok(())
    })?;
    writer.close("Buckets");
    if !prefix.is_empty() {
        writer.leaf("Prefix", prefix);
    }
    if more && let Some(last) = last {
        writer.leaf("ContinuationToken", &super::list_objects::encode_token(&last));
    }
    Ok(answer::xml(writer.finish("ListAllMyBucketsResult")))
}
