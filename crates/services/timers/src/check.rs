//! What a schedule has to satisfy beyond its model. The texts are what AWS was seen to answer to CreateSchedule.

use pilvi_bus::{Arn, RequestContext};
use pilvi_schedules::Schedule;

use crate::errors::TimerError;
use crate::state::Spec;
use crate::target::Target;

/// Services that a schedule invokes by a resource's ARN ("templated targets").
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html>
const TEMPLATED: [&str; 12] = [
    "codebuild",
    "codepipeline",
    "ecs",
    "events",
    "firehose",
    "inspector",
    "kinesis",
    "lambda",
    "sagemaker",
    "sns",
    "sqs",
    "states",
];

/// How the ARN of a universal target starts: any operation of any service follows.
const UNIVERSAL: &str = "aws-sdk:";

fn invalid<T>(text: impl Into<String>) -> Result<T, TimerError> {
    Err(TimerError::Invalid(text.into()))
}

/// Checks what was asked for, at the time `now` in milliseconds.
pub(crate) fn check(
    ctx: &RequestContext,
    spec: &Spec,
    mode: &str,
    window: Option<i64>,
    now: i64,
) -> Result<(), TimerError> {
    let Ok(schedule) = Schedule::parse_lenient(&spec.expression) else {
        return invalid(format!("Invalid Schedule Expression {}.", spec.expression));
    };
    if pilvi_schedules::zone(&spec.zone).is_none() {
        return invalid(format!("Invalid Schedule Expression Timezone {}.", spec.zone));
    }
    match (mode, window) {
        ("OFF", Some(_)) => {
            return invalid("MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode is set to OFF.");
        }
        ("FLEXIBLE", None) => {
            return invalid("MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE.");
        }
        _ => {}
    }
    if !matches!(schedule, Schedule::At(_)) {
        if spec.start.zip(spec.end).is_some_and(|(start, end)| start >= end) {
            return invalid("The StartDate you specify must come before the EndDate.");
        }
        if spec.start.is_some_and(|start| start < now - 5 * 60 * 1000) {
            return invalid("The StartDate you specify cannot be earlier than 5 minutes ago.");
        }
    }
    check_target(ctx, &spec.target)
}

/// What a target names: a resource, or any operation.
pub(crate) enum Named {
    Resource(Arn),
    Operation { service: String, operation: String },
}

/// Reads a target's ARN.
pub(crate) fn named(arn: &str) -> Option<Named> {
    let arn = Arn::parse(arn)?;
    let bare = arn.service == "scheduler" && arn.region.is_empty() && arn.account.is_empty();
    match arn.resource.strip_prefix(UNIVERSAL).filter(|_| bare).and_then(|call| call.split_once(':')) {
        Some((service, operation)) => {
            Some(Named::Operation { service: service.to_owned(), operation: operation.to_owned() })
        }
        None => Some(Named::Resource(arn)),
    }
}

fn check_target(ctx: &RequestContext, target: &Target) -> Result<(), TimerError> {
    let Some(named) = named(&target.arn) else { return invalid("Provided Arn is not in correct format.") };
    let (service, resource) = match &named {
        Named::Operation { operation, .. } => {
            if ["get", "list", "describe"].iter().any(|verb| operation.to_ascii_lowercase().starts_with(verb)) {
                return invalid(format!("{operation} API is not supported."));
            }
            ("", "")
        }
        Named::Resource(arn) => {
            if !TEMPLATED.contains(&arn.service.as_str()) {
                return invalid(format!("{} is not a supported service for a target.", arn.service));
            }
            if !arn.region.is_empty() && arn.region != ctx.region {
                return invalid(format!("The target ARN provided does not match the current region {}.", ctx.region));
            }
            (arn.service.as_str(), arn.resource.as_str())
        }
    };
    check_parameters(target, service, resource.ends_with(".fifo"))?;
    let Some(input) = &target.input else {
        if service.is_empty() {
            return invalid("You must provide an input to set this target for your schedule.");
        }
        return Ok(());
    };
    let json = matches!(service, "" | "lambda" | "states" | "events");
    if json && serde_json::from_str::<serde::de::IgnoredAny>(input).is_err() {
        return invalid("JSON syntax error in input for the target");
    }
    Ok(())
}

fn check_parameters(target: &Target, service: &str, fifo: bool) -> Result<(), TimerError> {
    let given = [
        ("EcsParameters", "ecs", target.ecs_parameters.is_some()),
        ("EventBridgeParameters", "events", target.event_bridge_parameters.is_some()),
        ("KinesisParameters", "kinesis", target.kinesis_parameters.is_some()),
        ("SageMakerPipelineParameters", "sagemaker", target.sage_maker_pipeline_parameters.is_some()),
        ("SqsParameters", "sqs", target.sqs_parameters.is_some()),
    ];
    for (name, of, there) in given {
        if there && of != service {
            return invalid(format!("Parameters {name} not supported for the target."));
        }
        let needed = match of {
            "ecs" | "events" | "kinesis" => of == service,
            "sqs" => of == service && fifo,
            _ => false,
        };
        if needed && !there {
            return invalid(format!("Parameters {name} must be specified."));
        }
    }
    let group = target.sqs_parameters.as_ref().and_then(|parameters| parameters.message_group_id.as_ref());
    if group.is_some() && !fifo {
        return invalid("Parameters MessageGroupId not valid for the target.");
    }
    let ecs = target.ecs_parameters.as_ref();
    if ecs.is_some_and(|ecs| ecs.launch_type.as_deref() == Some("FARGATE") && ecs.network_configuration.is_none()) {
        return invalid("Parameter NetworkConfiguration must be specified for the target when launch type is FARGATE.");
    }
    Ok(())
}
