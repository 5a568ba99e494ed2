//! What is kept: keys and records, and how they are ordered.

use pilvi_store::Table;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::object::acl::Grant;
use crate::object::checksum::{Algorithm, Checksum, Kind};
use crate::object::inline::Inline;
use crate::object::lock::{Mode, Retention};
use crate::object::notify::Notifications;
use crate::object::tags::Tags;

/// (partition, bucket) → the bucket. Names are unique in a partition over all accounts; in the order of ListBuckets.
pub const BUCKETS: Table<(String, String), Bucket> = Table::new("objects.bucket");

/// (bucket id, document kind) → a configuration as it was put: XML in its normal form, JSON for the policy.
pub const DOCUMENTS: Table<(Uuid, String), String> = Table::new("objects.document");

/// bucket id → what is notified of. Apart from the documents because each write asks for it.
pub const NOTIFICATIONS: Table<Uuid, Notifications> = Table::new("objects.notifications");

/// (bucket id, key) → the current version, which may be a delete marker. In the order of the keys' UTF-8 bytes, as listings go.
pub const OBJECTS: Table<(Uuid, String), Object> = Table::new("objects.object");

/// (bucket id, key, complement of the place) → versions that are not current, newest first within a key.
pub const VERSIONS: Table<(Uuid, String, u64), Object> = Table::new("objects.version");

/// (bucket id, key, upload id) → an upload in progress. Upload ids start with their time, so uploads of one key are in order of it.
pub const UPLOADS: Table<(Uuid, String, String), Upload> = Table::new("objects.upload");

/// (upload id, part number) → an uploaded part.
pub const PARTS: Table<(String, u32), Part> = Table::new("objects.part");

/// The state of a bucket's versioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Versioning {
    /// Never switched on.
    #[default]
    Off,
    /// Every write makes a version.
    Enabled,
    /// Writes replace the null version; the others stay.
    Suspended,
}

/// How objects' ownership and ACLs work in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Ownership {
    /// ACLs are off: the default of new buckets since April 2023.
    #[default]
    BucketOwnerEnforced,
    /// The bucket's owner owns what is put with the canned ACL bucket-owner-full-control.
    BucketOwnerPreferred,
    /// Who puts an object owns it.
    ObjectWriter,
}

impl Ownership {
    /// The wire's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::BucketOwnerEnforced => "BucketOwnerEnforced",
            Self::BucketOwnerPreferred => "BucketOwnerPreferred",
            Self::ObjectWriter => "ObjectWriter",
        }
    }

    /// Reads the wire's word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::BucketOwnerEnforced, Self::BucketOwnerPreferred, Self::ObjectWriter]
            .into_iter()
            .find(|o| o.name() == text)
    }
}

/// What Block Public Access refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccessBlock {
    /// Refuse new public ACLs.
    pub block_acls: bool,
    /// Ignore public ACLs.
    pub ignore_acls: bool,
    /// Refuse new public policies.
    pub block_policy: bool,
    /// Let only the account and services use a public policy.
    pub restrict: bool,
}

/// The retention that new objects get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRetention {
    /// How strongly.
    pub mode: Mode,
    /// For how long: days, or years.
    pub span: Span,
}

/// A span of retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Span {
    /// Days of 24 hours.
    Days(u32),
    /// Years of 365 days.
    Years(u32),
}

impl Span {
    /// The span in milliseconds.
    pub fn milliseconds(self) -> i64 {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        match self {
            Self::Days(n) => i64::from(n).saturating_mul(DAY),
            Self::Years(n) => i64::from(n).saturating_mul(365 * DAY),
        }
    }
}

/// A bucket, with what every request of its objects has to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bucket {
    /// Unlike that of any other bucket, also of an earlier one of the same name.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The owner's account.
    pub account: String,
    /// Its region.
    pub region: String,
    /// When it was made, in milliseconds since the epoch.
    pub created: i64,
    /// Versioning.
    pub versioning: Versioning,
    /// `Enabled` or `Disabled` if MFA delete was ever named.
    pub mfa_delete: Option<bool>,
    /// Object ownership; none when the controls were deleted, which then count as ObjectWriter.
    pub ownership: Option<Ownership>,
    /// Block Public Access; none when it was deleted.
    pub public_access: Option<PublicAccessBlock>,
    /// ACL.
    pub acl: Vec<Grant>,
    /// Object Lock is on (it cannot be switched off).
    pub object_lock: bool,
    /// What new objects get from Object Lock.
    pub default_retention: Option<DefaultRetention>,
    /// Default encryption: algorithm and key.
    pub encryption: Option<(String, Option<String>)>,
    /// Bucket key for the default encryption.
    pub bucket_key: bool,
    /// Whether there is a policy among the documents.
    pub has_policy: bool,
    /// Whether anything is notified of.
    pub notifies: bool,
    /// Whether there is a CORS configuration among the documents.
    pub has_cors: bool,
    /// Whether there is a website configuration among the documents.
    pub has_website: bool,
    /// Whether there is a lifecycle configuration among the documents.
    #[serde(default)]
    pub has_lifecycle: bool,
}

