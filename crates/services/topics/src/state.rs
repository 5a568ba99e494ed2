//! What is stored.

use std::collections::BTreeMap;

use pilvi_store::Table;
use serde::{Deserialize, Serialize};

use crate::message::{Attribute, Message};

/// (account, region, name): a topic. In the order of ListTopics.
pub(crate) const TOPICS: Table<(String, String, String), TopicRecord> = Table::new("topics.topic");
/// (account, region, topic, id): a subscription. In the order of listings.
pub(crate) const SUBSCRIPTIONS: Table<(String, String, String, String), SubscriptionRecord> =
    Table::new("topics.subscription");
/// (token): what it confirms.
pub(crate) const TOKENS: Table<(String,), TokenRecord> = Table::new("topics.token");
/// (topic's number): the last sequence number of a FIFO topic.
pub(crate) const SEQUENCES: Table<(u64,), u64> = Table::new("topics.sequence");
/// (topic's number, group or none, deduplication id): a message that was accepted within the last five minutes.
pub(crate) const DEDUPS: Table<(u64, Option<String>, String), DedupRecord> = Table::new("topics.dedup");
/// (subscription's ARN, group, sequence number): what a FIFO topic still has to deliver. In the order of delivery.
pub(crate) const ORDERED: Table<(String, String, u64), Message> = Table::new("topics.ordered");
/// (account, region, platform, name): a platform application.
pub(crate) const APPLICATIONS: Table<(String, String, String, String), ApplicationRecord> =
    Table::new("topics.application");
/// (account, region, platform, application, id): an endpoint of a platform application.
pub(crate) const ENDPOINTS: Table<(String, String, String, String, String), EndpointRecord> =
    Table::new("topics.endpoint");
/// (account, region): what is set for text messages.
pub(crate) const SMS: Table<(String, String), SmsRecord> = Table::new("topics.sms");
/// (account, region, phone number): a number of the sandbox.
pub(crate) const SANDBOX: Table<(String, String, String), SandboxRecord> = Table::new("topics.sandbox");
/// (number): what was sent to an address that nothing is delivered to: emails, text messages, mobile pushes. In the order of sending.
pub(crate) const OUTBOX: Table<(u64,), OutboxRecord> = Table::new("topics.outbox");
/// ("signing"): the key that messages are signed with, and its certificate.
pub(crate) const KEYS: Table<(String,), KeyRecord> = Table::new("topics.key");

/// A topic's full name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TopicName {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
}

impl TopicName {
    pub(crate) fn key(&self) -> (String, String, String) {
        (self.account.clone(), self.region.clone(), self.name.clone())
    }

    pub(crate) fn arn(&self) -> String {
        pilvi_bus::Arn::new("sns", &self.region, &self.account, self.name.as_str()).to_string()
    }

    /// The topic that an ARN names, and what follows its name: a subscription's id.
    pub(crate) fn from_arn(arn: &str) -> Option<(Self, Option<String>)> {
        let arn = pilvi_bus::Arn::parse(arn).filter(|arn| arn.service == "sns")?;
        let (name, id) = match arn.resource.split_once(':') {
            Some((name, id)) => (name.to_owned(), Some(id.to_owned())),
            None => (arn.resource, None),
        };
        Some((Self { account: arn.account, region: arn.region, name }, id))
    }
}

/// A topic as it was made and set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TopicRecord {
    /// Told apart from a deleted topic of the same name by this.
    pub(crate) number: u64,
    pub(crate) display_name: String,
    /// `Policy`, as it was given; none: AWS's default.
    pub(crate) policy: Option<String>,
    /// `DeliveryPolicy`, as AWS gives it back.
    pub(crate) delivery_policy: Option<String>,
    pub(crate) fifo: Option<Fifo>,
    /// Attributes that are only kept: keys, tracing, feedback, archive, signature version.
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) data_protection: Option<String>,
    /// How many subscriptions were deleted.
    pub(crate) deleted: u64,
}

/// What only a FIFO topic has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fifo {
    /// The text's SHA-256 stands in for a deduplication id that was not given.
    pub(crate) content_based_deduplication: bool,
    /// `FifoThroughputScope`: `Topic` or `MessageGroup`, within which deduplication ids are unique too.
    pub(crate) scope: Option<String>,
}

impl TopicRecord {
    /// True for messages signed with SHA-256.
    pub(crate) fn signs_sha256(&self) -> bool {
        self.attributes.get("SignatureVersion").is_some_and(|version| version == "2")
    }
}

/// A subscription as it was made and set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SubscriptionRecord {
    pub(crate) protocol: String,
    pub(crate) endpoint: String,
    /// The account that it belongs to.
    pub(crate) owner: String,
    /// The ARN of who made it.
    pub(crate) principal: String,
    /// Seconds since 1970.
    pub(crate) created: i64,
    pub(crate) confirmed: bool,
    /// `ConfirmationWasAuthenticated`: only its owner can unsubscribe.
    pub(crate) authenticated: bool,
    pub(crate) raw: bool,
    /// `FilterPolicy`, as it was given.
    pub(crate) filter_policy: Option<String>,
    /// `FilterPolicyScope` is `MessageBody`.
    pub(crate) filters_body: bool,
    pub(crate) redrive_policy: Option<String>,
    /// `DeliveryPolicy`, as AWS gives it back.
    pub(crate) delivery_policy: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) replay_policy: Option<String>,
    /// The last token that was sent to confirm it.
    pub(crate) token: Option<String>,
}

impl SubscriptionRecord {
    /// True for an endpoint that is a FIFO queue.
    pub(crate) fn is_fifo_queue(&self) -> bool {
        self.protocol == "sqs" && self.endpoint.ends_with(".fifo")
    }

    pub(crate) fn is_http(&self) -> bool {
        matches!(self.protocol.as_str(), "http" | "https")
    }
}

/// What a token confirms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TokenRecord {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) topic: String,
    /// The subscription's id.
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) created: i64,
    /// The subscription that the token brings back after it was deleted.
    pub(crate) restores: Option<SubscriptionRecord>,
}

/// What a duplicate is answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DedupRecord {
    pub(crate) id: String,
    pub(crate) sequence: u64,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
}

/// A platform application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ApplicationRecord {
    pub(crate) attributes: BTreeMap<String, String>,
}

/// An endpoint of a platform application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct EndpointRecord {
    pub(crate) attributes: BTreeMap<String, String>,
}

/// What is set for text messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SmsRecord {
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) opted_out: Vec<String>,
}

/// A number of the sandbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SandboxRecord {
    pub(crate) verified: bool,
    /// The one-time password that was sent.
    pub(crate) password: String,
}

/// Something sent to an address that nothing is delivered to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutboxRecord {
    pub(crate) account: String,
    pub(crate) region: String,
    /// Milliseconds since 1970.
    pub(crate) time: i64,
    /// `email`, `email-json`, `sms` or `application`.
    pub(crate) protocol: String,
    /// The address, number or endpoint.
    pub(crate) to: String,
    pub(crate) topic_arn: Option<String>,
    pub(crate) subscription_arn: Option<String>,
    pub(crate) message_id: String,
    pub(crate) subject: Option<String>,
    /// The text as it would arrive.
    pub(crate) text: String,
    pub(crate) attributes: Vec<Attribute>,
    /// The token of a confirmation.
    pub(crate) token: Option<String>,
}

/// A key and its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    /// PKCS #8.
    #[serde(with = "serde_bytes")]
    pub(crate) key: Vec<u8>,
    /// PEM.
    pub(crate) certificate: String,
}
