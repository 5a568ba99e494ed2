//! StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask: dead letters brought back.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{Range, StoreError};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::errors::QueueError;
use crate::registry::Queues;
use crate::state::{MOVES, MoveRecord, MoveStatus, QueueName};

/// The most messages that can be moved in a second.
const MAX_PER_SECOND: i32 = 500;

/// What StartMessageMoveTask takes.
#[derive(Shape)]
pub(crate) struct StartMessageMoveTaskInput {
    pub(crate) source_arn: String,
    pub(crate) destination_arn: Option<String>,
    pub(crate) max_number_of_messages_per_second: Option<i32>,
}

/// What StartMessageMoveTask answers.
#[derive(Shape)]
pub(crate) struct StartMessageMoveTaskOutput {
    pub(crate) task_handle: Option<String>,
}

/// What ListMessageMoveTasks takes.
#[derive(Shape)]
pub(crate) struct ListMessageMoveTasksInput {
    pub(crate) source_arn: String,
    pub(crate) max_results: Option<i32>,
}

/// What ListMessageMoveTasks answers.
#[derive(Shape)]
pub(crate) struct ListMessageMoveTasksOutput {
    pub(crate) results: Option<Vec<TaskOutput>>,
}

/// A task.
#[derive(Shape)]
pub(crate) struct TaskOutput {
    pub(crate) task_handle: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) source_arn: Option<String>,
    pub(crate) destination_arn: Option<String>,
    pub(crate) max_number_of_messages_per_second: Option<i32>,
    pub(crate) approximate_number_of_messages_moved: Option<i64>,
    pub(crate) approximate_number_of_messages_to_move: Option<i64>,
    pub(crate) failure_reason: Option<String>,
    pub(crate) started_timestamp: Option<i64>,
}

/// What CancelMessageMoveTask takes.
#[derive(Shape)]
pub(crate) struct CancelMessageMoveTaskInput {
    pub(crate) task_handle: String,
}

/// What CancelMessageMoveTask answers.
#[derive(Shape)]
pub(crate) struct CancelMessageMoveTaskOutput {
    pub(crate) approximate_number_of_messages_moved: Option<i64>,
}

pub(crate) async fn start_message_move_task(
    queues: Arc<Queues>,
    _: Ctx,
    input: StartMessageMoveTaskInput,
) -> Result<StartMessageMoveTaskOutput, QueueError> {
    let source = resource(&queues, &input.source_arn, "SourceArn")?;
    if let Some(destination) = &input.destination_arn {
        if *destination == input.source_arn {
            let text = "Source queue arn and destination queue arn cannot be the same.";
            return Err(QueueError::InvalidParameter(text.to_owned()));
        }
        resource(&queues, destination, "DestinationArn")?;
    }
    if queues.sources_of(&input.source_arn).is_empty() {
        let text = "Source queue must be configured as a Dead Letter Queue.";
        return Err(QueueError::InvalidParameter(text.to_owned()));
    }
    let per_second = match input.max_number_of_messages_per_second {
        None => None,
        Some(rate) if (1..=MAX_PER_SECOND).contains(&rate) => u32::try_from(rate).ok(),
        Some(rate) => {
            let reason = format!("Must be between 1 and {MAX_PER_SECOND}, if provided.");
            return Err(QueueError::invalid(rate, "MaxNumberOfMessagesPerSecond", &reason));
        }
    };
    let to_move = queues.live(&source).await?.backlog.counts().ready as u64;
    let task = Uuid::new_v4().to_string();
    let record = MoveRecord {
        status: MoveStatus::Running,
        destination: input.destination_arn,
        per_second,
        moved: 0,
        to_move,
        failure: None,
    };
    let key = (input.source_arn.clone(), queues.now(), task.clone());
    let (started, arn) = (key.clone(), input.source_arn.clone());
    let written = queues.store.write::<_, StoreError>(move |tx| {
        for entry in tx.range(&MOVES, Range::prefix(&(arn.as_str(),))) {
            if matches!(entry?.1.status, MoveStatus::Running | MoveStatus::Cancelling) {
                return Ok(false);
            }
        }
        tx.put(&MOVES, &key, &record)?;
        Ok(true)
    });
    if !written.await? {
        let text =
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time.";
        return Err(QueueError::InvalidParameter(text.to_owned()));
    }
    queues.run_move(started);
    Ok(StartMessageMoveTaskOutput { task_handle: Some(handle(&task, &input.source_arn)) })
}

