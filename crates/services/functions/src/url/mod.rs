//! Function URLs: whole HTTP requests that become invocations ("Lambda function URLs" of the developer guide).
//!
//! `front` leads a request from its host to the answer; `event` says what the function gets, `response` what its answer means,
//! `stream` passes the answer on piece by piece, and `cors` says which sites may read it.

mod cors;
mod event;
mod front;
mod response;
mod stream;

pub(crate) use front::UrlFront;
