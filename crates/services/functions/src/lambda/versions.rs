//! PublishVersion, ListVersionsByFunction.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{Range, WriteTx, blobs};

use super::shapes::FunctionConfiguration;
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{FUNCTIONS, Function, SHARED, Shared};

/// Makes a version of the function as it is; the last version is the answer where nothing has changed since.
pub(crate) fn publish(
    tx: &mut WriteTx<'_>,
    latest: &Function,
    shared: &mut Shared,
    description: Option<&str>,
) -> Result<Function, FunctionError> {
    let number = shared.next.max(1);
    let before = (latest.account.as_str(), latest.region.as_str(), latest.name.as_str(), (number - 1).to_string());
    if let Some(last) = tx.get(&FUNCTIONS, &(before.0, before.1, before.2, before.3.as_str()))?
        && is_same(&last, latest)
    {
        return Ok(last);
    }
    let mut version = latest.clone();
    version.version = number.to_string();
    version.revision = uuid::Uuid::new_v4().to_string();
    if let Some(text) = description {
        version.description = text.to_owned();
    }
    tx.put(&FUNCTIONS, &version.key(), &version)?;
    blobs::retain(tx, &version.code.blob)?;
    shared.next = number + 1;
    Ok(version)
}

/// Lambda publishes no version where neither code nor configuration have changed since the last one.
fn is_same(version: &Function, latest: &Function) -> bool {
    version.modified == latest.modified && version.code == latest.code
}

/// What PublishVersion takes.
#[derive(Shape)]
pub(crate) struct PublishVersionInput {
    pub(crate) function_name: String,
    code_sha256: Option<String>,
    description: Option<String>,
    revision_id: Option<String>,
}

pub(crate) async fn publish_version(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: PublishVersionInput,
) -> Result<FunctionConfiguration, FunctionError> {
    let named = Named { qualifier: None, ..Named::parse(&ctx, &input.function_name, None)? };
    let version = functions
        .store()
        .write(move |tx| {
            let latest = find(tx, &named)?;
            if input.revision_id.as_ref().is_some_and(|revision| *revision != latest.revision) {
                return Err(FunctionError::Revision);
            }
            if let Some(sha256) = &input.code_sha256
                && *sha256 != latest.code.sha256
            {
                return Err(FunctionError::Invalid(format!(
                    "CodeSHA256 ({sha256}) is different from current CodeSHA256 in $LATEST ({}). Please try again with the \
                     CodeSHA256 in $LATEST.",
                    latest.code.sha256
                )));
            }
            let key = (named.account.as_str(), named.region.as_str(), named.name.as_str());
            let mut shared = tx.get(&SHARED, &key)?.unwrap_or_default();
            let version = publish(tx, &latest, &mut shared, input.description.as_deref())?;
            tx.put(&SHARED, &key, &shared)?;
            Ok(version)
        })
        .await?;
    Ok(FunctionConfiguration::new(&version, false, |arn| functions.layer_size(arn)))
}

/// What ListVersionsByFunction takes.
#[derive(Shape)]
pub(crate) struct ListVersionsByFunctionInput {
    pub(crate) function_name: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of versions.
#[derive(Shape)]
pub(crate) struct ListVersionsByFunctionOutput {
    next_marker: Option<String>,
    versions: Option<Vec<FunctionConfiguration>>,
}

pub(crate) async fn list_versions_by_function(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ListVersionsByFunctionInput,
) -> Result<ListVersionsByFunctionOutput, FunctionError> {
    let named = Named { qualifier: None, ..Named::parse(&ctx, &input.function_name, None)? };
    let mut versions = functions.store().read(|tx| {
        find(tx, &named)?;
        let range = Range::prefix(&(named.account.as_str(), named.region.as_str(), named.name.as_str()));
        tx.range(&FUNCTIONS, range).map(|entry| Ok(entry?.1)).collect::<Result<Vec<Function>, FunctionError>>()
    })?;
    // $LATEST first, then by number.
    versions.sort_by_key(|function| function.version.parse::<u64>().unwrap_or(0));
    let start: usize = input.marker.as_deref().and_then(|marker| marker.parse().ok()).unwrap_or(0);
    let most = usize::try_from(input.max_items.unwrap_or(50)).unwrap_or(50).clamp(1, 50);
    let page: Vec<FunctionConfiguration> = versions
        .iter()
        .skip(start)
        .take(most)
        .map(|function| FunctionConfiguration::new(function, true, |arn| functions.layer_size(arn)))
        .collect();
    let next = start + page.len();
    Ok(ListVersionsByFunctionOutput {
        next_marker: (next < versions.len()).then(|| next.to_string()),
        versions: Some(page),
    })
}
