//! Log groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::Range;

use crate::core::{Logs, group, group_arn, group_name, page};
use crate::errors::LogsError;
use crate::state::{EVENTS, GROUPS, Group, METRIC_FILTERS, STREAMS, SUBSCRIPTIONS};

/// The days that a group may keep its events.
const RETENTIONS: [i64; 23] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653, 0];

/// What CreateLogGroup takes.
#[derive(Shape, Clone)]
#[shape(rename_all = "camelCase")]
pub(crate) struct CreateLogGroupInput {
    pub(crate) log_group_name: String,
    kms_key_id: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    log_group_class: Option<String>,
    deletion_protection_enabled: Option<bool>,
}

pub(crate) async fn create_log_group(logs: Arc<Logs>, ctx: Ctx, input: CreateLogGroupInput) -> Result<(), LogsError> {
    let record = Group {
        kms_key: input.kms_key_id,
        class: input.log_group_class.unwrap_or_else(|| "STANDARD".to_owned()),
        deletion_protection: input.deletion_protection_enabled.unwrap_or(false),
        tags: input.tags.unwrap_or_default().into_iter().collect(),
        ..Group::new(logs.now())
    };
    let key = (ctx.account.clone(), ctx.region.clone(), input.log_group_name);
    logs.store()
        .write(move |tx| {
            if tx.contains(&GROUPS, &key)? {
                return Err(LogsError::GroupExists);
            }
            tx.put(&GROUPS, &key, &record)?;
            Ok(())
        })
        .await
}

/// A group by name.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct GroupInput {
    pub(crate) log_group_name: String,
}

pub(crate) async fn delete_log_group(logs: Arc<Logs>, ctx: Ctx, input: GroupInput) -> Result<(), LogsError> {
    let key = (ctx.account.clone(), ctx.region.clone(), input.log_group_name);
    logs.store()
        .write(move |tx| {
            if group(tx, &key.0, &key.1, &key.2)?.deletion_protection {
                let text = "The log group cannot be deleted because deletion protection is enabled.";
                return Err(LogsError::Protected(text.to_owned()));
            }
            let prefix = (key.0.as_str(), key.1.as_str(), key.2.as_str());
            tx.delete(&GROUPS, &prefix)?;
            tx.delete_range(&STREAMS, Range::prefix(&prefix))?;
            tx.delete_range(&EVENTS, Range::prefix(&prefix))?;
            tx.delete_range(&SUBSCRIPTIONS, Range::prefix(&prefix))?;
            tx.delete_range(&METRIC_FILTERS, Range::prefix(&prefix))?;
            Ok(())
        })
        .await
}

/// What DescribeLogGroups takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeLogGroupsInput {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    log_group_class: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
}

/// A group.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct LogGroup {
    log_group_name: Option<String>,
    creation_time: Option<i64>,
    retention_in_days: Option<i64>,
    metric_filter_count: Option<i64>,
    arn: Option<String>,
    stored_bytes: Option<i64>,
    kms_key_id: Option<String>,
    log_group_class: Option<String>,
    log_group_arn: Option<String>,
    deletion_protection_enabled: Option<bool>,
}

/// A page of groups.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeLogGroupsOutput {
    log_groups: Option<Vec<LogGroup>>,
    next_token: Option<String>,
}

pub(crate) async fn describe_log_groups(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DescribeLogGroupsInput,
) -> Result<DescribeLogGroupsOutput, LogsError> {
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        let text = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.";
        return Err(LogsError::Invalid(text.to_owned()));
    }
    let most = usize::try_from(input.limit.unwrap_or(50)).unwrap_or(50).clamp(1, 50);
    let scope = (ctx.account.as_str(), ctx.region.as_str());
    let mut range = Range::starts_with(&scope, input.log_group_name_prefix.as_deref().unwrap_or_default());
    if let Some(token) = &input.next_token {
        range = range.after(&(scope.0, scope.1, token.as_str()));
    }
    let pattern = input.log_group_name_pattern.map(|pattern| pattern.to_lowercase());
    let wanted: Option<Vec<String>> =
        input.log_group_identifiers.map(|identifiers| identifiers.iter().map(|one| group_name(one)).collect());
    let mut page = Vec::new();
    let mut next = None;
    logs.store().read(|tx| {
        for entry in tx.range(&GROUPS, range) {
            let ((_, _, name), group) = entry?;
            let wanted = pattern.as_ref().is_none_or(|pattern| name.to_lowercase().contains(pattern))
                && input.log_group_class.as_ref().is_none_or(|class| *class == group.class)
                && wanted.as_ref().is_none_or(|wanted| wanted.contains(&name));
            if !wanted {
                continue;
            }
            if page.len() == most {
                next = page.last().and_then(|group: &LogGroup| group.log_group_name.clone());
                break;
            }
            let scope = (scope.0, scope.1, name.as_str());
            let filters = tx.keys(&METRIC_FILTERS, Range::prefix(&scope)).count();
            let mut bytes = 0;
            for stream in tx.range(&STREAMS, Range::prefix(&scope)) {
                bytes += stream?.1.bytes;
            }
            let arn = group_arn(&ctx, &name);
            // Found by a pattern, a group is described from an index that lacks some members.
            let by_name = pattern.is_none();
            page.push(LogGroup {
                log_group_name: Some(name),
                creation_time: Some(group.created),
                retention_in_days: group.retention_days,
                metric_filter_count: i64::try_from(filters).ok(),
                arn: Some(format!("{arn}:*")),
                stored_bytes: i64::try_from(bytes).ok().filter(|_| by_name),
                kms_key_id: group.kms_key,
                log_group_class: Some(group.class),
                log_group_arn: Some(arn),
                deletion_protection_enabled: Some(group.deletion_protection).filter(|_| by_name),
            });
        }
        Ok::<(), LogsError>(())
    })?;
    // That index does not know whether there is more: a page with groups has always a next one.
    if pattern.is_some() && next.is_none() {
        next = page.last().and_then(|group| group.log_group_name.clone());
    }
    Ok(DescribeLogGroupsOutput { log_groups: Some(page), next_token: next })
}

