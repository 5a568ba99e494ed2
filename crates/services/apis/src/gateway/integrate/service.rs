//! Operations of services: the request's values, mapped, are the input; the service's own answer is the response.
//!
//! "Integration subtype reference" of the API Gateway developer guide.

use std::sync::Arc;

use http::StatusCode;
use pilvi_bus::{ApiError, RequestContext};
use pilvi_edge::answers;
use pilvi_edge::protocol::json;
use pilvi_edge::validate::dialect;
use pilvi_model::api::{Api, Kind, Operation, Protocol};
use pilvi_model::{Val, api};
use serde_json::{Map, Value};

use crate::gateway::compiled::{Compiled, Integration};
use crate::gateway::event::Call;
use crate::gateway::front::{Answer, Gateway};
use crate::gateway::parameters;

/// An integration's subtype: the service, the operation, and what it must be given.
#[derive(Debug)]
pub(crate) struct Subtype {
    /// `SQS-SendMessage`
    pub(crate) name: &'static str,
    service: &'static str,
    operation: &'static str,
    /// The parameters that have to be there.
    pub(crate) required: &'static [&'static str],
    /// Those that may be.
    pub(crate) optional: &'static [&'static str],
}

/// The subtypes of services that are here; AppConfig is not.
pub(crate) static SUBTYPES: [Subtype; 9] = [
    Subtype {
        name: "EventBridge-PutEvents",
        service: "events",
        operation: "PutEvents",
        required: &["Detail", "DetailType", "Source"],
        optional: &["Time", "EventBusName", "Resources", "Region", "TraceHeader"],
    },
    Subtype {
        name: "SQS-SendMessage",
        service: "sqs",
        operation: "SendMessage",
        required: &["QueueUrl", "MessageBody"],
        optional: &[
            "DelaySeconds",
            "MessageAttributes",
            "MessageDeduplicationId",
            "MessageGroupId",
            "MessageSystemAttributes",
            "Region",
        ],
    },
    Subtype {
        name: "SQS-ReceiveMessage",
        service: "sqs",
        operation: "ReceiveMessage",
        required: &["QueueUrl"],
        optional: &[
            "AttributeNames",
            "MaxNumberOfMessages",
            "MessageAttributeNames",
            "ReceiveRequestAttemptId",
            "VisibilityTimeout",
            "WaitTimeSeconds",
            "Region",
        ],
    },
    Subtype {
        name: "SQS-DeleteMessage",
        service: "sqs",
        operation: "DeleteMessage",
        required: &["ReceiptHandle", "QueueUrl"],
        optional: &["Region"],
    },
    Subtype {
        name: "SQS-PurgeQueue",
        service: "sqs",
        operation: "PurgeQueue",
        required: &["QueueUrl"],
        optional: &["Region"],
    },
    Subtype {
        name: "Kinesis-PutRecord",
        service: "kinesis",
        operation: "PutRecord",
        required: &["StreamName", "Data", "PartitionKey"],
        optional: &["SequenceNumberForOrdering", "ExplicitHashKey", "Region"],
    },
    Subtype {
        name: "StepFunctions-StartExecution",
        service: "stepfunctions",
        operation: "StartExecution",
        required: &["StateMachineArn"],
        optional: &["Name", "Input", "Region"],
    },
    Subtype {
        name: "StepFunctions-StartSyncExecution",
        service: "stepfunctions",
        operation: "StartSyncExecution",
        required: &["StateMachineArn"],
        optional: &["Name", "Input", "Region", "TraceHeader"],
    },
    Subtype {
        name: "StepFunctions-StopExecution",
        service: "stepfunctions",
        operation: "StopExecution",
        required: &["ExecutionArn"],
        optional: &["Cause", "Error", "Region"],
    },
];

