//! The objects service: buckets and objects, spoken to as S3.
//!
//! `object` holds the rules, `state` the keys and records, `versions` a key's versions in the store, `s3` Amazon's front.
//! The table below is the manifest: every operation that is built, how it is told from the others, and what it needs.

pub mod calls;
pub mod errors;
pub mod object;
pub mod outbox;
pub mod s3;
pub mod state;
pub mod versions;

use std::sync::Arc;

use http::Method;
use pilvi_bus::Platform;

use crate::outbox::Outbox;
use crate::s3::operation::{Level, Operation};
use crate::s3::{
    acls, attributes, buckets, complete_upload, copy_object, delete_object, documents, get_object, list_objects,
    list_uploads, list_versions, locks, notification, policy, put_object, restore, settings, tagging, uploads,
};
use crate::versions::Stamp;

/// The service.
pub struct Objects {
    pub(crate) platform: Platform,
    pub(crate) outbox: Arc<dyn Outbox>,
}

impl Objects {
    /// The service on a platform; what it has to tell others goes to `outbox`.
    pub fn new(platform: &Platform, outbox: Arc<dyn Outbox>) -> Arc<Self> {
        Arc::new(Self { platform: platform.clone(), outbox })
    }

    /// The front that answers S3's requests.
    pub fn front(self: &Arc<Self>) -> Arc<dyn pilvi_bus::http::HttpFront> {
        Arc::new(s3::front::Front(self.clone()))
    }

    /// Carries out lifecycle rules until shutdown.
    pub async fn run_rules(self: Arc<Self>, shutdown: tokio_util::sync::CancellationToken) {
        s3::expire::run(self, shutdown).await;
    }

    /// What a new version is made of.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { now: self.platform.clock.now().as_microsecond(), random: uuid::Uuid::new_v4().as_u128() }
    }
}

macro_rules! operations {
    ($($method:ident $level:ident $when:literal $name:literal $action:literal $version_action:literal => $handler:path;)*) => {
        /// Every operation that is built. Of those that fit a request the first counts, so the special ones stand before the plain.
        pub static OPERATIONS: &[Operation] = &[$(Operation {
            name: $name,
            method: Method::$method,
            level: Level::$level,
            when: $when,
            action: $action,
            version_action: $version_action,
            handler: |objects, req| Box::pin($handler(objects, req)),
        },)*];
    };
}

