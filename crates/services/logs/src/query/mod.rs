//! Logs Insights: a small query language over the events of groups.
//!
//! "CloudWatch Logs Insights language query syntax" of the CloudWatch Logs user guide. Built are `fields`, `display`, `filter`, `parse`
//! (globs and regular expressions), `stats … by …`, `sort`, `limit` and `dedup`, with the operators and the functions of numbers,
//! texts and times.

mod expression;
mod parser;
mod record;
mod stats;
mod tokens;

use std::cmp::Ordering;
use std::collections::HashSet;

use expression::Expression;
use regex::Regex;
use stats::Aggregate;

pub(crate) use record::{Record, Scalar};

/// As many rows as a query gives that says nothing of it, and as one may give.
const ROWS: usize = 10_000;

/// A query.
#[derive(Debug)]
pub(crate) struct Query(Vec<Command>);

#[derive(Debug)]
enum Command {
    /// Adds fields, and shows them.
    Fields(Vec<Named>),
    /// Shows these alone.
    Display(Vec<Named>),
    Filter(Expression),
    Parse {
        from: Expression,
        with: Regex,
        names: Vec<String>,
    },
    Stats {
        aggregates: Vec<(String, Aggregate)>,
        by: Vec<Named>,
    },
    Sort(Vec<(Expression, bool)>),
    Limit(usize),
    Dedup(Vec<String>),
}

/// An expression, and what it is called.
#[derive(Debug)]
struct Named {
    name: String,
    expression: Expression,
}

/// The rows of a query, and how many events had to do with it.
pub(crate) struct Rows {
    pub(crate) rows: Vec<Vec<(String, String)>>,
    pub(crate) matched: usize,
}

impl Query {
    /// Reads a query.
    pub(crate) fn parse(text: &str) -> Result<Query, String> {
        parser::parse(text).map(Query)
    }

    /// Runs a query over events, which come newest first.
    pub(crate) fn run(&self, mut records: Vec<Record>, limit: Option<usize>) -> Rows {
        let mut shown: Vec<String> = Vec::new();
        let (mut aggregated, mut limited) = (false, false);
        let mut matched = records.len();
        for command in &self.0 {
            match command {
                Command::Fields(fields) => {
                    add(&mut records, fields);
                    for field in fields {
                        if !shown.contains(&field.name) {
                            shown.push(field.name.clone());
                        }
                    }
                }
                Command::Display(fields) => {
                    add(&mut records, fields);
                    shown = fields.iter().map(|field| field.name.clone()).collect();
                }
                Command::Filter(condition) => {
                    records.retain(|record| condition.evaluate(record).is_true());
                    if !aggregated {
                        matched = records.len();
                    }
                }
                Command::Parse { from, with, names } => {
                    for record in &mut records {
                        let Some(text) = from.evaluate(record).text() else { continue };
                        let Some(found) = with.captures(&text) else { continue };
                        for (place, name) in names.iter().enumerate() {
                            if let Some(value) = found.get(place + 1) {
                                record.set(name, Scalar::Text(value.as_str().to_owned()));
                            }
                        }
                    }
                }
                Command::Stats { aggregates, by } => {
                    records = stats::group(&records, aggregates, by);
                    let names = by.iter().map(|field| &field.name).chain(aggregates.iter().map(|(name, _)| name));
                    shown = names.cloned().collect();
                    aggregated = true;
                }
                Command::Sort(keys) => sort(&mut records, keys),
                Command::Limit(most) => {
                    records.truncate(*most);
                    limited = true;
                }
                Command::Dedup(names) => {
                    let mut seen = HashSet::new();
                    records.retain(|record| {
                        let key: Vec<Option<String>> = names.iter().map(|name| record.get(name).text()).collect();
                        // "Null values … are not considered duplicates."
                        key.iter().all(Option::is_none) || seen.insert(key)
                    });
                }
            }
        }
        records.truncate(limit.unwrap_or(ROWS).min(if limited { usize::MAX } else { ROWS }));
        if shown.is_empty() {
            shown = vec!["@timestamp".to_owned(), "@message".to_owned()];
        }
        if !aggregated && !shown.iter().any(|name| name == "@ptr") {
            shown.push("@ptr".to_owned());
        }
        let row = |record: &Record| {
            let field = |name: &String| Some((name.clone(), record.get(name).text()?));
            shown.iter().filter_map(field).collect()
        };
        Rows { rows: records.iter().map(row).collect(), matched }
    }
}

