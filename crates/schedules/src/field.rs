//! One field of a cron expression: lists of values, ranges and steps.

use crate::ScheduleError;

/// The values that a field allows, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    values: Vec<i16>,
}

/// What a field may say.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) least: i16,
    pub(crate) most: i16,
    /// Names that stand for the values from the least on.
    pub(crate) names: &'static [&'static str],
}

impl Field {
    pub(crate) fn parse(text: &str, rule: &Rule) -> Result<Self, ScheduleError> {
        let mut values = Vec::new();
        for part in text.split(',') {
            rule.add(part, &mut values)?;
        }
        values.sort_unstable();
        values.dedup();
        Ok(Self { values })
    }

    pub(crate) fn has(&self, value: i16) -> bool {
        self.values.binary_search(&value).is_ok()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = i16> + '_ {
        self.values.iter().copied()
    }
}

impl Rule {
    pub(crate) fn invalid(&self, text: &str) -> ScheduleError {
        ScheduleError(format!("{text:?} is not valid for {}", self.name))
    }

    /// A single value.
    pub(crate) fn value(&self, text: &str) -> Result<i16, ScheduleError> {
        let upper = text.to_ascii_uppercase();
        if let Some(position) = self.names.iter().position(|name| *name == upper) {
            return i16::try_from(position).map(|position| self.least + position).map_err(|_| self.invalid(text));
        }
        let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        let value = text.parse::<i16>().ok().filter(|value| digits && (self.least..=self.most).contains(value));
        value.ok_or_else(|| self.invalid(text))
    }

    fn add(&self, part: &str, values: &mut Vec<i16>) -> Result<(), ScheduleError> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let digits = !step.is_empty() && step.bytes().all(|digit| digit.is_ascii_digit());
                let step =
                    step.parse::<i16>().ok().filter(|step| digits && *step > 0).ok_or_else(|| self.invalid(part))?;
                (range, Some(step))
            }
            None => (part, None),
        };
        let (first, last) = match (range, range.split_once('-')) {
            ("*", _) => (self.least, self.most),
            (_, Some((first, last))) => (self.value(first)?, self.value(last)?),
            (single, None) => {
                let value = self.value(single)?;
                (value, if step.is_some() { self.most } else { value })
            }
        };
        let step = step.unwrap_or(1);
        if first > last {
            // `FRI-MON`: on to the end and from the start.
            self.fill(first, self.most, step, values);
            self.fill(self.least, last, step, values);
        } else {
            self.fill(first, last, step, values);
        }
        Ok(())
    }

    fn fill(&self, first: i16, last: i16, step: i16, values: &mut Vec<i16>) {
        let mut value = first;
        while value <= last {
            values.push(value);
            value = match value.checked_add(step) {
                Some(value) => value,
                None => return,
            };
        }
    }
}
