//! `stats`: groups of events, and what is counted of them.

use std::collections::{BTreeMap, HashSet};

use super::Named;
use super::expression::Expression;
use super::record::{Record, Scalar};

/// What is counted.
#[derive(Debug)]
pub(super) enum Aggregate {
    /// Every event, or those that have a value.
    Count(Option<Expression>),
    CountDistinct(Expression),
    Sum(Expression),
    Average(Expression),
    Least(Expression),
    Greatest(Expression),
    Deviation(Expression),
    Percentile(Expression, f64),
    Earliest(Expression),
    Latest(Expression),
    /// The first or last of the order so far.
    First(Expression),
    Last(Expression),
}

/// The values of the fields that a group is of, and its events.
type Group<'r> = (Vec<Scalar>, Vec<&'r Record>);

/// Groups events by fields, and counts in each group. Groups come in the order of their fields.
pub(super) fn group(records: &[Record], aggregates: &[(String, Aggregate)], by: &[Named]) -> Vec<Record> {
    let mut groups: BTreeMap<Vec<Option<String>>, Group<'_>> = BTreeMap::new();
    for record in records {
        let values: Vec<Scalar> = by.iter().map(|field| field.expression.evaluate(record)).collect();
        let key = values.iter().map(Scalar::text).collect();
        groups.entry(key).or_insert_with(|| (values, Vec::new())).1.push(record);
    }
    if by.is_empty() && groups.is_empty() {
        groups.insert(Vec::new(), (Vec::new(), Vec::new()));
    }
    groups
        .into_values()
        .map(|(values, records)| {
            let mut row = Record::default();
            for (field, value) in by.iter().zip(values) {
                row.set(&field.name, value);
            }
            for (name, aggregate) in aggregates {
                row.set(name, aggregate.of(&records));
            }
            row
        })
        .collect()
}

impl Aggregate {
    #[allow(clippy::cast_precision_loss, reason = "counts of events")]
    fn of(&self, records: &[&Record]) -> Scalar {
        let values = |of: &Expression| -> Vec<Scalar> {
            records.iter().map(|record| of.evaluate(record)).filter(|value| !value.is_none()).collect()
        };
        let numbers = |of: &Expression| -> Vec<f64> { values(of).iter().filter_map(Scalar::number).collect() };
        let some = |number: Option<f64>| number.map_or(Scalar::None, Scalar::Number);
        let by_time = |of: &Expression| {
            let mut timed: Vec<(f64, Scalar)> = records
                .iter()
                .map(|record| (record.get("@timestamp").number().unwrap_or(0.0), of.evaluate(record)))
                .filter(|(_, value)| !value.is_none())
                .collect();
            timed.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            timed
        };
        match self {
            Aggregate::Count(None) => Scalar::Number(records.len() as f64),
            Aggregate::Count(Some(of)) => Scalar::Number(values(of).len() as f64),
            Aggregate::CountDistinct(of) => {
                let distinct: HashSet<_> = values(of).iter().map(Scalar::text).collect();
                Scalar::Number(distinct.len() as f64)
            }
            Aggregate::Sum(of) => Scalar::Number(numbers(of).iter().sum()),
            Aggregate::Average(of) => some(average(&numbers(of))),
            Aggregate::Least(of) => some(numbers(of).into_iter().reduce(f64::min)),
            Aggregate::Greatest(of) => some(numbers(of).into_iter().reduce(f64::max)),
            Aggregate::Deviation(of) => {
                let numbers = numbers(of);
                some(average(&numbers).map(|mean| {
                    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
                    (squares / numbers.len() as f64).sqrt()
                }))
            }
            Aggregate::Percentile(of, part) => some(percentile(numbers(of), *part)),
            Aggregate::Earliest(of) => by_time(of).into_iter().next().map_or(Scalar::None, |(_, value)| value),
            Aggregate::Latest(of) => by_time(of).pop().map_or(Scalar::None, |(_, value)| value),
            Aggregate::First(of) => values(of).into_iter().next().unwrap_or(Scalar::None),
            Aggregate::Last(of) => values(of).pop().unwrap_or(Scalar::None),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of events")]
fn average(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

/// The nearest rank.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn percentile(mut numbers: Vec<f64>, part: f64) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let rank = (part / 100.0 * numbers.len() as f64).ceil().max(1.0) as usize;
    numbers.get(rank.min(numbers.len()).checked_sub(1)?).copied()
}
