//! SAML providers: records that trust policies name.

use std::sync::Arc;

use pilvi_bus::{Ctx, region};
use pilvi_model::{Shape, Timestamp};
use pilvi_store::{Range, ReadTx};
use uuid::Uuid;

use super::shapes::{Tag, TagList, some_tags, tags_in, tags_out};
use crate::core::{Identity, stamp};
use crate::errors::IamError;
use crate::state::{PROVIDERS, Provider};
use crate::tags;

/// A provider's metadata hold for a hundred years, as on AWS when they do not say otherwise.
const LIFE: i64 = 100 * 365 * 86_400;

fn provider(tx: &ReadTx<'_>, account: &str, arn: &str) -> Result<Provider, IamError> {
    tx.get(&PROVIDERS, &(account, arn))?
        .ok_or_else(|| IamError::NoSuchEntity(format!("Manifest not found for arn {arn}")))
}

async fn change(
    identity: &Identity,
    ctx: Ctx,
    arn: String,
    change: impl Fn(&mut Provider) -> Result<(), IamError> + Send + 'static,
) -> Result<(), IamError> {
    identity
        .change(move |tx| {
            let mut found = provider(tx, &ctx.account, &arn)?;
            change(&mut found)?;
            tx.put(&PROVIDERS, &(ctx.account.as_str(), arn.as_str()), &found)?;
            Ok(())
        })
        .await
}

/// What CreateSAMLProvider takes.
#[derive(Shape)]
pub(crate) struct CreateProviderInput {
    #[shape(name = "SAMLMetadataDocument")]
    metadata: String,
    pub(crate) name: String,
    tags: Option<Vec<Tag>>,
}

/// A new provider.
#[derive(Shape)]
pub(crate) struct CreateProviderOutput {
    #[shape(name = "SAMLProviderArn")]
    arn: Option<String>,
    tags: Option<Vec<Tag>>,
}

pub(crate) async fn create(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CreateProviderInput,
) -> Result<CreateProviderOutput, IamError> {
    let new_tags = tags::sorted(tags_in(input.tags));
    tags::check(&new_tags, false)?;
    let arn = format!("arn:{}:iam::{}:saml-provider/{}", region::partition(&ctx.region), ctx.account, input.name);
    let stored = Provider {
        arn: arn.clone(),
        created: identity.now(),
        tags: new_tags.clone(),
        url: String::new(),
        clients: Vec::new(),
        thumbprints: Vec::new(),
        metadata: input.metadata,
        uuid: format!("samlp-{}", Uuid::new_v4()),
    };
    identity
        .change(move |tx| {
            let key = (ctx.account.as_str(), stored.arn.as_str());
            if tx.contains(&PROVIDERS, &key)? {
                return Err(IamError::AlreadyExists(format!("SAML provider {} already exists.", input.name)));
            }
            tx.put(&PROVIDERS, &key, &stored)?;
            Ok(())
        })
        .await?;
    Ok(CreateProviderOutput { arn: Some(arn), tags: some_tags(&new_tags) })
}

/// A provider by ARN.
#[derive(Shape)]
pub(crate) struct ProviderInput {
    #[shape(name = "SAMLProviderArn")]
    pub(crate) arn: String,
}

/// A provider.
#[derive(Shape)]
pub(crate) struct GetProviderOutput {
    #[shape(name = "SAMLProviderUUID")]
    uuid: Option<String>,
    #[shape(name = "SAMLMetadataDocument")]
    metadata: Option<String>,
    create_date: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    tags: Option<Vec<Tag>>,
    assertion_encryption_mode: Option<String>,
    private_key_list: Option<Vec<PrivateKey>>,
}

/// A key that assertions are decrypted with; none can be added here.
#[derive(Shape)]
struct PrivateKey {
    key_id: Option<String>,
    timestamp: Option<Timestamp>,
}

pub(crate) async fn get(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ProviderInput,
) -> Result<GetProviderOutput, IamError> {
    let found = identity.read(|tx| provider(tx, &ctx.account, &input.arn))?;
    Ok(GetProviderOutput {
        uuid: Some(found.uuid),
        metadata: Some(found.metadata),
        create_date: Some(stamp(found.created)),
        valid_until: Some(stamp(found.created + LIFE)),
        tags: Some(tags_out(&found.tags)),
        assertion_encryption_mode: Some("Allowed".into()),
        private_key_list: Some(Vec::new()),
    })
}

