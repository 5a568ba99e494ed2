//! Amazon Resource Names: `arn:partition:service:region:account:resource`.

use std::fmt;

use crate::region;

/// A parsed ARN. The resource part keeps its own colons and slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arn {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The service's namespace: `sqs`, `s3`, `iam`.
    pub service: String,
    /// Empty for global resources.
    pub region: String,
    /// The account; empty for some (S3's).
    pub account: String,
    /// Whatever follows: `queue-name`, `function:name:alias`, `role/path/name`.
    pub resource: String,
}

impl Arn {
    /// An ARN in the region's partition.
    pub fn new(service: &str, region: &str, account: &str, resource: impl Into<String>) -> Arn {
        Arn {
            partition: region::partition(region).to_owned(),
            service: service.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            resource: resource.into(),
        }
    }

    /// Reads an ARN; `None` where the text is not of its form.
    pub fn parse(text: &str) -> Option<Arn> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        let mut next = || parts.next().map(str::to_owned);
        let arn = Arn { partition: next()?, service: next()?, region: next()?, account: next()?, resource: next()? };
        let complete = !arn.partition.is_empty() && !arn.service.is_empty() && !arn.resource.is_empty();
        complete.then_some(arn)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arn { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_reads_back() {
        for text in [
            "arn:aws:lambda:eu-west-1:000000000000:function:name:alias",
            "arn:aws-cn:s3:::bucket/a:b/c",
            "arn:aws:iam::123456789012:role/path/name",
        ] {
            assert_eq!(Arn::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "arn", "arn:aws", "urn:aws:s3:::b", "arn:aws:s3:::", "arn::s3:::b"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_region_decides_the_partition() {
        assert_eq!(Arn::new("sqs", "cn-north-1", "1", "q").to_string(), "arn:aws-cn:sqs:cn-north-1:1:q");
    }
}
