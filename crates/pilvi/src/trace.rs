//! `pilvi trace`: what happened in a running cloud, from each first call to the last write.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::TraceOptions;
use crate::client::get;

/// How many traces are listed.
const LISTED: usize = 30;
/// How often is looked for what is new.
const LOOK: Duration = Duration::from_millis(250);

/// One thing that happened, as `/_pilvi/spans` tells it.
#[derive(Clone, Debug, Default, Deserialize)]
struct Span {
    number: u64,
    trace: String,
    id: String,
    parent: String,
    name: String,
    target: String,
    start: i64,
    micros: u64,
    problem: Option<String>,
}

/// Shows what was asked for.
pub(crate) async fn run(options: TraceOptions) -> anyhow::Result<()> {
    let (documents, spans) = spans(&options, 0).await?;
    if let Some(id) = &options.id {
        return one(&documents, spans, id, options.json);
    }
    let wanted = |spans: &[&Span]| match &options.filter {
        Some(text) => spans.iter().any(|span| mentions(span, text)),
        None => true,
    };
    if options.json {
        print_json(&documents, &spans, |span| options.filter.as_ref().is_none_or(|text| mentions(span, text)));
    } else {
        let traces = grouped(&spans);
        let shown: Vec<_> = traces.iter().filter(|spans| wanted(spans)).collect();
        for spans in shown.iter().skip(shown.len().saturating_sub(LISTED)) {
            println!("{}", line(spans));
        }
    }
    if options.follow {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = follow(&options, spans_end(&spans)) => {}
        }
    }
    Ok(())
}

/// Prints what happens until the cloud is gone.
async fn follow(options: &TraceOptions, mut after: u64) {
    loop {
        #[expect(clippy::disallowed_methods, reason = "a command waits in real time, whatever the cloud's clock says")]
        tokio::time::sleep(LOOK).await;
        let Ok((documents, spans)) = spans(options, after).await else { continue };
        after = after.max(spans_end(&spans));
        let wanted = |span: &Span| options.filter.as_ref().is_none_or(|text| mentions(span, text));
        if options.json {
            print_json(&documents, &spans, wanted);
            continue;
        }
        for span in spans.iter().filter(|span| wanted(span)) {
            println!("{}  {}  {}", time(span.start), span.trace, label(span));
        }
    }
}

/// The number after the last.
fn spans_end(spans: &[Span]) -> u64 {
    spans.last().map_or(0, |span| span.number + 1)
}

async fn spans(options: &TraceOptions, after: u64) -> anyhow::Result<(Vec<Value>, Vec<Span>)> {
    let mut answer = get(&options.address, &format!("/_pilvi/spans?after={after}")).await?;
    let documents = match answer.get_mut("spans").map(Value::take) {
        Some(Value::Array(documents)) => documents,
        _ => bail!("the cloud does not tell what happened"),
    };
    let spans = documents.iter().map(|document| Span::deserialize(document).context("a span is not understood"));
    let spans = spans.collect::<anyhow::Result<Vec<_>>>()?;
    Ok((documents, spans))
}

fn print_json(documents: &[Value], spans: &[Span], wanted: impl Fn(&Span) -> bool) {
    for (document, _) in documents.iter().zip(spans).filter(|(_, span)| wanted(span)) {
        println!("{document}");
    }
}

fn mentions(span: &Span, text: &str) -> bool {
    let problem = span.problem.as_deref().unwrap_or_default();
    [&*span.trace, &span.name, &span.target, problem].iter().any(|part| part.contains(text))
}

/// Shows one trace.
fn one(documents: &[Value], spans: Vec<Span>, id: &str, json: bool) -> anyhow::Result<()> {
    let id = id.trim_start_matches("Root=");
    let found: BTreeSet<&str> = spans.iter().map(|span| &*span.trace).filter(|trace| trace.starts_with(id)).collect();
    match found.len() {
        0 => bail!("there is no trace {id} among those that are kept; list them with: pilvi trace"),
        1 => {}
        many => bail!("{many} traces begin with {id}; give more of the one that is meant"),
    }
    if json {
        print_json(documents, &spans, |span| span.trace.starts_with(id));
    } else {
        print!("{}", tree(spans.iter().filter(|span| span.trace.starts_with(id)).collect()));
    }
    Ok(())
}

/// Spans by trace, the trace that began first at the beginning.
fn grouped(spans: &[Span]) -> Vec<Vec<&Span>> {
    let mut traces: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    for span in spans {
        traces.entry(&span.trace).or_default().push(span);
    }
    let mut traces: Vec<Vec<&Span>> = traces.into_values().collect();
    traces.sort_by_key(|spans| spans.iter().map(|span| (span.start, span.number)).min());
    traces
}

