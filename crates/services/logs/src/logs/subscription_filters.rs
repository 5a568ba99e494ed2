//! Subscription filters.

use std::sync::Arc;

use pilvi_bus::{Arn, Ctx};
use pilvi_model::Shape;
use pilvi_store::Range;

use crate::core::{Logs, group, page};
use crate::errors::LogsError;
use crate::pattern::Pattern;
use crate::state::{SUBSCRIPTIONS, Subscription};
use crate::subscriptions::PRINCIPAL;

/// "CloudWatch Logs quotas": subscription filters of a group.
const MOST: usize = 2;

/// What PutSubscriptionFilter takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutSubscriptionFilterInput {
    pub(crate) log_group_name: String,
    filter_name: String,
    filter_pattern: String,
    destination_arn: String,
    role_arn: Option<String>,
    distribution: Option<String>,
    apply_on_transformed_logs: Option<bool>,
}

pub(crate) async fn put_subscription_filter(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: PutSubscriptionFilterInput,
) -> Result<(), LogsError> {
    let invalid = |text: &str| LogsError::Invalid(text.to_owned());
    let arn = Arn::parse(&input.destination_arn).ok_or_else(|| invalid("Invalid destinationArn"))?;
    if arn.service == "lambda" && arn.account != ctx.account {
        return Err(LogsError::AccessDenied(
            "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to create cross account \
             lambda triggers.",
        ));
    }
    if matches!(&*arn.service, "kinesis" | "firehose") && input.role_arn.is_none() {
        let text = format!("destinationArn for vendor {} cannot be used without roleArn", arn.service);
        return Err(LogsError::Invalid(text));
    }
    if arn.service == "lambda" && input.role_arn.is_some() {
        return Err(invalid("destinationArn for vendor lambda cannot be used with roleArn"));
    }
    Pattern::parse(&input.filter_pattern)?;
    logs.store().read(|tx| group(tx, &ctx.account, &ctx.region, &input.log_group_name))?;
    if let Some(role) = &input.role_arn {
        logs.platform.bus.identity()?.may_pass_role(&ctx, role, PRINCIPAL).await?;
    }
    if arn.service != "logs" {
        let role = input.role_arn.as_deref();
        logs.probe(&ctx, &input.log_group_name, &input.filter_name, &input.destination_arn, role).await?;
    }
    let record = Subscription {
        pattern: input.filter_pattern,
        destination: input.destination_arn,
        role: input.role_arn,
        distribution: input.distribution.unwrap_or_else(|| "ByLogStream".to_owned()),
        transformed: input.apply_on_transformed_logs.unwrap_or(false),
        created: logs.now(),
    };
    let (account, region) = (ctx.account.clone(), ctx.region.clone());
    logs.store()
        .write(move |tx| {
            let scope = (account.as_str(), region.as_str(), input.log_group_name.as_str());
            group(tx, scope.0, scope.1, scope.2)?;
            let key = (scope.0, scope.1, scope.2, input.filter_name.as_str());
            let old = tx.get(&SUBSCRIPTIONS, &key)?;
            if old.is_none() && tx.keys(&SUBSCRIPTIONS, Range::prefix(&scope)).count() >= MOST {
                return Err(LogsError::LimitExceeded);
            }
            let created = old.map_or(record.created, |old| old.created);
            tx.put(&SUBSCRIPTIONS, &key, &Subscription { created, ..record.clone() })?;
            Ok(())
        })
        .await
}

/// What DeleteSubscriptionFilter takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DeleteSubscriptionFilterInput {
    pub(crate) log_group_name: String,
    filter_name: String,
}

pub(crate) async fn delete_subscription_filter(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DeleteSubscriptionFilterInput,
) -> Result<(), LogsError> {
    let (account, region) = (ctx.account.clone(), ctx.region.clone());
    logs.store()
        .write(move |tx| {
            group(tx, &account, &region, &input.log_group_name)?;
            let key = (account.as_str(), region.as_str(), input.log_group_name.as_str(), input.filter_name.as_str());
            if !tx.delete(&SUBSCRIPTIONS, &key)? {
                return Err(LogsError::NotFound("The specified subscription filter does not exist.".to_owned()));
            }
            Ok(())
        })
        .await
}

/// What DescribeSubscriptionFilters takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeSubscriptionFiltersInput {
    pub(crate) log_group_name: String,
    filter_name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Shape)]
#[shape(rename_all = "camelCase")]
struct SubscriptionFilter {
    filter_name: Option<String>,
    log_group_name: Option<String>,
    filter_pattern: Option<String>,
    destination_arn: Option<String>,
    role_arn: Option<String>,
    distribution: Option<String>,
    apply_on_transformed_logs: Option<bool>,
    creation_time: Option<i64>,
}

/// A page of filters.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeSubscriptionFiltersOutput {
    subscription_filters: Option<Vec<SubscriptionFilter>>,
    next_token: Option<String>,
}

pub(crate) async fn describe_subscription_filters(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DescribeSubscriptionFiltersInput,
) -> Result<DescribeSubscriptionFiltersOutput, LogsError> {
    let name = &input.log_group_name;
    let scope = (ctx.account.as_str(), ctx.region.as_str(), name.as_str());
    let filters = logs.store().read(|tx| {
        group(tx, scope.0, scope.1, scope.2)?;
        let range = Range::starts_with(&scope, input.filter_name_prefix.as_deref().unwrap_or_default());
        tx.range(&SUBSCRIPTIONS, range).map(|entry| entry.map_err(LogsError::from)).collect::<Result<Vec<_>, _>>()
    })?;
    let (filters, next_token) = page(filters, input.next_token.as_ref(), input.limit)?;
    let shown = |((_, _, group, name), filter): ((String, String, String, String), Subscription)| SubscriptionFilter {
        filter_name: Some(name),
        log_group_name: Some(group),
        filter_pattern: Some(filter.pattern),
        destination_arn: Some(filter.destination),
        role_arn: filter.role,
        distribution: Some(filter.distribution),
        apply_on_transformed_logs: Some(filter.transformed),
        creation_time: Some(filter.created),
    };
    let filters = filters.into_iter().map(shown).collect();
    Ok(DescribeSubscriptionFiltersOutput { subscription_filters: Some(filters), next_token })
}
