//! Destinations: streams that subscriptions of other accounts may name.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::{Ctx, RequestContext};
use pilvi_model::Shape;
use pilvi_store::Range;

use crate::core::{Logs, page};
use crate::errors::LogsError;
use crate::state::{self, DESTINATIONS};
use crate::subscriptions::PRINCIPAL;

/// `arn:aws:logs:REGION:ACCOUNT:destination:NAME`
pub(crate) fn arn(ctx: &RequestContext, name: &str) -> String {
    ctx.arn("logs", format!("destination:{name}")).to_string()
}

pub(crate) fn missing() -> LogsError {
    LogsError::NotFound("The specified destination does not exist.".to_owned())
}

/// What PutDestination takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutDestinationInput {
    pub(crate) destination_name: String,
    target_arn: String,
    role_arn: String,
    tags: Option<BTreeMap<String, String>>,
}

/// A destination.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct Destination {
    destination_name: Option<String>,
    target_arn: Option<String>,
    role_arn: Option<String>,
    access_policy: Option<String>,
    arn: Option<String>,
    creation_time: Option<i64>,
}

/// The destination as it was put.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutDestinationOutput {
    destination: Option<Destination>,
}

fn shown(ctx: &RequestContext, name: &str, record: state::Destination) -> Destination {
    Destination {
        destination_name: Some(name.to_owned()),
        target_arn: Some(record.target),
        role_arn: Some(record.role),
        access_policy: record.policy,
        arn: Some(arn(ctx, name)),
        creation_time: Some(record.created),
    }
}

pub(crate) async fn put_destination(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: PutDestinationInput,
) -> Result<PutDestinationOutput, LogsError> {
    logs.platform.bus.identity()?.may_pass_role(&ctx, &input.role_arn, PRINCIPAL).await?;
    let (name, now) = (input.destination_name, logs.now());
    let key = (ctx.account.clone(), ctx.region.clone(), name.clone());
    let record = logs
        .store()
        .write(move |tx| {
            let mut record = tx.get(&DESTINATIONS, &key)?.unwrap_or_else(|| state::Destination {
                target: String::new(),
                role: String::new(),
                policy: None,
                created: now,
                tags: input.tags.clone().unwrap_or_default().into_iter().collect(),
            });
            record.target.clone_from(&input.target_arn);
            record.role.clone_from(&input.role_arn);
            tx.put(&DESTINATIONS, &key, &record)?;
            Ok::<_, LogsError>(record)
        })
        .await?;
    Ok(PutDestinationOutput { destination: Some(shown(&ctx, &name, record)) })
}

/// What PutDestinationPolicy takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutDestinationPolicyInput {
    pub(crate) destination_name: String,
    access_policy: String,
}

pub(crate) async fn put_destination_policy(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: PutDestinationPolicyInput,
) -> Result<(), LogsError> {
    change(&logs, &ctx, input.destination_name, move |record| record.policy = Some(input.access_policy.clone())).await
}

/// Changes a destination in one step.
pub(crate) async fn change(
    logs: &Logs,
    ctx: &Ctx,
    name: String,
    change: impl Fn(&mut state::Destination) + Send + 'static,
) -> Result<(), LogsError> {
    let key = (ctx.account.clone(), ctx.region.clone(), name);
    logs.store()
        .write(move |tx| {
            let mut record = tx.get(&DESTINATIONS, &key)?.ok_or_else(missing)?;
            change(&mut record);
            tx.put(&DESTINATIONS, &key, &record)?;
            Ok(())
        })
        .await
}

/// What DeleteDestination takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DeleteDestinationInput {
    pub(crate) destination_name: String,
}

pub(crate) async fn delete_destination(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DeleteDestinationInput,
) -> Result<(), LogsError> {
    let key = (ctx.account.clone(), ctx.region.clone(), input.destination_name);
    logs.store().write(move |tx| if tx.delete(&DESTINATIONS, &key)? { Ok(()) } else { Err(missing()) }).await
}

/// What DescribeDestinations takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeDestinationsInput {
    #[shape(name = "DestinationNamePrefix")]
    destination_name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A page of destinations.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeDestinationsOutput {
    destinations: Option<Vec<Destination>>,
    next_token: Option<String>,
}

pub(crate) async fn describe_destinations(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DescribeDestinationsInput,
) -> Result<DescribeDestinationsOutput, LogsError> {
    let scope = (ctx.account.as_str(), ctx.region.as_str());
    let all = logs.store().read(|tx| {
        let range = Range::starts_with(&scope, input.destination_name_prefix.as_deref().unwrap_or_default());
        let entries = tx.range(&DESTINATIONS, range);
        entries.map(|entry| entry.map_err(LogsError::from)).collect::<Result<Vec<_>, _>>()
    })?;
    let (records, next_token) = page(all, input.next_token.as_ref(), input.limit)?;
    let shown = records.into_iter().map(|((_, _, name), record)| shown(&ctx, &name, record));
    Ok(DescribeDestinationsOutput { destinations: Some(shown.collect()), next_token })
}
