//! From a schedule that is due to its target: the ticker finds it, a delivery carries it.

mod dead_letter;
mod invoke;
mod request;
pub(crate) mod ticker;

pub(crate) use dead_letter::DeadLetters;
pub(crate) use invoke::Invocations;
