//! Function URLs: Create, Get, Update, Delete and ListFunctionUrlConfigs.

use std::sync::Arc;

use pilvi_bus::{Ctx, RequestContext};
use pilvi_model::Shape;
use pilvi_store::{Range, ReadTx};
use uuid::Uuid;

use super::page;
use super::shapes::{Cors, lambda_time};
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{URL_IDS, URLS, Url, VersionKey};

/// What CreateFunctionUrlConfig takes.
#[derive(Shape)]
pub(crate) struct CreateUrlInput {
    pub(crate) function_name: String,
    pub(crate) qualifier: Option<String>,
    auth_type: String,
    cors: Option<Cors>,
    invoke_mode: Option<String>,
}

/// A new address.
#[derive(Shape)]
pub(crate) struct CreateUrlOutput {
    function_url: String,
    function_arn: String,
    auth_type: String,
    cors: Option<Cors>,
    creation_time: String,
    invoke_mode: Option<String>,
}

/// An address.
#[derive(Shape)]
pub(crate) struct UrlOutput {
    function_url: String,
    function_arn: String,
    auth_type: String,
    cors: Option<Cors>,
    creation_time: String,
    last_modified_time: String,
    invoke_mode: Option<String>,
}

fn url_key(named: &Named) -> VersionKey {
    named.key_at(named.qualifier.as_deref().unwrap_or_default())
}

/// The address itself, on the port that the client uses.
fn address(ctx: &RequestContext, named: &Named, id: &str) -> String {
    let (scheme, host) = ctx.endpoint.split_once("://").unwrap_or(("http", ""));
    let port = host.rsplit_once(':').map(|(_, port)| format!(":{port}")).unwrap_or_default();
    format!("{scheme}://{id}.lambda-url.{}.localhost{port}/", named.region)
}

impl UrlOutput {
    fn of(ctx: &RequestContext, named: &Named, url: &Url) -> UrlOutput {
        UrlOutput {
            function_url: address(ctx, named, &url.id),
            function_arn: named.arn(),
            auth_type: url.auth.clone(),
            cors: url.cors.clone(),
            creation_time: lambda_time(url.created),
            last_modified_time: lambda_time(url.modified),
            invoke_mode: Some(url.mode.clone()),
        }
    }
}

fn no_function(error: FunctionError) -> FunctionError {
    match error {
        FunctionError::NotFound(_) => FunctionError::Missing("Function does not exist".to_owned()),
        other => other,
    }
}

fn missing() -> FunctionError {
    FunctionError::Missing("The resource you requested does not exist.".to_owned())
}

pub(crate) async fn create(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: CreateUrlInput,
) -> Result<CreateUrlOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let now = functions.platform.clock.now_ms();
    let url = Url {
        // 32 letters and digits, as AWS's are.
        id: Uuid::new_v4().simple().to_string(),
        auth: input.auth_type,
        cors: input.cors,
        mode: input.invoke_mode.clone().unwrap_or_else(|| "BUFFERED".to_owned()),
        created: now,
        modified: now,
    };
    let (record, key, owner) = (url.clone(), url_key(&named), named.clone());
    functions
        .store()
        .write(move |tx| {
            find(tx, &owner).map_err(no_function)?;
            if tx.contains(&URLS, &key)? {
                return Err(FunctionError::Conflict(format!(
                    "Failed to create function url config for [functionArn = {}]. Error message:  FunctionUrlConfig exists for \
                     this Lambda function",
                    owner.arn()
                )));
            }
            tx.put(&URLS, &key, &record)?;
            tx.put(&URL_IDS, &record.id, &key)?;
            Ok(())
        })
        .await?;
    Ok(CreateUrlOutput {
        function_url: address(&ctx, &named, &url.id),
        function_arn: named.arn(),
        auth_type: url.auth,
        cors: url.cors,
        creation_time: lambda_time(url.created),
        invoke_mode: input.invoke_mode,
    })
}

/// A function or alias.
#[derive(Shape)]
pub(crate) struct UrlInput {
    pub(crate) function_name: String,
    pub(crate) qualifier: Option<String>,
}

fn get_url(tx: &ReadTx<'_>, named: &Named) -> Result<Url, FunctionError> {
    tx.get(&URLS, &url_key(named))?.ok_or_else(missing)
}

pub(crate) async fn get(functions: Arc<Functions>, ctx: Ctx, input: UrlInput) -> Result<UrlOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let url = functions.store().read(|tx| get_url(tx, &named))?;
    Ok(UrlOutput::of(&ctx, &named, &url))
}

/// What UpdateFunctionUrlConfig takes; what is absent stays as it is.
#[derive(Shape)]
pub(crate) struct UpdateUrlInput {
    pub(crate) function_name: String,
    pub(crate) qualifier: Option<String>,
    auth_type: Option<String>,
    cors: Option<Cors>,
    invoke_mode: Option<String>,
}

pub(crate) async fn update(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: UpdateUrlInput,
) -> Result<UrlOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    let now = functions.platform.clock.now_ms();
    let mode = input.invoke_mode.clone();
    let owner = named.clone();
    let url = functions
        .store()
        .write(move |tx| {
            find(tx, &owner).map_err(no_function)?;
            let mut url = get_url(tx, &owner)?;
            if let Some(auth) = &input.auth_type {
                url.auth.clone_from(auth);
            }
            if input.cors.is_some() {
                url.cors.clone_from(&input.cors);
            }
            if let Some(mode) = &input.invoke_mode {
                url.mode.clone_from(mode);
            }
            url.modified = now;
            tx.put(&URLS, &url_key(&owner), &url)?;
            Ok::<_, FunctionError>(url)
        })
        .await?;
    // The mode is told where it was asked for, as AWS does.
    Ok(UrlOutput { invoke_mode: mode, ..UrlOutput::of(&ctx, &named, &url) })
}

pub(crate) async fn delete(functions: Arc<Functions>, ctx: Ctx, input: UrlInput) -> Result<(), FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, input.qualifier.as_deref())?;
    functions
        .store()
        .write(move |tx| {
            let url = get_url(tx, &named)?;
            tx.delete(&URLS, &url_key(&named))?;
            tx.delete(&URL_IDS, &url.id)?;
            Ok(())
        })
        .await
}

/// What ListFunctionUrlConfigs takes.
#[derive(Shape)]
pub(crate) struct ListUrlsInput {
    pub(crate) function_name: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of addresses.
#[derive(Shape)]
pub(crate) struct ListUrlsOutput {
    function_url_configs: Vec<UrlOutput>,
    next_marker: Option<String>,
}

pub(crate) async fn list(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ListUrlsInput,
) -> Result<ListUrlsOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    let all = functions.store().read(|tx| {
        find(tx, &named).map_err(no_function)?;
        let entries = tx.range(&URLS, Range::prefix(&named.key()));
        let entries = entries.map(|entry| entry.map(|((.., alias), url)| (alias, url)));
        entries.collect::<Result<Vec<(String, Url)>, _>>().map_err(FunctionError::from)
    })?;
    let (page, next_marker) = page(all, input.marker.as_deref(), input.max_items, 50, |(_, url)| url.id.clone());
    let configs = page.iter().map(|(alias, url)| {
        let qualifier = (!alias.is_empty()).then(|| alias.clone());
        UrlOutput::of(&ctx, &Named { qualifier, ..named.clone() }, url)
    });
    Ok(ListUrlsOutput { function_url_configs: configs.collect(), next_marker })
}
