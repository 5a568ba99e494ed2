//! A message: how it is checked, and what is kept of it on its way to a subscription.

use pilvi_bus::calls::MessageAttribute;
use pilvi_model::Shape;
use pilvi_model::shape::Entries;
use pilvi_store::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::errors::TopicError;
use crate::state::Fifo;

/// The most bytes of a message or a batch, with its attributes.
pub(crate) const MAX_BYTES: usize = 262_144;

/// A message attribute's value, as the API has it.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(crate) struct AttributeValue {
    pub(crate) data_type: String,
    pub(crate) string_value: Option<String>,
    pub(crate) binary_value: Option<Bytes>,
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) data_type: String,
    pub(crate) value: AttributeData,
}

/// What a message attribute holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AttributeData {
    Text(String),
    #[serde(with = "serde_bytes")]
    Binary(Vec<u8>),
}

impl Attribute {
    fn size(&self) -> usize {
        let value = match &self.value {
            AttributeData::Text(text) => text.len(),
            AttributeData::Binary(bytes) => bytes.len(),
        };
        self.name.len() + self.data_type.len() + value
    }

    /// As queues take it.
    pub(crate) fn for_queue(&self) -> (String, MessageAttribute) {
        let (string_value, binary_value) = match &self.value {
            AttributeData::Text(text) => (Some(text.clone()), None),
            AttributeData::Binary(bytes) => (None, Some(Bytes::from(bytes.clone()))),
        };
        (self.name.clone(), MessageAttribute { data_type: self.data_type.clone(), string_value, binary_value })
    }
}

/// A message on its way to a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    /// The text for this subscription's protocol.
    pub(crate) text: String,
    pub(crate) subject: Option<String>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) group: Option<String>,
    pub(crate) dedup: Option<String>,
    /// Of a FIFO topic.
    pub(crate) sequence: Option<u64>,
    /// Milliseconds since 1970.
    pub(crate) time: i64,
    /// The address that the publisher used, which the message's links are built on.
    pub(crate) endpoint: String,
    /// The X-Ray header to pass on.
    pub(crate) trace: String,
}

/// A message as it is asked to be published.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) text: String,
    pub(crate) subject: Option<String>,
    pub(crate) structure: Option<String>,
    pub(crate) attributes: Vec<(String, AttributeValue)>,
    pub(crate) group: Option<String>,
    pub(crate) dedup: Option<String>,
}

/// A message that may be published.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checked {
    pub(crate) text: String,
    /// Texts by protocol, where the message has a structure.
    pub(crate) texts: Option<Map<String, Value>>,
    pub(crate) subject: Option<String>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) group: Option<String>,
    pub(crate) dedup: Option<String>,
}

impl Draft {
    /// Attributes as the API sends them.
    pub(crate) fn with(mut self, attributes: Option<Entries<AttributeValue>>) -> Self {
        self.attributes = attributes.unwrap_or_default().0;
        self
    }

    /// Checks a message for a topic.
    pub(crate) fn check(self, fifo: Option<&Fifo>) -> Result<Checked, TopicError> {
        let mut checked = self.check_content(true)?;
        check_fifo(&mut checked, fifo)?;
        Ok(checked)
    }

    /// Checks all that has nothing to do with the topic. `default`: a structure needs an entry of that name.
    pub(crate) fn check_content(self, default: bool) -> Result<Checked, TopicError> {
        if self.text.is_empty() {
            return Err(TopicError::parameter("Empty message"));
        }
        let attributes = self.attributes.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if let Some(subject) = &self.subject {
            // "less than 100 characters long", without line breaks and control characters: API_Publish, Subject.
            if subject.is_empty() || subject.chars().count() > 100 || subject.chars().any(char::is_control) {
                return Err(TopicError::parameter("Subject"));
            }
        }
        let texts = match self.structure.as_deref() {
            Some("json") => Some(structure(&self.text, default)?),
            None => None,
            Some(_) => return Err(TopicError::parameter("MessageStructure")),
        };
        let Self { text, subject, group, dedup, .. } = self;
        Ok(Checked { text, texts, subject, attributes, group, dedup })
    }
}

impl Checked {
    /// Bytes that count against the limit.
    pub(crate) fn size(&self) -> usize {
        self.text.len() + self.attributes.iter().map(Attribute::size).sum::<usize>()
    }

    /// Refuses a message that is too long by itself.
    pub(crate) fn check_size(self) -> Result<Self, TopicError> {
        if self.size() > MAX_BYTES {
            return Err(TopicError::parameter("Message too long"));
        }
        Ok(self)
    }

