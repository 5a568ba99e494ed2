//! What lifecycle rules do, by the clock: objects expire, versions go, uploads are aborted, objects change their storage class.

use std::sync::Arc;
use std::time::Duration;

use pilvi_bus::http::Response;
use pilvi_store::{Range, ReadTx, WriteTx};
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::delete_object::delete_marker;
use super::documents::load;
use super::events::{Cause, Gone, announce};
use super::lifecycle::rules;
use super::text::{encode_strict, http_date};
use super::uploads::forget;
use crate::Objects;
use crate::errors::Result;
use crate::object::acl::canonical_id;
use crate::object::lifecycle::{Rule, When, expiration};
use crate::object::lock;
use crate::state::{BUCKETS, Bucket, OBJECTS, Object, UPLOADS, VERSIONS, Versioning};
use crate::versions::{self, Stamp};

/// How often rules are looked at. S3 does it once a day; what is due is due from midnight on.
const INTERVAL: Duration = Duration::from_secs(3600);
/// How many keys are looked at in one go.
const PAGE: usize = 500;

/// Tells when an object expires, where a rule says so.
pub fn expiration_header(
    objects: &Objects,
    bucket: &Bucket,
    key: &str,
    object: &Object,
    answer: Response,
) -> Result<Response> {
    if !bucket.has_lifecycle {
        return Ok(answer);
    }
    let Some(document) = load(objects, bucket, "lifecycle")? else { return Ok(answer) };
    let rules = rules(&document)?;
    let found = expiration(&rules, key, object.size, &object.tags, object.modified);
    Ok(answer.maybe(
        "x-amz-expiration",
        found.map(|(rule, at)| format!("expiry-date=\"{}\", rule-id=\"{}\"", http_date(at), encode_strict(&rule.id))),
    ))
}

/// What is due for a key.
#[derive(Debug, PartialEq)]
enum Due {
    /// The current version expires.
    Expiry,
    /// A version goes, which is not the current one, or a marker that hides nothing.
    Removal(String),
    /// The current version gets this storage class.
    Transition(String),
}

/// Carries out the rules until shutdown.
pub async fn run(objects: Arc<Objects>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = objects.platform.clock.sleep(INTERVAL) => {}
        }
        if let Err(error) = round(&objects).await {
            tracing::warn!(%error, "lifecycle rules could not be carried out");
        }
    }
}

/// One round over all buckets.
pub async fn round(objects: &Objects) -> Result<()> {
    let buckets = objects.platform.store.read(|tx| -> Result<Vec<Bucket>> {
        let mut found = Vec::new();
        for entry in tx.range(&BUCKETS, Range::all()) {
            let (_, bucket) = entry?;
            if bucket.has_lifecycle {
                found.push(bucket);
            }
        }
        Ok(found)
    })?;
    for bucket in buckets {
        let Some(document) = load(objects, &bucket, "lifecycle")? else { continue };
        let rules = Arc::new(rules(&document)?);
        keys(objects, &bucket, &rules).await?;
        uploads(objects, &bucket, &rules).await?;
    }
    Ok(())
}

async fn keys(objects: &Objects, bucket: &Bucket, rules: &Arc<Vec<Rule>>) -> Result<()> {
    let mut after: Option<String> = None;
    loop {
        let now = objects.platform.clock.now_ms();
        let (page, due) = objects.platform.store.read(|tx| -> Result<(Vec<String>, Vec<String>)> {
            let mut range = Range::prefix(&(bucket.id,));
            if let Some(after) = &after {
                range = range.after(&(bucket.id, after.as_str()));
            }
            let (mut page, mut due) = (Vec::new(), Vec::new());
            for entry in tx.range(&OBJECTS, range).take(PAGE) {
                let ((_, key), current) = entry?;
                if !plan(tx, bucket, &key, &current, rules, now)?.is_empty() {
                    due.push(key.clone());
                }
                page.push(key);
            }
            Ok((page, due))
        })?;
        for key in due {
            let (known, rules, cause, stamp) =
                (bucket.clone(), Arc::clone(rules), Cause::lifecycle(objects), objects.stamp());
            let write = move |tx: &mut WriteTx<'_>| tend(tx, &known, &key, &rules, now, &cause, stamp);
            objects.platform.store.write(write).await?;
        }
        if page.len() < PAGE {
            return Ok(());
        }
        after = page.into_iter().last();
    }
}

