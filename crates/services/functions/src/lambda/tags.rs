//! TagResource, UntagResource, ListTags.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::WriteTx;

use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{SHARED, Shared};

/// What TagResource takes.
#[derive(Shape)]
pub(crate) struct TagResourceInput {
    pub(crate) resource: String,
    tags: BTreeMap<String, String>,
}

/// Event source mappings carry tags too.
fn is_mapping(arn: &str) -> bool {
    arn.contains(":event-source-mapping:")
}

fn change(tx: &mut WriteTx<'_>, named: &Named, change: impl FnOnce(&mut Shared)) -> Result<(), FunctionError> {
    find(tx, named)?;
    let key = (named.account.as_str(), named.region.as_str(), named.name.as_str());
    let mut shared = tx.get(&SHARED, &key)?.unwrap_or_default();
    change(&mut shared);
    if shared.tags.len() > 50 {
        return Err(FunctionError::Invalid("Maximum number of tags exceeded: 50".to_owned()));
    }
    tx.put(&SHARED, &key, &shared)?;
    Ok(())
}

pub(crate) async fn tag_resource(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: TagResourceInput,
) -> Result<(), FunctionError> {
    if is_mapping(&input.resource) {
        let change = move |tags: &mut Vec<(String, String)>| {
            tags.retain(|(key, _)| !input.tags.contains_key(key));
            tags.extend(input.tags.clone());
        };
        return Ok(functions.mappings.change_tags(&input.resource, change).await?);
    }
    let named = Named::parse(&ctx, &input.resource, None)?;
    functions
        .store()
        .write(move |tx| {
            change(tx, &named, |shared| {
                shared.tags.retain(|(key, _)| !input.tags.contains_key(key));
                shared.tags.extend(input.tags.clone());
                shared.tags.sort();
            })
        })
        .await
}

/// What UntagResource takes.
#[derive(Shape)]
pub(crate) struct UntagResourceInput {
    pub(crate) resource: String,
    tag_keys: Vec<String>,
}

pub(crate) async fn untag_resource(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: UntagResourceInput,
) -> Result<(), FunctionError> {
    if is_mapping(&input.resource) {
        let change = move |tags: &mut Vec<(String, String)>| tags.retain(|(key, _)| !input.tag_keys.contains(key));
        return Ok(functions.mappings.change_tags(&input.resource, change).await?);
    }
    let named = Named::parse(&ctx, &input.resource, None)?;
    functions
        .store()
        .write(move |tx| change(tx, &named, |shared| shared.tags.retain(|(key, _)| !input.tag_keys.contains(key))))
        .await
}

/// What ListTags takes.
#[derive(Shape)]
pub(crate) struct ListTagsInput {
    pub(crate) resource: String,
}

/// A function's tags.
#[derive(Shape)]
pub(crate) struct ListTagsOutput {
    tags: Option<BTreeMap<String, String>>,
}

pub(crate) async fn list_tags(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ListTagsInput,
) -> Result<ListTagsOutput, FunctionError> {
    if is_mapping(&input.resource) {
        return Ok(ListTagsOutput { tags: Some(functions.mappings.tags(&input.resource)?.into_iter().collect()) });
    }
    let function = functions.named(&ctx, &input.resource, None)?;
    let shared = functions.shared(&function)?;
    Ok(ListTagsOutput { tags: Some(shared.tags.into_iter().collect()) })
}
