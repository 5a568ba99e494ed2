//! The queues service: Amazon SQS.
//!
//! This is its manifest: the operations, what a call of each needs to be allowed, and the background work. [`queue`] is the queue
//! itself, `state` what is stored, `registry` which queues there are; `send`, `receive`, `consume` and `transfer` are what
//! happens to messages, and `sqs` has a file for each operation.

mod calls;
mod consume;
mod errors;
mod moves;
pub mod queue;
mod receive;
mod registry;
mod send;
mod settle;
mod sqs;
mod state;
#[cfg(test)]
mod tests;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pilvi_bus::service::ResourcePolicies;
use pilvi_bus::{Access, AccessRequest, Manifest, Platform, Service};
use pilvi_store::StoreError;
use tokio_util::sync::CancellationToken;

pub use errors::QueueError;
pub use registry::Queues;

use sqs::add_permission::{AddPermissionInput, RemovePermissionInput, add_permission, remove_permission};
use sqs::change_message_visibility::{
    ChangeMessageVisibilityBatchInput, ChangeMessageVisibilityInput, change_message_visibility,
    change_message_visibility_batch,
};
use sqs::create_queue::{CreateQueueInput, create_queue};
use sqs::delete_message::{DeleteMessageBatchInput, DeleteMessageInput, delete_message, delete_message_batch};
use sqs::delete_queue::{DeleteQueueInput, delete_queue};
use sqs::get_queue_attributes::{GetQueueAttributesInput, get_queue_attributes};
use sqs::get_queue_url::{GetQueueUrlInput, get_queue_url};
use sqs::list_queues::{ListDeadLetterSourceQueuesInput, list_dead_letter_source_queues, list_queues};
use sqs::move_tasks::{
    CancelMessageMoveTaskInput, ListMessageMoveTasksInput, StartMessageMoveTaskInput, cancel_message_move_task,
    list_message_move_tasks, start_message_move_task,
};
use sqs::purge_queue::{PurgeQueueInput, purge_queue};
use sqs::receive_message::{ReceiveMessageInput, receive_message};
use sqs::send_message::{SendMessageInput, send_message};
use sqs::send_message_batch::{SendMessageBatchInput, send_message_batch};
use sqs::set_queue_attributes::{SetQueueAttributesInput, set_queue_attributes};
use sqs::tags::{ListQueueTagsInput, TagQueueInput, UntagQueueInput, list_queue_tags, tag_queue, untag_queue};
use sqs::{address, create_queue as create, get_queue_url as url, move_tasks};

/// How often messages that nobody asks for are looked at, to drop what is too old.
const SWEEP: Duration = Duration::from_secs(300);

/// An action on the queue of the input's QueueUrl. A batch call needs the permission of the single one.
macro_rules! on_queue {
    ($action:literal, $input:ty) => {
        Access::to(|input: &$input, ctx| address::access(ctx, $action, &input.queue_url))
    };
}

