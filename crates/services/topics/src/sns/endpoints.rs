//! Endpoints of platform applications: kept; what is published to them goes to the outbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::{Arn, Ctx};
use pilvi_model::Shape;
use pilvi_model::shape::Entries;
use pilvi_store::{Range, StoreError};
use uuid::Uuid;

use super::applications::{self, AttributesOutput};
use super::listing::page;
use crate::errors::TopicError;
use crate::registry::Topics;
use crate::state::{ENDPOINTS, EndpointRecord};

/// What CreatePlatformEndpoint takes.
#[derive(Shape)]
pub(crate) struct CreatePlatformEndpointInput {
    pub(crate) platform_application_arn: String,
    pub(crate) token: String,
    pub(crate) custom_user_data: Option<String>,
    pub(crate) attributes: Option<Entries<String>>,
}

/// What CreatePlatformEndpoint answers.
#[derive(Shape)]
pub(crate) struct CreatePlatformEndpointOutput {
    pub(crate) endpoint_arn: Option<String>,
}

/// What names an endpoint.
#[derive(Shape)]
pub(crate) struct EndpointInput {
    pub(crate) endpoint_arn: String,
}

/// What SetEndpointAttributes takes.
#[derive(Shape)]
pub(crate) struct SetEndpointAttributesInput {
    pub(crate) endpoint_arn: String,
    pub(crate) attributes: Entries<String>,
}

/// What ListEndpointsByPlatformApplication takes.
#[derive(Shape)]
pub(crate) struct ListEndpointsInput {
    pub(crate) platform_application_arn: String,
    pub(crate) next_token: Option<String>,
}

/// What ListEndpointsByPlatformApplication answers.
#[derive(Shape)]
pub(crate) struct ListEndpointsOutput {
    pub(crate) endpoints: Option<Vec<EndpointEntry>>,
    pub(crate) next_token: Option<String>,
}

/// An endpoint in a list.
#[derive(Shape)]
pub(crate) struct EndpointEntry {
    pub(crate) endpoint_arn: Option<String>,
    pub(crate) attributes: Option<Entries<String>>,
}

type EndpointKey = (String, String, String, String, String);

const GONE: TopicError = TopicError::NotFound("Endpoint");

fn key(arn: &str) -> Option<EndpointKey> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "sns")?;
    let rest = arn.resource.strip_prefix("endpoint/")?;
    let (platform, rest) = rest.split_once('/')?;
    let (application, id) = rest.rsplit_once('/')?;
    Some((arn.account, arn.region, platform.to_owned(), application.to_owned(), id.to_owned()))
}

fn parse(arn: &str) -> Result<EndpointKey, TopicError> {
    key(arn).ok_or_else(|| {
        TopicError::parameter("EndpointArn Reason: Wrong number of slashes in relative portion of the ARN.")
    })
}

fn is_on(attributes: &BTreeMap<String, String>) -> bool {
    !attributes.get("Enabled").is_some_and(|enabled| enabled.eq_ignore_ascii_case("false"))
}

/// The platform of an endpoint that can be published to.
pub(crate) fn to_publish(topics: &Topics, arn: &str) -> Result<String, TopicError> {
    let none = || TopicError::parameter("TargetArn Reason: No endpoint found for the target arn specified");
    let key = key(arn).ok_or_else(none)?;
    let record = topics.store.read(|tx| tx.get(&ENDPOINTS, &key))?.ok_or_else(none)?;
    if !is_on(&record.attributes) {
        return Err(TopicError::EndpointDisabled);
    }
    let (account, region, platform, application, _) = key;
    let application = applications::find(topics, &(account, region, platform.clone(), application))?;
    if !is_on(&application.attributes) {
        return Err(TopicError::ApplicationDisabled);
    }
    Ok(platform)
}

