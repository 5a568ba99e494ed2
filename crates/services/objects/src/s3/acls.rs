//! ACLs of buckets and objects.

use pilvi_bus::http::Response;
use pilvi_store::WriteTx;

use super::answer::{self, Answer};
use super::documents::update_bucket;
use super::events::{Cause, Gone, announce};
use super::object_headers as headers;
use super::request::Req;
use super::xml::{Element, Writer};
use crate::Objects;
use crate::errors::{Code, Result, S3Error};
use crate::object::acl::{self, Grant, Grantee, Permission, canonical_id, is_public};
use crate::state::Bucket;
use crate::versions;

fn document(owner: &str, grants: &[Grant]) -> String {
    let mut writer = Writer::document("AccessControlPolicy");
    writer.open("Owner");
    writer.leaf("ID", owner);
    writer.close("Owner");
    writer.open("AccessControlList");
    for grant in grants {
        writer.open("Grant");
        match &grant.grantee {
            Grantee::User(id) => {
                writer.open_typed("Grantee", "CanonicalUser");
                writer.leaf("ID", id);
            }
            Grantee::Group(uri) => {
                writer.open_typed("Grantee", "Group");
                writer.leaf("URI", uri);
            }
        }
        writer.close("Grantee");
        writer.leaf("Permission", grant.permission.name());
        writer.close("Grant");
    }
    writer.close("AccessControlList");
    writer.finish("AccessControlPolicy")
}

/// What errors call a user's id in a document.
const USER: &str = "CanonicalUser/ID";

fn parse(body: &[u8], owner: &str) -> Result<Vec<Grant>> {
    let malformed = || S3Error::from(Code::MalformedACLError);
    let root = Element::parse(body).map_err(|_| malformed())?;
    if root.name != "AccessControlPolicy" {
        return Err(malformed());
    }
    let named = root.child("Owner").and_then(|owner| owner.text_of("ID")).ok_or_else(malformed)?;
    if named != owner {
        acl::check_user(named.to_owned(), USER)?;
        return Err(Code::AccessDenied.into());
    }
    let list = root.child("AccessControlList").ok_or_else(malformed)?;
    let mut grants = Vec::new();
    for grant in list.all("Grant") {
        let grantee = grant.child("Grantee").ok_or_else(malformed)?;
        let permission = grant.text_of("Permission").and_then(Permission::parse).ok_or_else(malformed)?;
        let grantee = match (grantee.text_of("ID"), grantee.text_of("URI")) {
            (Some(id), None) => Grantee::User(acl::check_user(id.to_owned(), USER)?),
            (None, Some(uri)) => Grantee::Group(acl::check_group(uri.to_owned(), "Group/URI")?),
            _ => return Err(malformed()),
        };
        grants.push(Grant { grantee, permission });
    }
    Ok(grants)
}

/// The list that a request puts, from its headers or its body.
async fn wanted(req: &mut Req, bucket: &Bucket, owner: &str) -> Result<Vec<Grant>> {
    let bucket_owner = canonical_id(&bucket.account);
    let body = req.optional_document().await?;
    let from_headers = headers::acl(req, owner, &bucket_owner)?;
    let grants = match from_headers {
        Some(_) if !body.is_empty() => return Err(Code::UnexpectedContent.into()),
        Some(grants) => grants,
        None if body.is_empty() => {
            return Err(S3Error::from(Code::MissingSecurityHeader).with("MissingHeaderName", "x-amz-acl"));
        }
        None => parse(&body, owner)?,
    };
    if bucket.enforced() {
        return Err(Code::AccessControlListNotSupported.into());
    }
    if bucket.public_access.is_some_and(|block| block.block_acls) && is_public(&grants) {
        return Err(Code::AccessDenied.into());
    }
    Ok(grants)
}

/// PutBucketAcl.
pub async fn put_bucket_acl(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    let grants = wanted(req, &bucket, &canonical_id(&bucket.account)).await?;
    update_bucket(objects, req, move |_, bucket| {
        bucket.acl.clone_from(&grants);
        Ok(())
    })
    .await?;
    Ok(answer::status(200).set("content-length", "0"))
}

/// GetBucketAcl.
pub async fn get_bucket_acl(_: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    Ok(answer::xml(document(&canonical_id(&bucket.account), &bucket.acl)))
}

/// PutObjectAcl.
pub async fn put_object_acl(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?.clone();
    let object = super::get_object::readable(objects, req, &bucket)?;
    let grants = wanted(req, &bucket, &object.owner).await?;
    let (key, place) = (req.key.clone(), object.version_id().to_owned());
    let cause = Cause::of(objects, req);
    let write = move |tx: &mut WriteTx<'_>| -> Result<()> {
        let bucket = versions::current_bucket(tx, &bucket)?;
        let found = versions::find(tx, bucket.id, &key, Some(&place))?;
        let mut object = found.ok_or_else(|| versions::missing(&key, None))?;
        object.acl = Some(grants.clone());
        versions::replace(tx, bucket.id, &key, &object)?;
        announce(tx, &bucket, &key, &object, "ObjectAcl:Put", Gone::No, &cause)
    };
    objects.platform.store.write(write).await?;
    Ok(answer::status(200).set("content-length", "0"))
}

/// GetObjectAcl.
pub async fn get_object_acl(objects: &Objects, req: &mut Req) -> Result<Response> {
    let bucket = req.bucket()?;
    let object = super::get_object::readable(objects, req, bucket)?;
    let own = || vec![Grant { grantee: Grantee::User(object.owner.clone()), permission: Permission::FullControl }];
    let grants = object.acl.clone().unwrap_or_else(own);
    Ok(answer::xml(document(&object.owner, &grants)))
}
