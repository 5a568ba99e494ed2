//! Vended logs: where services could send theirs. No service here sends any, so no source can be made; destinations are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::{Arn, Ctx, RequestContext};
use pilvi_model::Shape;
use pilvi_store::Range;

use crate::core::{Logs, page};
use crate::errors::LogsError;
use crate::state::{self, DELIVERY_DESTINATIONS};

/// `arn:aws:logs:REGION:ACCOUNT:delivery-destination:NAME`
pub(crate) fn arn(ctx: &RequestContext, name: &str) -> String {
    ctx.arn("logs", format!("delivery-destination:{name}")).to_string()
}

/// `arn:aws:logs:REGION:ACCOUNT:delivery-source:NAME`
pub(crate) fn source_arn(ctx: &RequestContext, name: &str) -> String {
    ctx.arn("logs", format!("delivery-source:{name}")).to_string()
}

fn missing() -> LogsError {
    LogsError::NotFound("Requested Delivery Destination does not exist in this account.".to_owned())
}

#[derive(Shape)]
#[shape(rename_all = "camelCase")]
struct DeliveryDestinationConfiguration {
    destination_resource_arn: String,
}

/// What PutDeliveryDestination takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutDeliveryDestinationInput {
    pub(crate) name: String,
    output_format: Option<String>,
    delivery_destination_configuration: Option<DeliveryDestinationConfiguration>,
    delivery_destination_type: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

/// A destination of vended logs.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DeliveryDestination {
    name: Option<String>,
    arn: Option<String>,
    delivery_destination_type: Option<String>,
    output_format: Option<String>,
    delivery_destination_configuration: Option<DeliveryDestinationConfiguration>,
}

/// One destination.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DeliveryDestinationOutput {
    delivery_destination: Option<DeliveryDestination>,
}

fn shown(ctx: &RequestContext, name: &str, record: state::DeliveryDestination) -> DeliveryDestination {
    DeliveryDestination {
        name: Some(name.to_owned()),
        arn: Some(arn(ctx, name)),
        delivery_destination_type: Some(record.kind),
        output_format: record.format,
        delivery_destination_configuration: Some(DeliveryDestinationConfiguration {
            destination_resource_arn: record.resource,
        }),
    }
}

pub(crate) async fn put_delivery_destination(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: PutDeliveryDestinationInput,
) -> Result<DeliveryDestinationOutput, LogsError> {
    let name = input.name;
    let key = (ctx.account.clone(), ctx.region.clone(), name.clone());
    let resource = input.delivery_destination_configuration.map(|one| one.destination_resource_arn);
    let record = logs
        .store()
        .write(move |tx| {
            let old = tx.get(&DELIVERY_DESTINATIONS, &key)?;
            let invalid = || LogsError::Protected("The destinationResourceArn is not valid.".to_owned());
            let resource =
                resource.clone().or_else(|| old.as_ref().map(|old| old.resource.clone())).ok_or_else(invalid)?;
            let kind = match &*Arn::parse(&resource).ok_or_else(invalid)?.service {
                "s3" => "S3",
                "firehose" => "FH",
                "logs" => "CWL",
                "xray" => "XRAY",
                _ => return Err(invalid()),
            };
            let record = state::DeliveryDestination {
                kind: input.delivery_destination_type.clone().unwrap_or_else(|| kind.to_owned()),
                resource,
                format: input.output_format.clone().or_else(|| old.as_ref().and_then(|old| old.format.clone())),
                policy: old.as_ref().and_then(|old| old.policy.clone()),
                tags: old.map_or_else(|| input.tags.clone().unwrap_or_default().into_iter().collect(), |old| old.tags),
            };
            tx.put(&DELIVERY_DESTINATIONS, &key, &record)?;
            Ok(record)
        })
        .await?;
    Ok(DeliveryDestinationOutput { delivery_destination: Some(shown(&ctx, &name, record)) })
}

/// A destination by name.
#[derive(Shape)]
pub(crate) struct NameInput {
    #[shape(name = "name")]
    pub(crate) name: String,
}

fn find(logs: &Logs, ctx: &Ctx, name: &str) -> Result<state::DeliveryDestination, LogsError> {
    let key = (ctx.account.as_str(), ctx.region.as_str(), name);
    logs.store().read(|tx| tx.get(&DELIVERY_DESTINATIONS, &key))?.ok_or_else(missing)
}

pub(crate) async fn get_delivery_destination(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: NameInput,
) -> Result<DeliveryDestinationOutput, LogsError> {
    let record = find(&logs, &ctx, &input.name)?;
    Ok(DeliveryDestinationOutput { delivery_destination: Some(shown(&ctx, &input.name, record)) })
}