/// The service, wired to the bus.
///
/// # Errors
/// When the store cannot be read.
pub fn service(platform: &Platform) -> Result<Arc<dyn Service>, StoreError> {
    let queues = Arc::new(Queues::open(platform)?);
    platform.bus.wire_queues(Arc::new(calls::Calls(queues.clone())));
    let create_access = Access::to(|input: &CreateQueueInput, ctx| {
        vec![AccessRequest::new("sqs:CreateQueue", create::name(ctx, &input.queue_name).arn())]
    });
    let url_access = Access::to(|input: &GetQueueUrlInput, ctx| {
        vec![AccessRequest::new("sqs:GetQueueUrl", url::name(ctx, input).arn())]
    });
    let start_move = Access::to(|input: &StartMessageMoveTaskInput, _| {
        vec![AccessRequest::new("sqs:StartMessageMoveTask", input.source_arn.clone())]
    });
    let list_moves = Access::to(|input: &ListMessageMoveTasksInput, _| {
        vec![AccessRequest::new("sqs:ListMessageMoveTasks", input.source_arn.clone())]
    });
    let cancel_move = Access::to(|input: &CancelMessageMoveTaskInput, _| {
        let source = move_tasks::source_of(&input.task_handle);
        source.map(|source| AccessRequest::new("sqs:CancelMessageMoveTask", source)).into_iter().collect()
    });
    let manifest = Manifest::new("sqs", queues.clone())
        .resource_policies(queues)
        .operation("AddPermission", add_permission, on_queue!("sqs:AddPermission", AddPermissionInput))
        .operation("CancelMessageMoveTask", cancel_message_move_task, cancel_move)
        .operation(
            "ChangeMessageVisibility",
            change_message_visibility,
            on_queue!("sqs:ChangeMessageVisibility", ChangeMessageVisibilityInput),
        )
        .operation(
            "ChangeMessageVisibilityBatch",
            change_message_visibility_batch,
            on_queue!("sqs:ChangeMessageVisibility", ChangeMessageVisibilityBatchInput),
        )
        .operation("CreateQueue", create_queue, create_access)
        .operation("DeleteMessage", delete_message, on_queue!("sqs:DeleteMessage", DeleteMessageInput))
        .operation("DeleteMessageBatch", delete_message_batch, on_queue!("sqs:DeleteMessage", DeleteMessageBatchInput))
        .operation("DeleteQueue", delete_queue, on_queue!("sqs:DeleteQueue", DeleteQueueInput))
        .operation(
            "GetQueueAttributes",
            get_queue_attributes,
            on_queue!("sqs:GetQueueAttributes", GetQueueAttributesInput),
        )
        .operation("GetQueueUrl", get_queue_url, url_access)
        .operation(
            "ListDeadLetterSourceQueues",
            list_dead_letter_source_queues,
            on_queue!("sqs:ListDeadLetterSourceQueues", ListDeadLetterSourceQueuesInput),
        )
        .operation("ListMessageMoveTasks", list_message_move_tasks, list_moves)
        .operation("ListQueueTags", list_queue_tags, on_queue!("sqs:ListQueueTags", ListQueueTagsInput))
        .operation("ListQueues", list_queues, Access::any("sqs:ListQueues"))
        .operation("PurgeQueue", purge_queue, on_queue!("sqs:PurgeQueue", PurgeQueueInput))
        .operation("ReceiveMessage", receive_message, on_queue!("sqs:ReceiveMessage", ReceiveMessageInput))
        .operation("RemovePermission", remove_permission, on_queue!("sqs:RemovePermission", RemovePermissionInput))
        .operation("SendMessage", send_message, on_queue!("sqs:SendMessage", SendMessageInput))
        .operation("SendMessageBatch", send_message_batch, on_queue!("sqs:SendMessage", SendMessageBatchInput))
        .operation(
            "SetQueueAttributes",
            set_queue_attributes,
            on_queue!("sqs:SetQueueAttributes", SetQueueAttributesInput),
        )
        .operation("StartMessageMoveTask", start_message_move_task, start_move)
        .operation("TagQueue", tag_queue, on_queue!("sqs:TagQueue", TagQueueInput))
        .operation("UntagQueue", untag_queue, on_queue!("sqs:UntagQueue", UntagQueueInput))
        .background(background);
    Ok(manifest.into_service())
}

async fn background(queues: Arc<Queues>, shutdown: CancellationToken) {
    queues.resume_moves();
    loop {
        tokio::select! {
            () = queues.clock.sleep(SWEEP) => {}
            () = shutdown.cancelled() => return,
        }
        queues.sweep();
    }
}

#[async_trait]
impl ResourcePolicies for Queues {
    async fn resource_policy(&self, resource: &str) -> Option<Arc<str>> {
        let queue = self.find_arn(resource).ok()?;
        queue.record().policy.as_deref().map(Arc::from)
    }
}