/// What UpdateSAMLProvider takes.
#[derive(Shape)]
pub(crate) struct UpdateProviderInput {
    #[shape(name = "SAMLProviderArn")]
    pub(crate) arn: String,
    #[shape(name = "SAMLMetadataDocument")]
    metadata: Option<String>,
}

/// The provider's ARN.
#[derive(Shape)]
pub(crate) struct UpdateProviderOutput {
    #[shape(name = "SAMLProviderArn")]
    arn: Option<String>,
}

pub(crate) async fn update(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: UpdateProviderInput,
) -> Result<UpdateProviderOutput, IamError> {
    let metadata = input.metadata;
    let update = move |provider: &mut Provider| {
        if let Some(text) = &metadata {
            provider.metadata.clone_from(text);
        }
        Ok(())
    };
    change(&identity, ctx, input.arn.clone(), update).await?;
    Ok(UpdateProviderOutput { arn: Some(input.arn) })
}

pub(crate) async fn delete(identity: Arc<Identity>, ctx: Ctx, input: ProviderInput) -> Result<(), IamError> {
    identity
        .change(move |tx| {
            provider(tx, &ctx.account, &input.arn)?;
            tx.delete(&PROVIDERS, &(ctx.account.as_str(), input.arn.as_str()))?;
            Ok(())
        })
        .await
}

/// Every provider of the account.
#[derive(Shape)]
pub(crate) struct ListProvidersOutput {
    #[shape(name = "SAMLProviderList")]
    providers: Vec<ListedProvider>,
}

#[derive(Shape)]
struct ListedProvider {
    arn: Option<String>,
    valid_until: Option<Timestamp>,
    create_date: Option<Timestamp>,
}

pub(crate) async fn list(identity: Arc<Identity>, ctx: Ctx, (): ()) -> Result<ListProvidersOutput, IamError> {
    let start = format!("arn:{}:iam::{}:saml-provider/", region::partition(&ctx.region), ctx.account);
    identity.read(|tx| {
        let mut providers = Vec::new();
        for entry in tx.range(&PROVIDERS, Range::starts_with(&(ctx.account.as_str(),), &start)) {
            let (_, found) = entry?;
            providers.push(ListedProvider {
                arn: Some(found.arn),
                valid_until: Some(stamp(found.created + LIFE)),
                create_date: Some(stamp(found.created)),
            });
        }
        Ok(ListProvidersOutput { providers })
    })
}

/// What TagSAMLProvider takes.
#[derive(Shape)]
pub(crate) struct TagProviderInput {
    #[shape(name = "SAMLProviderArn")]
    pub(crate) arn: String,
    tags: Vec<Tag>,
}

pub(crate) async fn tag(identity: Arc<Identity>, ctx: Ctx, input: TagProviderInput) -> Result<(), IamError> {
    let new = tags_in(Some(input.tags));
    tags::check(&new, false)?;
    change(&identity, ctx, input.arn, move |provider| tags::merge(&mut provider.tags, &new, false)).await
}

/// What UntagSAMLProvider takes.
#[derive(Shape)]
pub(crate) struct UntagProviderInput {
    #[shape(name = "SAMLProviderArn")]
    pub(crate) arn: String,
    tag_keys: Vec<String>,
}

pub(crate) async fn untag(identity: Arc<Identity>, ctx: Ctx, input: UntagProviderInput) -> Result<(), IamError> {
    let remove = move |provider: &mut Provider| {
        tags::remove(&mut provider.tags, &input.tag_keys, false);
        Ok(())
    };
    change(&identity, ctx, input.arn, remove).await
}

/// What ListSAMLProviderTags takes.
#[derive(Shape)]
pub(crate) struct ListProviderTagsInput {
    #[shape(name = "SAMLProviderArn")]
    pub(crate) arn: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

pub(crate) async fn list_tags(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListProviderTagsInput,
) -> Result<TagList, IamError> {
    let found = identity.read(|tx| provider(tx, &ctx.account, &input.arn))?;
    TagList::page(&found.tags, input.marker.as_deref(), input.max_items)
}
