//! The front of Amazon SQS: one file per operation or tight family.

pub(crate) mod add_permission;
pub(crate) mod address;
pub(crate) mod attributes;
pub(crate) mod batch;
pub(crate) mod change_message_visibility;
pub(crate) mod create_queue;
pub(crate) mod delete_message;
pub(crate) mod delete_queue;
pub(crate) mod get_queue_attributes;
pub(crate) mod get_queue_url;
pub(crate) mod list_queues;
pub(crate) mod message_attributes;
pub(crate) mod move_tasks;
pub(crate) mod purge_queue;
pub(crate) mod receive_message;
pub(crate) mod redrive;
pub(crate) mod send_message;
pub(crate) mod send_message_batch;
pub(crate) mod set_queue_attributes;
pub(crate) mod tags;
