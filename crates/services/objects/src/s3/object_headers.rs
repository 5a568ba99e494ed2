//! What a client says of an object in headers, when it puts, copies or begins to upload it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::body::Expected;
use super::request::Req;
use super::text::parse_iso;
use crate::errors::{Code, Result, S3Error};
use crate::object::acl::{self, Grant, Permission};
use crate::object::checksum::{ALL, Algorithm};
use crate::object::lock::{Mode, Retention};
use crate::object::tags::{self, Tags};
use crate::state::{Bucket, Encryption, Metadata};

/// Headers that are kept with an object and given back as they came.
pub const SYSTEM: &[&str] = &[
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-amz-website-redirect-location",
];
/// Most bytes of user metadata, names and values together.
const MOST_METADATA: usize = 2048;
const STORAGE_CLASSES: &[&str] = &[
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
];

/// System and user metadata.
pub fn metadata(req: &Req) -> Result<Metadata> {
    let mut metadata = Metadata::default();
    for name in SYSTEM {
        let Some(value) = req.headers.get(*name) else { continue };
        let mut value = text(value.as_bytes());
        if *name == "content-encoding" {
            let rest: Vec<&str> =
                value.split(',').map(str::trim).filter(|part| *part != "aws-chunked" && !part.is_empty()).collect();
            value = rest.join(",");
        }
        if !value.is_empty() {
            metadata.system.push(((*name).to_owned(), value));
        }
    }
    let redirect = metadata.system.iter().find(|(name, _)| name == "x-amz-website-redirect-location");
    if let Some((_, target)) = redirect
        && !(target.starts_with('/') || target.starts_with("http://") || target.starts_with("https://"))
    {
        return Err(S3Error::new(
            Code::InvalidArgument,
            "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
        ));
    }
    let mut bytes = 0;
    for name in req.headers.keys() {
        let Some(user) = name.as_str().strip_prefix("x-amz-meta-") else { continue };
        let values: Vec<String> = req.headers.get_all(name).iter().map(|value| text(value.as_bytes())).collect();
        let value = values.join(",");
        bytes += user.len() + value.len();
        metadata.user.push((user.to_owned(), value));
    }
    if bytes > MOST_METADATA {
        return Err(S3Error::from(Code::MetadataTooLarge)
            .with("Size", bytes.to_string())
            .with("MaxSizeAllowed", MOST_METADATA.to_string()));
    }
    metadata.user.sort();
    Ok(metadata)
}

/// Header bytes as text: UTF-8 if they are, else Latin 1.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => bytes.iter().map(|&b| char::from(b)).collect(),
    }
}

/// `x-amz-tagging`.
pub fn tags(req: &Req) -> Result<Tags> {
    req.header("x-amz-tagging").map_or(Ok(Tags::new()), tags::from_header)
}

/// `x-amz-storage-class`; none for STANDARD.
pub fn storage_class(req: &Req) -> Result<Option<String>> {
    match req.header("x-amz-storage-class") {
        None | Some("STANDARD") => Ok(None),
        Some(class) if STORAGE_CLASSES.contains(&class) => Ok(Some(class.to_owned())),
        Some(class) => Err(S3Error::from(Code::InvalidStorageClass).with("StorageClassRequested", class)),
    }
}

/// The decoded `Content-MD5`.
pub fn content_md5(req: &Req) -> Result<Option<Vec<u8>>> {
    let Some(value) = req.header("content-md5") else { return Ok(None) };
    match STANDARD.decode(value.trim()) {
        Ok(bytes) if bytes.len() == 16 => Ok(Some(bytes)),
        _ => Err(S3Error::from(Code::InvalidDigest).with("Content-MD5", value)),
    }
}

/// What the body has to agree with.
pub fn expected(req: &Req) -> Result<Expected> {
    Ok(Expected {
        md5: content_md5(req)?,
        checksum: checksum(req)?,
        trailing: trailing(req).is_some(),
        also_crc64: false,
    })
}

/// The algorithm that comes behind the body.
fn trailing(req: &Req) -> Option<Algorithm> {
    let trailer = req.header("x-amz-trailer")?;
    ALL.into_iter()
        .find(|algorithm| trailer.split(',').any(|name| name.trim().eq_ignore_ascii_case(algorithm.header())))
}

