//! PublishVersion, ListVersionsByFunction.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{Range, WriteTx, blobs};
use uuid::Uuid;

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
    if let Some(last) = tx.get(&FUNCTIONS, &latest.named().key_at(&(number - 1).to_string()))?
        && last.build == latest.build
    {
        return Ok(last);
    }
    let mut version = latest.clone();
    version.version = number.to_string();
    version.touch();
    // A version of a function that is still being made is on its way as long as the function.
    version.transition = latest.transition.clone();
    if let Some(transition) = &mut version.transition {
        transition.revision = Uuid::new_v4().to_string();
    }
    if let Some(text) = description {
        version.description = text.to_owned();
    }
    tx.put(&FUNCTIONS, &version.key(), &version)?;
    for blob in version.blobs() {
        blobs::retain(tx, blob)?;
    }
    shared.next = number + 1;
    Ok(version)
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
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    let version = functions
        .store()
        .write(move |tx| {
            let mut latest = find(tx, &named)?;
            if input.revision_id.as_ref().is_some_and(|revision| !latest.is_revision(revision)) {
                return Err(FunctionError::Revision);
            }
            if let Some(sha256) = &input.code_sha256
                && *sha256 != latest.code_sha256()
            {
                return Err(FunctionError::Invalid(format!(
                    "CodeSHA256 ({sha256}) is different from current CodeSHA256 in $LATEST ({}). Please try again with the \
                     CodeSHA256 in $LATEST.",
                    latest.code_sha256()
                )));
            }
            let mut shared = tx.get(&SHARED, &named.key())?.unwrap_or_default();
            let number = shared.next;
            latest.settle();
            let version = publish(tx, &latest, &mut shared, input.description.as_deref())?;
            if shared.next != number {
                latest.touch();
                tx.put(&FUNCTIONS, &latest.key(), &latest)?;
                tx.put(&SHARED, &named.key(), &shared)?;
            }
            Ok(version)
        })
        .await?;
    Ok(FunctionConfiguration::new(&version, version.version_arn(), functions.platform.clock.now_ms()))
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
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    let mut versions = functions.store().read(|tx| {
        find(tx, &named)?;
        let range = Range::prefix(&named.key());
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
        .map(|function| {
            let arn = format!("{}:{}", function.arn(), function.version);
            FunctionConfiguration::listed(function, arn, functions.platform.clock.now_ms())
        })
        .collect();
    let next = start + page.len();
    Ok(ListVersionsByFunctionOutput {
        next_marker: (next < versions.len()).then(|| next.to_string()),
        versions: Some(page),
    })
}
