//! Which bucket and key a request names, by its host and path ("Virtual hosting of buckets" in the S3 user guide).

use percent_encoding::percent_decode_str;

use crate::errors::{Code, Result};

/// What a host says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// S3's own host: the path names the bucket.
    Service,
    /// A bucket's host at S3.
    Bucket(String),
    /// A bucket's website.
    Website(String),
    /// `NAME.localhost`: a bucket, if the request is S3's at all.
    Perhaps(String),
    /// Any other host (`localhost`, an address): the path names the bucket.
    Other,
}

/// Domains that S3's hosts end in, besides a region.
const DOMAINS: &[&str] = &[".amazonaws.com", ".amazonaws.com.cn", ".localhost", ".localhost.localstack.cloud"];
/// Labels of hosts that belong to other fronts.
const OTHERS: &[&str] =
    &["execute-api", "lambda-url", "ecr", "sqs", "sns", "dynamodb", "iam", "sts", "lambda", "logs", "events"];

/// Reads a host (lower case, without a port).
pub fn host(host: &str) -> Host {
    let Some(stem) = DOMAINS.iter().rev().find_map(|domain| host.strip_suffix(domain)) else { return Host::Other };
    let labels: Vec<&str> = stem.split('.').collect();
    // The last label that is S3's counts: bucket names may themselves hold `s3`.
    for (index, label) in labels.iter().enumerate().rev() {
        let bucket = labels.get(..index).unwrap_or_default().join(".");
        if *label == "s3-website" || label.starts_with("s3-website-") {
            return if bucket.is_empty() { Host::Other } else { Host::Website(bucket) };
        }
        if is_service_label(label) {
            return if bucket.is_empty() { Host::Service } else { Host::Bucket(bucket) };
        }
    }
    let elsewhere =
        labels.iter().any(|label| OTHERS.contains(label)) || host.ends_with("amazonaws.com") || host.ends_with(".cn");
    if elsewhere { Host::Other } else { Host::Perhaps(stem.to_owned()) }
}

fn is_service_label(label: &str) -> bool {
    label == "s3" || label == "s3-accelerate" || label.strip_prefix("s3-").is_some_and(pilvi_bus::region::is_region)
}

/// The bucket and key of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// The bucket; none for the service itself.
    pub bucket: Option<String>,
    /// The key; none for the bucket itself.
    pub key: Option<String>,
    /// Whether the host named the bucket.
    pub virtual_host: bool,
}

/// Reads a request's path (still encoded).
pub fn address(host: &Host, path: &str) -> Result<Address> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let decode = |text: &str| -> Result<String> {
        Ok(percent_decode_str(text).decode_utf8().map_err(|_| Code::InvalidURI)?.into_owned())
    };
    let some = |text: String| (!text.is_empty()).then_some(text);
    match host {
        Host::Bucket(bucket) | Host::Website(bucket) | Host::Perhaps(bucket) => {
            Ok(Address { bucket: Some(bucket.clone()), key: some(decode(path)?), virtual_host: true })
        }
        Host::Service | Host::Other => {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            Ok(Address { bucket: some(decode(bucket)?), key: some(decode(key)?), virtual_host: false })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts() {
        for (text, expected) in [
            ("localhost", Host::Other),
            ("127.0.0.1", Host::Other),
            ("s3.amazonaws.com", Host::Service),
            ("s3.eu-west-1.amazonaws.com", Host::Service),
            ("s3-eu-west-1.amazonaws.com", Host::Service),
            ("s3.localhost", Host::Service),
            ("s3.localhost.localstack.cloud", Host::Service),
            ("a.b.s3.eu-west-1.amazonaws.com", Host::Bucket("a.b".into())),
            ("b.s3.localhost", Host::Bucket("b".into())),
            ("my.s3.bucket.s3.cn-north-1.amazonaws.com.cn", Host::Bucket("my.s3.bucket".into())),
            ("b.s3-website.eu-west-1.amazonaws.com", Host::Website("b".into())),
            ("b.s3-website-us-east-1.localhost", Host::Website("b".into())),
            ("b.localhost", Host::Perhaps("b".into())),
            ("x.execute-api.localhost", Host::Other),
            ("sqs.eu-west-1.localhost", Host::Other),
            ("sqs.eu-west-1.amazonaws.com", Host::Other),
        ] {
            assert_eq!(host(text), expected, "{text}");
        }
    }

    #[test]
    fn paths() {
        let path = |text| address(&Host::Other, text).unwrap();
        assert_eq!(path("/"), Address::default());
        assert_eq!(path("/b/"), Address { bucket: Some("b".into()), ..Default::default() });
        assert_eq!(path("/b/a%20b//c/").key.as_deref(), Some("a b//c/"));
        assert_eq!(address(&Host::Bucket("b".into()), "/k%2Fl").unwrap().key.as_deref(), Some("k/l"));
        assert_eq!(address(&Host::Other, "/b/%ff").unwrap_err().code, Code::InvalidURI);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-z0-9.%/-]{0,40}") {
            let host = host(&text);
            let _ = address(&host, &text);
        }
    }
}
