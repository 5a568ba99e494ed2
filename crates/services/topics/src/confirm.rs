//! Tokens: what confirms a subscription, or brings a deleted one back.

use pilvi_bus::RequestContext;
use pilvi_delivery::{NewDelivery, Origin};
use pilvi_store::{Bytes, Range, StoreError};
use rand::Rng;
use uuid::Uuid;

use crate::courier::{ConfirmationParcel, HTTP, MANAGED, Parcel};
use crate::registry::{Topic, Topics};
use crate::state::{SubscriptionRecord, TOKENS, TokenRecord};

/// "Amazon SNS automatically deletes" subscriptions that nobody confirms "after 48 hours"; tokens are good for as long.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html>
pub(crate) const GOOD_FOR: i64 = 48 * 3600;

/// A new token.
pub(crate) fn new_token() -> String {
    let mut bytes = [0_u8; 144];
    rand::rng().fill(&mut bytes[..]);
    hex::encode(bytes)
}

/// A request to confirm that is about to be sent.
pub(crate) struct Asking {
    pub(crate) token: String,
    id: String,
    origin: Origin,
    parcel: ConfirmationParcel,
    topic: (String, String, String),
}

impl Asking {
    /// Asks the endpoint of a subscription: whether it wants to be one, or, after it was deleted, whether it wants back.
    pub(crate) fn new(
        topics: &Topics,
        ctx: &RequestContext,
        topic: &Topic,
        id: &str,
        token: String,
        subscription: SubscriptionRecord,
        deleted: bool,
    ) -> Self {
        let parcel = ConfirmationParcel {
            id: Uuid::new_v4().to_string(),
            topic_arn: topic.arn.clone(),
            subscription_arn: format!("{}:{id}", topic.arn),
            token: token.clone(),
            deleted,
            subscription,
            endpoint: ctx.endpoint.clone(),
            time: topics.clock.now_ms(),
        };
        let origin = Origin {
            source_arn: topic.arn.clone(),
            account: topic.name.account.clone(),
            region: topic.name.region.clone(),
            trace: ctx.trace.clone(),
        };
        Self { token, id: id.to_owned(), origin, parcel, topic: topic.name.key() }
    }

    /// What is kept of the token.
    pub(crate) fn token_record(&self) -> TokenRecord {
        let (account, region, topic) = self.topic.clone();
        TokenRecord {
            account,
            region,
            topic,
            id: self.id.clone(),
            created: self.parcel.time / 1000,
            restores: self.parcel.deleted.then(|| self.parcel.subscription.clone()),
        }
    }

    /// The delivery that asks.
    pub(crate) fn delivery(&self) -> Result<NewDelivery, StoreError> {
        let kind = if self.parcel.subscription.is_http() { HTTP } else { MANAGED };
        Ok(NewDelivery {
            kind: kind.to_owned(),
            target: self.parcel.subscription_arn.clone(),
            payload: Bytes::from(Parcel::Confirmation(self.parcel.clone()).encode()?),
            origin: self.origin.clone(),
            due: 0,
        })
    }
}

impl Topics {
    /// Deletes tokens that are no longer good, and the subscriptions that nobody confirmed with them.
    pub(crate) async fn forget_unconfirmed(&self) -> Result<(), StoreError> {
        let oldest = self.clock.now_s() - GOOD_FOR;
        let tokens = self.store.read(|tx| tx.range(&TOKENS, Range::all()).collect::<Result<Vec<_>, StoreError>>())?;
        let old: Vec<_> = tokens.into_iter().filter(|(_, token)| token.created < oldest).collect();
        for (_, token) in &old {
            let name = crate::state::TopicName {
                account: token.account.clone(),
                region: token.region.clone(),
                name: token.topic.clone(),
            };
            let Some(topic) = self.find(&name) else { continue };
            let pending = topic
                .subscription(&token.id)
                .is_some_and(|known| !known.record.confirmed && known.record.created < oldest);
            if pending && let Err(problem) = self.delete_subscription(&topic, &token.id, |_| Ok(())).await {
                tracing::warn!(%problem, "a subscription that nobody confirmed is still there");
            }
        }
        if old.is_empty() {
            return Ok(());
        }
        self.store
            .write(move |tx| {
                for (key, _) in &old {
                    tx.delete(&TOKENS, key)?;
                }
                Ok(())
            })
            .await
    }
}