impl Bucket {
    /// The bucket's ARN.
    pub fn arn(&self) -> String {
        format!("arn:{}:s3:::{}", pilvi_bus::region::partition(&self.region), self.name)
    }

    /// Whether ACLs are off.
    pub fn enforced(&self) -> bool {
        self.ownership == Some(Ownership::BucketOwnerEnforced)
    }
}

/// Where an object's bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Data {
    /// In the record.
    Inline(Inline),
    /// In the blob store.
    Blob(pilvi_store::blobs::BlobId),
}

/// A piece of an object: its only one, or a part of an assembled one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Number of the part it was uploaded as; 0 for an object put whole.
    pub number: u32,
    /// Size in bytes.
    pub size: u64,
    /// The part's checksum.
    pub checksum: Option<Checksum>,
    /// Its bytes.
    pub data: Data,
}

/// What clients say about an object and get back with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Metadata {
    /// System headers that are kept as they came: content-type, cache-control, content-disposition, content-encoding, content-language,
    /// expires, x-amz-website-redirect-location.
    pub system: Vec<(String, String)>,
    /// `x-amz-meta-…` without that prefix, names in lower case.
    pub user: Vec<(String, String)>,
}

/// A version of an object, or a delete marker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Object {
    /// Its place among the versions of its key: greater is newer.
    pub place: u64,
    /// Version id; none for the null version.
    pub version: Option<String>,
    /// On a current version only: the place of the null version behind it.
    pub null_place: Option<u64>,
    /// A delete marker: nothing below counts.
    pub marker: bool,
    /// When it was written, in milliseconds since the epoch.
    pub modified: i64,
    /// Canonical id of the owner.
    pub owner: String,
    /// Size in bytes.
    pub size: u64,
    /// Entity tag without quotes.
    pub etag: String,
    /// Checksum.
    pub checksum: Option<Checksum>,
    /// The bytes, in order; empty for an object without any.
    pub pieces: Vec<Piece>,
    /// Whether it was assembled by a multipart upload.
    pub multipart: bool,
    /// Metadata.
    pub metadata: Metadata,
    /// Tags.
    pub tags: Tags,
    /// Storage class; none for STANDARD.
    pub storage_class: Option<String>,
    /// Server-side encryption.
    pub encryption: Encryption,
    /// ACL; none for the owner's full control.
    pub acl: Option<Vec<Grant>>,
    /// Retention.
    pub retention: Option<Retention>,
    /// Legal hold; none when it was never set.
    pub hold: Option<bool>,
    /// Until when an archived object is restored, in milliseconds since the epoch.
    #[serde(default)]
    pub restored: Option<i64>,
}

impl Object {
    /// The version id as clients see it.
    pub fn version_id(&self) -> &str {
        self.version.as_deref().unwrap_or(crate::object::version::NULL)
    }
}

/// Server-side encryption as it is shown to clients. Bytes are not encrypted at rest: what a data directory holds is protected by its file system.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Encryption {
    /// `AES256`, `aws:kms`, `aws:kms:dsse`.
    pub algorithm: Option<String>,
    /// KMS key.
    pub kms_key: Option<String>,
    /// Bucket key.
    pub bucket_key: bool,
    /// MD5 of a customer's key (SSE-C).
    pub customer_key_md5: Option<String>,
}

/// A multipart upload in progress.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Upload {
    /// When it was begun, in milliseconds since the epoch.
    pub begun: i64,
    /// Canonical id of who began it.
    pub owner: String,
    /// Who began it: a canonical id or an ARN.
    pub initiator: String,
    /// Checksum algorithm and kind, if named.
    pub checksum: Option<(Algorithm, Kind)>,
    /// Metadata of the object to be.
    pub metadata: Metadata,
    /// Tags of the object to be.
    pub tags: Tags,
    /// Storage class of the object to be.
    pub storage_class: Option<String>,
    /// Encryption of the object to be.
    pub encryption: Encryption,
    /// ACL of the object to be.
    pub acl: Option<Vec<Grant>>,
    /// Retention of the object to be.
    pub retention: Option<Retention>,
    /// Legal hold of the object to be.
    pub hold: Option<bool>,
    /// Whether an object of the key was deleted since: a conditional completion then conflicts.
    #[serde(default)]
    pub overtaken: bool,
}

/// An uploaded part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// When it was uploaded, in milliseconds since the epoch.
    pub modified: i64,
    /// Entity tag without quotes.
    pub etag: String,
    /// The bytes.
    pub piece: Piece,
}
