//! Tags. Keys of roles' and users' tags are compared without regard to case, others exactly.

use crate::errors::IamError;
use crate::state::Tags;

const MOST: usize = 50;

fn same(a: &str, b: &str, ignore_case: bool) -> bool {
    if ignore_case { a.to_lowercase() == b.to_lowercase() } else { a == b }
}

/// Refuses a list that names a key twice.
pub(crate) fn check(tags: &Tags, ignore_case: bool) -> Result<(), IamError> {
    for (index, (key, _)) in tags.iter().enumerate() {
        if tags.iter().skip(index + 1).any(|(other, _)| same(key, other, ignore_case)) {
            let note = if ignore_case { " Please note that Tag keys are case insensitive." } else { "" };
            return Err(IamError::InvalidInput(format!("Duplicate tag keys found.{note}")));
        }
    }
    Ok(())
}

/// Sorted by key, as they are listed.
pub(crate) fn sorted(mut tags: Tags) -> Tags {
    tags.sort();
    tags
}

/// Adds tags to those that are there.
pub(crate) fn merge(tags: &mut Tags, new: &Tags, ignore_case: bool) -> Result<(), IamError> {
    for (key, value) in new {
        tags.retain(|(old, _)| !same(old, key, ignore_case));
        tags.push((key.clone(), value.clone()));
    }
    if tags.len() > MOST {
        return Err(IamError::LimitExceeded("The number of tags has reached the maximum limit.".into()));
    }
    tags.sort();
    Ok(())
}

/// Removes tags; keys that are not there are passed over.
pub(crate) fn remove(tags: &mut Tags, keys: &[String], ignore_case: bool) {
    tags.retain(|(old, _)| !keys.iter().any(|key| same(old, key, ignore_case)));
}
