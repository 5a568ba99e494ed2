//! Delivery status logging: what came of deliveries, in the account's logs, where the topic's feedback attributes ask for it.
//! <https://docs.aws.amazon.com/sns/latest/dg/topics-attrib.html>

use std::sync::Arc;

use pilvi_bus::calls::{AppendLogs, LogLine};
use pilvi_bus::{ApiError, RequestContext};
use pilvi_delivery::Origin;
use serde_json::json;
use uuid::Uuid;

use crate::envelope::timestamp;
use crate::message::Message;
use crate::registry::{Subscription, Topic, Topics};

/// What came of an attempt: the status that the endpoint answered, and why that is a failure.
pub(crate) struct Report {
    pub(crate) status: u16,
    pub(crate) failure: Option<String>,
}

impl Topics {
    /// Logs what came of an attempt, if the topic wants to know. Does not wait for it.
    pub(crate) fn report(
        &self,
        origin: &Origin,
        topic: &Topic,
        subscription: &Subscription,
        message: &Message,
        report: &Report,
    ) {
        let Some(prefix) = prefix(&subscription.record.protocol) else { return };
        let record = topic.record();
        let attribute = |name: &str| record.attributes.get(&format!("{prefix}{name}"));
        let failure = report.failure.as_deref();
        let role = match failure {
            Some(_) => attribute("FailureFeedbackRoleArn"),
            None => attribute("SuccessFeedbackRoleArn"),
        };
        let Some(role) = role.cloned() else { return };
        // Failures are always logged, successes as often as the rate says.
        let rate: f64 = attribute("SuccessFeedbackSampleRate").and_then(|rate| rate.parse().ok()).unwrap_or(100.0);
        if failure.is_none() && rand::random::<f64>() * 100.0 >= rate {
            return;
        }
        let answer = match (failure, prefix) {
            (Some(reason), _) => json!({ "ErrorMessage": reason }),
            (None, "Lambda") => json!({ "lambdaRequestId": Uuid::new_v4().to_string() }),
            (None, _) => json!({}),
        };
        let now = self.clock.now_ms();
        let line = json!({
            "notification": {
                "messageMD5Sum": md5(&message.text),
                "messageId": message.id,
                "topicArn": topic.arn,
                "timestamp": timestamp(message.time).replace('T', " ").trim_end_matches('Z'),
            },
            "delivery": {
                "deliveryId": Uuid::new_v4().to_string(),
                "destination": subscription.record.endpoint,
                "providerResponse": answer.to_string(),
                "dwellTimeMs": now - message.time,
                "statusCode": report.status,
            },
            "status": if failure.is_some() { "FAILURE" } else { "SUCCESS" },
        });
        let failed = if failure.is_some() { "/Failure" } else { "" };
        let name = &topic.name;
        let append = AppendLogs {
            group: format!("sns/{}/{}/{}{failed}", name.region, name.account, name.name),
            stream: Uuid::new_v4().to_string(),
            lines: vec![LogLine { timestamp: now, message: line.to_string() }],
        };
        let (bus, origin, endpoint) = (self.bus.clone(), origin.clone(), self.endpoint.clone());
        tokio::spawn(async move {
            let log = async {
                let assumed = bus.identity()?.assume_for("sns.amazonaws.com", &role, "SNSFeedback").await?;
                let ctx = RequestContext::internal(assumed.principal, &origin.account, &origin.region, &endpoint);
                bus.logs()?.append(&Arc::new(ctx), append).await
            };
            if let Err(problem) = log.await as Result<(), ApiError> {
                tracing::debug!(%problem, "a delivery's status was not logged");
            }
        });
    }
}

/// How the feedback attributes of a protocol begin.
fn prefix(protocol: &str) -> Option<&'static str> {
    Some(match protocol {
        "sqs" => "SQS",
        "lambda" => "Lambda",
        "http" | "https" => "HTTP",
        "application" => "Application",
        "firehose" => "Firehose",
        _ => return None,
    })
}

fn md5(text: &str) -> String {
    use md5::Digest;
    hex::encode(md5::Md5::digest(text.as_bytes()))
}
