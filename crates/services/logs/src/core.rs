//! The logs of all accounts: what every operation works on.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use pilvi_bus::{Platform, RequestContext};
use pilvi_delivery::Deliveries;
use pilvi_store::{Range, ReadTx, Store, WriteTx};
use tokio_util::sync::CancellationToken;

use crate::errors::LogsError;
use crate::pattern::Compiled;
use crate::state::{EVENTS, Event, GROUPS, Group, NameKey, OVERHEAD, QUERIES, STREAMS, Stream, StreamKey};

/// How often events that are older than their group keeps them are deleted.
const SWEEP: std::time::Duration = std::time::Duration::from_secs(600);
const DAY: i64 = 86_400_000;
/// The most events that one transaction of a sweep deletes.
const MOST_SWEPT: usize = 10_000;

/// The logs of all accounts.
pub struct Logs {
    pub(crate) platform: Platform,
    pub(crate) deliveries: Arc<Deliveries>,
    /// The patterns of filters.
    pub(crate) patterns: Compiled,
    /// Groups that a role may not write to, of which it was said once.
    pub(crate) refused: Mutex<HashSet<String>>,
}

impl Logs {
    pub(crate) fn new(platform: &Platform, deliveries: Arc<Deliveries>) -> Arc<Logs> {
        let patterns = Compiled::default();
        Arc::new(Logs { platform: platform.clone(), deliveries, patterns, refused: Mutex::default() })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.platform.store
    }

    pub(crate) fn now(&self) -> i64 {
        self.platform.clock.now_ms()
    }

    /// Appends events to a stream, and what filters make of them.
    pub(crate) fn append(
        &self,
        tx: &mut WriteTx<'_>,
        key: (&str, &str, &str, &str),
        stream: &mut Stream,
        events: &[(i64, String)],
        now: i64,
    ) -> Result<(), LogsError> {
        let first = stream.next;
        for (timestamp, message) in events {
            let event = Event { message: message.clone(), ingested: now };
            tx.put(&EVENTS, &(key.0, key.1, key.2, key.3, *timestamp, stream.next), &event)?;
            stream.next += 1;
            stream.bytes += weight(message);
            stream.first = Some(stream.first.map_or(*timestamp, |first| first.min(*timestamp)));
            stream.last = Some(stream.last.map_or(*timestamp, |last| last.max(*timestamp)));
        }
        if !events.is_empty() {
            stream.last_ingestion = Some(now);
            self.tell_subscriptions(tx, key, first, events)?;
            self.tell_metrics(tx, key, events)?;
        }
        tx.put(&STREAMS, &key, stream)?;
        Ok(())
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

    /// Deletes expired events: reads first, and writes only where there are some.
    pub(crate) async fn sweep(&self) -> Result<(), LogsError> {
        let now = self.now();
        let expired: Vec<(StreamKey, i64)> = self.store().read(|tx| {
            let mut expired = Vec::new();
            for entry in tx.range(&GROUPS, Range::all()) {
                let ((account, region, name), group) = entry?;
                let Some(days) = group.retention_days else { continue };
                let oldest = now - days * DAY;
                for stream in tx.range(&STREAMS, Range::prefix(&(account.as_str(), region.as_str(), name.as_str()))) {
                    let (key, stream) = stream?;
                    if stream.first.is_some_and(|first| first < oldest) {
                        expired.push((key, oldest));
                    }
                }
            }
            Ok::<_, LogsError>(expired)
        })?;
        self.sweep_queries(now).await?;
        for (key, oldest) in expired {
            loop {
                let key = key.clone();
                let all = self.store().write(move |tx| sweep_stream(tx, &key, oldest)).await?;
                if all {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// "Queries … results are available for 7 days."
const QUERIES_KEPT: i64 = 7 * DAY;

impl Logs {
    async fn sweep_queries(&self, now: i64) -> Result<(), LogsError> {
        let old: Vec<NameKey> = self.store().read(|tx| {
            let queries = tx.range(&QUERIES, Range::all());
            let old =
                queries.filter(|entry| entry.as_ref().map_or(true, |(_, query)| query.created < now - QUERIES_KEPT));
            old.map(|entry| entry.map(|(key, _)| key).map_err(LogsError::from)).collect::<Result<_, _>>()
        })?;
        if old.is_empty() {
            return Ok(());
        }
        let delete = move |tx: &mut WriteTx<'_>| {
            for key in &old {
                tx.delete(&QUERIES, key)?;
            }
            Ok(())
        };
        self.store().write(delete).await
    }
}

/// Deletes a stream's oldest events; tells whether those were all that had expired.
fn sweep_stream(tx: &mut WriteTx<'_>, key: &StreamKey, oldest: i64) -> Result<bool, LogsError> {
    let Some(mut stream) = tx.get(&STREAMS, key)? else { return Ok(true) };
    let scope = (key.0.as_str(), key.1.as_str(), key.2.as_str(), key.3.as_str());
    let (mut gone, mut first, mut all) = (Vec::new(), None, true);
    for entry in tx.range(&EVENTS, Range::prefix(&scope)) {
        let (key, event) = entry?;
        if key.4 >= oldest {
            first = Some(key.4);
            break;
        }
        if gone.len() == MOST_SWEPT {
            (first, all) = (Some(key.4), false);
            break;
        }
        stream.bytes = stream.bytes.saturating_sub(weight(&event.message));
        gone.push(key);
    }
    for key in gone {
        tx.delete(&EVENTS, &key)?;
    }
    stream.first = first;
    if first.is_none() {
        stream.last = None;
    }
    tx.put(&STREAMS, key, &stream)?;
    Ok(all)
}

/// What an event weighs.
pub(crate) fn weight(message: &str) -> u64 {
    message.len() as u64 + OVERHEAD
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
    match (name, identifier) {
        (Some(_), Some(_)) => {
            let text = "LogGroup name and LogGroup ARN are mutually exclusive parameters.";
            Err(LogsError::Protected(text.to_owned()))
        }
        (Some(text), None) | (None, Some(text)) => Ok(group_name(text)),
        (None, None) => {
            let text = "Exactly one of logGroupName and logGroupIdentifier is required.";
            Err(LogsError::Invalid(text.to_owned()))
        }
    }
}

/// A page of what was listed, and where the next one starts.
pub(crate) fn page<T>(
    items: Vec<T>,
    token: Option<&String>,
    limit: Option<i64>,
) -> Result<(Vec<T>, Option<String>), LogsError> {
    let start = match token {
        Some(token) => {
            token.parse::<usize>().map_err(|_| LogsError::Invalid("The specified nextToken is invalid.".to_owned()))?
        }
        None => 0,
    };
    let most = usize::try_from(limit.unwrap_or(50)).unwrap_or(50).max(1);
    let next = (start.saturating_add(most) < items.len()).then(|| (start + most).to_string());
    Ok((items.into_iter().skip(start).take(most).collect(), next))
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
