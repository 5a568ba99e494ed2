//! The rules of a notification configuration: matching, and what S3 refuses.

use serde::{Deserialize, Serialize};

use crate::errors::{Result, S3Error};

/// Every event type of the S3 user guide ("Supported event types").
const EVENTS: &[&str] = &[
    "s3:TestEvent",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
    "s3:ObjectAcl:Put",
];

/// What kind of destination a rule has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// An SNS topic.
    Topic,
    /// An SQS queue.
    Queue,
    /// A Lambda function.
    Function,
}

impl Kind {
    /// The kinds, in the order that the document has them.
    pub const ALL: [Kind; 3] = [Kind::Topic, Kind::Queue, Kind::Function];

    /// The names of the rule's element and of its destination's.
    pub fn elements(self) -> (&'static str, &'static str) {
        match self {
            Self::Topic => ("TopicConfiguration", "Topic"),
            Self::Queue => ("QueueConfiguration", "Queue"),
            Self::Function => ("CloudFunctionConfiguration", "CloudFunction"),
        }
    }

    /// The service in the destination's ARN.
    pub fn service(self) -> &'static str {
        match self {
            Self::Topic => "sns",
            Self::Queue => "sqs",
            Self::Function => "lambda",
        }
    }
}

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// What it is.
    pub kind: Kind,
    /// Its ARN.
    pub arn: String,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id, given or made up.
    pub id: String,
    /// Where its events go.
    pub destination: Destination,
    /// Event types, `s3:ObjectCreated:*` and the like.
    pub events: Vec<String>,
    /// Keys have to start with this.
    pub prefix: Option<String>,
    /// Keys have to end in this.
    pub suffix: Option<String>,
    /// The names of the filter's rules in the order and spelling they came (`Prefix` or `prefix`): they are given back so.
    #[serde(default)]
    pub filter_names: Vec<String>,
}

/// A bucket's notification configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Notifications {
    /// Rules.
    pub rules: Vec<Rule>,
    /// Whether everything also goes to EventBridge.
    pub event_bridge: bool,
}

impl Notifications {
    /// Whether nothing is notified.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && !self.event_bridge
    }

    /// The rules that this event (`ObjectCreated:Put`, without `s3:`) of this key fits.
    pub fn matching<'a>(&'a self, event: &'a str, key: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(move |rule| rule.fits(event, key))
    }
}

impl Rule {
    fn fits(&self, event: &str, key: &str) -> bool {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let suffix = self.suffix.as_deref().unwrap_or_default();
        key.starts_with(prefix) && key.ends_with(suffix) && self.events.iter().any(|pattern| covers(pattern, event))
    }
}

/// Whether an event type of a configuration covers an event.
fn covers(pattern: &str, event: &str) -> bool {
    let pattern = pattern.strip_prefix("s3:").unwrap_or(pattern);
    match pattern.strip_suffix('*') {
        Some(start) => event.starts_with(start),
        None => pattern == event,
    }
}

/// Refuses a configuration with unknown event types, or with two rules that would both take the same event of the same key.
pub fn check(notifications: &Notifications) -> Result<()> {
    for rule in &notifications.rules {
        if let Some(unknown) = rule.events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
            return Err(S3Error::argument("The event is not supported for notifications", "Event", unknown.clone()));
        }
    }
    for (index, rule) in notifications.rules.iter().enumerate() {
        for earlier in notifications.rules.iter().take(index) {
            let shared = rule.events.iter().any(|a| earlier.events.iter().any(|b| overlap_events(a, b)));
            if !shared {
                continue;
            }
            let unfiltered = |r: &Rule| r.prefix.is_none() && r.suffix.is_none();
            if unfiltered(rule) && unfiltered(earlier) {
                return Err(S3Error::argument(
                    "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
                    "Event",
                    rule.events.join(", "),
                ));
            }
            let prefixes = overlap(rule.prefix.as_deref(), earlier.prefix.as_deref(), |a, b| a.starts_with(b));
            let suffixes = overlap(rule.suffix.as_deref(), earlier.suffix.as_deref(), |a, b| a.ends_with(b));
            if prefixes && suffixes {
                return Err(S3Error::new(
                    crate::errors::Code::InvalidArgument,
                    "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.",
                ));
            }
        }
    }
    Ok(())
}

fn overlap_events(a: &str, b: &str) -> bool {
    let bare = |text: &str| text.strip_prefix("s3:").unwrap_or(text).to_owned();
    covers(a, bare(b).trim_end_matches('*')) || covers(b, bare(a).trim_end_matches('*'))
}

fn overlap(a: Option<&str>, b: Option<&str>, within: impl Fn(&str, &str) -> bool) -> bool {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    within(a, b) || within(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(events: &[&str], prefix: &str, suffix: &str) -> Rule {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Rule {
            id: "r".into(),
            destination: Destination { kind: Kind::Queue, arn: "arn:aws:sqs:eu-west-1:1:q".into() },
            events: events.iter().map(|e| (*e).to_owned()).collect(),
            prefix: some(prefix),
            suffix: some(suffix),
            filter_names: Vec::new(),
        }
    }

    #[test]
    fn matching() {
        let all =
            Notifications { rules: vec![rule(&["s3:ObjectCreated:*"], "job_offers/", ".csv")], event_bridge: false };
        assert_eq!(all.matching("ObjectCreated:Put", "job_offers/a.csv").count(), 1);
        assert_eq!(all.matching("ObjectRemoved:Delete", "job_offers/a.csv").count(), 0);
        assert_eq!(all.matching("ObjectCreated:Put", "job_offers/a.txt").count(), 0);
        assert_eq!(all.matching("ObjectCreated:Put", "a.csv").count(), 0);
    }

    #[test]
    fn overlaps_are_refused() {
        let with = |a: Rule, b: Rule| check(&Notifications { rules: vec![a, b], event_bridge: false }).is_ok();
        assert!(!with(rule(&["s3:ObjectCreated:*"], "", ""), rule(&["s3:ObjectCreated:Put"], "", "")));
        assert!(!with(rule(&["s3:ObjectCreated:*"], "a/", ".csv"), rule(&["s3:ObjectCreated:Put"], "a/b", "v")));
        assert!(with(rule(&["s3:ObjectCreated:*"], "a/", ".csv"), rule(&["s3:ObjectCreated:*"], "a/", ".txt")));
        assert!(with(rule(&["s3:ObjectCreated:*"], "a/", ""), rule(&["s3:ObjectCreated:*"], "b/", "")));
        assert!(with(rule(&["s3:ObjectCreated:Put"], "", ""), rule(&["s3:ObjectCreated:Copy"], "", "")));
        assert!(check(&Notifications { rules: vec![rule(&["s3:Nothing"], "", "")], event_bridge: false }).is_err());
    }
}
