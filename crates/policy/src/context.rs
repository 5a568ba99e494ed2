//! The request context: what a request says about itself, by condition key.

/// What a condition key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A single-valued key.
    One(Box<str>),
    /// A multivalued key (`aws:TagKeys`, `dynamodb:LeadingKeys`), possibly with no value.
    Many(Vec<Box<str>>),
}

/// Condition keys and their values. Keys are compared without regard to case, as on AWS.
///
/// A request has a few dozen keys at most, so a vector that is searched through beats a map.
#[derive(Debug, Clone, Default)]
pub struct Context {
    entries: Vec<(Box<str>, Value)>,
}

impl Context {
    /// Sets a single-valued key, replacing what was there.
    pub fn set(&mut self, key: &str, value: impl Into<Box<str>>) {
        self.insert(key, Value::One(value.into()));
    }

    /// Sets a multivalued key, replacing what was there.
    pub fn set_many<S: Into<Box<str>>>(&mut self, key: &str, values: impl IntoIterator<Item = S>) {
        self.insert(key, Value::Many(values.into_iter().map(Into::into).collect()));
    }

    fn insert(&mut self, key: &str, value: Value) {
        match self.entries.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((key.into(), value)),
        }
    }

    /// The values of a key; `None` when the request does not have it.
    pub fn get(&self, key: &str) -> Option<&[Box<str>]> {
        let (_, value) = self.entries.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        match value {
            Value::One(one) => Some(std::slice::from_ref(one)),
            Value::Many(many) => Some(many),
        }
    }

    /// The value of a single-valued key; multivalued keys cannot stand in policy variables.
    pub fn single(&self, key: &str) -> Option<&str> {
        let (_, value) = self.entries.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        match value {
            Value::One(one) => Some(one),
            Value::Many(_) => None,
        }
    }

    /// Every key with its values, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (&**key, value))
    }
}

impl<K: AsRef<str>, V: Into<Box<str>>> FromIterator<(K, V)> for Context {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut context = Context::default();
        for (key, value) in pairs {
            context.set(key.as_ref(), value);
        }
        context
    }
}
