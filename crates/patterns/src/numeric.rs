//! Numbers: compared by value, however they are written.

use serde_json::Value;

/// A number of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Number {
    value: f64,
    /// Where both are whole numbers they are compared as such: an account id does not fit into an `f64`'s precision.
    whole: Option<i128>,
}

impl Number {
    pub(crate) fn parse(literal: &str) -> Option<Self> {
        let value: f64 = literal.parse().ok()?;
        Some(Self { value, whole: literal.parse().ok() })
    }

    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    pub(crate) fn equals(&self, value: &Value) -> bool {
        let Value::Number(number) = value else { return false };
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        match (self.whole, whole) {
            (Some(own), Some(other)) => own == other,
            _ => number.as_f64() == Some(self.value),
        }
    }
}

/// An interval.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Range {
    /// The lower end and whether it is itself outside.
    pub(crate) bottom: Option<(f64, bool)>,
    /// The upper end and whether it is itself outside.
    pub(crate) top: Option<(f64, bool)>,
}

impl Range {
    pub(crate) fn contains(&self, value: &Value) -> bool {
        let Some(value) = value.as_f64() else { return false };
        let above = self.bottom.is_none_or(|(bottom, open)| if open { value > bottom } else { value >= bottom });
        let below = self.top.is_none_or(|(top, open)| if open { value < top } else { value <= top });
        above && below
    }
}
