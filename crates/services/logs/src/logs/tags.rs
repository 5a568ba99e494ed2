//! Tags of log groups, by the older operations (by name) and the newer (by ARN), which take destinations' too.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::destinations;
use super::groups::{GroupInput, change};
use crate::core::{Logs, group, group_name};
use crate::errors::LogsError;
use crate::state::DESTINATIONS;

/// What TagResource takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct TagResourceInput {
    pub(crate) resource_arn: String,
    tags: BTreeMap<String, String>,
}

/// What UntagResource takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct UntagResourceInput {
    pub(crate) resource_arn: String,
    tag_keys: Vec<String>,
}

/// What ListTagsForResource takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct ListTagsForResourceInput {
    pub(crate) resource_arn: String,
}

/// A group's tags.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct TagsOutput {
    tags: Option<BTreeMap<String, String>>,
}

/// What TagLogGroup takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct TagLogGroupInput {
    pub(crate) log_group_name: String,
    tags: BTreeMap<String, String>,
}

/// What UntagLogGroup takes.
#[derive(Shape)]
#[shape(rename_all = "camelCase")]
pub(crate) struct UntagLogGroupInput {
    pub(crate) log_group_name: String,
    tags: Vec<String>,
}

async fn add(logs: &Logs, ctx: &Ctx, name: String, new: BTreeMap<String, String>) -> Result<(), LogsError> {
    change(logs, ctx, name, move |group| {
        group.tags.retain(|(key, _)| !new.contains_key(key));
        group.tags.extend(new.clone());
        group.tags.sort();
    })
    .await
}

async fn remove(logs: &Logs, ctx: &Ctx, name: String, keys: Vec<String>) -> Result<(), LogsError> {
    change(logs, ctx, name, move |group| group.tags.retain(|(key, _)| !keys.contains(key))).await
}

fn list(logs: &Logs, ctx: &Ctx, name: &str) -> Result<TagsOutput, LogsError> {
    let group = logs.store().read(|tx| group(tx, &ctx.account, &ctx.region, name))?;
    Ok(TagsOutput { tags: Some(group.tags.into_iter().collect()) })
}

/// The destination that an ARN names.
fn destination(arn: &str) -> Option<String> {
    arn.split_once(":destination:").map(|(_, name)| name.to_owned())
}

pub(crate) async fn tag_resource(logs: Arc<Logs>, ctx: Ctx, input: TagResourceInput) -> Result<(), LogsError> {
    let Some(name) = destination(&input.resource_arn) else {
        return add(&logs, &ctx, group_name(&input.resource_arn), input.tags).await;
    };
    destinations::change(&logs, &ctx, name, move |record| {
        record.tags.retain(|(key, _)| !input.tags.contains_key(key));
        record.tags.extend(input.tags.clone());
    })
    .await
}

pub(crate) async fn untag_resource(logs: Arc<Logs>, ctx: Ctx, input: UntagResourceInput) -> Result<(), LogsError> {
    let Some(name) = destination(&input.resource_arn) else {
        return remove(&logs, &ctx, group_name(&input.resource_arn), input.tag_keys).await;
    };
    destinations::change(&logs, &ctx, name, move |record| record.tags.retain(|(key, _)| !input.tag_keys.contains(key)))
        .await
}

pub(crate) async fn list_tags_for_resource(
    logs: Arc<Logs>,
    ctx: Ctx,
    input: ListTagsForResourceInput,
) -> Result<TagsOutput, LogsError> {
    let Some(name) = destination(&input.resource_arn) else {
        return list(&logs, &ctx, &group_name(&input.resource_arn));
    };
    let key = (ctx.account.as_str(), ctx.region.as_str(), name.as_str());
    let record = logs.store().read(|tx| tx.get(&DESTINATIONS, &key))?.ok_or_else(destinations::missing)?;
    Ok(TagsOutput { tags: Some(record.tags.into_iter().collect()) })
}

pub(crate) async fn tag_log_group(logs: Arc<Logs>, ctx: Ctx, input: TagLogGroupInput) -> Result<(), LogsError> {
    add(&logs, &ctx, input.log_group_name, input.tags).await
}

pub(crate) async fn untag_log_group(logs: Arc<Logs>, ctx: Ctx, input: UntagLogGroupInput) -> Result<(), LogsError> {
    remove(&logs, &ctx, input.log_group_name, input.tags).await
}

pub(crate) async fn list_tags_log_group(logs: Arc<Logs>, ctx: Ctx, input: GroupInput) -> Result<TagsOutput, LogsError> {
    list(&logs, &ctx, &input.log_group_name)
}
