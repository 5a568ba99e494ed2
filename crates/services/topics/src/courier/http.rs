//! Deliveries to HTTP endpoints, by the delivery policy of the subscription or its topic.
//! <https://docs.aws.amazon.com/sns/latest/dg/http-header.html>

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pilvi_delivery::{Deliverer, Delivery, NewDelivery, Outcome, Schedule};
use serde_json::Value;

use super::{Parcel, http_client};
use crate::registry::Topics;
use crate::report::Report;
use crate::topic::delivery_policy;

/// Delivers to HTTP endpoints.
pub(super) struct Http(pub(super) Arc<Topics>);

/// A request to an endpoint.
struct Call {
    url: String,
    headers: HeaderMap,
    body: String,
    policy: Value,
}

impl Http {
    async fn call(&self, delivery: &Delivery) -> Result<Option<Call>, String> {
        let parcel = Parcel::decode(delivery.payload())?;
        let mut headers = HeaderMap::new();
        let (url, body, policy, content_type) = match parcel {
            Parcel::Confirmation(parcel) => {
                let confirmation = parcel.confirmation();
                put(&mut headers, "x-amz-sns-message-type", confirmation.kind());
                put(&mut headers, "x-amz-sns-message-id", &parcel.id);
                put(&mut headers, "x-amz-sns-topic-arn", &parcel.topic_arn);
                if parcel.deleted {
                    put(&mut headers, "x-amz-sns-subscription-arn", &parcel.subscription_arn);
                }
                let body = self.0.confirmation(&confirmation).await.map_err(|problem| problem.to_string())?;
                let policy = delivery_policy::effective_subscription(None, None);
                let content_type = delivery_policy::content_type(&policy);
                (parcel.subscription.endpoint, body, policy, content_type)
            }
            Parcel::Notification(message) => {
                let Some((topic, Some(subscription))) = self.0.find_arn(&delivery.target) else { return Ok(None) };
                let record = &subscription.record;
                put(&mut headers, "x-amz-sns-message-type", "Notification");
                put(&mut headers, "x-amz-sns-message-id", &message.id);
                put(&mut headers, "x-amz-sns-topic-arn", &topic.arn);
                put(&mut headers, "x-amz-sns-subscription-arn", &subscription.arn);
                let body = if record.raw {
                    put(&mut headers, "x-amz-sns-rawdelivery", "true");
                    message.text.clone()
                } else {
                    let document = self.0.notification(&topic, &subscription, &message).await;
                    document.map_err(|problem| problem.to_string())?
                };
                let of_topic = topic.record().delivery_policy.clone();
                let policy =
                    delivery_policy::effective_subscription(record.delivery_policy.as_deref(), of_topic.as_deref());
                let content_type = delivery_policy::content_type(&policy);
                (record.endpoint.clone(), body, policy, content_type)
            }
        };
        put(&mut headers, "content-type", &content_type);
        put(&mut headers, "user-agent", "Amazon Simple Notification Service Agent");
        put(&mut headers, "accept-encoding", "gzip,deflate");
        put(&mut headers, "connection", "Keep-Alive");
        Ok(Some(Call { url, headers, body, policy }))
    }

    fn report(&self, delivery: &Delivery, url: &str, sent: &Result<StatusCode, http_client::Problem>) {
        let Ok(Parcel::Notification(message)) = Parcel::decode(delivery.payload()) else { return };
        let Some((topic, Some(subscription))) = self.0.find_arn(&delivery.target) else { return };
        let report = match sent {
            Ok(status) if status.is_success() => Report { status: status.as_u16(), failure: None },
            Ok(status) => Report { status: status.as_u16(), failure: Some(format!("{url} answered {status}")) },
            Err(problem) => Report { status: 0, failure: Some(problem.to_string()) },
        };
        self.0.report(&delivery.origin, &topic, &subscription, &message, &report);
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[async_trait]
impl Deliverer for Http {
    fn schedule(&self) -> Schedule {
        Schedule { age: delivery_policy::total(), ..Schedule::default() }
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let call = match self.call(delivery).await {
            Ok(Some(call)) => call,
            Ok(None) => return Outcome::done(),
            Err(reason) => return Outcome::Dead { reason },
        };
        let policy = call.policy;
        let sent = http_client::post(&call.url, call.headers, call.body, self.0.ca_pem.as_deref()).await;
        self.report(delivery, &call.url, &sent);
        let reason = match sent {
            Ok(status) if status.is_success() => return Outcome::done(),
            // "Client-side errors … are not retried"; 429 says to come back later.
            Ok(status) if status.is_client_error() && status.as_u16() != 429 => {
                return Outcome::Dead { reason: format!("{} answered {status}", call.url) };
            }
            Ok(status) => format!("{} answered {status}", call.url),
            Err(problem) => format!("{}: {problem}", call.url),
        };
        match delivery_policy::wait(&policy, u64::from(delivery.attempt)) {
            Some(wait) => Outcome::Retry { after: Some(wait), reason, marks: delivery.marks },
            None => Outcome::Dead { reason },
        }
    }

    async fn dead(&self, delivery: &Delivery, _: &str) -> Vec<NewDelivery> {
        let Ok(Parcel::Notification(message)) = Parcel::decode(delivery.payload()) else { return Vec::new() };
        let Some((topic, Some(subscription))) = self.0.find_arn(&delivery.target) else { return Vec::new() };
        self.0.bury(&delivery.origin, &topic, &subscription, &message).await
    }
}