    /// The text for a protocol (`sqs`), or a platform (`APNS`).
    pub(crate) fn text_for(&self, protocol: &str) -> &str {
        let Some(texts) = &self.texts else { return &self.text };
        let text = |name: &str| texts.get(name).and_then(Value::as_str);
        text(protocol).or_else(|| text("default")).unwrap_or_default()
    }
}

/// Texts by protocol. An entry that is no string is as if it were not there.
fn structure(text: &str, default: bool) -> Result<Map<String, Value>, TopicError> {
    let Ok(Value::Object(texts)) = serde_json::from_str(text) else {
        return Err(TopicError::parameter("Message Structure - JSON message body failed to parse"));
    };
    if default && !texts.get("default").is_some_and(Value::is_string) {
        return Err(TopicError::parameter("Message Structure - No default entry in JSON message body"));
    }
    Ok(texts)
}

fn check_fifo(checked: &mut Checked, fifo: Option<&Fifo>) -> Result<(), TopicError> {
    for (name, id) in [("MessageGroupId", &checked.group), ("MessageDeduplicationId", &checked.dedup)] {
        let Some(id) = id else { continue };
        if id.is_empty() || id.len() > 128 || !id.bytes().all(|letter| letter.is_ascii_graphic()) {
            let reason =
                format!("{name} can only include alphanumeric and punctuation characters. 1 to 128 in length.");
            return Err(TopicError::parameter(format!("{name} Reason: {reason}")));
        }
    }
    let Some(fifo) = fifo else {
        // A group is only passed on to queues, which it makes fair ones.
        return match &checked.dedup {
            Some(_) => Err(TopicError::parameter(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
            )),
            None => Ok(()),
        };
    };
    if checked.group.is_none() {
        return Err(TopicError::parameter("The MessageGroupId parameter is required for FIFO topics"));
    }
    if checked.dedup.is_none() {
        if !fifo.content_based_deduplication {
            return Err(TopicError::parameter(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
            ));
        }
        checked.dedup = Some(hex::encode(Sha256::digest(checked.text.as_bytes())));
    }
    Ok(())
}

fn read((name, value): (String, AttributeValue)) -> Result<Attribute, TopicError> {
    let refuse = |text: String| Err(TopicError::InvalidAttribute(text));
    check_name(&name)?;
    let AttributeValue { data_type, string_value, binary_value } = value;
    let kind = data_type.split('.').next().unwrap_or_default().to_owned();
    let known =
        matches!(kind.as_str(), "String" | "Number" | "Binary") && data_type.strip_prefix(kind.as_str()) != Some(".");
    if !known {
        return refuse(format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
        ));
    }
    let is_binary = kind == "Binary";
    let (text, bytes) = (string_value.filter(|text| !text.is_empty()), binary_value.filter(|bytes| !bytes.is_empty()));
    let value = match (text, bytes) {
        (Some(text), None) if !is_binary => AttributeData::Text(text),
        (None, Some(bytes)) if is_binary => AttributeData::Binary(bytes.to_vec()),
        (None, None) => {
            return refuse(format!(
                "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{data_type}'."
            ));
        }
        _ => {
            let field = if is_binary { "Binary" } else { "String" };
            return refuse(format!("The message attribute '{name}' with type '{data_type}' must use field '{field}'."));
        }
    };
    if let (AttributeData::Text(text), "Number") = (&value, kind.as_str())
        && !text.parse::<f64>().is_ok_and(f64::is_finite)
    {
        return refuse(format!("Could not cast message attribute '{name}' value to number."));
    }
    Ok(Attribute { name, data_type, value })
}

fn check_name(name: &str) -> Result<(), TopicError> {
    let refuse = |text: String| Err(TopicError::InvalidAttribute(text));
    if name.len() > 256 {
        return refuse("Length of message attribute name must be less than 256 bytes.".to_owned());
    }
    let valid = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if let Some(letter) = name.chars().find(|letter| !valid(letter)) {
        return refuse(format!(
            "Invalid non-alphanumeric character '#x{:X}' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
            u32::from(letter)
        ));
    }
    if name.starts_with('.') {
        return refuse("Invalid message attribute name starting with character '.' was found.".to_owned());
    }
    if name.ends_with('.') {
        return refuse("Invalid message attribute name ending with character '.' was found.".to_owned());
    }
    if name.contains("..") {
        return refuse("Message attribute name can not have successive '.' character.".to_owned());
    }
    Ok(())
}