fn add(records: &mut [Record], fields: &[Named]) {
    for record in records {
        for field in fields {
            if !field.expression.is_field(&field.name) {
                let value = field.expression.evaluate(record);
                record.set(&field.name, value);
            }
        }
    }
}

fn sort(records: &mut [Record], keys: &[(Expression, bool)]) {
    records.sort_by(|one, other| {
        for (key, descending) in keys {
            let (left, right) = (key.evaluate(one), key.evaluate(other));
            // What is not there comes last, either way.
            let order = match (left.is_none(), right.is_none()) {
                (true, true) => Ordering::Equal,
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (false, false) => left.compare(&right),
            };
            let order = if *descending { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(query: &str) -> Vec<Vec<(String, String)>> {
        let messages = [
            r#"{"level": "ERROR", "ms": 30, "user": {"name": "ann"}}"#,
            r#"{"level": "INFO", "ms": 10, "user": {"name": "bob"}}"#,
            r#"{"level": "ERROR", "ms": 20}"#,
            "user=cid took 7 ms",
            "REPORT RequestId: abc\tDuration: 12.5 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB",
        ];
        let records =
            messages.iter().zip(0..).map(|(message, at)| Record::event(message, "s", "1:g", 60_000 * at, 0, "p"));
        let mut rows = Query::parse(query).unwrap().run(records.collect(), None).rows;
        for row in &mut rows {
            row.retain(|(name, _)| name != "@ptr");
        }
        rows
    }

    fn values(query: &str) -> Vec<String> {
        run(query)
            .into_iter()
            .map(|row| row.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn events_are_filtered_sorted_and_shown() {
        assert_eq!(values("fields ms | filter level = \"ERROR\" | sort ms asc"), ["20", "30"]);
        assert_eq!(values("filter level = 'ERROR' and ms > 20 | fields user.name, ms * 2 as double"), ["ann 60"]);
        assert_eq!(values("fields ms | filter @message like /took \\d+/ or user.name in [\"bob\"]"), ["10", ""]);
        assert_eq!(
            values("filter not ispresent(level) and @message not like 'took' | fields @duration, @maxMemoryUsed"),
            ["12.5 40000000"]
        );
        assert_eq!(values("fields level | dedup level | filter ispresent(level)"), ["ERROR", "INFO"]);
        assert_eq!(run("fields ms | limit 2").len(), 2);
        assert_eq!(run("filter ms = 10")[0][0], ("@timestamp".to_owned(), "1970-01-01 00:01:00.000".to_owned()));
    }

    #[test]
    fn events_are_parsed() {
        assert_eq!(
            values("parse @message 'user=* took * ms' as who, took | filter ispresent(who) | display who, took + 1"),
            ["cid 8"]
        );
        assert_eq!(
            values("parse @message /user=(?<who>\\w+)/ | filter ispresent(who) | display toupper(who)"),
            ["CID"]
        );
    }

    #[test]
    fn events_are_counted() {
        assert_eq!(
            values(
                "stats count(*) as n, sum(ms), avg(ms), max(ms), min(ms) by level | filter ispresent(level) | sort level"
            ),
            ["ERROR 2 50 25 30 20", "INFO 1 10 10 10 10"]
        );
        assert_eq!(
            values("stats count() by bin(2m)"),
            ["1970-01-01 00:00:00.000 2", "1970-01-01 00:02:00.000 2", "1970-01-01 00:04:00.000 1"]
        );
        assert_eq!(values("stats count_distinct(level), pct(ms, 50), latest(ms)"), ["2 20 20"]);
    }

    #[test]
    fn functions_are_there() {
        assert_eq!(
            values(
                "filter ms = 10 | display strlen(level), concat(level, '-', ms), ceil(ms / 3), coalesce(nope, 'x'), substr(level, 1, 2)"
            ),
            ["4 INFO-10 4 x NF"]
        );
        assert_eq!(values("filter ms = 10 | display ms / 4 as q, ms % 3, ms ^ 2, -ms, abs(-ms)"), ["2.5 1 100 -10 10"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for query in [
            "bogus x",
            "filter",
            "fields a,",
            "stats",
            "limit x",
            "filter (a = 1",
            "parse a",
            "sort",
            "filter a like /(/",
            "fields nosuch(a)",
        ] {
            assert!(Query::parse(query).is_err(), "{query}");
        }
    }
}
