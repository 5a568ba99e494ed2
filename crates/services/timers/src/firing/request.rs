//! The API call that an invocation is. A universal target names it; a templated one stands for a certain call of its service.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html>

use jiff::Timestamp;
use pilvi_bus::{ApiError, Arn};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::check::{Named, named};
use crate::target::Target;

/// What of an invocation its input can speak of.
pub(super) struct Occurrence<'a> {
    pub(super) schedule_arn: &'a str,
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) endpoint: &'a str,
    /// Milliseconds since 1970.
    pub(super) scheduled: i64,
    pub(super) execution_id: &'a str,
    /// From one on.
    pub(super) attempt: u32,
}

/// A call.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    /// The model's name.
    pub(super) service: &'static str,
    pub(super) operation: String,
    pub(super) document: Value,
}

/// A time as the scheduler writes it: `2030-01-01T00:00:00Z`.
pub(super) fn instant(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

/// Puts the context attributes in.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>
fn fill_in(input: &str, of: &Occurrence<'_>) -> String {
    if !input.contains("<aws.scheduler.") {
        return input.to_owned();
    }
    input
        .replace("<aws.scheduler.schedule-arn>", of.schedule_arn)
        .replace("<aws.scheduler.scheduled-time>", &instant(of.scheduled))
        .replace("<aws.scheduler.execution-id>", of.execution_id)
        .replace("<aws.scheduler.attempt-number>", &of.attempt.to_string())
}

/// What a target without an input is told.
fn notification(of: &Occurrence<'_>) -> String {
    json!({
        "version": "0",
        "id": Uuid::new_v5(&Uuid::NAMESPACE_OID, of.execution_id.as_bytes()).to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": of.account,
        "time": instant(of.scheduled),
        "region": of.region,
        "resources": [of.schedule_arn],
        "detail": "{}",
    })
    .to_string()
}

/// The models of services whose SDK is called otherwise: universal targets go by the SDK's name.
fn model_of(sdk: &str) -> &'static str {
    let name = match sdk {
        "sfn" => "stepfunctions",
        "eventbridge" => "events",
        "cloudwatchlogs" => "logs",
        name => name,
    };
    pilvi_model::names().iter().find(|known| **known == name).copied().unwrap_or("an unknown service")
}

/// The call that an invocation makes.
pub(super) fn request(target: &Target, of: &Occurrence<'_>) -> Result<Request, ApiError> {
    let invalid = || ApiError::new("ValidationException", 400, format!("{} cannot be invoked.", target.arn));
    let input = target.input.as_deref().map_or_else(|| notification(of), |input| fill_in(input, of));
    match named(&target.arn).ok_or_else(invalid)? {
        Named::Operation { service, operation } => {
            let document = serde_json::from_str(&input)
                .map_err(|error| ApiError::new("SerializationException", 400, error.to_string()))?;
            let mut letters = operation.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            Ok(Request { service: model_of(&service), operation: first.into_iter().chain(letters).collect(), document })
        }
        Named::Resource(arn) => templated(target, &arn, input, of).ok_or_else(invalid),
    }
}

fn templated(target: &Target, arn: &Arn, input: String, of: &Occurrence<'_>) -> Option<Request> {
    let (service, operation, document) = match arn.service.as_str() {
        "lambda" => {
            ("lambda", "Invoke", json!({ "FunctionName": target.arn, "InvocationType": "Event", "Payload": input }))
        }
        "sqs" => {
            let url = format!("{}/{}/{}", of.endpoint, arn.account, arn.resource);
            let mut document = json!({ "MessageBody": input, "QueueUrl": url });
            let group = target.sqs_parameters.as_ref().and_then(|parameters| parameters.message_group_id.clone());
            if let (Some(group), Some(members)) = (group, document.as_object_mut()) {
                members.insert("MessageGroupId".to_owned(), Value::String(group));
            }
            ("sqs", "SendMessage", document)
        }
        "sns" => ("sns", "Publish", json!({ "Message": input, "TopicArn": target.arn })),
        "events" => {
            let parameters = target.event_bridge_parameters.as_ref()?;
            let entry = json!({
                "Detail": input,
                "DetailType": parameters.detail_type,
                "EventBusName": target.arn,
                "Resources": [of.schedule_arn],
                "Source": parameters.source,
            });
            ("events", "PutEvents", json!({ "Entries": [entry] }))
        }
        "kinesis" => {
            let key = target.kinesis_parameters.as_ref().map(|parameters| parameters.partition_key.clone())?;
            ("kinesis", "PutRecord", json!({ "Data": input, "PartitionKey": key, "StreamARN": target.arn }))
        }
        "states" => ("stepfunctions", "StartExecution", json!({ "input": input, "stateMachineArn": target.arn })),
        // These have no model here: the bus answers that they are not built.
        "codebuild" => ("codebuild", "StartBuild", json!({ "projectName": arn.resource })),
        "codepipeline" => ("codepipeline", "StartPipelineExecution", json!({ "name": arn.resource })),
        "ecs" => ("ecs", "RunTask", json!({ "cluster": target.arn })),
        "firehose" => ("firehose", "PutRecord", json!({ "DeliveryStreamName": arn.resource })),
        "inspector" => ("inspector", "StartAssessmentRun", json!({ "assessmentTemplateArn": target.arn })),
        "sagemaker" => ("sagemaker", "StartPipelineExecution", json!({ "PipelineName": target.arn })),
        _ => return None,
    };
    Some(Request { service, operation: operation.to_owned(), document })
}
