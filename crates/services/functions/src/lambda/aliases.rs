//! CreateAlias, GetAlias, UpdateAlias, DeleteAlias, ListAliases.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{Range, ReadTx};
use uuid::Uuid;

use super::checks::validation;
use super::delete_function::forget;
use super::page;
use crate::core::{Functions, find};
use crate::errors::FunctionError;
use crate::names::Named;
use crate::state::{ALIASES, Alias, LATEST};

/// Which part of the invocations another version gets.
#[derive(Shape, Clone)]
pub(crate) struct AliasRoutingConfiguration {
    additional_version_weights: Option<BTreeMap<String, f64>>,
}

/// What CreateAlias takes.
#[derive(Shape)]
pub(crate) struct CreateAliasInput {
    pub(crate) function_name: String,
    name: String,
    function_version: String,
    description: Option<String>,
    routing_config: Option<AliasRoutingConfiguration>,
}

/// An alias, as all operations show it.
#[derive(Shape)]
pub(crate) struct AliasConfiguration {
    alias_arn: Option<String>,
    name: Option<String>,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<AliasRoutingConfiguration>,
    revision_id: Option<String>,
}

impl AliasConfiguration {
    fn of(named: &Named, name: &str, alias: &Alias) -> AliasConfiguration {
        AliasConfiguration {
            alias_arn: Some(format!("{}:{name}", named.unqualified_arn())),
            name: Some(name.to_owned()),
            function_version: Some(alias.version.clone()),
            description: Some(alias.description.clone()),
            routing_config: alias.additional.clone().map(|(version, weight)| AliasRoutingConfiguration {
                additional_version_weights: Some(BTreeMap::from([(version, weight)])),
            }),
            revision_id: Some(alias.revision.clone()),
        }
    }
}

/// Reads the version that shares the invocations with the alias's own.
fn additional(
    tx: &ReadTx<'_>,
    named: &Named,
    version: &str,
    routing: Option<&AliasRoutingConfiguration>,
) -> Result<Option<(String, f64)>, FunctionError> {
    let at = |version: &str| Named { qualifier: Some(version.to_owned()), ..named.clone() };
    let weights = routing.and_then(|routing| routing.additional_version_weights.as_ref());
    let Some((other, weight)) = weights.and_then(BTreeMap::first_key_value) else {
        find(tx, &at(version))?;
        return Ok(None);
    };
    if weights.is_some_and(|weights| weights.len() > 1) {
        let text = "Number of items in AdditionalVersionWeights cannot be greater than 1";
        return Err(FunctionError::Invalid(text.to_owned()));
    }
    if !(0.0..=1.0).contains(weight) {
        return Err(validation(format!(
            "1 validation error detected: Value '{{{other}={weight:?}}}' at 'routingConfig.additionalVersionWeights' failed to \
             satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member \
             must have value greater than or equal to 0.0, Member must not be null]"
        )));
    }
    if other == version {
        return Err(FunctionError::Invalid(format!(
            "Invalid function version {other}. Function version {other} is already included in routing configuration."
        )));
    }
    find(tx, &at(version))?;
    if version == LATEST {
        let text = "$LATEST is not supported for an alias pointing to more than 1 version";
        return Err(FunctionError::Bare("InvalidParameterValueException", 400, text.to_owned()));
    }
    find(tx, &at(other))?;
    Ok(Some((other.clone(), *weight)))
}

pub(crate) async fn create_alias(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: CreateAliasInput,
) -> Result<AliasConfiguration, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    functions
        .store()
        .write(move |tx| {
            let additional = additional(tx, &named, &input.function_version, input.routing_config.as_ref())?;
            let key = named.key_at(&input.name);
            if tx.contains(&ALIASES, &key)? {
                let arn = format!("{}:{}", named.unqualified_arn(), input.name);
                return Err(FunctionError::Conflict(format!("Alias already exists: {arn}")));
            }
            let alias = Alias {
                version: input.function_version.clone(),
                description: input.description.clone().unwrap_or_default(),
                additional,
                revision: Uuid::new_v4().to_string(),
            };
            tx.put(&ALIASES, &key, &alias)?;
            Ok(AliasConfiguration::of(&named, &input.name, &alias))
        })
        .await
}

