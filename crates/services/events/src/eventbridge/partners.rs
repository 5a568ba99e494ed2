//! Partner event sources. An account that is no partner of AWS has none of its own to make, and is offered none here.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Val};

use crate::core::Events;
use crate::errors::EventsError;

/// An event source by name.
#[derive(Shape)]
pub(crate) struct EventSourceInput {
    name: String,
}

/// ActivateEventSource, DeactivateEventSource, DescribeEventSource: there is none.
pub(crate) async fn no_event_source(_: Arc<Events>, _: Ctx, input: EventSourceInput) -> Result<Val, EventsError> {
    Err(EventsError::NotFound(format!("Event source {} does not exist.", input.name)))
}

/// What ListEventSources takes.
#[derive(Shape)]
pub(crate) struct ListEventSourcesInput {
    name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A page of event sources: there are none.
#[derive(Shape)]
pub(crate) struct ListEventSourcesOutput {
    event_sources: Option<Vec<Val>>,
    next_token: Option<String>,
}

pub(crate) async fn list_event_sources(
    _: Arc<Events>,
    _: Ctx,
    input: ListEventSourcesInput,
) -> Result<ListEventSourcesOutput, EventsError> {
    let _ = (input.name_prefix, input.next_token, input.limit);
    Ok(ListEventSourcesOutput { event_sources: Some(Vec::new()), next_token: None })
}

/// What only partners may do, whatever is asked.
pub(crate) async fn partners_only(_: Arc<Events>, _: Ctx, _: Val) -> Result<Val, EventsError> {
    Err(EventsError::Disabled)
}
