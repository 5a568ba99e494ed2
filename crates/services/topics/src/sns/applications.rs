//! Platform applications: kept, with whatever they are given; nothing is sent to a platform.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilvi_bus::{Arn, Ctx};
use pilvi_model::Shape;
use pilvi_model::shape::Entries;
use pilvi_store::{Range, StoreError};

use super::listing::page;
use crate::errors::TopicError;
use crate::registry::Topics;
use crate::state::{APPLICATIONS, ApplicationRecord, ENDPOINTS};

/// "Valid values: …": API_CreatePlatformApplication, Platform.
const PLATFORMS: [&str; 12] = [
    "ADM",
    "APNS",
    "APNS_SANDBOX",
    "APNS_VOIP",
    "APNS_VOIP_SANDBOX",
    "BAIDU",
    "FCM",
    "GCM",
    "MACOS",
    "MACOS_SANDBOX",
    "MPNS",
    "WNS",
];
/// Attributes that are never given back.
const SECRET: [&str; 2] = ["PlatformCredential", "PlatformPrincipal"];

/// What CreatePlatformApplication takes.
#[derive(Shape)]
pub(crate) struct CreatePlatformApplicationInput {
    pub(crate) name: String,
    pub(crate) platform: String,
    pub(crate) attributes: Entries<String>,
}

/// What CreatePlatformApplication answers.
#[derive(Shape)]
pub(crate) struct CreatePlatformApplicationOutput {
    pub(crate) platform_application_arn: Option<String>,
}

/// What names an application.
#[derive(Shape)]
pub(crate) struct ApplicationInput {
    pub(crate) platform_application_arn: String,
}

/// What GetPlatformApplicationAttributes answers.
#[derive(Shape)]
pub(crate) struct AttributesOutput {
    pub(crate) attributes: Option<Entries<String>>,
}

/// What SetPlatformApplicationAttributes takes.
#[derive(Shape)]
pub(crate) struct SetPlatformApplicationAttributesInput {
    pub(crate) platform_application_arn: String,
    pub(crate) attributes: Entries<String>,
}

/// What ListPlatformApplications takes.
#[derive(Shape)]
pub(crate) struct ListPlatformApplicationsInput {
    pub(crate) next_token: Option<String>,
}

/// What ListPlatformApplications answers.
#[derive(Shape)]
pub(crate) struct ListPlatformApplicationsOutput {
    pub(crate) platform_applications: Option<Vec<ApplicationEntry>>,
    pub(crate) next_token: Option<String>,
}

/// An application in a list.
#[derive(Shape)]
pub(crate) struct ApplicationEntry {
    pub(crate) platform_application_arn: Option<String>,
    pub(crate) attributes: Option<Entries<String>>,
}

/// An application's key: account, region, platform, name.
pub(crate) type ApplicationKey = (String, String, String, String);

/// The application that an ARN names.
pub(crate) fn key(arn: &str) -> Result<ApplicationKey, TopicError> {
    let wrong = || {
        TopicError::parameter("PlatformApplicationArn Reason: Wrong number of slashes in relative portion of the ARN.")
    };
    let arn = Arn::parse(arn).filter(|arn| arn.service == "sns").ok_or_else(wrong)?;
    let mut parts = arn.resource.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("app"), Some(platform), Some(name)) => {
            Ok((arn.account, arn.region, platform.to_owned(), name.to_owned()))
        }
        _ => Err(wrong()),
    }
}

/// The application's record.
pub(crate) fn find(topics: &Topics, key: &ApplicationKey) -> Result<ApplicationRecord, TopicError> {
    topics.store.read(|tx| tx.get(&APPLICATIONS, key))?.ok_or(TopicError::NotFound("PlatformApplication"))
}

fn shown(attributes: BTreeMap<String, String>) -> Entries<String> {
    Entries(attributes.into_iter().filter(|(name, _)| !SECRET.contains(&name.as_str())).collect())
}

pub(crate) async fn create_platform_application(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: CreatePlatformApplicationInput,
) -> Result<CreatePlatformApplicationOutput, TopicError> {
    let valid = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-' | b'.');
    if input.name.is_empty() || input.name.len() > 256 || !input.name.bytes().all(valid) {
        return Err(TopicError::parameter("Name"));
    }
    if !PLATFORMS.contains(&input.platform.as_str()) {
        return Err(TopicError::parameter(format!("Platform Reason: {} is not supported", input.platform)));
    }
    let mut record = ApplicationRecord { attributes: input.attributes.0.into_iter().collect() };
    record.attributes.entry("Enabled".to_owned()).or_insert_with(|| "true".to_owned());
    let arn = ctx.arn("sns", format!("app/{}/{}", input.platform, input.name)).to_string();
    let key = (ctx.account.clone(), ctx.region.clone(), input.platform, input.name);
    topics
        .store
        .write::<_, StoreError>(move |tx| {
            let mut whole = tx.get(&APPLICATIONS, &key)?.unwrap_or_default();
            whole.attributes.extend(record.attributes.clone());
            tx.put(&APPLICATIONS, &key, &whole)
        })
        .await?;
    Ok(CreatePlatformApplicationOutput { platform_application_arn: Some(arn) })
}

pub(crate) async fn delete_platform_application(
    topics: Arc<Topics>,
    _: Ctx,
    input: ApplicationInput,
) -> Result<(), TopicError> {
    let key = key(&input.platform_application_arn)?;
    topics
        .store
        .write::<_, StoreError>(move |tx| {
            let (account, region, platform, name) = &key;
            tx.delete(&APPLICATIONS, &key)?;
            tx.delete_range(&ENDPOINTS, Range::prefix(&(&**account, &**region, &**platform, &**name)))?;
            Ok(())
        })
        .await?;
    Ok(())
}

pub(crate) async fn get_platform_application_attributes(
    topics: Arc<Topics>,
    _: Ctx,
    input: ApplicationInput,
) -> Result<AttributesOutput, TopicError> {
    let record = find(&topics, &key(&input.platform_application_arn)?)?;
    Ok(AttributesOutput { attributes: Some(shown(record.attributes)) })
}

pub(crate) async fn set_platform_application_attributes(
    topics: Arc<Topics>,
    _: Ctx,
    input: SetPlatformApplicationAttributesInput,
) -> Result<(), TopicError> {
    let key = key(&input.platform_application_arn)?;
    let attributes = input.attributes.0;
    topics
        .store
        .write::<_, TopicError>(move |tx| {
            let mut record = tx.get(&APPLICATIONS, &key)?.ok_or(TopicError::NotFound("PlatformApplication"))?;
            record.attributes.extend(attributes.iter().cloned());
            Ok(tx.put(&APPLICATIONS, &key, &record)?)
        })
        .await
}

pub(crate) async fn list_platform_applications(
    topics: Arc<Topics>,
    ctx: Ctx,
    input: ListPlatformApplicationsInput,
) -> Result<ListPlatformApplicationsOutput, TopicError> {
    let found = topics.store.read(|tx| {
        let own = Range::prefix(&(&*ctx.account, &*ctx.region));
        tx.range(&APPLICATIONS, own).collect::<Result<Vec<_>, StoreError>>()
    })?;
    let (found, next_token) =
        page(found, input.next_token, |((_, _, platform, name), _)| format!("{platform}/{name}"))?;
    let entries = found.into_iter().map(|((_, _, platform, name), record)| ApplicationEntry {
        platform_application_arn: Some(ctx.arn("sns", format!("app/{platform}/{name}")).to_string()),
        attributes: Some(shown(record.attributes)),
    });
    Ok(ListPlatformApplicationsOutput { platform_applications: Some(entries.collect()), next_token })
}