/// The checksum's algorithm and, if it is known already, its value.
pub fn checksum(req: &Req) -> Result<Option<(Algorithm, Option<String>)>> {
    let mut given = None;
    for algorithm in ALL {
        let Some(value) = req.header(algorithm.header()) else { continue };
        if given.is_some() {
            return Err(S3Error::request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        if !algorithm.accepts(value) {
            return Err(S3Error::request(format!("Value for {} header is invalid.", algorithm.header())));
        }
        given = Some((algorithm, Some(value.to_owned())));
    }
    if req.header("x-amz-trailer").is_some() && trailing(req).is_none() {
        return Err(S3Error::request("The value specified in the x-amz-trailer header is not supported"));
    }
    let given = given.or_else(|| trailing(req).map(|algorithm| (algorithm, None)));
    if let Some(named) = req.header("x-amz-sdk-checksum-algorithm") {
        let named = algorithm(named, "x-amz-sdk-checksum-algorithm")?;
        match &given {
            None => {
                return Err(S3Error::request(
                    "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
                ));
            }
            Some((given, _)) if *given != named => {
                return Err(S3Error::request("Value for x-amz-sdk-checksum-algorithm header is invalid."));
            }
            Some(_) => {}
        }
    }
    Ok(given)
}

/// Reads an algorithm's name.
pub fn algorithm(name: &str, header: &str) -> Result<Algorithm> {
    Algorithm::parse(name).ok_or_else(|| {
        let text = match header {
            "x-amz-sdk-checksum-algorithm" => "Value for x-amz-sdk-checksum-algorithm header is invalid.",
            _ => "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        };
        S3Error::request(text)
    })
}

/// Server-side encryption: what the request asks for, else the bucket's default.
pub fn encryption(req: &Req, bucket: &Bucket) -> Result<Encryption> {
    let named = req.header("x-amz-server-side-encryption");
    if let Some(named) = named
        && req.headers.contains_key("x-amz-server-side-encryption-customer-algorithm")
    {
        return Err(S3Error::argument(
            "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
            "x-amz-server-side-encryption",
            named,
        ));
    }
    if let Some(customer) = customer_key(req, "")? {
        return Ok(Encryption { customer_key_md5: Some(customer), ..Encryption::default() });
    }
    let key = req.header("x-amz-server-side-encryption-aws-kms-key-id");
    let (algorithm, key) = match req.header("x-amz-server-side-encryption") {
        Some(algorithm @ ("aws:kms" | "aws:kms:dsse")) => (algorithm.to_owned(), key.map(str::to_owned)),
        Some("AES256") if key.is_some() => {
            return Err(S3Error::argument(
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
                "x-amz-server-side-encryption",
                "AES256",
            ));
        }
        Some("AES256") => ("AES256".to_owned(), None),
        Some(other) => {
            return Err(S3Error::argument(
                "The encryption method specified is not supported",
                "x-amz-server-side-encryption",
                other,
            ));
        }
        None if key.is_some() => {
            return Err(S3Error::argument(
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
                "x-amz-server-side-encryption",
                "null",
            ));
        }
        None => bucket.encryption.clone().unwrap_or_else(|| ("AES256".to_owned(), None)),
    };
    let managed = algorithm != "AES256";
    let named_bucket_key = req.header("x-amz-server-side-encryption-bucket-key-enabled").map(|value| value == "true");
    Ok(Encryption {
        kms_key: managed.then(|| kms_arn(key, bucket)),
        bucket_key: managed && named_bucket_key.unwrap_or(bucket.bucket_key),
        algorithm: Some(algorithm),
        customer_key_md5: None,
    })
}

/// A key's ARN: the given one, or the account's own key for S3.
fn kms_arn(key: Option<String>, bucket: &Bucket) -> String {
    let arn = |resource: String| pilvi_bus::Arn::new("kms", &bucket.region, &bucket.account, resource).to_string();
    match key {
        Some(key) if key.starts_with("arn:") => key,
        Some(key) if key.starts_with("alias/") => arn(key),
        Some(key) => arn(format!("key/{key}")),
        None => arn(format!(
            "key/{}",
            Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("aws/s3 {} {}", bucket.region, bucket.account).as_bytes())
        )),
    }
}

/// The MD5 of a customer's key (SSE-C), checked; `prefix` is empty or `copy-source-`.
pub fn customer_key(req: &Req, prefix: &str) -> Result<Option<String>> {
    let header = |name: &str| req.header(&format!("x-amz-{prefix}server-side-encryption-customer-{name}"));
    let (algorithm, key, md5) = (header("algorithm"), header("key"), header("key-md5"));
    if algorithm.is_none() && key.is_none() && md5.is_none() {
        return Ok(None);
    }
    // The service names this header whichever is wrong.
    let argument = |text: &'static str, value: &str| S3Error::argument(text, "x-amz-server-side-encryption", value);
    let Some(algorithm) = algorithm else {
        return Err(argument(
            "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
            "null",
        ));
    };
    if algorithm != "AES256" {
        return Err(S3Error::from(Code::InvalidEncryptionAlgorithmError)
            .with("ArgumentName", "x-amz-server-side-encryption")
            .with("ArgumentValue", algorithm));
    }
    let Some(key) = key else {
        return Err(argument(
            "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
            "null",
        ));
    };
    let bytes = STANDARD.decode(key).unwrap_or_default();
    use md5::Digest;
    let computed = STANDARD.encode(md5::Md5::digest(&bytes));
    let Some(md5) = md5 else {
        return Err(argument(
            "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.",
            "null",
        ));
    };
    if computed != md5 {
        return Err(argument("The calculated MD5 hash of the key did not match the hash that was provided.", "null"));
    }
    if bytes.len() != 32 {
        return Err(argument("The secret key was invalid for the specified algorithm.", "null"));
    }
    Ok(Some(computed))
}

/// The headers that grant permissions.
const GRANTS: &[(&str, Permission)] = &[
    ("x-amz-grant-full-control", Permission::FullControl),
    ("x-amz-grant-read", Permission::Read),
    ("x-amz-grant-write", Permission::Write),
    ("x-amz-grant-read-acp", Permission::ReadAcp),
    ("x-amz-grant-write-acp", Permission::WriteAcp),
];

/// The list that headers ask for; none when they ask for none. `owner` will own the thing, `bucket_owner` owns its bucket.
pub fn acl(req: &Req, owner: &str, bucket_owner: &str) -> Result<Option<Vec<Grant>>> {
    let mut grants = Vec::new();
    for (header, permission) in GRANTS {
        if let Some(value) = req.header(header) {
            grants.extend(acl::from_grant_header(header, value, *permission)?);
        }
    }
    match req.header("x-amz-acl") {
        Some(_) if !grants.is_empty() => {
            Err(S3Error::request("Specifying both Canned ACLs and Header Grants is not allowed"))
        }
        Some(name) => acl::canned(name, owner, bucket_owner).map(Some),
        None if grants.is_empty() => Ok(None),
        None => Ok(Some(grants)),
    }
}

/// The ACL of an object to be, as the bucket's ownership and public access block allow.
pub fn object_acl(req: &Req, bucket: &Bucket, owner: &str) -> Result<Option<Vec<Grant>>> {
    let bucket_owner = acl::canonical_id(&bucket.account);
    let grants = acl(req, owner, &bucket_owner)?;
    let Some(grants) = grants else { return Ok(None) };
    if bucket.enforced() {
        let named = req.header("x-amz-acl");
        let owner_full = named == Some("bucket-owner-full-control")
            || (named.is_none() && acl::is_owner_only(&grants, &bucket_owner));
        return if owner_full { Ok(None) } else { Err(Code::AccessControlListNotSupported.into()) };
    }
    if bucket.public_access.is_some_and(|block| block.block_acls) && acl::is_public(&grants) {
        return Err(Code::AccessDenied.into());
    }
    Ok(Some(grants))
}

/// Who will own an object that this request writes.
pub fn owner(req: &Req, bucket: &Bucket) -> String {
    let bucket_owner = acl::canonical_id(&bucket.account);
    match bucket.ownership {
        Some(crate::state::Ownership::BucketOwnerEnforced) => bucket_owner,
        Some(crate::state::Ownership::BucketOwnerPreferred)
            if req.header("x-amz-acl") == Some("bucket-owner-full-control") =>
        {
            bucket_owner
        }
        _ => req.caller_id(),
    }
}

/// Retention and legal hold from headers, else the bucket's default retention. Times in milliseconds.
pub fn lock(req: &Req, bucket: &Bucket, now: i64) -> Result<(Option<Retention>, Option<bool>)> {
    let (mode, until) = (req.header("x-amz-object-lock-mode"), req.header("x-amz-object-lock-retain-until-date"));
    let hold = req.header("x-amz-object-lock-legal-hold");
    if (mode.is_some() || until.is_some() || hold.is_some()) && !bucket.object_lock {
        return Err(S3Error::request("Bucket is missing Object Lock Configuration"));
    }
    let hold = match hold {
        None => None,
        Some("ON") => Some(true),
        Some("OFF") => Some(false),
        Some(other) => {
            return Err(S3Error::argument(
                "Legal Hold must be either of 'ON' or 'OFF'",
                "x-amz-object-lock-legal-hold",
                other,
            ));
        }
    };
    let retention = match (mode, until) {
        (None, None) => bucket
            .default_retention
            .map(|d| Retention { mode: d.mode, until: now.saturating_add(d.span.milliseconds()) }),
        (Some(mode), Some(until)) => {
            let mode = Mode::parse(mode)
                .ok_or_else(|| S3Error::argument("Unknown wormMode directive.", "x-amz-object-lock-mode", mode))?;
            let at = parse_iso(until).ok_or_else(|| {
                S3Error::argument(
                    "The retain until date must be provided in ISO 8601 format",
                    "x-amz-object-lock-retain-until-date",
                    until,
                )
            })?;
            if at <= now {
                return Err(S3Error::argument(
                    "The retain until date must be in the future!",
                    "x-amz-object-lock-retain-until-date",
                    until,
                ));
            }
            Some(Retention { mode, until: at })
        }
        _ => {
            return Err(S3Error::new(
                Code::InvalidArgument,
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
            ));
        }
    };
    Ok((retention, hold))
}
