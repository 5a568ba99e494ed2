//! ConfirmSubscription.

use std::sync::Arc;

use pilvi_bus::{Ctx, Principal};
use pilvi_model::Shape;

use crate::confirm::GOOD_FOR;
use crate::errors::TopicError;
use crate::registry::Topics;
use crate::state::{SubscriptionRecord, TOKENS, TopicName};

/// What ConfirmSubscription takes.
#[derive(Shape)]
pub(crate) struct ConfirmSubscriptionInput {
    pub(crate) topic_arn: String,
    pub(crate) token: String,
    pub(crate) authenticate_on_unsubscribe: Option<String>,
}

/// What ConfirmSubscription answers.
#[derive(Shape)]
pub(crate) struct ConfirmSubscriptionOutput {
    pub(crate) subscription_arn: Option<String>,
}

pub(crate) async fn confirm_subscription(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: ConfirmSubscriptionInput,
) -> Result<ConfirmSubscriptionOutput, TopicError> {
    let Some((asked, None)) = TopicName::from_arn(&input.topic_arn) else {
        return Err(TopicError::parameter("Topic"));
    };
    if input.token.is_empty() || !input.token.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(TopicError::Invalid("Invalid token".to_owned()));
    }
    let unknown = || TopicError::parameter("Token");
    let token = topics.store.read(|tx| tx.get(&TOKENS, &(input.token.as_str(),)))?.ok_or_else(unknown)?;
    if topics.clock.now_s() - token.created > GOOD_FOR {
        return Err(unknown());
    }
    // Recorded: the token decides which topic it is; of the ARN only the region has to be right.
    if asked.region != token.region {
        return Err(TopicError::parameter("Topic"));
    }
    let name = TopicName { account: token.account, region: token.region, name: token.topic };
    let topic = topics.find(&name).ok_or_else(unknown)?;
    let authenticated = ctx.principal != Principal::Anonymous
        && input.authenticate_on_unsubscribe.is_some_and(|wish| wish.eq_ignore_ascii_case("true"));
    let restores = token.restores;
    let confirm = |known: Option<&SubscriptionRecord>| {
        let mut record = known.cloned().or(restores).ok_or_else(unknown)?;
        record.confirmed = true;
        record.authenticated |= authenticated;
        Ok(record)
    };
    let subscription = topics.put_subscription(&topic, &token.id, confirm, |_| Ok(())).await?;
    Ok(ConfirmSubscriptionOutput { subscription_arn: Some(subscription.arn.clone()) })
}
