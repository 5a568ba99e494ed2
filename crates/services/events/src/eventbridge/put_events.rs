//! PutEvents.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};
use uuid::Uuid;

use crate::core::Events;
use crate::errors::EventsError;
use crate::event::Draft;
use crate::ingest::Arrival;
use crate::names::BusName;

/// The most entries of a request; the model leaves it to us, since AWS prints the entries in a way of their own.
const MOST: usize = 10;
/// The most bytes of a request: "The total entry size must be less than 256KB".
const LARGEST: usize = 262_144;
/// What a time counts: "If the Time parameter is specified, then it's measured as 14 bytes."
const TIME: usize = 14;

/// What PutEvents takes.
#[derive(Shape)]
pub(crate) struct PutEventsInput {
    pub(crate) entries: Vec<Entry>,
    endpoint_id: Option<String>,
}

/// An event to be put.
#[derive(Shape)]
pub(crate) struct Entry {
    time: Option<Timestamp>,
    source: Option<String>,
    resources: Option<Vec<String>>,
    detail_type: Option<String>,
    detail: Option<String>,
    pub(crate) event_bus_name: Option<String>,
    trace_header: Option<String>,
}

/// What became of them.
#[derive(Shape)]
pub(crate) struct PutEventsOutput {
    failed_entry_count: Option<i64>,
    entries: Option<Vec<ResultEntry>>,
}

/// What became of one.
#[derive(Shape)]
pub(crate) struct ResultEntry {
    event_id: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
}

/// Why an entry is refused.
type Refusal = (&'static str, String);

pub(crate) async fn put_events(
    events: Arc<Events>,
    ctx: Ctx,
    input: PutEventsInput,
) -> Result<PutEventsOutput, EventsError> {
    // An endpoint leads to the region that the caller asked anyway.
    let _ = input.endpoint_id;
    if input.entries.len() > MOST {
        let entries: Vec<String> = input.entries.iter().map(Entry::print).collect();
        return Err(EventsError::Invalid(format!(
            "1 validation error detected: Value '[{}]' at 'entries' failed to satisfy constraint: Member must have length \
             less than or equal to {MOST}",
            entries.join(", ")
        )));
    }
    if input.entries.iter().map(Entry::size).sum::<usize>() > LARGEST {
        let text = "Total size of the entries in the request is over the limit.";
        return Err(EventsError::Invalid(text.to_owned()));
    }
    let now = events.platform.clock.now_s();
    let (mut arrivals, mut results) = (Vec::new(), Vec::new());
    for entry in input.entries {
        results.push(match entry.arrive(&ctx, now) {
            Ok((id, arrival)) => {
                // What is put on a bus that does not exist is accepted, and lost.
                if events.has_bus(&arrival.bus)? {
                    arrivals.push(arrival);
                }
                ResultEntry { event_id: Some(id), error_code: None, error_message: None }
            }
            Err((code, text)) => {
                ResultEntry { event_id: None, error_code: Some(code.to_owned()), error_message: Some(text) }
            }
        });
    }
    events.ingest(arrivals).await?;
    let failed = results.iter().filter(|result| result.error_code.is_some()).count();
    Ok(PutEventsOutput { failed_entry_count: i64::try_from(failed).ok(), entries: Some(results) })
}

impl Entry {
    /// The event, and its id.
    fn arrive(self, ctx: &Ctx, now: i64) -> Result<(String, Arrival), Refusal> {
        let required = |value: Option<String>, name: &str| {
            let text = format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
            value.filter(|value| !value.is_empty()).ok_or(("InvalidArgument", text))
        };
        let source = required(self.source, "Source")?;
        let detail_type = required(self.detail_type, "DetailType")?;
        let detail = required(self.detail, "Detail")?;
        if source.starts_with("aws.") {
            return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned()));
        }
        let bus = BusName::of(ctx, self.event_bus_name.as_deref());
        let id = Uuid::new_v4().to_string();
        let draft = Draft {
            id: id.clone(),
            detail_type,
            source,
            account: ctx.principal.account().to_owned(),
            time: self.time.map_or(now, |time| time.as_second()),
            region: bus.region.clone(),
            resources: self.resources.unwrap_or_default(),
            detail,
        };
        let event = draft.build().ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_owned()))?;
        let trace = self.trace_header.unwrap_or_else(|| ctx.trace.clone());
        Ok((id, Arrival { bus, event, trace, only: None }))
    }

    /// "Calculating the PutEvents event entry size".
    fn size(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let time = self.time.map_or(0, |_| TIME);
        let resources: usize = self.resources.iter().flatten().map(String::len).sum();
        time + text(&self.source) + text(&self.detail_type) + text(&self.detail) + resources
    }

    /// As AWS prints it in its refusal of too many.
    fn print(&self) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
        let resources = self.resources.as_ref().map(|resources| format!("[{}]", resources.join(", ")));
        format!(
            "PutEventsRequestEntry(time={}, source={}, resources={}, detailType={}, detail={}, eventBusName={}, \
             traceHeader={}, kmsKeyIdentifier=null, internalMetadata=null)",
            text(&self.time.map(|time| time.to_string())),
            text(&self.source),
            text(&resources),
            text(&self.detail_type),
            text(&self.detail),
            text(&self.event_bus_name),
            text(&self.trace_header),
        )
    }
}
