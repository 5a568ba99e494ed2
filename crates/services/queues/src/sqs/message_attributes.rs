//! Message attributes: from the API's form, checked, and back.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>

use pilvi_model::Shape;
use pilvi_model::shape::Entries;
use pilvi_store::Bytes;

use crate::errors::QueueError;
use crate::queue::{AttributeData, MessageAttribute};

/// The most attributes that a message can have.
const MAX_ATTRIBUTES: usize = 10;

/// A message attribute's value.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(crate) struct AttributeValue {
    pub(crate) string_value: Option<String>,
    pub(crate) binary_value: Option<Bytes>,
    pub(crate) string_list_values: Option<Vec<String>>,
    pub(crate) binary_list_values: Option<Vec<Bytes>>,
    pub(crate) data_type: String,
}

/// Attributes as they were sent, checked and sorted by name.
pub(crate) fn read(attributes: Option<Entries<AttributeValue>>) -> Result<Vec<MessageAttribute>, QueueError> {
    let attributes = attributes.unwrap_or_default().0;
    if attributes.len() > MAX_ATTRIBUTES {
        let text = format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].",
            attributes.len()
        );
        return Err(QueueError::InvalidParameter(text));
    }
    let mut read = Vec::with_capacity(attributes.len());
    for (name, value) in attributes {
        check_name(&name)?;
        read.push(read_one(name, value, "user")?);
    }
    read.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(read)
}

/// The trace header, the only system attribute that can be sent.
pub(crate) fn read_system(attributes: Option<Entries<AttributeValue>>) -> Result<Option<MessageAttribute>, QueueError> {
    let mut trace = None;
    for (name, value) in attributes.unwrap_or_default().0 {
        if name != "AWSTraceHeader" {
            let text = format!("Message system attribute name '{name}' is invalid.");
            return Err(QueueError::InvalidParameter(text));
        }
        let attribute = read_one(name, value, "system")?;
        if attribute.data_type != "String" {
            let text = format!("The message system attribute '{}' must be of type 'String'.", attribute.name);
            return Err(QueueError::InvalidParameter(text));
        }
        trace = Some(attribute);
    }
    Ok(trace)
}

fn check_name(name: &str) -> Result<(), QueueError> {
    let refuse = |text: String| Err(QueueError::InvalidParameter(text));
    if name.is_empty() {
        return refuse("The request must contain non-empty message (user) attribute names.".to_owned());
    }
    if name.len() > 256 {
        return refuse("Message (user) attribute name must be shorter than 256 bytes.".to_owned());
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return refuse(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use.".to_owned(),
        );
    }
    // Letters of any script are let in, whatever the text says (seen in answers of AWS).
    let valid = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if !name.chars().all(valid) || name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return refuse(format!(
            "The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters."
        ));
    }
    Ok(())
}

fn read_one(name: String, value: AttributeValue, of: &str) -> Result<MessageAttribute, QueueError> {
    let refuse = |text: String| Err(QueueError::InvalidParameter(text));
    let listed = value.string_list_values.is_some_and(|list| !list.is_empty())
        || value.binary_list_values.is_some_and(|list| !list.is_empty());
    if listed {
        let text = "Message attribute list values in SendMessage operation are not supported.";
        return Err(QueueError::Unsupported(text.to_owned()));
    }
    let data_type = value.data_type;
    if data_type.is_empty() {
        return refuse(format!("The message attribute '{name}' must contain non-empty message attribute type."));
    }
    let kind = data_type.split('.').next().unwrap_or_default();
    if data_type.len() > 256 || !matches!(kind, "String" | "Number" | "Binary") {
        return refuse(format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
        ));
    }
    let empty = |name: &str| {
        Err(QueueError::InvalidParameter(format!(
            "Message ({of}) attribute '{name}' must contain a non-empty value of type '{kind}'."
        )))
    };
    let value = match (kind, value.string_value, value.binary_value) {
        ("Binary", None, Some(bytes)) if !bytes.is_empty() => AttributeData::Binary(bytes.to_vec()),
        ("String" | "Number", Some(text), None) if !text.is_empty() => AttributeData::Text(text),
        _ => return empty(&name),
    };
    if let AttributeData::Text(text) = &value {
        if let Some(letter) = text.chars().find(|letter| !is_valid(*letter)) {
            let code = u32::from(letter);
            return refuse(format!(
                "Invalid binary character '#x{code:X}' was found in the message attribute '{name}' value, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]"
            ));
        }
        if kind == "Number" && !is_number(text) {
            return refuse(format!("Can't cast the value of message (user) attribute '{name}' to a number."));
        }
    }
    Ok(MessageAttribute { name, data_type, value })
}

fn is_number(text: &str) -> bool {
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    digits && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Characters that a message may have: those of XML 1.0.
pub(crate) fn is_valid(letter: char) -> bool {
    matches!(letter, '\u{9}' | '\u{A}' | '\u{D}' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// The API's form of an attribute.
pub(crate) fn print(attribute: &MessageAttribute) -> AttributeValue {
    let mut value = AttributeValue { data_type: attribute.data_type.clone(), ..AttributeValue::default() };
    match &attribute.value {
        AttributeData::Text(text) => value.string_value = Some(text.clone()),
        AttributeData::Binary(bytes) => value.binary_value = Some(Bytes::from(bytes.clone())),
    }
    value
}

/// Whether a receive asks for this attribute: `All`, `*`, `.*`, a name, or `prefix.*`.
pub(crate) fn is_asked_for(names: &[String], attribute: &str) -> bool {
    names.iter().any(|name| match name.strip_suffix(".*") {
        Some(prefix) => attribute.starts_with(prefix),
        None => name == "All" || name == "*" || name == attribute,
    })
}
