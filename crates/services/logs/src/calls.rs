//! What other services ask of logs.

use std::sync::Arc;

use async_trait::async_trait;
use pilvi_bus::calls::{AppendLogs, LogCalls};
use pilvi_bus::{AccessRequest, ApiError, Ctx, Principal};
use pilvi_store::Range;

use crate::core::{Logs, group_arn, policy_arn};
use crate::errors::LogsError;
use crate::state::{GROUPS, Group, RESOURCE_POLICIES, STREAMS, Stream};

/// The typed calls of logs.
pub(crate) struct Calls(pub(crate) Arc<Logs>);

impl Calls {
    async fn may(&self, ctx: &Ctx, action: &'static str, resource: String) -> Result<(), ApiError> {
        let (bus, request) = (&self.0.platform.bus, AccessRequest::new(action, resource));
        let Err(refusal) = bus.authorize(ctx, &request, None).await else { return Ok(()) };
        if !is_service(ctx) {
            return Err(refusal);
        }
        // What services may write, one of the account's resource policies has to say.
        for policy in self.policies(ctx)? {
            if bus.authorize(ctx, &request, Some(policy)).await.is_ok() {
                return Ok(());
            }
        }
        Err(refusal)
    }

    fn policies(&self, ctx: &Ctx) -> Result<Vec<Arc<str>>, ApiError> {
        let policies = self.0.store().read(|tx| {
            let all = Range::prefix(&(ctx.account.as_str(), ctx.region.as_str()));
            let documents = tx.range(&RESOURCE_POLICIES, all).map(|entry| Ok(Arc::from(entry?.1.document)));
            documents.collect::<Result<Vec<_>, LogsError>>()
        });
        Ok(policies?)
    }

    async fn authorize(&self, ctx: &Ctx, request: &AppendLogs) -> Result<(), ApiError> {
        let arn = group_arn(ctx, &request.group);
        let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
        let (has_group, has_stream) = self.0.store().read(|tx| {
            let group = tx.contains(&GROUPS, &(account, region, request.group.as_str()))?;
            let stream = tx.contains(&STREAMS, &(account, region, request.group.as_str(), request.stream.as_str()))?;
            Ok::<_, LogsError>((group, stream))
        })?;
        if !has_group {
            self.may(ctx, "logs:CreateLogGroup", policy_arn(ctx, &request.group)).await?;
        }
        let stream = format!("{arn}:log-stream:{}", request.stream);
        if !has_stream {
            self.may(ctx, "logs:CreateLogStream", stream.clone()).await?;
        }
        self.may(ctx, "logs:PutLogEvents", stream).await
    }
}

/// A service that writes on its own, not in somebody's role.
fn is_service(ctx: &Ctx) -> bool {
    matches!(ctx.principal, Principal::Service { .. })
}

#[async_trait]
impl LogCalls for Calls {
    async fn append(&self, ctx: &Ctx, request: AppendLogs) -> Result<(), ApiError> {
        if let Err(problem) = self.authorize(ctx, &request).await {
            if problem.code != "AccessDenied" || is_service(ctx) {
                return Err(problem);
            }
            // As on AWS there are no lines then; unlike there it is said, once for each group.
            if self.0.refused.lock().insert(format!("{}/{}", ctx.account, request.group)) {
                tracing::warn!(group = request.group, reason = problem.message, "log lines are dropped");
            }
            return Ok(());
        }
        let (account, region, now) = (ctx.account.clone(), ctx.region.clone(), self.0.now());
        let events: Vec<(i64, String)> = request.lines.into_iter().map(|line| (line.timestamp, line.message)).collect();
        let (group, stream) = (request.group, request.stream);
        let logs = self.0.clone();
        self.0
            .store()
            .write(move |tx| {
                let group_key = (account.as_str(), region.as_str(), group.as_str());
                if !tx.contains(&GROUPS, &group_key)? {
                    tx.put(&GROUPS, &group_key, &Group::new(now))?;
                }
                let key = (account.as_str(), region.as_str(), group.as_str(), stream.as_str());
                let mut record =
                    tx.get(&STREAMS, &key)?.unwrap_or_else(|| Stream { created: now, ..Stream::default() });
                logs.append(tx, key, &mut record, &events, now)
            })
            .await?;
        Ok(())
    }
}

impl Group {
    /// A group as it is made by default.
    pub(crate) fn new(now: i64) -> Group {
        Group {
            created: now,
            retention_days: None,
            kms_key: None,
            class: "STANDARD".to_owned(),
            deletion_protection: false,
            tags: Vec::new(),
        }
    }
}
