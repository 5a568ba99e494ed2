//! What roles were seen asking for, so that the least policy which covers it can be suggested.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::BuildHasher as _;

use parking_lot::Mutex;
use pilvi_bus::{AccessRequest, ApiError, Principal, RequestContext};
use pilvi_store::{Range, StoreError};
use serde_json::json;

use crate::context::role_arn;
use crate::core::Identity;
use crate::state::SEEN;

/// How many different calls are remembered of one role, and of how many roles.
const MOST_CALLS: usize = 1000;
const MOST_ROLES: usize = 1000;
/// With more resources than this of one kind, a suggestion names them all by a wildcard.
const MOST_LISTED: usize = 10;

/// Calls of roles since the cloud started; those that are not stored yet.
#[derive(Default)]
pub(crate) struct Seen(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    hasher: std::hash::RandomState,
    /// By role: hashes of what was seen, so that a call that was seen before costs no allocation.
    known: HashMap<String, HashSet<u64>>,
    new: Vec<(String, String, String)>,
}

impl Seen {
    /// Notes what a role's session asks for.
    pub(crate) fn note(&self, ctx: &RequestContext, request: &AccessRequest) {
        let Principal::Role(role) = &ctx.principal else { return };
        let mut calls = self.0.lock();
        let hash = calls.hasher.hash_one((&request.action, &request.resource));
        let full = calls.known.len() >= MOST_ROLES;
        if let Some(known) = calls.known.get_mut(&role.role_id) {
            if known.len() >= MOST_CALLS || !known.insert(hash) {
                return;
            }
        } else if full {
            return;
        } else {
            calls.known.insert(role.role_id.clone(), HashSet::from([hash]));
        }
        let arn = role_arn(&role.account, &role.path, &role.role, &ctx.region);
        calls.new.push((arn, request.action.to_string(), request.resource.clone()));
    }

    /// What was noted since this was asked last.
    pub(crate) fn take_new(&self) -> Vec<(String, String, String)> {
        std::mem::take(&mut self.0.lock().new)
    }
}

impl Identity {
    /// Stores what roles were seen asking for.
    pub(crate) async fn store_seen(&self) -> Result<(), StoreError> {
        let new = self.seen.take_new();
        if new.is_empty() {
            return Ok(());
        }
        let put = move |tx: &mut pilvi_store::WriteTx<'_>| {
            for (role, action, resource) in &new {
                tx.put(&SEEN, &(role.as_str(), action.as_str(), resource.as_str()), &())?;
            }
            Ok::<(), StoreError>(())
        };
        self.platform.store.write(put).await
    }

    /// The least policy that covers what this role was seen asking for, as JSON.
    ///
    /// # Errors
    /// When the store fails, or the role was not seen.
    pub async fn suggest(&self, role: &str) -> Result<serde_json::Value, ApiError> {
        self.store_seen().await?;
        let calls = self.read(|tx| {
            let mut calls = Vec::new();
            for key in tx.keys(&SEEN, Range::prefix(&(role,))) {
                let (_, action, resource) = key?;
                calls.push((action, resource));
            }
            Ok(calls)
        })?;
        if calls.is_empty() {
            let text = format!("No session of the role {role} was seen asking for anything.");
            return Err(ApiError::new("NoSuchEntity", 404, text));
        }
        Ok(least_policy(calls))
    }
}

/// A policy that allows these calls and as little else as can be: actions with the same resources share a statement.
fn least_policy(calls: Vec<(String, String)>) -> serde_json::Value {
    let mut resources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (action, resource) in calls {
        resources.entry(action).or_default().insert(resource);
    }
    let mut actions: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
    for (action, resources) in resources {
        actions.entry(shortened(resources)).or_default().push(action);
    }
    let mut statements: Vec<_> = actions.into_iter().map(|(resources, actions)| (actions, resources)).collect();
    statements.sort();
    let statements: Vec<_> = statements
        .into_iter()
        .map(|(actions, resources)| json!({ "Effect": "Allow", "Action": actions, "Resource": resources }))
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Many resources in one place become a wildcard for what is in that place.
fn shortened(resources: BTreeSet<String>) -> BTreeSet<String> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resource in resources {
        // A bucket's objects, a log group's streams: behind the first slash of the ARN's resource, or its last colon.
        let cut = resource.find('/').or_else(|| resource.rfind(':')).map_or(resource.len(), |at| at + 1);
        places.entry(resource.get(..cut).unwrap_or(&resource).to_owned()).or_default().push(resource);
    }
    let mut short = BTreeSet::new();
    for (place, all) in places {
        if all.len() > MOST_LISTED {
            short.insert(format!("{place}*"));
        } else {
            short.extend(all);
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_is_as_small_as_can_be() {
        let calls = |action: &str, resource: &str| (action.to_owned(), resource.to_owned());
        let mut seen = vec![
            calls("sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:q"),
            calls("sqs:GetQueueUrl", "arn:aws:sqs:eu-west-1:1:q"),
            calls("sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:q"),
        ];
        seen.extend((0..20).map(|n| calls("s3:GetObject", &format!("arn:aws:s3:::b/in/{n}"))));
        let policy = least_policy(seen);
        assert_eq!(
            policy["Statement"],
            json!([
                {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]},
                {"Effect": "Allow", "Action": ["sqs:GetQueueUrl", "sqs:SendMessage"], "Resource": ["arn:aws:sqs:eu-west-1:1:q"]},
            ])
        );
    }
}
