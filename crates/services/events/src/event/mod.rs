//! Events, and what targets get of them: pure.

mod path;
mod template;
mod text;

pub(crate) use path::JsonPath;
pub(crate) use template::{Template, Variables};
pub(crate) use text::{Draft, Event, iso};