/// A trace in a line: when, its id, what it began with, how many spans, whether something failed.
fn line(spans: &[&Span]) -> String {
    let ids: BTreeSet<&str> = spans.iter().map(|span| &*span.id).collect();
    let root = spans.iter().filter(|span| !ids.contains(&*span.parent)).min_by_key(|span| (span.start, span.number));
    let Some(root) = root.or(spans.first()) else { return String::new() };
    let failed = spans.iter().filter(|span| span.problem.is_some()).count();
    let mut text = format!("{}  {}  {}", time(root.start), root.trace, label(root));
    if spans.len() > 1 {
        let _ = write!(text, "  (+{})", spans.len() - 1);
    }
    if failed > 0 && root.problem.is_none() {
        let _ = write!(text, "  {failed} failed");
    }
    text
}

/// A trace as a tree; what came of something stands below it, in the order in which it began.
fn tree(mut spans: Vec<&Span>) -> String {
    spans.sort_by_key(|span| (span.start, span.number));
    let ids: BTreeSet<&str> = spans.iter().map(|span| &*span.id).collect();
    let roots: Vec<&Span> = spans.iter().filter(|span| !ids.contains(&*span.parent)).copied().collect();
    let mut text = String::new();
    for root in roots {
        let _ = writeln!(text, "{}  {}", time(root.start), label(root));
        branch(&mut text, &spans, root, "  ", root.start);
    }
    text
}

fn branch(text: &mut String, spans: &[&Span], parent: &Span, indent: &str, start: i64) {
    // The ids come from outside too: one that names itself has no children here.
    let children: Vec<&Span> =
        spans.iter().filter(|span| span.parent == parent.id && span.number != parent.number).copied().collect();
    for (index, child) in children.iter().enumerate() {
        let last = index + 1 == children.len();
        let _ =
            writeln!(text, "{indent}{}{}  +{} ms", if last { "└ " } else { "├ " }, label(child), child.start - start);
        if indent.len() < 200 {
            branch(text, spans, child, &format!("{indent}{}", if last { "  " } else { "│ " }), start);
        }
    }
}

/// A span in words: what, to what, how long, and what it failed with.
fn label(span: &Span) -> String {
    let took = match span.micros {
        micros if micros < 10_000 => format!("{:.1} ms", micros as f64 / 1e3),
        micros if micros < 10_000_000 => format!("{} ms", micros / 1000),
        micros => format!("{} s", micros / 1_000_000),
    };
    let target = if span.target.is_empty() { String::new() } else { format!(" {}", span.target) };
    match &span.problem {
        None => format!("{}{target}  {took}", span.name),
        Some(problem) => format!("{}{target}  {took}  ✗ {problem}", span.name),
    }
}

fn time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds).map_or_else(|_| "-".to_owned(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(number: u64, id: &str, parent: &str, name: &str) -> Span {
        let (id, parent, name) = (id.to_owned(), parent.to_owned(), name.to_owned());
        Span { number, trace: "1-a".to_owned(), id, parent, name, start: number as i64, ..Span::default() }
    }

    #[test]
    fn a_trace_is_a_tree_of_what_came_of_what() {
        let mut failed = span(3, "c", "b", "function");
        failed.problem = Some("it broke".to_owned());
        let spans =
            [span(1, "a", "client", "s3 PutObject"), span(2, "b", "a", "deliver"), failed, span(4, "d", "a", "x")];
        let text = tree(spans.iter().collect());
        let expected = "1970-01-01T00:00:00.001Z  s3 PutObject  0.0 ms\n  ├ deliver  0.0 ms  +1 ms\n  │ └ function  0.0 ms  ✗ it \
                        broke  +2 ms\n  └ x  0.0 ms  +3 ms\n";
        assert_eq!(text, expected);
        assert!(line(&spans.iter().collect::<Vec<_>>()).ends_with("s3 PutObject  0.0 ms  (+3)  1 failed"));
    }

    #[test]
    fn spans_that_name_each_other_do_not_go_round_for_ever() {
        let spans = [span(1, "a", "b", "x"), span(2, "b", "a", "y"), span(3, "c", "c", "z")];
        assert!(tree(spans.iter().collect()).is_empty());
        assert!(line(&spans.iter().collect::<Vec<_>>()).contains("1-a"));
    }
}
