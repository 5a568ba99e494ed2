//! What happened: each call from outside begins a trace, and what it causes (notices, deliveries, invocations, the calls of
//! functions) are spans of it. The newest spans are kept in memory, a bounded number of them; nothing is written to disk.
//!
//! A trace is named by the header of AWS X-Ray (`Root=1-…;Parent=…;Sampled=…`, X-Ray developer guide, "Tracing header"), which
//! travels in [`RequestContext::trace`], with deliveries and messages, and into functions; SDKs there send it along.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::{ApiError, Clock, RequestContext};

/// The most spans that are kept; a span takes about 300 bytes.
const MOST: usize = 20_000;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Span {
    /// Counts up; for asking what is new.
    pub number: u64,
    /// The trace: `1-…-…`.
    pub trace: String,
    /// This span, 16 hex digits.
    pub id: String,
    /// The span that caused it, or whatever the client named.
    pub parent: String,
    /// What was done: `sqs SendMessage`.
    pub name: String,
    /// To what: a name or ARN; empty where that says nothing.
    pub target: String,
    /// On whose behalf.
    pub account: String,
    /// Where.
    pub region: String,
    /// When it began, by the cloud's clock, in milliseconds since 1970.
    pub start: i64,
    /// How long it took, in microseconds of real time.
    pub micros: u64,
    /// What it failed with; none where it went well.
    pub problem: Option<String>,
}

/// A span that has begun.
#[must_use = "a span is kept when it ends"]
pub struct Begun {
    trace: String,
    parent: String,
    id: String,
    name: String,
    target: String,
    account: String,
    region: String,
    start: i64,
    begun: Instant,
}

impl Begun {
    /// The header for everything that this causes: the one before it, with another parent. What else it says stays.
    pub fn header(&self, before: &str) -> String {
        let rest =
            before.split(';').filter(|part| !part.trim().starts_with("Root=") && !part.trim().starts_with("Parent="));
        let rest: String = rest.filter(|part| !part.is_empty()).flat_map(|part| [";", part]).collect();
        format!("Root={};Parent={}{rest}", self.trace, self.id)
    }
}

/// The newest spans.
#[derive(Default)]
pub struct Traces {
    clock: OnceLock<Clock>,
    spans: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    next: u64,
    spans: VecDeque<Arc<Span>>,
}

impl Traces {
    /// Says which clock spans begin by; the first stands.
    pub fn wire_clock(&self, clock: Clock) {
        let _ = self.clock.set(clock);
    }

    /// Begins a span of the trace that `ctx` belongs to.
    pub fn begin(&self, ctx: &RequestContext, name: impl Into<String>, target: impl Into<String>) -> Begun {
        let begun = self.begin_of(&ctx.trace, name, target);
        Begun { account: ctx.account.clone(), region: ctx.region.clone(), ..begun }
    }

    /// Begins a span of the trace with this header.
    pub fn begin_of(&self, header: &str, name: impl Into<String>, target: impl Into<String>) -> Begun {
        let id = Uuid::new_v4().simple().to_string();
        Begun {
            trace: field(header, "Root=").to_owned(),
            parent: field(header, "Parent=").to_owned(),
            id: id.get(..16).unwrap_or(&id).to_owned(),
            name: name.into(),
            target: target.into(),
            account: String::new(),
            region: String::new(),
            start: self.clock.get().map_or(0, Clock::now_ms),
            begun: Instant::now(),
        }
    }

    /// Keeps a span that went well, or failed with this.
    pub fn end(&self, begun: Begun, problem: Option<String>) {
        let micros = u64::try_from(begun.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let Begun { trace, parent, id, name, target, account, region, start, .. } = begun;
        let mut kept = self.spans.lock();
        let number = kept.next;
        kept.next += 1;
        if kept.spans.len() == MOST {
            kept.spans.pop_front();
        }
        kept.spans.push_back(Arc::new(Span {
            number,
            trace,
            id,
            parent,
            name,
            target,
            account,
            region,
            start,
            micros,
            problem,
        }));
    }

    /// Keeps a span by its result.
    pub fn end_with<T>(&self, begun: Begun, result: &Result<T, ApiError>) {
        self.end(begun, result.as_ref().err().map(|problem| format!("{}: {}", problem.code, problem.message)));
    }

    /// The spans from this number on, the oldest first.
    pub fn since(&self, number: u64) -> Vec<Arc<Span>> {
        let kept = self.spans.lock();
        let first = kept.spans.front().map_or(0, |span| span.number);
        let skip = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        kept.spans.iter().skip(skip).cloned().collect()
    }
}

/// What follows `name` in a header, up to the next `;`.
fn field<'a>(header: &'a str, name: &str) -> &'a str {
    header.split(';').find_map(|part| part.trim().strip_prefix(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_span_causes_is_its_child_in_the_same_trace() {
        let traces = Traces::default();
        let outer = traces.begin_of("Root=1-2-3;Parent=client;Sampled=1", "s3 PutObject", "photos/a");
        let header = outer.header("Root=1-2-3;Parent=client;Sampled=1;Lineage=1:2");
        let inner = traces.begin_of(&header, "function", "resize");
        traces.end(inner, Some("it broke".to_owned()));
        traces.end(outer, None);
        let [inner, outer] = &traces.since(0)[..] else { panic!("two spans") };
        assert_eq!((&*outer.trace, &*outer.parent, &*inner.trace), ("1-2-3", "client", "1-2-3"));
        assert_eq!(inner.parent, outer.id);
        assert_eq!((inner.problem.as_deref(), outer.problem.as_deref()), (Some("it broke"), None));
        assert!(header.ends_with(";Sampled=1;Lineage=1:2"), "{header}");
        assert_eq!(traces.since(1).len(), 1);
    }

    #[test]
    fn only_the_newest_spans_are_kept() {
        let traces = Traces::default();
        for number in 0..MOST + 5 {
            traces.end(traces.begin_of("", number.to_string(), ""), None);
        }
        let spans = traces.since(0);
        assert_eq!((spans.len(), spans[0].number), (MOST, 5));
        assert_eq!(traces.since(MOST as u64 + 4).len(), 1);
        assert!(traces.since(u64::MAX).is_empty());
    }
}