operations! {
    GET Service "" "ListBuckets" "s3:ListAllMyBuckets" "" => buckets::list_buckets;
    // objects
    GET Object "?attributes" "GetObjectAttributes" "s3:GetObject" "s3:GetObjectVersion" => attributes::get_object_attributes;
    GET Object "?acl" "GetObjectAcl" "s3:GetObjectAcl" "s3:GetObjectVersionAcl" => acls::get_object_acl;
    GET Object "?tagging" "GetObjectTagging" "s3:GetObjectTagging" "s3:GetObjectVersionTagging" => tagging::get_object_tagging;
    GET Object "?retention" "GetObjectRetention" "s3:GetObjectRetention" "" => locks::get_retention;
    GET Object "?legal-hold" "GetObjectLegalHold" "s3:GetObjectLegalHold" "" => locks::get_legal_hold;
    GET Object "?uploadId" "ListParts" "s3:ListMultipartUploadParts" "" => list_uploads::list_parts;
    GET Object "" "GetObject" "s3:GetObject" "s3:GetObjectVersion" => get_object::get_object;
    HEAD Object "" "HeadObject" "s3:GetObject" "s3:GetObjectVersion" => get_object::head_object;
    PUT Object "?acl" "PutObjectAcl" "s3:PutObjectAcl" "s3:PutObjectVersionAcl" => acls::put_object_acl;
    PUT Object "?tagging" "PutObjectTagging" "s3:PutObjectTagging" "s3:PutObjectVersionTagging" => tagging::put_object_tagging;
    PUT Object "?retention" "PutObjectRetention" "s3:PutObjectRetention" "" => locks::put_retention;
    PUT Object "?legal-hold" "PutObjectLegalHold" "s3:PutObjectLegalHold" "" => locks::put_legal_hold;
    PUT Object "?uploadId @x-amz-copy-source" "UploadPartCopy" "s3:PutObject" "" => uploads::upload_part_copy;
    PUT Object "?uploadId" "UploadPart" "s3:PutObject" "" => uploads::upload_part;
    PUT Object "@x-amz-copy-source" "CopyObject" "s3:PutObject" "" => copy_object::copy_object;
    PUT Object "" "PutObject" "s3:PutObject" "" => put_object::put_object;
    POST Object "?restore" "RestoreObject" "s3:RestoreObject" "" => restore::restore_object;
    POST Object "?uploads" "CreateMultipartUpload" "s3:PutObject" "" => uploads::create;
    POST Object "?uploadId" "CompleteMultipartUpload" "s3:PutObject" "" => complete_upload::complete;
    DELETE Object "?uploadId" "AbortMultipartUpload" "s3:AbortMultipartUpload" "" => uploads::abort;
    DELETE Object "?tagging" "DeleteObjectTagging" "s3:DeleteObjectTagging" "s3:DeleteObjectVersionTagging" => tagging::delete_object_tagging;
    DELETE Object "" "DeleteObject" "s3:DeleteObject" "s3:DeleteObjectVersion" => delete_object::delete_object;
    // a bucket's settings
    GET Bucket "?versioning" "GetBucketVersioning" "s3:GetBucketVersioning" "" => settings::get_versioning;
    PUT Bucket "?versioning" "PutBucketVersioning" "s3:PutBucketVersioning" "" => settings::put_versioning;
    GET Bucket "?ownershipControls" "GetBucketOwnershipControls" "s3:GetBucketOwnershipControls" "" => settings::get_ownership;
    PUT Bucket "?ownershipControls" "PutBucketOwnershipControls" "s3:PutBucketOwnershipControls" "" => settings::put_ownership;
    DELETE Bucket "?ownershipControls" "DeleteBucketOwnershipControls" "s3:PutBucketOwnershipControls" "" => settings::delete_ownership;
    GET Bucket "?publicAccessBlock" "GetPublicAccessBlock" "s3:GetBucketPublicAccessBlock" "" => settings::get_public_access;
    PUT Bucket "?publicAccessBlock" "PutPublicAccessBlock" "s3:PutBucketPublicAccessBlock" "" => settings::put_public_access;
    DELETE Bucket "?publicAccessBlock" "DeletePublicAccessBlock" "s3:PutBucketPublicAccessBlock" "" => settings::delete_public_access;
    GET Bucket "?encryption" "GetBucketEncryption" "s3:GetEncryptionConfiguration" "" => settings::get_encryption;
    PUT Bucket "?encryption" "PutBucketEncryption" "s3:PutEncryptionConfiguration" "" => settings::put_encryption;
    DELETE Bucket "?encryption" "DeleteBucketEncryption" "s3:PutEncryptionConfiguration" "" => settings::delete_encryption;
    GET Bucket "?object-lock" "GetObjectLockConfiguration" "s3:GetBucketObjectLockConfiguration" "" => settings::get_object_lock;
    PUT Bucket "?object-lock" "PutObjectLockConfiguration" "s3:PutBucketObjectLockConfiguration" "" => settings::put_object_lock;
    GET Bucket "?acl" "GetBucketAcl" "s3:GetBucketAcl" "" => acls::get_bucket_acl;
    PUT Bucket "?acl" "PutBucketAcl" "s3:PutBucketAcl" "" => acls::put_bucket_acl;
    GET Bucket "?tagging" "GetBucketTagging" "s3:GetBucketTagging" "" => tagging::get_bucket_tagging;
    PUT Bucket "?tagging" "PutBucketTagging" "s3:PutBucketTagging" "" => tagging::put_bucket_tagging;
    DELETE Bucket "?tagging" "DeleteBucketTagging" "s3:PutBucketTagging" "" => tagging::delete_bucket_tagging;
    GET Bucket "?policyStatus" "GetBucketPolicyStatus" "s3:GetBucketPolicyStatus" "" => policy::status;
    GET Bucket "?policy" "GetBucketPolicy" "s3:GetBucketPolicy" "" => policy::get;
    PUT Bucket "?policy" "PutBucketPolicy" "s3:PutBucketPolicy" "" => policy::put;
    DELETE Bucket "?policy" "DeleteBucketPolicy" "s3:DeleteBucketPolicy" "" => policy::delete;
    GET Bucket "?notification" "GetBucketNotificationConfiguration" "s3:GetBucketNotification" "" => notification::get;
    PUT Bucket "?notification" "PutBucketNotificationConfiguration" "s3:PutBucketNotification" "" => notification::put;
    GET Bucket "?location" "GetBucketLocation" "s3:GetBucketLocation" "" => buckets::get_bucket_location;
    // configurations that are kept as documents
    GET Bucket "?cors" "GetBucketCors" "s3:GetBucketCORS" "" => documents::get;
    PUT Bucket "?cors" "PutBucketCors" "s3:PutBucketCORS" "" => documents::put;
    DELETE Bucket "?cors" "DeleteBucketCors" "s3:PutBucketCORS" "" => documents::delete;
    GET Bucket "?lifecycle" "GetBucketLifecycleConfiguration" "s3:GetLifecycleConfiguration" "" => documents::get;
    PUT Bucket "?lifecycle" "PutBucketLifecycleConfiguration" "s3:PutLifecycleConfiguration" "" => documents::put;
    DELETE Bucket "?lifecycle" "DeleteBucketLifecycle" "s3:PutLifecycleConfiguration" "" => documents::delete;
    GET Bucket "?website" "GetBucketWebsite" "s3:GetBucketWebsite" "" => documents::get;
    PUT Bucket "?website" "PutBucketWebsite" "s3:PutBucketWebsite" "" => documents::put;
    DELETE Bucket "?website" "DeleteBucketWebsite" "s3:DeleteBucketWebsite" "" => documents::delete;
    GET Bucket "?replication" "GetBucketReplication" "s3:GetReplicationConfiguration" "" => documents::get;
    PUT Bucket "?replication" "PutBucketReplication" "s3:PutReplicationConfiguration" "" => documents::put;
    DELETE Bucket "?replication" "DeleteBucketReplication" "s3:PutReplicationConfiguration" "" => documents::delete;
    GET Bucket "?logging" "GetBucketLogging" "s3:GetBucketLogging" "" => documents::get;
    PUT Bucket "?logging" "PutBucketLogging" "s3:PutBucketLogging" "" => documents::put;
    GET Bucket "?accelerate" "GetBucketAccelerateConfiguration" "s3:GetAccelerateConfiguration" "" => documents::get;
    PUT Bucket "?accelerate" "PutBucketAccelerateConfiguration" "s3:PutAccelerateConfiguration" "" => documents::put;
    GET Bucket "?requestPayment" "GetBucketRequestPayment" "s3:GetBucketRequestPayment" "" => documents::get;
    PUT Bucket "?requestPayment" "PutBucketRequestPayment" "s3:PutBucketRequestPayment" "" => documents::put;
    GET Bucket "?analytics ?id" "GetBucketAnalyticsConfiguration" "s3:GetAnalyticsConfiguration" "" => documents::get;
    GET Bucket "?analytics" "ListBucketAnalyticsConfigurations" "s3:GetAnalyticsConfiguration" "" => documents::get;
    PUT Bucket "?analytics" "PutBucketAnalyticsConfiguration" "s3:PutAnalyticsConfiguration" "" => documents::put;
    DELETE Bucket "?analytics" "DeleteBucketAnalyticsConfiguration" "s3:PutAnalyticsConfiguration" "" => documents::delete;
    GET Bucket "?inventory ?id" "GetBucketInventoryConfiguration" "s3:GetInventoryConfiguration" "" => documents::get;
    GET Bucket "?inventory" "ListBucketInventoryConfigurations" "s3:GetInventoryConfiguration" "" => documents::get;
    PUT Bucket "?inventory" "PutBucketInventoryConfiguration" "s3:PutInventoryConfiguration" "" => documents::put;
    DELETE Bucket "?inventory" "DeleteBucketInventoryConfiguration" "s3:PutInventoryConfiguration" "" => documents::delete;
    GET Bucket "?metrics ?id" "GetBucketMetricsConfiguration" "s3:GetMetricsConfiguration" "" => documents::get;
    GET Bucket "?metrics" "ListBucketMetricsConfigurations" "s3:GetMetricsConfiguration" "" => documents::get;
    PUT Bucket "?metrics" "PutBucketMetricsConfiguration" "s3:PutMetricsConfiguration" "" => documents::put;
    DELETE Bucket "?metrics" "DeleteBucketMetricsConfiguration" "s3:PutMetricsConfiguration" "" => documents::delete;
    GET Bucket "?intelligent-tiering ?id" "GetBucketIntelligentTieringConfiguration" "s3:GetIntelligentTieringConfiguration" "" => documents::get;
    GET Bucket "?intelligent-tiering" "ListBucketIntelligentTieringConfigurations" "s3:GetIntelligentTieringConfiguration" "" => documents::get;
    PUT Bucket "?intelligent-tiering" "PutBucketIntelligentTieringConfiguration" "s3:PutIntelligentTieringConfiguration" "" => documents::put;
    DELETE Bucket "?intelligent-tiering" "DeleteBucketIntelligentTieringConfiguration" "s3:PutIntelligentTieringConfiguration" "" => documents::delete;
    // buckets
    GET Bucket "?uploads" "ListMultipartUploads" "s3:ListBucketMultipartUploads" "" => list_uploads::list_multipart_uploads;
    GET Bucket "?versions" "ListObjectVersions" "s3:ListBucketVersions" "" => list_versions::list_object_versions;
    GET Bucket "?list-type=2" "ListObjectsV2" "s3:ListBucket" "" => list_objects::list_objects_v2;
    GET Bucket "" "ListObjects" "s3:ListBucket" "" => list_objects::list_objects;
    HEAD Bucket "" "HeadBucket" "s3:ListBucket" "" => buckets::head_bucket;
    PUT Bucket "" "CreateBucket" "s3:CreateBucket" "" => buckets::create_bucket;
    POST Bucket "?delete" "DeleteObjects" "" "" => delete_object::delete_objects;
    DELETE Bucket "" "DeleteBucket" "s3:DeleteBucket" "" => buckets::delete_bucket;
}