/// What ListLogGroups takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct ListLogGroupsInput {
    log_group_name_pattern: Option<String>,
    log_group_class: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Shape)]
#[shape(rename_all = "camelCase")]
struct LogGroupSummary {
    log_group_name: Option<String>,
    log_group_arn: Option<String>,
    log_group_class: Option<String>,
}

/// A page of groups, in short.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct ListLogGroupsOutput {
    log_groups: Option<Vec<LogGroupSummary>>,
    next_token: Option<String>,
}

pub(crate) async fn list_log_groups(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: ListLogGroupsInput,
) -> Result<ListLogGroupsOutput, LogsError> {
    let groups = logs.store().read(|tx| {
        let entries = tx.range(&GROUPS, Range::prefix(&(ctx.account.as_str(), ctx.region.as_str())));
        entries.map(|entry| entry.map_err(LogsError::from)).collect::<Result<Vec<_>, _>>()
    })?;
    let named = |name: &str| match &input.log_group_name_pattern {
        Some(pattern) => pattern.split('|').any(|part| match part.strip_prefix('^') {
            Some(start) => name.starts_with(start),
            None => name.contains(part),
        }),
        None => true,
    };
    let wanted = groups.into_iter().filter(|((_, _, name), group)| {
        named(name) && input.log_group_class.as_ref().is_none_or(|class| *class == group.class)
    });
    let (groups, next_token) = page(wanted.collect(), input.next_token.as_ref(), input.limit)?;
    let shown = groups.into_iter().map(|((_, _, name), group)| LogGroupSummary {
        log_group_arn: Some(group_arn(&ctx, &name)),
        log_group_name: Some(name),
        log_group_class: Some(group.class),
    });
    Ok(ListLogGroupsOutput { log_groups: Some(shown.collect()), next_token })
}

/// What PutRetentionPolicy takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutRetentionPolicyInput {
    pub(crate) log_group_name: String,
    retention_in_days: i64,
}

pub(crate) async fn put_retention_policy(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: PutRetentionPolicyInput,
) -> Result<(), LogsError> {
    let days = input.retention_in_days;
    if days == 0 || !RETENTIONS.contains(&days) {
        let allowed: Vec<String> = RETENTIONS.iter().filter(|days| **days > 0).map(ToString::to_string).collect();
        let text = format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy \
             enum value set: [{}]",
            allowed.join(", ")
        );
        return Err(LogsError::Invalid(text));
    }
    change(&logs, &ctx, input.log_group_name, move |group| group.retention_days = Some(days)).await
}

pub(crate) async fn delete_retention_policy(logs: Arc<Logs>, ctx: Ctx, input: GroupInput) -> Result<(), LogsError> {
    change(&logs, &ctx, input.log_group_name, |group| group.retention_days = None).await
}

/// What AssociateKmsKey takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct AssociateKmsKeyInput {
    log_group_name: Option<String>,
    kms_key_id: String,
    resource_identifier: Option<String>,
}

impl AssociateKmsKeyInput {
    /// The group, by name or ARN.
    pub(crate) fn group(&self) -> &str {
        self.log_group_name.as_deref().or(self.resource_identifier.as_deref()).unwrap_or("*")
    }
}

pub(crate) async fn associate_kms_key(logs: Arc<Logs>, ctx: Ctx, input: AssociateKmsKeyInput) -> Result<(), LogsError> {
    let name = crate::core::named(input.log_group_name.as_ref(), input.resource_identifier.as_ref())?;
    change(&logs, &ctx, name, move |group| group.kms_key = Some(input.kms_key_id.clone())).await
}

/// What DisassociateKmsKey takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DisassociateKmsKeyInput {
    log_group_name: Option<String>,
    resource_identifier: Option<String>,
}

impl DisassociateKmsKeyInput {
    /// The group, by name or ARN.
    pub(crate) fn group(&self) -> &str {
        self.log_group_name.as_deref().or(self.resource_identifier.as_deref()).unwrap_or("*")
    }
}

pub(crate) async fn disassociate_kms_key(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DisassociateKmsKeyInput,
) -> Result<(), LogsError> {
    let name = crate::core::named(input.log_group_name.as_ref(), input.resource_identifier.as_ref())?;
    change(&logs, &ctx, name, |group| group.kms_key = None).await
}

/// What PutLogGroupDeletionProtection takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutLogGroupDeletionProtectionInput {
    pub(crate) log_group_identifier: String,
    deletion_protection_enabled: bool,
}

pub(crate) async fn put_log_group_deletion_protection(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: PutLogGroupDeletionProtectionInput,
) -> Result<(), LogsError> {
    let name = group_name(&input.log_group_identifier);
    change(&logs, &ctx, name, move |group| group.deletion_protection = input.deletion_protection_enabled).await
}

/// Changes a group in one step.
pub(crate) async fn change(
    logs: &Logs,
    ctx: &Ctx,
    name: String,
    change: impl Fn(&mut Group) + Send + 'static,
) -> Result<(), LogsError> {
    let (account, region) = (ctx.account.clone(), ctx.region.clone());
    logs.store()
        .write(move |tx| {
            let mut record = group(tx, &account, &region, &name)?;
            change(&mut record);
            tx.put(&GROUPS, &(account.as_str(), region.as_str(), name.as_str()), &record)?;
            Ok(())
        })
        .await
}
