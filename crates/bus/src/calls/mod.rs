//! The calls that services make of each other all the time, typed. Each is authorized as its caller, like any other.

mod events;
mod functions;
mod identity;
mod logs;
mod objects;
mod queues;
mod topics;

pub use events::{EventCalls, PutEvent};
pub use functions::{FunctionCalls, FunctionResult, InvocationMode, InvokeFunction};
pub use identity::{AssumedFor, IdentityCalls};
pub use logs::{AppendLogs, LogCalls, LogLine};
pub use objects::{ObjectBody, ObjectCalls, ObjectName};
pub use queues::{
    MessageAttribute, QueueCalls, QueueFacts, ReceiveMessages, ReceivedMessage, SendMessage, SentMessage,
};
pub use topics::{PublishMessage, TopicCalls};