/// What is due for a key at this time.
fn plan(tx: &ReadTx<'_>, bucket: &Bucket, key: &str, current: &Object, rules: &[Rule], now: i64) -> Result<Vec<Due>> {
    let mut due = Vec::new();
    let mut superseded = Vec::new();
    if bucket.versioning != Versioning::Off {
        for entry in tx.range(&VERSIONS, Range::prefix(&(bucket.id, key))) {
            superseded.push(entry?.1);
        }
    }
    let locked = |object: &Object| lock::check_delete(object.retention, object.hold == Some(true), now, false).is_err();
    let mut since = current.modified;
    for (newer, object) in superseded.iter().enumerate() {
        let goes = rules.iter().filter(|rule| match object.marker {
            true => rule.covers_key(key),
            false => rule.covers(key, object.size, &object.tags),
        });
        if goes.filter_map(|rule| rule.noncurrent_at(since, newer)).any(|at| at <= now) && !locked(object) {
            due.push(Due::Removal(object.version_id().to_owned()));
        }
        since = object.modified;
    }
    if current.marker {
        // One that hides nothing any more goes when asked to, or when it would expire itself.
        let goes = |rule: &&Rule| {
            rule.covers_key(key)
                && (rule.expired_markers
                    || matches!(rule.expiration, Some(when @ When::Days(_)) if when.at(current.modified) <= now))
        };
        if superseded.is_empty() && rules.iter().any(|rule| goes(&rule)) {
            due.push(Due::Removal(current.version_id().to_owned()));
        }
        return Ok(due);
    }
    let expires = expiration(rules, key, current.size, &current.tags, current.modified);
    if expires.is_some_and(|(_, at)| at <= now) && (bucket.versioning != Versioning::Off || !locked(current)) {
        due.push(Due::Expiry);
        return Ok(due);
    }
    let covering = rules.iter().filter(|rule| rule.covers(key, current.size, &current.tags));
    let reached = covering.flat_map(|rule| &rule.transitions).map(|(when, class)| (when.at(current.modified), class));
    // The one that came last counts.
    if let Some((_, class)) = reached.filter(|(at, _)| *at <= now).max_by_key(|(at, _)| *at)
        && current.storage_class.as_ref() != Some(class)
    {
        due.push(Due::Transition(class.clone()));
    }
    Ok(due)
}

/// Does what is due for a key.
fn tend(
    tx: &mut WriteTx<'_>,
    known: &Bucket,
    key: &str,
    rules: &[Rule],
    now: i64,
    cause: &Cause,
    stamp: Stamp,
) -> Result<()> {
    let bucket = versions::current_bucket(tx, known)?;
    let Some(current) = versions::current(tx, bucket.id, key)? else { return Ok(()) };
    for due in plan(tx, &bucket, key, &current, rules, now)? {
        match due {
            Due::Expiry if bucket.versioning == Versioning::Off => {
                versions::remove(tx, bucket.id, key, &current)?;
                announce(tx, &bucket, key, &current, "LifecycleExpiration:Delete", Gone::Yes, cause)?;
            }
            Due::Expiry => {
                let marker = delete_marker(&canonical_id(&bucket.account), now);
                let marker = versions::write(tx, &bucket, key, marker, stamp)?;
                announce(tx, &bucket, key, &marker, "LifecycleExpiration:DeleteMarkerCreated", Gone::Yes, cause)?;
            }
            Due::Removal(version) => {
                let Some(object) = versions::find(tx, bucket.id, key, Some(&version))? else { continue };
                versions::remove(tx, bucket.id, key, &object)?;
                announce(tx, &bucket, key, &object, "LifecycleExpiration:Delete", Gone::Yes, cause)?;
            }
            Due::Transition(class) => {
                let object = Object { storage_class: Some(class), ..current.clone() };
                versions::replace(tx, bucket.id, key, &object)?;
                announce(tx, &bucket, key, &object, "LifecycleTransition", Gone::No, cause)?;
            }
        }
    }
    Ok(())
}

/// Aborts the uploads that are too old.
async fn uploads(objects: &Objects, bucket: &Bucket, rules: &[Rule]) -> Result<()> {
    let now = objects.platform.clock.now_ms();
    let due = objects.platform.store.read(|tx| -> Result<Vec<(String, String)>> {
        let mut due = Vec::new();
        for entry in tx.range(&UPLOADS, Range::prefix(&(bucket.id,))) {
            let ((_, key, id), upload) = entry?;
            let old = |rule: &Rule| rule.abort.is_some_and(|days| When::Days(days).at(upload.begun) <= now);
            if rules.iter().any(|rule| rule.covers_key(&key) && old(rule)) {
                due.push((key, id));
            }
        }
        Ok(due)
    })?;
    for (key, id) in due {
        let bucket = bucket.id;
        objects.platform.store.write(move |tx: &mut WriteTx<'_>| forget(tx, bucket, &key, &id)).await?;
    }
    Ok(())
}
