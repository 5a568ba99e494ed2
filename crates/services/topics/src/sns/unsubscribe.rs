//! Unsubscribe.

use std::sync::Arc;

use pilvi_bus::{Ctx, Principal};
use pilvi_model::Shape;
use pilvi_store::{StoreError, WriteTx};

use super::address;
use crate::confirm::{Asking, new_token};
use crate::errors::TopicError;
use crate::registry::Topics;
use crate::state::TOKENS;

/// What Unsubscribe takes.
#[derive(Shape)]
pub(crate) struct UnsubscribeInput {
    pub(crate) subscription_arn: String,
}

pub(crate) async fn unsubscribe(topics: Arc<Topics>, ctx: Ctx, input: UnsubscribeInput) -> Result<(), TopicError> {
    let Some((topic, subscription)) = address::find_subscription(&topics, &input.subscription_arn)? else {
        return Ok(());
    };
    let record = &subscription.record;
    if ctx.principal != Principal::Anonymous {
        return topics.delete_subscription(&topic, &subscription.id, |_| Ok(())).await;
    }
    // By the link in a message. "If a Subscription requires authentication for deletion, only the owner of the subscription or the
    // topic's owner can unsubscribe"; those to endpoints of AWS do.
    if record.authenticated {
        let text =
            format!("User: anonymous is not authorized to perform: SNS:Unsubscribe on resource: {}", subscription.arn);
        return Err(TopicError::Unauthorized(text));
    }
    // "If the Unsubscribe call does not require authentication and the requester is not the subscription owner, a final cancellation
    // message is delivered to the endpoint, so that the endpoint owner can easily resubscribe".
    if !record.is_http() && !record.protocol.starts_with("email") {
        return topics.delete_subscription(&topic, &subscription.id, |_| Ok(())).await;
    }
    let asking = Asking::new(&topics, &ctx, &topic, &subscription.id, new_token(), record.clone(), true);
    let (token, deliveries) = (asking.token_record(), topics.deliveries.clone());
    let also = move |tx: &mut WriteTx<'_>| -> Result<(), StoreError> {
        tx.put(&TOKENS, &(asking.token.as_str(),), &token)?;
        deliveries.enqueue(tx, asking.delivery()?)
    };
    topics.delete_subscription(&topic, &subscription.id, also).await
}
