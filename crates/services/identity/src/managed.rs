//! Managed policies of both kinds: a customer's own, and AWS's, which are the same in every account.

use std::collections::HashMap;
use std::sync::OnceLock;

use pilvi_store::ReadTx;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::errors::IamError;
use crate::ids;
use crate::state::{ManagedPolicy, POLICIES, Version};

/// One line per policy: name, path, default version, dates, description where it is known, and the document of that version.
const AWS_POLICIES: &str = include_str!("../data/aws-managed-policies.jsonl");

#[derive(Deserialize)]
struct Line<'a> {
    name: &'a str,
    path: &'a str,
    version: &'a str,
    created: &'a str,
    updated: &'a str,
    /// Not known of all of them.
    description: Option<&'a str>,
    #[serde(borrow)]
    document: &'a RawValue,
}

/// Read when the first AWS-managed policy is asked for; documents stay in the text until then and beyond.
fn aws_lines() -> &'static HashMap<&'static str, Line<'static>> {
    static LINES: OnceLock<HashMap<&'static str, Line<'static>>> = OnceLock::new();
    LINES.get_or_init(|| {
        let lines = AWS_POLICIES.lines().filter_map(|line| serde_json::from_str::<Line<'static>>(line).ok());
        lines.map(|line| (line.name, line)).collect()
    })
}

impl Line<'_> {
    fn policy(&self, partition: &str) -> ManagedPolicy {
        let seconds = |text: &str| text.parse::<jiff::Timestamp>().map_or(0, |time| time.as_second());
        let number = self.version.trim_start_matches('v').parse().unwrap_or(1);
        // AWS-managed documents name the commercial partition; elsewhere their ARNs have the partition's own.
        let document = match partition {
            "aws" => self.document.get().to_owned(),
            other => self.document.get().replace("arn:aws:", &format!("arn:{other}:")),
        };
        ManagedPolicy {
            name: self.name.to_owned(),
            path: self.path.to_owned(),
            id: ids::derived("ANPA", self.name),
            arn: format!("arn:{partition}:iam::aws:policy{}{}", self.path, self.name),
            description: self.description.map(str::to_owned),
            created: seconds(self.created),
            updated: seconds(self.updated),
            tags: Vec::new(),
            versions: vec![Version { number, document, created: seconds(self.updated) }],
            default: number,
            next: number + 1,
        }
    }
}

/// Every AWS-managed policy that is known here.
pub(crate) fn aws_policies(partition: &str) -> Vec<ManagedPolicy> {
    aws_lines().values().map(|line| line.policy(partition)).collect()
}

/// A policy's ARN taken apart.
pub(crate) struct PolicyArn<'a> {
    pub(crate) partition: &'a str,
    /// `aws` for AWS-managed ones.
    pub(crate) account: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> PolicyArn<'a> {
    pub(crate) fn parse(arn: &'a str) -> Option<PolicyArn<'a>> {
        let mut parts = arn.splitn(6, ':');
        let (start, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let path = resource.strip_prefix("policy/")?;
        let name = path.rsplit('/').next()?;
        (start == "arn" && service == "iam" && region.is_empty() && !name.is_empty()).then_some(PolicyArn {
            partition,
            account,
            name,
        })
    }
}

/// The policy with this ARN; `None` when there is none.
pub(crate) fn find(tx: &ReadTx<'_>, arn: &str) -> Result<Option<ManagedPolicy>, IamError> {
    let Some(parsed) = PolicyArn::parse(arn) else { return Ok(None) };
    let found = if parsed.account == "aws" {
        aws_lines().get(parsed.name).map(|line| line.policy(parsed.partition))
    } else {
        tx.get(&POLICIES, &(parsed.account, parsed.name.to_lowercase().as_str()))?
    };
    Ok(found.filter(|policy| policy.arn == arn))
}

/// Refuses what cannot be a permissions boundary, in the words of the operations that set one.
pub(crate) fn check_boundary(tx: &ReadTx<'_>, arn: &str) -> Result<(), IamError> {
    if PolicyArn::parse(arn).is_none() {
        return Err(IamError::InvalidInput(format!("ARN {arn} is not valid.")));
    }
    match find(tx, arn)? {
        Some(_) => Ok(()),
        None => Err(IamError::NoSuchEntity(format!("Scope ARN: {arn} does not exist or is not attachable."))),
    }
}

impl ManagedPolicy {
    /// The document of the default version.
    pub(crate) fn document(&self) -> &str {
        self.version(self.default).map_or("", |version| &version.document)
    }

    pub(crate) fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_aws_policy_is_read_and_is_a_valid_document() {
        let all = aws_policies("aws");
        assert_eq!(all.len(), AWS_POLICIES.lines().count());
        for policy in &all {
            let parsed = pilvi_policy::Policy::parse(&policy.name, policy.document(), pilvi_policy::Kind::Identity);
            assert!(parsed.is_ok(), "{}: {:?}", policy.name, parsed.err());
        }
        let basic = all.iter().find(|p| p.name == "AWSLambdaBasicExecutionRole").unwrap();
        assert_eq!(basic.arn, "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole");
        assert!(basic.document().contains("logs:PutLogEvents") && basic.created > 1_400_000_000);
    }
}
