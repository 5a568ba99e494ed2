//! Regions and the partitions they belong to.
//!
//! Source of the prefixes and names: "AWS partitions" and "AWS Regions" in the AWS Fault Isolation Boundaries paper and the
//! AWS General Reference.

/// The partition of a region: `aws`, `aws-cn` or `aws-us-gov`.
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// The domain that a region's public hosts end in.
pub fn dns_suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// The region of a request that names none.
pub const DEFAULT: &str = "us-east-1";

/// True for a text of a region's form (`eu-west-1`, `us-gov-east-1`). New regions appear every year, so the form counts,
/// not a list.
pub fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let Some(continent) = parts.next() else { return false };
    let rest: Vec<&str> = parts.collect();
    let Some((number, middle)) = rest.split_last() else { return false };
    continent.len() == 2
        && continent.bytes().all(|letter| letter.is_ascii_lowercase())
        && !middle.is_empty()
        && middle.len() <= 2
        && middle.iter().all(|word| !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase()))
        && number.len() == 1
        && number.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_decides_its_partition() {
        assert_eq!(partition("eu-west-1"), "aws");
        assert_eq!(partition("cn-north-1"), "aws-cn");
        assert_eq!(partition("us-gov-east-1"), "aws-us-gov");
    }

    #[test]
    fn only_the_form_of_a_region_counts() {
        for region in ["us-east-1", "ap-southeast-3", "us-gov-west-1", "il-central-1"] {
            assert!(is_region(region), "{region}");
        }
        for text in ["", "us-east", "sqs", "localhost", "us--1", "US-EAST-1", "a-b-c-d-1"] {
            assert!(!is_region(text), "{text}");
        }
    }
}
