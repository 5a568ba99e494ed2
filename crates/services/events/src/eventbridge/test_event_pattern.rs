//! TestEventPattern.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_patterns::Pattern;

use crate::core::Events;
use crate::errors::EventsError;
use crate::event::Event;

/// What an event has to have. The documentation of `Event` names `resources` too, which is not asked for.
const MANDATORY: [&str; 6] = ["id", "account", "source", "time", "region", "detail-type"];

/// What TestEventPattern takes.
#[derive(Shape)]
pub(crate) struct TestEventPatternInput {
    event_pattern: String,
    event: String,
}

/// Whether it matches.
#[derive(Shape)]
pub(crate) struct TestEventPatternOutput {
    result: Option<bool>,
}

pub(crate) async fn test_event_pattern(
    _: Arc<Events>,
    _: Ctx,
    input: TestEventPatternInput,
) -> Result<TestEventPatternOutput, EventsError> {
    let event = Event::parse(&input.event);
    let event = event.filter(|event| MANDATORY.iter().all(|name| event.value.get(name).is_some()));
    let Some(event) = event else { return Err(EventsError::Invalid("Parameter Event is not valid.".to_owned())) };
    let pattern = Pattern::parse(&input.event_pattern)?;
    Ok(TestEventPatternOutput { result: Some(pattern.matches(&event.value)) })
}
