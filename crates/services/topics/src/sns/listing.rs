//! ListTopics, ListSubscriptions and ListSubscriptionsByTopic: pages of a hundred.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::address;
use crate::errors::TopicError;
use crate::registry::{Subscription, Topics};

/// The length of a page.
const PAGE: usize = 100;

/// What ListTopics takes.
#[derive(Shape)]
pub(crate) struct ListTopicsInput {
    pub(crate) next_token: Option<String>,
}

/// What ListTopics answers.
#[derive(Shape)]
pub(crate) struct ListTopicsOutput {
    pub(crate) topics: Option<Vec<TopicEntry>>,
    pub(crate) next_token: Option<String>,
}

/// A topic in a list.
#[derive(Shape)]
pub(crate) struct TopicEntry {
    pub(crate) topic_arn: Option<String>,
}

/// What ListSubscriptions takes.
#[derive(Shape)]
pub(crate) struct ListSubscriptionsInput {
    pub(crate) next_token: Option<String>,
}

/// What ListSubscriptionsByTopic takes.
#[derive(Shape)]
pub(crate) struct ListSubscriptionsByTopicInput {
    pub(crate) topic_arn: String,
    pub(crate) next_token: Option<String>,
}

/// What both answer.
#[derive(Shape)]
pub(crate) struct ListSubscriptionsOutput {
    pub(crate) subscriptions: Option<Vec<SubscriptionEntry>>,
    pub(crate) next_token: Option<String>,
}

/// A subscription in a list.
#[derive(Shape)]
pub(crate) struct SubscriptionEntry {
    pub(crate) subscription_arn: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) topic_arn: Option<String>,
}

pub(crate) async fn list_topics(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: ListTopicsInput,
) -> Result<ListTopicsOutput, TopicError> {
    let found = topics.list(&ctx.account, &ctx.region);
    let (found, next_token) = page(found, input.next_token, |topic| topic.arn.clone())?;
    let entries = found.iter().map(|topic| TopicEntry { topic_arn: Some(topic.arn.clone()) }).collect();
    Ok(ListTopicsOutput { topics: Some(entries), next_token })
}

pub(crate) async fn list_subscriptions(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: ListSubscriptionsInput,
) -> Result<ListSubscriptionsOutput, TopicError> {
    let topics = topics.in_region(&ctx.region);
    let all = topics.iter().flat_map(|topic| topic.subscriptions().values().cloned().collect::<Vec<_>>());
    let mut found: Vec<Arc<Subscription>> =
        all.filter(|subscription| subscription.record.owner == ctx.account).collect();
    found.sort_by(|one, other| one.arn.cmp(&other.arn));
    answer(found, input.next_token)
}

pub(crate) async fn list_subscriptions_by_topic(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: ListSubscriptionsByTopicInput,
) -> Result<ListSubscriptionsOutput, TopicError> {
    let topic = address::topic(&topics, &ctx, &input.topic_arn)?;
    answer(topic.subscriptions().values().cloned().collect(), input.next_token)
}

fn answer(found: Vec<Arc<Subscription>>, token: Option<String>) -> Result<ListSubscriptionsOutput, TopicError> {
    let (found, next_token) = page(found, token, |subscription| subscription.arn.clone())?;
    let entries = found.iter().map(|subscription| {
        let record = &subscription.record;
        let arn = if record.confirmed { &*subscription.arn } else { "PendingConfirmation" };
        let topic_arn = subscription.arn.rsplit_once(':').map(|(topic, _)| topic.to_owned());
        SubscriptionEntry {
            subscription_arn: Some(arn.to_owned()),
            owner: Some(record.owner.clone()),
            protocol: Some(record.protocol.clone()),
            endpoint: Some(record.endpoint.clone()),
            topic_arn,
        }
    });
    Ok(ListSubscriptionsOutput { subscriptions: Some(entries.collect()), next_token })
}

/// One page of what is in the order of its keys. A token is the last key of the page before.
pub(crate) fn page<T>(
    mut found: Vec<T>,
    token: Option<String>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), TopicError> {
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        let last = BASE64.decode(&token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let last = last.ok_or_else(|| TopicError::parameter("NextToken"))?;
        found.retain(|item| key(item) > last);
    }
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more).map(|item| BASE64.encode(key(item)));
    Ok((found, next))
}
