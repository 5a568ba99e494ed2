//! What a request's ARN means.

use std::sync::Arc;

use pilvi_bus::RequestContext;
use uuid::Uuid;

use crate::errors::TopicError;
use crate::registry::{Subscription, Topic, Topics};
use crate::state::TopicName;

/// A subscription and its topic.
pub(crate) type Found = (Arc<Topic>, Arc<Subscription>);

/// Refuses what is not even of an ARN's form.
fn check_form(arn: &str, parameter: &str) -> Result<(), TopicError> {
    let elements = arn.split(':').count();
    if elements < 6 {
        let text = format!("{parameter} Reason: An ARN must have at least 6 elements, not {elements}");
        return Err(TopicError::parameter(text));
    }
    Ok(())
}

/// The name of a topic of this region.
pub(crate) fn name(ctx: &RequestContext, arn: &str) -> Result<TopicName, TopicError> {
    check_form(arn, "TopicArn")?;
    match TopicName::from_arn(arn) {
        Some((name, None)) if name.region == ctx.region => Ok(name),
        _ => Err(TopicError::parameter("TopicArn")),
    }
}

/// The topic.
pub(crate) fn topic(topics: &Topics, ctx: &RequestContext, arn: &str) -> Result<Arc<Topic>, TopicError> {
    topics.find(&name(ctx, arn)?).ok_or(TopicError::NoTopic)
}

/// The subscription, if there is one.
pub(crate) fn find_subscription(topics: &Topics, arn: &str) -> Result<Option<Found>, TopicError> {
    check_form(arn, "SubscriptionArn")?;
    let named = TopicName::from_arn(arn).ok_or_else(|| TopicError::parameter("SubscriptionArn"))?;
    let id = named.1.filter(|id| Uuid::parse_str(id).is_ok());
    let Some(id) = id else { return Err(TopicError::parameter("SubscriptionId")) };
    let found = topics.find(&named.0).and_then(|topic| Some((topic.clone(), topic.subscription(&id)?)));
    Ok(found)
}

/// The subscription.
pub(crate) fn subscription(topics: &Topics, arn: &str) -> Result<Found, TopicError> {
    find_subscription(topics, arn)?.ok_or(TopicError::NoSubscription)
}