pub(crate) async fn create_platform_endpoint(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: CreatePlatformEndpointInput,
) -> Result<CreatePlatformEndpointOutput, TopicError> {
    if input.token.is_empty() {
        return Err(TopicError::parameter("Token"));
    }
    let application = applications::key(&input.platform_application_arn)?;
    applications::find(&topics, &application)?;
    let mut attributes: BTreeMap<String, String> = input.attributes.unwrap_or_default().0.into_iter().collect();
    if let Some(data) = input.custom_user_data {
        attributes.insert("CustomUserData".to_owned(), data);
    }
    attributes.entry("Enabled".to_owned()).or_insert_with(|| "true".to_owned());
    attributes.insert("Token".to_owned(), input.token.clone());
    let id = Uuid::new_v4().to_string();
    let ctx = ctx.clone();
    let arn = topics
        .store
        .write::<_, TopicError>(move |tx| {
            let (account, region, platform, name) = &application;
            let arn = |id: &str| ctx.arn("sns", format!("endpoint/{platform}/{name}/{id}")).to_string();
            let own = Range::prefix(&(&**account, &**region, &**platform, &**name));
            let same_token = |record: &EndpointRecord| record.attributes.get("Token") == attributes.get("Token");
            let known =
                tx.range(&ENDPOINTS, own).find(|entry| !entry.as_ref().is_ok_and(|(_, record)| !same_token(record)));
            if let Some(((.., id), record)) = known.transpose()? {
                // "if the requester already owns an endpoint with the same device token and attributes, that endpoint's ARN is returned".
                if record.attributes == attributes {
                    return Ok(arn(&id));
                }
                return Err(TopicError::parameter(format!(
                    "Token Reason: Endpoint {} already exists with the same Token, but different attributes.",
                    arn(&id)
                )));
            }
            let key = (account.clone(), region.clone(), platform.clone(), name.clone(), id.clone());
            tx.put(&ENDPOINTS, &key, &EndpointRecord { attributes: attributes.clone() })?;
            Ok(arn(&id))
        })
        .await?;
    Ok(CreatePlatformEndpointOutput { endpoint_arn: Some(arn) })
}

pub(crate) async fn delete_endpoint(topics: Arc<Topics>, _: Ctx, input: EndpointInput) -> Result<(), TopicError> {
    // "This action is idempotent."
    let key = parse(&input.endpoint_arn)?;
    topics.store.write::<_, StoreError>(move |tx| tx.delete(&ENDPOINTS, &key).map(|_| ())).await?;
    Ok(())
}

pub(crate) async fn get_endpoint_attributes(
    topics: Arc<Topics>,
    _: Ctx,
    input: EndpointInput,
) -> Result<AttributesOutput, TopicError> {
    let key = parse(&input.endpoint_arn)?;
    let record = topics.store.read(|tx| tx.get(&ENDPOINTS, &key))?.ok_or(GONE)?;
    Ok(AttributesOutput { attributes: Some(Entries(record.attributes.into_iter().collect())) })
}

pub(crate) async fn set_endpoint_attributes(
    topics: Arc<Topics>,
    _: Ctx,
    input: SetEndpointAttributesInput,
) -> Result<(), TopicError> {
    let key = parse(&input.endpoint_arn)?;
    let attributes = input.attributes.0;
    topics
        .store
        .write::<_, TopicError>(move |tx| {
            let mut record = tx.get(&ENDPOINTS, &key)?.ok_or(GONE)?;
            record.attributes.extend(attributes.iter().cloned());
            Ok(tx.put(&ENDPOINTS, &key, &record)?)
        })
        .await
}

pub(crate) async fn list_endpoints(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: ListEndpointsInput,
) -> Result<ListEndpointsOutput, TopicError> {
    let application = applications::key(&input.platform_application_arn)?;
    applications::find(&topics, &application)?;
    let (account, region, platform, name) = &application;
    let found = topics.store.read(|tx| {
        let own = Range::prefix(&(&**account, &**region, &**platform, &**name));
        tx.range(&ENDPOINTS, own).collect::<Result<Vec<_>, StoreError>>()
    })?;
    let (found, next_token) = page(found, input.next_token, |((.., id), _)| id.clone())?;
    let entries = found.into_iter().map(|((.., id), record)| EndpointEntry {
        endpoint_arn: Some(ctx.arn("sns", format!("endpoint/{platform}/{name}/{id}")).to_string()),
        attributes: Some(Entries(record.attributes.into_iter().collect())),
    });
    Ok(ListEndpointsOutput { endpoints: Some(entries.collect()), next_token })
}
