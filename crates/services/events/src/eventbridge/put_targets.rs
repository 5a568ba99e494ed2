//! PutTargets, and what a target has to be.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::{Arn, Ctx};
use pilvi_model::Shape;

use super::target_shapes::Target;
use crate::core::{Events, change_rule};
use crate::errors::EventsError;
use crate::event::{JsonPath, Template};
use crate::names::BusName;

/// "Amazon EventBridge quotas": targets of a rule.
const MOST: usize = 5;
/// Targets that are only reached with a role.
const NEED_ROLE: [&str; 12] = [
    "batch",
    "codebuild",
    "codepipeline",
    "ecs",
    "firehose",
    "glue",
    "inspector",
    "kinesis",
    "redshift",
    "sagemaker",
    "ssm",
    "states",
];

/// What PutTargets takes.
#[derive(Shape)]
pub(crate) struct PutTargetsInput {
    pub(crate) rule: String,
    pub(crate) event_bus_name: Option<String>,
    pub(crate) targets: Vec<Target>,
}

/// Those that were not put.
#[derive(Shape)]
pub(crate) struct PutTargetsOutput {
    failed_entry_count: Option<i64>,
    failed_entries: Option<Vec<PutTargetsResultEntry>>,
}

/// One that was not put.
#[derive(Shape)]
pub(crate) struct PutTargetsResultEntry {
    target_id: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
}

pub(crate) async fn put_targets(
    events: Arc<Events>,
    ctx: Ctx,
    input: PutTargetsInput,
) -> Result<PutTargetsOutput, EventsError> {
    for target in &input.targets {
        check(target)?;
    }
    let on = BusName::of(&ctx, input.event_bus_name.as_deref());
    change_rule(&events, on, input.rule, move |rule| {
        for target in &input.targets {
            match rule.targets.iter_mut().find(|own| own.id == target.id) {
                Some(own) => own.clone_from(target),
                None => rule.targets.push(target.clone()),
            }
        }
        if rule.targets.len() > MOST { Err(EventsError::Limit) } else { Ok(()) }
    })
    .await?;
    Ok(PutTargetsOutput { failed_entry_count: Some(0), failed_entries: Some(Vec::new()) })
}

fn check(target: &Target) -> Result<(), EventsError> {
    let invalid = |text: String| Err(EventsError::Invalid(text));
    let Target { id, arn, .. } = target;
    let Some(parsed) = Arn::parse(arn) else {
        return Err(EventsError::parameter(arn, "Provided Arn is not in correct format."));
    };
    let must = |name: &str| invalid(format!("Parameter(s) {name} must be specified for target: {id}."));
    match parsed.service.as_str() {
        "sqs" if arn.ends_with(".fifo") && target.sqs_parameters.is_none() => return must("SqsParameters"),
        service if target.role_arn.is_none() && NEED_ROLE.contains(&service) => {
            return invalid(format!("RoleArn is required for target {arn}."));
        }
        "ecs" if target.ecs_parameters.is_none() => return must("EcsParameters"),
        "batch" if target.batch_parameters.is_none() => return must("BatchParameters"),
        _ => {}
    }
    let inputs = [target.input.is_some(), target.input_path.is_some(), target.input_transformer.is_some()];
    if inputs.into_iter().filter(|given| *given).count() > 1 {
        return invalid(format!("Only one of Input, InputPath, or InputTransformer must be provided for target {id}."));
    }
    if let Some(input) = &target.input
        && serde_json::from_str::<serde_json::Value>(input).is_err()
    {
        return invalid(format!("JSON syntax error in input for target {id}."));
    }
    if let Some(path) = &target.input_path
        && JsonPath::parse(path).is_none()
    {
        return invalid(format!("InputPath for target {id} is invalid."));
    }
    if let Some(transformer) = &target.input_transformer {
        let none = BTreeMap::new();
        let paths = transformer.input_paths_map.as_ref().unwrap_or(&none);
        if paths.values().any(|path| JsonPath::parse(path).is_none()) {
            return invalid(format!("InputPathsMap for target {id} is invalid."));
        }
        if let Some(name) = Template::parse(&transformer.input_template).unknown_variable(paths) {
            return invalid(format!("InputTemplate for target {id} contains invalid placeholder {name}."));
        }
    }
    let dead_letter = target.dead_letter_config.as_ref().and_then(|config| config.arn.as_deref());
    if let Some(arn) = dead_letter
        && Arn::parse(arn).is_none_or(|arn| arn.service != "sqs")
    {
        return Err(EventsError::parameter(arn, "Provided Arn is not in correct format."));
    }
    Ok(())
}
