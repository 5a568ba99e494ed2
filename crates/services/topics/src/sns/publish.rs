//! Publish.

use std::sync::Arc;

use pilvi_bus::{Ctx, RequestContext};
use pilvi_model::Shape;
use pilvi_model::shape::Entries;
use uuid::Uuid;

use super::sms::is_phone_number;
use super::{address, endpoints};
use crate::envelope::sequence_number;
use crate::errors::TopicError;
use crate::message::{AttributeValue, Checked, Draft};
use crate::registry::Topics;
use crate::state::OutboxRecord;

/// What Publish takes.
#[derive(Shape)]
pub(crate) struct PublishInput {
    pub(crate) topic_arn: Option<String>,
    pub(crate) target_arn: Option<String>,
    pub(crate) phone_number: Option<String>,
    pub(crate) message: String,
    pub(crate) subject: Option<String>,
    pub(crate) message_structure: Option<String>,
    pub(crate) message_attributes: Option<Entries<AttributeValue>>,
    pub(crate) message_deduplication_id: Option<String>,
    pub(crate) message_group_id: Option<String>,
}

/// What Publish answers.
#[derive(Shape)]
pub(crate) struct PublishOutput {
    pub(crate) message_id: Option<String>,
    pub(crate) sequence_number: Option<String>,
}

/// What a publish needs to be allowed on.
pub(crate) fn resource(input: &PublishInput) -> String {
    let arn = input.topic_arn.as_ref().or(input.target_arn.as_ref());
    arn.map_or_else(|| "*".to_owned(), Clone::clone)
}

pub(crate) async fn publish(topics: Arc<Topics>, ctx: Ctx, input: PublishInput) -> Result<PublishOutput, TopicError> {
    let draft = Draft {
        text: input.message,
        subject: input.subject,
        structure: input.message_structure,
        attributes: Vec::new(),
        group: input.message_group_id,
        dedup: input.message_deduplication_id,
    }
    .with(input.message_attributes);
    if let Some(number) = input.phone_number {
        if !is_phone_number(&number) {
            let text = format!("PhoneNumber Reason: {number} is not valid to publish to");
            return Err(TopicError::parameter(text));
        }
        let message = draft.check_content(false)?.check_size()?;
        return keep(&topics, &ctx, "sms", &number, message).await;
    }
    let arn = match (input.topic_arn, input.target_arn) {
        (Some(_), Some(_)) => {
            let text = "TopicArn Reason: Both TopicArn and TargetArn were specified";
            return Err(TopicError::parameter(text));
        }
        (Some(arn), None) => arn,
        (None, Some(arn)) if arn.contains(":endpoint/") => {
            let endpoint = endpoints::to_publish(&topics, &arn)?;
            // A platform's own text is enough; a default is not needed.
            let message = draft.check_content(false)?.check_size()?;
            if message.texts.is_some() && message.text_for(&endpoint).is_empty() {
                let text = "Message Structure - No default entry in JSON message body";
                return Err(TopicError::parameter(text));
            }
            return keep(&topics, &ctx, &endpoint, &arn, message).await;
        }
        (None, Some(arn)) => arn,
        (None, None) => {
            let text = "TopicArn or TargetArn Reason: no value for required parameter";
            return Err(TopicError::parameter(text));
        }
    };
    let topic = address::topic(&topics, &ctx, &arn)?;
    let message = draft.check(topic.record().fifo.as_ref())?.check_size()?;
    let published = topics.publish(&ctx, &topic, vec![message]).await?;
    let published = published.first().ok_or(TopicError::NoTopic)?;
    Ok(PublishOutput {
        message_id: Some(published.id.clone()),
        sequence_number: published.sequence.map(sequence_number),
    })
}

/// Keeps what is published to a phone or a platform's endpoint (`protocol` is the platform then).
async fn keep(
    topics: &Topics,
    ctx: &RequestContext,
    protocol: &str,
    to: &str,
    message: Checked,
) -> Result<PublishOutput, TopicError> {
    let id = Uuid::new_v4().to_string();
    let record = OutboxRecord {
        account: ctx.account.clone(),
        region: ctx.region.clone(),
        time: topics.clock.now_ms(),
        protocol: if protocol == "sms" { "sms" } else { "application" }.to_owned(),
        to: to.to_owned(),
        topic_arn: None,
        subscription_arn: None,
        message_id: id.clone(),
        text: message.text_for(protocol).to_owned(),
        subject: message.subject,
        attributes: message.attributes,
        token: None,
    };
    topics.keep(record).await?;
    Ok(PublishOutput { message_id: Some(id), sequence_number: None })
}