pub(crate) async fn list_message_move_tasks(
    queues: Arc<Queues>,
    _: Ctx,
    input: ListMessageMoveTasksInput,
) -> Result<ListMessageMoveTasksOutput, QueueError> {
    resource(&queues, &input.source_arn, "SourceArn")?;
    let max = match input.max_results {
        None => 1,
        Some(max) if (1..=10).contains(&max) => max as usize,
        Some(max) => return Err(QueueError::invalid(max, "MaxResults", "Must be between 1 and 10, if provided.")),
    };
    let tasks = queues.store.read::<_, StoreError>(|tx| {
        tx.range(&MOVES, Range::prefix(&(input.source_arn.as_str(),))).rev().take(max).collect::<Result<Vec<_>, _>>()
    })?;
    let mut results = Vec::with_capacity(tasks.len());
    for ((source, started, task), record) in tasks {
        let running = record.status == MoveStatus::Running;
        results.push(TaskOutput {
            task_handle: running.then(|| handle(&task, &source)),
            status: Some(format!("{:?}", record.status).to_uppercase()),
            source_arn: Some(source),
            destination_arn: record.destination,
            max_number_of_messages_per_second: record.per_second.and_then(|rate| i32::try_from(rate).ok()),
            approximate_number_of_messages_moved: Some(record.moved as i64),
            approximate_number_of_messages_to_move: Some(record.to_move as i64),
            failure_reason: record.failure,
            started_timestamp: Some(started as i64),
        });
    }
    Ok(ListMessageMoveTasksOutput { results: super::batch::present(results) })
}

pub(crate) async fn cancel_message_move_task(
    queues: Arc<Queues>,
    _: Ctx,
    input: CancelMessageMoveTaskInput,
) -> Result<CancelMessageMoveTaskOutput, QueueError> {
    let Some((task, source)) = parse_handle(&input.task_handle) else {
        return Err(QueueError::InvalidParameter("Value for parameter TaskHandle is invalid.".to_owned()));
    };
    resource(&queues, &source, "SourceArn")?;
    let cancelled = queues.store.write::<_, StoreError>(move |tx| {
        let tasks = tx.range(&MOVES, Range::prefix(&(source.as_str(),))).collect::<Result<Vec<_>, _>>()?;
        for (key, mut record) in tasks {
            if key.2 == task && record.status == MoveStatus::Running {
                record.status = MoveStatus::Cancelling;
                tx.put(&MOVES, &key, &record)?;
                return Ok(Some(record.moved));
            }
        }
        Ok(None)
    });
    match cancelled.await? {
        Some(moved) => Ok(CancelMessageMoveTaskOutput { approximate_number_of_messages_moved: Some(moved as i64) }),
        None => Err(QueueError::ResourceNotFound("Task does not exist.".to_owned())),
    }
}

fn resource(queues: &Queues, arn: &str, parameter: &str) -> Result<Arc<crate::registry::Queue>, QueueError> {
    if QueueName::from_arn(arn).is_none() {
        let text = "You must use this format to specify the SourceArn: arn:<partition>:<service>:<region>:<account-id>:<resource-id>";
        return Err(QueueError::InvalidParameter(text.replace("SourceArn", parameter)));
    }
    let missing = |_| {
        let text = format!("The resource that you specified for the {parameter} parameter doesn't exist.");
        QueueError::ResourceNotFound(text)
    };
    queues.find_arn(arn).map_err(missing)
}

/// The source that a task's handle names, for authorization.
pub(crate) fn source_of(handle: &str) -> Option<String> {
    parse_handle(handle).map(|(_, source)| source)
}

fn handle(task: &str, source: &str) -> String {
    BASE64.encode(json!({"taskId": task, "sourceArn": source}).to_string())
}

fn parse_handle(handle: &str) -> Option<(String, String)> {
    let value: Value = serde_json::from_slice(&BASE64.decode(handle).ok()?).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((text("taskId")?, text("sourceArn")?))
}
