//! TagResource, UntagResource, ListTags: of functions, event source mappings and code signing configurations.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::WriteTx;

use super::code_signing;
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{CODE_SIGNING, FUNCTIONS, FunctionKey, SHARED};

type Tags = Vec<(String, String)>;

/// Tags of one resource at most ("Lambda quotas").
const MOST: usize = 50;

/// What TagResource takes.
#[derive(Shape)]
pub(crate) struct TagResourceInput {
    pub(crate) resource: String,
    tags: BTreeMap<String, String>,
}

/// What carries the tags.
enum Tagged {
    Function(Named),
    Mapping,
    CodeSigning(FunctionKey),
}

impl Tagged {
    fn parse(ctx: &Ctx, arn: &str) -> Result<Tagged, FunctionError> {
        if arn.contains(":event-source-mapping:") {
            return Ok(Tagged::Mapping);
        }
        if let Some(key) = code_signing::key_of(arn) {
            return Ok(Tagged::CodeSigning(key));
        }
        let named = Named::parse(ctx, arn, None)?;
        if named.qualifier.is_some() {
            let text = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
            return Err(FunctionError::Invalid(text.to_owned()));
        }
        Ok(Tagged::Function(named))
    }
}

fn add(tags: &mut Tags, new: &BTreeMap<String, String>) {
    tags.retain(|(key, _)| !new.contains_key(key));
    tags.extend(new.clone());
    tags.sort();
}

fn too_many() -> FunctionError {
    FunctionError::Invalid("Number of tags exceeds resource tag limit.".to_owned())
}

fn change_function(tx: &mut WriteTx<'_>, named: &Named, change: impl Fn(&mut Tags)) -> Result<(), FunctionError> {
    let mut function = find(tx, named)?;
    let mut shared = tx.get(&SHARED, &named.key())?.unwrap_or_default();
    change(&mut shared.tags);
    if shared.tags.len() > MOST {
        return Err(too_many());
    }
    tx.put(&SHARED, &named.key(), &shared)?;
    function.touch();
    tx.put(&FUNCTIONS, &function.key(), &function)?;
    Ok(())
}

async fn change(
    functions: &Functions,
    ctx: &Ctx,
    arn: &str,
    change: impl Fn(&mut Tags) + Send + 'static,
) -> Result<(), FunctionError> {
    match Tagged::parse(ctx, arn)? {
        Tagged::Mapping => Ok(functions.mappings.change_tags(arn, change).await?),
        Tagged::Function(named) => functions.store().write(move |tx| change_function(tx, &named, &change)).await,
        Tagged::CodeSigning(key) => {
            let arn = arn.to_owned();
            functions
                .store()
                .write(move |tx| {
                    let missing = || code_signing::not_found(&arn);
                    let mut config = tx.get(&CODE_SIGNING, &key)?.ok_or_else(missing)?;
                    change(&mut config.tags);
                    if config.tags.len() > MOST {
                        return Err(too_many());
                    }
                    tx.put(&CODE_SIGNING, &key, &config)?;
                    Ok(())
                })
                .await
        }
    }
}

pub(crate) async fn tag_resource(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: TagResourceInput,
) -> Result<(), FunctionError> {
    if input.tags.is_empty() {
        return Err(FunctionError::Invalid("An error occurred and the request cannot be processed.".to_owned()));
    }
    let new = input.tags;
    change(&functions, &ctx, &input.resource, move |tags| add(tags, &new)).await
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
    let gone = input.tag_keys;
    change(&functions, &ctx, &input.resource, move |tags| tags.retain(|(key, _)| !gone.contains(key))).await
}

/// What ListTags takes.
#[derive(Shape)]
pub(crate) struct ListTagsInput {
    pub(crate) resource: String,
}

/// A resource's tags.
#[derive(Shape)]
pub(crate) struct ListTagsOutput {
    tags: Option<BTreeMap<String, String>>,
}

pub(crate) async fn list_tags(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ListTagsInput,
) -> Result<ListTagsOutput, FunctionError> {
    let tags = match Tagged::parse(&ctx, &input.resource)? {
        Tagged::Mapping => functions.mappings.tags(&input.resource)?,
        Tagged::Function(named) => {
            functions.find(&named)?;
            functions.shared(&named)?.tags
        }
        Tagged::CodeSigning(key) => {
            let config = functions.store().read(|tx| tx.get(&CODE_SIGNING, &key))?;
            config.ok_or_else(|| code_signing::not_found(&input.resource))?.tags
        }
    };
    Ok(ListTagsOutput { tags: Some(tags.into_iter().collect()) })
}
