//! ExpressionAttributeNames and ExpressionAttributeValues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ExpressionError;
use crate::table::value::Value;

/// The placeholders of a request, and which of them its expressions have used.
#[derive(Debug, Default)]
pub struct Placeholders {
    names: BTreeMap<String, String>,
    values: BTreeMap<String, Arc<Value>>,
    used_names: BTreeSet<String>,
    used_values: BTreeSet<String>,
}

impl Placeholders {
    /// Takes the request's placeholders, checking their keys. `None`: the parameter is absent.
    ///
    /// # Errors
    /// The whole message.
    pub fn new(names: Option<Vec<(String, String)>>, values: Option<Vec<(String, Value)>>) -> Result<Self, String> {
        let mut placeholders = Self::default();
        if let Some(names) = names {
            check_keys("ExpressionAttributeNames", '#', names.iter().map(|(key, _)| key))?;
            for (key, name) in &names {
                if name.is_empty() || name.len() > 65535 {
                    return Err(format!(
                        "ExpressionAttributeNames contains invalid value: Member must have length less than or equal to 65535, Member must have length greater than or equal to 1 for key {key}"
                    ));
                }
            }
            placeholders.names = names.into_iter().collect();
        }
        if let Some(values) = values {
            check_keys("ExpressionAttributeValues", ':', values.iter().map(|(key, _)| key))?;
            placeholders.values = values.into_iter().map(|(key, value)| (key, Arc::new(value))).collect();
        }
        Ok(placeholders)
    }

    /// What `#name` stands for.
    pub fn name(&mut self, key: &str) -> Result<String, ExpressionError> {
        let Some(name) = self.names.get(key) else {
            return Err(ExpressionError(format!(
                "An expression attribute name used in the document path is not defined; attribute name: {key}"
            )));
        };
        if !self.used_names.contains(key) {
            self.used_names.insert(key.to_owned());
        }
        Ok(name.clone())
    }

    /// What `:value` stands for.
    pub fn value(&mut self, key: &str) -> Result<Arc<Value>, ExpressionError> {
        let Some(value) = self.values.get(key) else {
            return Err(ExpressionError(format!(
                "An expression attribute value used in expression is not defined; attribute value: {key}"
            )));
        };
        if !self.used_values.contains(key) {
            self.used_values.insert(key.to_owned());
        }
        Ok(Arc::clone(value))
    }

    /// Complains about placeholders that no expression has used.
    pub fn check_all_used(&self) -> Result<(), String> {
        let unused = |keys: Vec<&str>, parameter: &str| {
            if keys.is_empty() {
                return Ok(());
            }
            Err(format!("Value provided in {parameter} unused in expressions: keys: {{{}}}", keys.join(", ")))
        };
        let names = self.names.keys().filter(|key| !self.used_names.contains(*key)).map(String::as_str).collect();
        unused(names, "ExpressionAttributeNames")?;
        let values = self.values.keys().filter(|key| !self.used_values.contains(*key)).map(String::as_str).collect();
        unused(values, "ExpressionAttributeValues")
    }
}

/// Complains about a parameter without entries or with an entry whose key is no placeholder.
pub fn check_keys<'a>(
    parameter: &str,
    sigil: char,
    keys: impl Iterator<Item = &'a String> + Clone,
) -> Result<(), String> {
    if keys.clone().next().is_none() {
        return Err(format!("{parameter} must not be empty"));
    }
    for key in keys {
        let valid = key.strip_prefix(sigil).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        if !valid {
            return Err(format!("{parameter} contains invalid key: Syntax error; key: \"{key}\""));
        }
    }
    Ok(())
}