impl Gateway {
    pub(super) async fn ask_service(
        &self,
        compiled: &Compiled,
        integration: &Integration,
        subtype: &str,
        call: &Call<'_>,
    ) -> Answer {
        let Some(subtype) = SUBTYPES.iter().find(|known| known.name == subtype) else {
            return Answer::internal(format!("integrations of subtype {subtype} do not exist"));
        };
        let Some(api) = api(subtype.service) else { return Answer::internal("no such service") };
        let Some(operation) = api.operation(subtype.operation) else { return Answer::internal("no such operation") };
        let values = |(name, source): &(String, String)| Some((name.clone(), parameters::value(source, call)?));
        let mut values: Vec<(String, String)> = integration.parameters.iter().filter_map(values).collect();
        let region = values.iter().position(|(name, _)| name == "Region").map(|place| values.swap_remove(place).1);
        let region = region.unwrap_or_else(|| compiled.region.clone());
        let role = match &integration.credentials {
            Some(role) => role,
            None => return Answer::internal("the integration has no credentials"),
        };
        let principal = match self.role(role).await {
            Ok(principal) => principal,
            Err(problem) => return Answer::internal(problem),
        };
        let endpoint = self.apis.platform.settings.endpoint();
        let ctx = RequestContext::internal(principal, &compiled.account, &region, &endpoint);
        let request_id = ctx.request_id.clone();
        let protocol = protocol(api);
        let result = match input(api, operation, &values) {
            Ok(input) => self.apis.platform.bus.call(Arc::new(ctx), subtype.service, subtype.operation, input).await,
            Err(problem) => Err(problem),
        };
        match result {
            Ok(output) => {
                let response = answers::success(api, operation, protocol, output, &request_id);
                let status = Some(response.status().as_u16());
                Answer { integration_status: status, ..Answer::new(response) }
            }
            Err(problem) if problem.status == 501 => {
                let message = problem.message;
                let status = StatusCode::NOT_IMPLEMENTED;
                let response = crate::gateway::response::message(status, &message);
                Answer { error: Some(message), integration_status: Some(501), ..Answer::new(response) }
            }
            Err(problem) => {
                let response = answers::error(Some(api), protocol, &problem, &request_id);
                let status = Some(response.status().as_u16());
                Answer { integration_status: status, ..Answer::new(response) }
            }
        }
    }
}

/// What the service is spoken to in, and answers in: SQS in its older protocol.
fn protocol(api: &Api) -> Protocol {
    if api.protocols.contains(&Protocol::Query) { Protocol::Query } else { api.protocol }
}

/// The operation's input out of texts, each read as its member's kind asks.
fn input(api: &'static Api, operation: &Operation, values: &[(String, String)]) -> Result<Val, ApiError> {
    let invalid = |name: &str| ApiError::new("ValidationException", 400, format!("Invalid value for {name}"));
    // An event is one of a list.
    let entry = operation.name == "PutEvents";
    let mut shape = operation.input.and_then(|id| api.shape(id).structure());
    if entry {
        let list = shape.and_then(|shape| shape.member("Entries"));
        let Some(Kind::List { member, .. }) = list.map(|list| &api.shape(list.shape).kind) else {
            return Err(invalid("Entries"));
        };
        shape = api.shape(*member).structure();
    }
    let structure = shape.ok_or_else(|| invalid(operation.name))?;
    let mut document = Map::new();
    for (name, value) in values {
        // Step Functions' members begin in lower case.
        let lower =
            name.chars().next().map(|first| first.to_lowercase().chain(name.chars().skip(1)).collect::<String>());
        let member = structure.member(name).or_else(|| structure.member(&lower?)).ok_or_else(|| invalid(name))?;
        let value = match &api.shape(member.shape).kind {
            Kind::String => Value::from(value.as_str()),
            Kind::Blob => Value::from(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, value)),
            Kind::Timestamp(_) => {
                let time = value.parse::<pilvi_model::Timestamp>().map(|time| time.as_second());
                Value::from(time.or_else(|_| value.parse::<i64>()).map_err(|_| invalid(name))?)
            }
            Kind::List { .. } => match serde_json::from_str::<Value>(value) {
                Ok(list @ Value::Array(_)) => list,
                _ => value.split(',').map(|item| Value::from(item.trim())).collect::<Vec<_>>().into(),
            },
            _ => serde_json::from_str(value).map_err(|_| invalid(name))?,
        };
        document.insert(member.name.to_owned(), value);
    }
    let mut document = Value::Object(document);
    if entry {
        document = serde_json::json!({ "Entries": [document] });
    }
    let parsed = json::parse(api, operation.input, document.to_string().as_bytes());
    let parsed = parsed.map_err(|error| ApiError::new("SerializationException", 400, error.0))?;
    match dialect(api, operation).refuse(&parsed.problems) {
        Some(problem) => Err(problem),
        None => Ok(parsed.input),
    }
}
