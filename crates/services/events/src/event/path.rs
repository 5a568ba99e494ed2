//! The JSON paths that InputPath and InputPathsMap know: names after dots or in brackets, list indices, `*`.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>

use serde_json::Value;

/// A path into an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Name(String),
    Index(usize),
    All,
}

impl JsonPath {
    /// Reads a path; `None` where it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, behind) = after.split_at_checked(end)?;
                if name.is_empty() {
                    return None;
                }
                steps.push(if name == "*" { Step::All } else { Step::Name(name.to_owned()) });
                rest = behind;
                continue;
            }
            let (inside, behind) = rest.strip_prefix('[')?.split_once(']')?;
            let quoted = |quote: char| inside.strip_prefix(quote)?.strip_suffix(quote);
            steps.push(match (inside, quoted('\'').or_else(|| quoted('"'))) {
                ("*", _) => Step::All,
                (_, Some(name)) => Step::Name(name.to_owned()),
                (index, None) => Step::Index(index.parse().ok()?),
            });
            rest = behind;
        }
        Some(Self { steps })
    }

    /// What the path leads to; with a `*` in it, the list of all that it leads to.
    pub(crate) fn find(&self, value: &Value) -> Option<Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.from(value)).collect();
        }
        if self.steps.contains(&Step::All) {
            return Some(Value::Array(found.into_iter().cloned().collect()));
        }
        found.first().map(|value| (*value).clone())
    }
}

impl Step {
    fn from<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match (self, value) {
            (Self::Name(name), Value::Object(members)) => members.get(name).into_iter().collect(),
            (Self::Index(index), Value::Array(items)) => items.get(*index).into_iter().collect(),
            (Self::All, Value::Object(members)) => members.values().collect(),
            (Self::All, Value::Array(items)) => items.iter().collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_where_they_say() {
        let event = json!({"detail-type": "t", "detail": {"a b": [1, {"c": "x"}, {"c": "y"}], "n": null}});
        for (path, expected) in [
            ("$", Some(event.clone())),
            ("$.detail-type", Some(json!("t"))),
            ("$.detail['a b'][1].c", Some(json!("x"))),
            ("$.detail[\"a b\"][*].c", Some(json!(["x", "y"]))),
            ("$.detail.n", Some(json!(null))),
            ("$.detail.missing.more", None),
            ("$.detail['a b'][9]", None),
        ] {
            assert_eq!(JsonPath::parse(path).unwrap().find(&event), expected, "{path}");
        }
        for path in ["", "detail", "$detail", "$.", "$..a", "$.a[", "$.a[x]", "$.a[1]b"] {
            assert_eq!(JsonPath::parse(path), None, "{path}");
        }
    }
}