pub(crate) async fn delete_delivery_destination(logs: Arc<Logs>, ctx: Ctx, input: NameInput) -> Result<(), LogsError> {
    let key = (ctx.account.clone(), ctx.region.clone(), input.name);
    logs.store().write(move |tx| if tx.delete(&DELIVERY_DESTINATIONS, &key)? { Ok(()) } else { Err(missing()) }).await
}

/// What DescribeDeliveryDestinations takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeDeliveryDestinationsInput {
    next_token: Option<String>,
    limit: Option<i64>,
}

/// A page of destinations.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct DescribeDeliveryDestinationsOutput {
    delivery_destinations: Option<Vec<DeliveryDestination>>,
    next_token: Option<String>,
}

pub(crate) async fn describe_delivery_destinations(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: DescribeDeliveryDestinationsInput,
) -> Result<DescribeDeliveryDestinationsOutput, LogsError> {
    let all = logs.store().read(|tx| {
        let entries = tx.range(&DELIVERY_DESTINATIONS, Range::prefix(&(ctx.account.as_str(), ctx.region.as_str())));
        entries.map(|entry| entry.map_err(LogsError::from)).collect::<Result<Vec<_>, _>>()
    })?;
    let (records, next_token) = page(all, input.next_token.as_ref(), input.limit)?;
    let shown = records.into_iter().map(|((_, _, name), record)| shown(&ctx, &name, record));
    Ok(DescribeDeliveryDestinationsOutput { delivery_destinations: Some(shown.collect()), next_token })
}

/// What PutDeliveryDestinationPolicy takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutPolicyInput {
    pub(crate) delivery_destination_name: String,
    delivery_destination_policy: String,
}

/// A destination by name, where its policy is meant.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PolicyInput {
    pub(crate) delivery_destination_name: String,
}

#[derive(Shape)]
#[shape(rename_all = "camelCase")]
struct Policy {
    delivery_destination_policy: Option<String>,
}

/// A destination's policy.
#[derive(Shape)]
pub(crate) struct PolicyOutput {
    #[shape(name = "policy")]
    policy: Option<Policy>,
}

async fn set_policy(logs: &Logs, ctx: &Ctx, name: String, policy: Option<String>) -> Result<PolicyOutput, LogsError> {
    let key = (ctx.account.clone(), ctx.region.clone(), name);
    let shown = policy.clone();
    logs.store()
        .write(move |tx| {
            let mut record = tx.get(&DELIVERY_DESTINATIONS, &key)?.ok_or_else(missing)?;
            record.policy.clone_from(&policy);
            tx.put(&DELIVERY_DESTINATIONS, &key, &record)?;
            Ok::<_, LogsError>(())
        })
        .await?;
    Ok(PolicyOutput { policy: Some(Policy { delivery_destination_policy: shown }) })
}

pub(crate) async fn put_delivery_destination_policy(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: PutPolicyInput,
) -> Result<PolicyOutput, LogsError> {
    set_policy(&logs, &ctx, input.delivery_destination_name, Some(input.delivery_destination_policy)).await
}

pub(crate) async fn get_delivery_destination_policy(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: PolicyInput,
) -> Result<PolicyOutput, LogsError> {
    let record = find(&logs, &ctx, &input.delivery_destination_name)?;
    Ok(PolicyOutput { policy: Some(Policy { delivery_destination_policy: record.policy }) })
}

pub(crate) async fn delete_delivery_destination_policy(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: PolicyInput,
) -> Result<(), LogsError> {
    set_policy(&logs, &ctx, input.delivery_destination_name, None).await.map(|_| ())
}

/// What PutDeliverySource takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct PutDeliverySourceInput {
    pub(crate) name: String,
    resource_arn: String,
    log_type: String,
}

/// A source; there are none.
#[derive(Shape)]
pub(crate) struct DeliverySourceOutput {}

pub(crate) async fn put_delivery_source(
    _: Arc<Logs>,
    _: Ctx,
    input: PutDeliverySourceInput,
) -> Result<DeliverySourceOutput, LogsError> {
    tracing::debug!(
        source = input.name,
        resource = input.resource_arn,
        kind = input.log_type,
        "no source of vended logs"
    );
    Err(LogsError::NotFound("Cannot access provided service.".to_owned()))
}

pub(crate) async fn get_delivery_source(_: Arc<Logs>, _: Ctx, _: NameInput) -> Result<DeliverySourceOutput, LogsError> {
    Err(LogsError::NotFound("Requested Delivery Source does not exist in this account.".to_owned()))
}
