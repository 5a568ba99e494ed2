//! CreateTopic.

use std::sync::Arc;

use pilvi_bus::{Ctx, RequestContext};
use pilvi_model::Shape;
use pilvi_model::shape::Entries;
use uuid::Uuid;

use super::{tags, topic_attributes};
use crate::errors::TopicError;
use crate::registry::{Topic, Topics};
use crate::sns::tags::Tag;
use crate::state::{Fifo, TopicName, TopicRecord};

/// What CreateTopic takes.
#[derive(Shape)]
pub(crate) struct CreateTopicInput {
    pub(crate) name: String,
    pub(crate) attributes: Option<Entries<String>>,
    pub(crate) tags: Option<Vec<Tag>>,
    pub(crate) data_protection_policy: Option<String>,
}

/// What CreateTopic answers.
#[derive(Shape)]
pub(crate) struct CreateTopicOutput {
    pub(crate) topic_arn: Option<String>,
}

/// The topic that is asked for.
pub(crate) fn name(ctx: &RequestContext, name: &str) -> TopicName {
    TopicName { account: ctx.account.clone(), region: ctx.region.clone(), name: name.to_owned() }
}

pub(crate) async fn create_topic(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: CreateTopicInput,
) -> Result<CreateTopicOutput, TopicError> {
    let attributes = input.attributes.unwrap_or_default().0;
    let fifo = attributes.iter().any(|(name, value)| name == "FifoTopic" && value.eq_ignore_ascii_case("true"));
    check_name(&input.name, fifo)?;
    let asked = input.tags.unwrap_or_default();
    let name = name(&ctx, &input.name);
    if let Some(topic) = topics.find(&name) {
        return existing(&topic, &attributes, &asked);
    }
    let mut record = TopicRecord {
        number: Uuid::new_v4().as_u64_pair().0,
        fifo: fifo.then(Fifo::default),
        data_protection: input.data_protection_policy.filter(|policy| !policy.is_empty()),
        ..TopicRecord::default()
    };
    apply(&mut record, &attributes)?;
    tags::add(&mut record, &asked)?;
    let topic = match topics.create(name, record).await? {
        Ok(topic) => topic,
        Err(topic) => return existing(&topic, &attributes, &asked),
    };
    // The first message should not have to wait for the key that it is signed with.
    let signing = topics.clone();
    tokio::spawn(async move {
        if let Err(problem) = signing.signer.key().await {
            tracing::error!(%problem, "messages cannot be signed");
        }
    });
    Ok(CreateTopicOutput { topic_arn: Some(topic.arn.clone()) })
}

fn apply(record: &mut TopicRecord, attributes: &[(String, String)]) -> Result<(), TopicError> {
    for (name, value) in attributes {
        if name == "FifoTopic" {
            if !matches!(value.to_ascii_lowercase().as_str(), "true" | "false") {
                return Err(TopicError::parameter("FifoTopic"));
            }
            continue;
        }
        topic_attributes::apply(record, name, value).map_err(|error| match error {
            TopicError::InvalidParameter(text) if text == "AttributeName" => {
                TopicError::parameter(format!("Attributes Reason: Unknown attribute {name}"))
            }
            TopicError::InvalidParameter(text) => TopicError::parameter(format!("Attributes Reason: {text}")),
            other => other,
        })?;
    }
    Ok(())
}

/// Creating a topic again is no error, as long as nothing else is asked for than what is there.
fn existing(topic: &Topic, attributes: &[(String, String)], asked: &[Tag]) -> Result<CreateTopicOutput, TopicError> {
    let record = topic.record();
    tags::check(asked)?;
    let same_tags = asked.iter().all(|tag| record.tags.get(&tag.key) == Some(&tag.value));
    if !same_tags {
        return Err(TopicError::parameter("Tags Reason: Topic already exists with different tags"));
    }
    let mut changed = TopicRecord::clone(&record);
    apply(&mut changed, attributes)?;
    let fifo = attributes.iter().find(|(name, _)| name == "FifoTopic");
    let same_kind = fifo.is_none_or(|(_, value)| value.eq_ignore_ascii_case("true") == record.fifo.is_some());
    if changed != *record || !same_kind {
        return Err(TopicError::parameter("Attributes Reason: Topic already exists with different attributes"));
    }
    Ok(CreateTopicOutput { topic_arn: Some(topic.arn.clone()) })
}

fn check_name(name: &str, fifo: bool) -> Result<(), TopicError> {
    let stem = if fifo { name.strip_suffix(".fifo") } else { Some(name) };
    let valid = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
    let is_valid = stem.is_some_and(|stem| !stem.is_empty() && stem.bytes().all(valid)) && name.len() <= 256;
    match (is_valid, fifo) {
        (true, _) => Ok(()),
        (false, false) => Err(TopicError::parameter("Topic Name")),
        (false, true) => Err(TopicError::parameter(
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.",
        )),
    }
}
