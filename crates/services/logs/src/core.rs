//! The logs of all accounts: what every operation works on.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use pilvi_bus::{Platform, RequestContext};
use pilvi_store::{Range, ReadTx, Store, WriteTx};
use tokio_util::sync::CancellationToken;

use crate::errors::LogsError;
use crate::state::{EVENTS, Event, GROUPS, Group, GroupKey, STREAMS, Stream};

/// How often events that are older than their group keeps them are deleted.
const SWEEP: std::time::Duration = std::time::Duration::from_secs(600);
const DAY: i64 = 86_400_000;

/// The logs of all accounts.
pub struct Logs {
    pub(crate) platform: Platform,
    /// Groups that a role may not write to, of which it was said once.
    pub(crate) refused: Mutex<HashSet<String>>,
}

impl Logs {
    pub(crate) fn new(platform: &Platform) -> Arc<Logs> {
        Arc::new(Logs { platform: platform.clone(), refused: Mutex::default() })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.platform.store
    }

    pub(crate) fn now(&self) -> i64 {
        self.platform.clock.now_ms()
    }

    /// Deletes what is older than its group keeps it.
    pub(crate) async fn expire(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.platform.clock.sleep(SWEEP) => {}
            }
            if let Err(problem) = self.sweep().await {
                tracing::warn!(%problem, "expired log events could not be deleted");
            }
        }
    }

    pub(crate) async fn sweep(&self) -> Result<(), LogsError> {
        let now = self.now();
        let groups: Vec<(GroupKey, i64)> = self.store().read(|tx| {
            let mut groups = Vec::new();
            for entry in tx.range(&GROUPS, Range::all()) {
                let (key, group) = entry?;
                groups.extend(group.retention_days.map(|days| (key, now - days * DAY)));
            }
            Ok::<_, LogsError>(groups)
        })?;
        for ((account, region, group), oldest) in groups {
            self.store()
                .write(move |tx| {
                    let key = (account.as_str(), region.as_str(), group.as_str());
                    let mut streams = Vec::new();
                    for stream in tx.keys(&STREAMS, Range::prefix(&key)) {
                        streams.push(stream?.3);
                    }
                    for stream in streams {
                        let range = Range::prefix(&(key.0, key.1, key.2, stream.as_str()));
                        tx.delete_range(&EVENTS, range.until(&(key.0, key.1, key.2, stream.as_str(), oldest)))?;
                    }
                    Ok::<(), LogsError>(())
                })
                .await?;
        }
        Ok(())
    }
}

/// The group's name where a request gives its ARN.
pub(crate) fn group_name(text: &str) -> String {
    match text.split_once(":log-group:") {
        Some((_, name)) => name.trim_end_matches(":*").to_owned(),
        None => text.to_owned(),
    }
}

/// The group that a request names, by name or by ARN.
pub(crate) fn named(name: Option<&String>, identifier: Option<&String>) -> Result<String, LogsError> {
    let text = name.or(identifier).ok_or_else(|| {
        LogsError::Invalid("Exactly one of logGroupName and logGroupIdentifier is required.".to_owned())
    })?;
    Ok(group_name(text))
}

/// `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`
pub(crate) fn group_arn(ctx: &RequestContext, name: &str) -> String {
    ctx.arn("logs", format!("log-group:{name}")).to_string()
}

/// What policies name for an action on a group: the group's ARN as of any of its streams. A policy that ends in `NAME:*` allows
/// it, one that ends in `NAME` does not.
pub(crate) fn policy_arn(ctx: &RequestContext, name: &str) -> String {
    format!("{}:log-stream:", group_arn(ctx, name))
}

pub(crate) fn group(tx: &ReadTx<'_>, account: &str, region: &str, name: &str) -> Result<Group, LogsError> {
    tx.get(&GROUPS, &(account, region, name))?.ok_or(LogsError::NoGroup)
}

pub(crate) fn stream(
    tx: &ReadTx<'_>,
    account: &str,
    region: &str,
    group: &str,
    name: &str,
) -> Result<Stream, LogsError> {
    tx.get(&STREAMS, &(account, region, group, name))?.ok_or(LogsError::NoStream)
}

/// Appends events to a stream.
pub(crate) fn append(
    tx: &mut WriteTx<'_>,
    key: (&str, &str, &str, &str),
    stream: &mut Stream,
    events: &[(i64, String)],
    now: i64,
) -> Result<(), LogsError> {
    for (timestamp, message) in events {
        let event = Event { message: message.clone(), ingested: now };
        tx.put(&EVENTS, &(key.0, key.1, key.2, key.3, *timestamp, stream.next), &event)?;
        stream.next += 1;
        stream.first = Some(stream.first.map_or(*timestamp, |first| first.min(*timestamp)));
        stream.last = Some(stream.last.map_or(*timestamp, |last| last.max(*timestamp)));
    }
    if !events.is_empty() {
        stream.last_ingestion = Some(now);
    }
    tx.put(&STREAMS, &key, stream)?;
    Ok(())
}
