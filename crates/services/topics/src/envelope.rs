//! What a subscriber gets: the notification as queues, functions and HTTP endpoints see it, and confirmations.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::message::{Attribute, AttributeData, Message};
use crate::registry::{Subscription, Topic, Topics};
use crate::sign::SignError;

/// A FIFO topic's place of a message: twenty digits, growing.
pub(crate) fn sequence_number(sequence: u64) -> String {
    format!("{:020}", 10_000_000_000_000_000_000_u128 + u128::from(sequence) * 1000)
}

/// A time as SNS writes it.
pub(crate) fn timestamp(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Where a subscriber can unsubscribe.
pub(crate) fn unsubscribe_url(endpoint: &str, subscription_arn: &str) -> String {
    format!("{endpoint}/?Action=Unsubscribe&SubscriptionArn={subscription_arn}")
}

/// Where a subscriber can confirm.
pub(crate) fn subscribe_url(endpoint: &str, topic_arn: &str, token: &str) -> String {
    format!("{endpoint}/?Action=ConfirmSubscription&TopicArn={topic_arn}&Token={token}")
}

/// A request to confirm: that somebody wants to subscribe, or has unsubscribed and may want back.
pub(crate) struct Confirmation<'a> {
    pub(crate) id: &'a str,
    pub(crate) topic_arn: &'a str,
    pub(crate) token: &'a str,
    /// The subscription that was deleted; none: one that is to be made.
    pub(crate) deleted: Option<&'a str>,
    pub(crate) endpoint: &'a str,
    pub(crate) time: i64,
}

impl Confirmation<'_> {
    /// `Type`.
    pub(crate) fn kind(&self) -> &'static str {
        if self.deleted.is_some() { "UnsubscribeConfirmation" } else { "SubscriptionConfirmation" }
    }

    /// The text in it.
    pub(crate) fn text(&self) -> String {
        match self.deleted {
            None => format!(
                "You have chosen to subscribe to the topic {}.\nTo confirm the subscription, visit the SubscribeURL included in this message.",
                self.topic_arn
            ),
            Some(arn) => format!(
                "You have chosen to deactivate subscription {arn}.\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
            ),
        }
    }
}

impl Topics {
    /// A notification's document for queues and HTTP endpoints. Messages of FIFO topics are not signed.
    pub(crate) async fn notification(
        &self,
        topic: &Topic,
        subscription: &Subscription,
        message: &Message,
    ) -> Result<String, SignError> {
        let mut lines = Lines::default();
        lines.text("Type", "Notification");
        lines.text("MessageId", &message.id);
        if let Some(sequence) = message.sequence {
            lines.text("SequenceNumber", &sequence_number(sequence));
        }
        lines.text("TopicArn", &topic.arn);
        if let Some(subject) = &message.subject {
            lines.text("Subject", subject);
        }
        lines.text("Message", &message.text);
        lines.text("Timestamp", &timestamp(message.time));
        if message.sequence.is_none() {
            let sha256 = topic.record().signs_sha256();
            let signature = self.signer.sign(to_sign(topic, message), sha256).await?;
            lines.text("SignatureVersion", if sha256 { "2" } else { "1" });
            lines.text("Signature", &signature);
            lines.text("SigningCertURL", &self.certificate_url(&message.endpoint).await?);
        }
        lines.text("UnsubscribeURL", &unsubscribe_url(&message.endpoint, &subscription.arn));
        if !message.attributes.is_empty() {
            lines.attributes("MessageAttributes", &message.attributes);
        }
        Ok(lines.finish())
    }

    /// A function's event.
    pub(crate) async fn event(
        &self,
        topic: &Topic,
        subscription: &Subscription,
        message: &Message,
    ) -> Result<Value, SignError> {
        // Recorded: functions are told version 1 even where the signature is one of version 2.
        let signature = self.signer.sign(to_sign(topic, message), topic.record().signs_sha256()).await?;
        let notification = json!({
            "Type": "Notification",
            "MessageId": message.id,
            "TopicArn": topic.arn,
            "Subject": message.subject,
            "Message": message.text,
            "Timestamp": timestamp(message.time),
            "SignatureVersion": "1",
            "Signature": signature,
            "SigningCertUrl": self.certificate_url(&message.endpoint).await?,
            "UnsubscribeUrl": unsubscribe_url(&message.endpoint, &subscription.arn),
            "MessageAttributes": attributes(&message.attributes),
        });
        Ok(json!({"Records": [{
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription.arn,
            "Sns": notification,
        }]}))
    }

    /// A confirmation's document.
    pub(crate) async fn confirmation(&self, confirmation: &Confirmation<'_>) -> Result<String, SignError> {
        let Confirmation { id, topic_arn, token, endpoint, time, .. } = *confirmation;
        let (kind, text, time) = (confirmation.kind(), confirmation.text(), timestamp(time));
        let url = subscribe_url(endpoint, topic_arn, token);
        let signed = format!(
            "Message\n{text}\nMessageId\n{id}\nSubscribeURL\n{url}\nTimestamp\n{time}\nToken\n{token}\nTopicArn\n{topic_arn}\nType\n{kind}\n"
        );
        let mut lines = Lines::default();
        lines.text("Type", kind);
        lines.text("MessageId", id);
        lines.text("Token", token);
        lines.text("TopicArn", topic_arn);
        lines.text("Message", &text);
        lines.text("SubscribeURL", &url);
        lines.text("Timestamp", &time);
        lines.text("SignatureVersion", "1");
        lines.text("Signature", &self.signer.sign(signed, false).await?);
        lines.text("SigningCertURL", &self.certificate_url(endpoint).await?);
        Ok(lines.finish())
    }

    async fn certificate_url(&self, endpoint: &str) -> Result<String, SignError> {
        Ok(format!("{endpoint}/{}", self.signer.key().await?.file))
    }
}

/// What is signed of a notification.
fn to_sign(topic: &Topic, message: &Message) -> String {
    let mut text = format!("Message\n{}\nMessageId\n{}\n", message.text, message.id);
    if let Some(subject) = &message.subject {
        text.push_str(&format!("Subject\n{subject}\n"));
    }
    text.push_str(&format!("Timestamp\n{}\nTopicArn\n{}\nType\nNotification\n", timestamp(message.time), topic.arn));
    text
}

/// Message attributes as a document.
pub(crate) fn attributes(attributes: &[Attribute]) -> Value {
    let mut document = Map::new();
    for attribute in attributes {
        let value = match &attribute.value {
            AttributeData::Text(text) => text.clone(),
            AttributeData::Binary(bytes) => BASE64.encode(bytes),
        };
        document.insert(attribute.name.clone(), json!({"Type": attribute.data_type, "Value": value}));
    }
    Value::Object(document)
}

/// A document, written as SNS does: a line for each member, spaces around the colon.
#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn text(&mut self, name: &str, text: &str) {
        self.0.push(format!("  \"{name}\" : {}", Value::from(text)));
    }

    fn attributes(&mut self, name: &str, list: &[Attribute]) {
        let Value::Object(document) = attributes(list) else { return };
        let lines: Vec<String> =
            document.iter().map(|(name, value)| format!("    {} : {value}", Value::from(name.as_str()))).collect();
        self.0.push(format!("  \"{name}\" : {{\n{}\n  }}", lines.join(",\n")));
    }

    fn finish(self) -> String {
        format!("{{\n{}\n}}", self.0.join(",\n"))
    }
}