/// An alias by name.
#[derive(Shape)]
pub(crate) struct AliasInput {
    pub(crate) function_name: String,
    name: String,
}

fn get(tx: &ReadTx<'_>, named: &Named, name: &str) -> Result<Alias, FunctionError> {
    let missing = || FunctionError::Missing(format!("Cannot find alias arn: {}:{name}", named.unqualified_arn()));
    tx.get(&ALIASES, &named.key_at(name))?.ok_or_else(missing)
}

pub(crate) async fn get_alias(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: AliasInput,
) -> Result<AliasConfiguration, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    let alias = functions.store().read(|tx| get(tx, &named, &input.name))?;
    Ok(AliasConfiguration::of(&named, &input.name, &alias))
}

/// What UpdateAlias takes; what is absent stays as it is.
#[derive(Shape)]
pub(crate) struct UpdateAliasInput {
    pub(crate) function_name: String,
    name: String,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<AliasRoutingConfiguration>,
    revision_id: Option<String>,
}

pub(crate) async fn update_alias(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: UpdateAliasInput,
) -> Result<AliasConfiguration, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    functions
        .store()
        .write(move |tx| {
            let mut alias = get(tx, &named, &input.name)?;
            if input.revision_id.as_ref().is_some_and(|revision| *revision != alias.revision) {
                return Err(FunctionError::Revision);
            }
            if let Some(version) = &input.function_version {
                alias.version.clone_from(version);
                find(tx, &Named { qualifier: Some(version.clone()), ..named.clone() })?;
            }
            if let Some(text) = &input.description {
                alias.description.clone_from(text);
            }
            if let Some(routing) = &input.routing_config {
                alias.additional = additional(tx, &named, &alias.version, Some(routing))?;
            }
            alias.revision = Uuid::new_v4().to_string();
            tx.put(&ALIASES, &named.key_at(&input.name), &alias)?;
            Ok(AliasConfiguration::of(&named, &input.name, &alias))
        })
        .await
}

pub(crate) async fn delete_alias(functions: Arc<Functions>, ctx: Ctx, input: AliasInput) -> Result<(), FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    functions
        .store()
        .write(move |tx| {
            // Deleting what is not there is no error.
            if tx.delete(&ALIASES, &named.key_at(&input.name))? {
                forget(tx, &Named { qualifier: Some(input.name.clone()), ..named.clone() })?;
            }
            Ok(())
        })
        .await
}

/// What ListAliases takes.
#[derive(Shape)]
pub(crate) struct ListAliasesInput {
    pub(crate) function_name: String,
    function_version: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of aliases.
#[derive(Shape)]
pub(crate) struct ListAliasesOutput {
    next_marker: Option<String>,
    aliases: Option<Vec<AliasConfiguration>>,
}

pub(crate) async fn list_aliases(
    functions: Arc<Functions>,
    ctx: Ctx,
    input: ListAliasesInput,
) -> Result<ListAliasesOutput, FunctionError> {
    let named = Named::parse(&ctx, &input.function_name, None)?.unqualified();
    let all = functions.store().read(|tx| {
        find(tx, &named)?;
        let entries = tx.range(&ALIASES, Range::prefix(&named.key()));
        entries
            .map(|entry| entry.map(|((.., name), alias)| (name, alias)))
            .filter(|entry| match (entry, &input.function_version) {
                (Ok((_, alias)), Some(version)) => alias.version == *version,
                _ => true,
            })
            .collect::<Result<Vec<(String, Alias)>, _>>()
            .map_err(FunctionError::from)
    })?;
    let (page, next_marker) = page(all, input.marker.as_deref(), input.max_items, 10_000, |(name, _)| name.clone());
    let aliases = page.iter().map(|(name, alias)| AliasConfiguration::of(&named, name, alias)).collect();
    Ok(ListAliasesOutput { next_marker, aliases: Some(aliases) })
}
