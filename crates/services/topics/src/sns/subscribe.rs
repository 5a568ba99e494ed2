//! Subscribe.

use std::sync::Arc;

use pilvi_bus::{Arn, Ctx, RequestContext};
use pilvi_model::Shape;
use pilvi_model::shape::Entries;
use pilvi_store::StoreError;
use uuid::Uuid;

use super::{address, subscription_attributes};
use crate::confirm;
use crate::errors::TopicError;
use crate::registry::{Subscription, Topic, Topics};
use crate::sns::sms::is_phone_number;
use crate::state::{SubscriptionRecord, TOKENS};

/// What Subscribe takes.
#[derive(Shape)]
pub(crate) struct SubscribeInput {
    pub(crate) topic_arn: String,
    pub(crate) protocol: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) attributes: Option<Entries<String>>,
    pub(crate) return_subscription_arn: Option<bool>,
}

/// What Subscribe answers.
#[derive(Shape)]
pub(crate) struct SubscribeOutput {
    pub(crate) subscription_arn: Option<String>,
}

pub(crate) async fn subscribe(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: SubscribeInput,
) -> Result<SubscribeOutput, TopicError> {
    let name = address::name(&ctx, &input.topic_arn)?;
    let endpoint = input.endpoint.unwrap_or_default();
    let fifo = name.name.ends_with(".fifo");
    check_endpoint(&input.protocol, &endpoint, fifo)?;
    let topic = topics.find(&name).ok_or(TopicError::NoTopic)?;
    let attributes = input.attributes.unwrap_or_default().0;
    let fresh = SubscriptionRecord {
        protocol: input.protocol,
        endpoint,
        owner: ctx.account.clone(),
        principal: ctx.principal.arn(&ctx.region),
        created: topics.clock.now_s(),
        ..SubscriptionRecord::default()
    };
    let mut asked = fresh.clone();
    apply(&mut asked, fifo, &attributes)?;
    let known = find(&topic, &fresh);
    let subscription = match known {
        Some(known) => {
            // Subscribing again is no error, as long as nothing else is asked for than what is there.
            let mut as_asked = known.record.clone();
            apply(&mut as_asked, fifo, &attributes)?;
            if as_asked != known.record {
                let text = "Attributes Reason: Subscription already exists with different attributes";
                return Err(TopicError::parameter(text));
            }
            if known.record.confirmed { known } else { make(&topics, &ctx, &topic, &known.id, as_asked).await? }
        }
        None => make(&topics, &ctx, &topic, &Uuid::new_v4().to_string(), asked).await?,
    };
    let shown = subscription.record.confirmed || input.return_subscription_arn.unwrap_or(false);
    let arn = if shown { subscription.arn.clone() } else { "pending confirmation".to_owned() };
    Ok(SubscribeOutput { subscription_arn: Some(arn) })
}

fn apply(record: &mut SubscriptionRecord, fifo: bool, attributes: &[(String, String)]) -> Result<(), TopicError> {
    let apply = |record: &mut SubscriptionRecord| {
        for (name, value) in attributes {
            subscription_attributes::apply(record, fifo, name, value)?;
        }
        subscription_attributes::check(record)
    };
    apply(record).map_err(|reason| TopicError::parameter(format!("Attributes Reason: {reason}")))
}

fn find(topic: &Topic, asked: &SubscriptionRecord) -> Option<Arc<Subscription>> {
    let same =
        |known: &&Arc<Subscription>| known.record.protocol == asked.protocol && known.record.endpoint == asked.endpoint;
    topic.subscriptions().values().find(same).cloned()
}

/// Makes a subscription, or asks once more for its confirmation.
async fn make(
    topics: &Arc<Topics>,
    ctx: &RequestContext,
    topic: &Topic,
    id: &str,
    mut record: SubscriptionRecord,
) -> Result<Arc<Subscription>, TopicError> {
    if needs_no_confirmation(ctx, &record) {
        record.confirmed = true;
        record.authenticated = true;
        return topics.put_subscription(topic, id, |_| Ok(record), |_| Ok(())).await;
    }
    let token = confirm::new_token();
    record.token = Some(token.clone());
    let asking = confirm::Asking::new(topics, ctx, topic, id, token, record.clone(), false);
    let (token, deliveries) = (asking.token_record(), topics.deliveries.clone());
    let also = move |tx: &mut pilvi_store::WriteTx<'_>| -> Result<(), StoreError> {
        tx.put(&TOKENS, &(asking.token.as_str(),), &token)?;
        deliveries.enqueue(tx, asking.delivery()?)
    };
    topics.put_subscription(topic, id, |_| Ok(record), also).await
}

/// Endpoints that belong to the subscriber are subscribed at once, and phones: they can opt out.
fn needs_no_confirmation(ctx: &RequestContext, record: &SubscriptionRecord) -> bool {
    match record.protocol.as_str() {
        "sms" => true,
        "sqs" | "lambda" | "application" | "firehose" => {
            Arn::parse(&record.endpoint).is_some_and(|arn| arn.account == ctx.account)
        }
        _ => false,
    }
}

fn check_endpoint(protocol: &str, endpoint: &str, fifo_topic: bool) -> Result<(), TopicError> {
    let of = |service: &str| Arn::parse(endpoint).filter(|arn| arn.service == service);
    match protocol {
        "http" | "https" | "email" | "email-json" | "sms" | "sqs" | "application" | "lambda" | "firehose" => {}
        other => {
            let text = format!("Amazon SNS does not support this protocol string: {other}");
            return Err(TopicError::parameter(text));
        }
    }
    if fifo_topic && protocol != "sqs" {
        return Err(TopicError::parameter(format!("Invalid protocol type: {protocol}")));
    }
    let problem = match protocol {
        "http" | "https" => {
            let valid = endpoint.strip_prefix(protocol).is_some_and(|rest| rest.starts_with("://"));
            (!valid).then_some("Endpoint must match the specified protocol")
        }
        "email" | "email-json" => (!is_email(endpoint)).then_some("Email address"),
        "sqs" => match of("sqs") {
            None => Some("SQS endpoint ARN"),
            Some(_) if endpoint.ends_with(".fifo") && !fifo_topic => {
                Some("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
            }
            Some(_) => None,
        },
        "lambda" => of("lambda").is_none().then_some("Lambda endpoint ARN"),
        "firehose" => of("firehose").is_none().then_some("Firehose endpoint ARN"),
        "application" => {
            let valid = of("sns").is_some_and(|arn| arn.resource.starts_with("endpoint/"));
            (!valid).then_some("Application endpoint arn invalid")
        }
        _ => None,
    };
    if let Some(text) = problem {
        return Err(TopicError::parameter(text));
    }
    if protocol == "sms" && !is_phone_number(endpoint) {
        return Err(TopicError::Invalid(format!("Invalid SMS endpoint: {endpoint}")));
    }
    Ok(())
}

fn is_email(text: &str) -> bool {
    let Some((user, domain)) = text.rsplit_once('@') else { return false };
    !user.is_empty() && domain.contains('.') && !text.chars().any(char::is_whitespace)
}
