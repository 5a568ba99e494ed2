//! OpenID Connect providers: records that trust policies name. Nothing is fetched from their URLs.

use std::sync::Arc;

use pilvi_bus::{Ctx, region};
use pilvi_model::{Shape, Timestamp};
use pilvi_store::{Range, ReadTx};

use super::shapes::{Tag, TagList, some_tags, tags_in, tags_out};
use crate::core::{Identity, stamp};
use crate::errors::IamError;
use crate::state::{PROVIDERS, Provider, Tags};
use crate::tags;

const MOST_CLIENTS: usize = 100;
const MOST_THUMBPRINTS: usize = 5;

fn provider(tx: &ReadTx<'_>, account: &str, arn: &str) -> Result<Provider, IamError> {
    tx.get(&PROVIDERS, &(account, arn))?
        .ok_or_else(|| IamError::NoSuchEntity(format!("OpenIDConnect Provider not found for arn {arn}")))
}

/// Changes a provider in one step.
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

/// What CreateOpenIDConnectProvider takes.
#[derive(Shape)]
pub(crate) struct CreateProviderInput {
    pub(crate) url: String,
    #[shape(name = "ClientIDList")]
    client_ids: Option<Vec<String>>,
    thumbprint_list: Option<Vec<String>>,
    tags: Option<Vec<Tag>>,
}

/// A new provider.
#[derive(Shape)]
pub(crate) struct CreateProviderOutput {
    #[shape(name = "OpenIDConnectProviderArn")]
    arn: Option<String>,
    tags: Option<Vec<Tag>>,
}

pub(crate) async fn create(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CreateProviderInput,
) -> Result<CreateProviderOutput, IamError> {
    let invalid = || IamError::Validation("Invalid Open ID Connect Provider URL".into());
    let bare = input.url.strip_prefix("https://").or_else(|| input.url.strip_prefix("http://")).ok_or_else(invalid)?;
    let bare = bare.split(['?', '#']).next().unwrap_or(bare).trim_end_matches('/');
    if bare.is_empty() || bare.starts_with('/') {
        return Err(invalid());
    }
    let thumbprints = input.thumbprint_list.unwrap_or_default();
    if thumbprints.len() > MOST_THUMBPRINTS {
        return Err(IamError::InvalidInput("Thumbprint list must contain fewer than 5 entries.".into()));
    }
    let clients = input.client_ids.unwrap_or_default();
    if clients.len() > MOST_CLIENTS {
        return Err(IamError::quota("ClientIdsPerOpenIdConnectProvider", MOST_CLIENTS));
    }
    let new_tags = tags::sorted(tags_in(input.tags));
    tags::check(&new_tags, false)?;
    let arn = format!("arn:{}:iam::{}:oidc-provider/{bare}", region::partition(&ctx.region), ctx.account);
    let stored = Provider {
        arn: arn.clone(),
        created: identity.now(),
        tags: new_tags.clone(),
        url: bare.to_owned(),
        clients,
        thumbprints,
        metadata: String::new(),
        uuid: String::new(),
    };
    let url = input.url;
    identity
        .change(move |tx| {
            let key = (ctx.account.as_str(), stored.arn.as_str());
            if tx.contains(&PROVIDERS, &key)? {
                return Err(IamError::AlreadyExists(format!("Provider with url {url} already exists.")));
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
    #[shape(name = "OpenIDConnectProviderArn")]
    pub(crate) arn: String,
}

/// A provider.
#[derive(Shape)]
pub(crate) struct GetProviderOutput {
    url: Option<String>,
    #[shape(name = "ClientIDList")]
    client_ids: Option<Vec<String>>,
    thumbprint_list: Option<Vec<String>>,
    create_date: Option<Timestamp>,
    tags: Option<Vec<Tag>>,
}

pub(crate) async fn get(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ProviderInput,
) -> Result<GetProviderOutput, IamError> {
    let found = identity.read(|tx| provider(tx, &ctx.account, &input.arn))?;
    Ok(GetProviderOutput {
        url: Some(found.url),
        client_ids: Some(found.clients),
        thumbprint_list: Some(found.thumbprints),
        create_date: Some(stamp(found.created)),
        tags: Some(tags_out(&found.tags)),
    })
}

pub(crate) async fn delete(identity: Arc<Identity>, ctx: Ctx, input: ProviderInput) -> Result<(), IamError> {
    identity
        .change(move |tx| {
            if !tx.delete(&PROVIDERS, &(ctx.account.as_str(), input.arn.as_str()))? {
                let text = format!("OpenId connect Provider {} cannot be found.", input.arn);
                return Err(IamError::NoSuchEntity(text));
            }
            Ok(())
        })
        .await
}

/// Every provider of the account.
#[derive(Shape)]
pub(crate) struct ListProvidersOutput {
    #[shape(name = "OpenIDConnectProviderList")]
    providers: Vec<ListedProvider>,
}

#[derive(Shape)]
struct ListedProvider {
    arn: Option<String>,
}

pub(crate) async fn list(identity: Arc<Identity>, ctx: Ctx, (): ()) -> Result<ListProvidersOutput, IamError> {
    let start = format!("arn:{}:iam::{}:oidc-provider/", region::partition(&ctx.region), ctx.account);
    identity.read(|tx| {
        let mut providers = Vec::new();
        for key in tx.keys(&PROVIDERS, Range::starts_with(&(ctx.account.as_str(),), &start)) {
            providers.push(ListedProvider { arn: Some(key?.1) });
        }
        Ok(ListProvidersOutput { providers })
    })
}

/// A client of a provider.
#[derive(Shape)]
pub(crate) struct ClientInput {
    #[shape(name = "OpenIDConnectProviderArn")]
    pub(crate) arn: String,
    #[shape(name = "ClientID")]
    client: String,
}

pub(crate) async fn add_client(identity: Arc<Identity>, ctx: Ctx, input: ClientInput) -> Result<(), IamError> {
    let add = move |provider: &mut Provider| {
        if provider.clients.contains(&input.client) {
            return Ok(());
        }
        if provider.clients.len() >= MOST_CLIENTS {
            return Err(IamError::quota("ClientIdsPerOpenIdConnectProvider", MOST_CLIENTS));
        }
        provider.clients.push(input.client.clone());
        Ok(())
    };
    change(&identity, ctx, input.arn, add).await
}

pub(crate) async fn remove_client(identity: Arc<Identity>, ctx: Ctx, input: ClientInput) -> Result<(), IamError> {
    let remove = move |provider: &mut Provider| {
        provider.clients.retain(|client| *client != input.client);
        Ok(())
    };
    change(&identity, ctx, input.arn, remove).await
}

/// What UpdateOpenIDConnectProviderThumbprint takes.
#[derive(Shape)]
pub(crate) struct ThumbprintInput {
    #[shape(name = "OpenIDConnectProviderArn")]
    pub(crate) arn: String,
    thumbprint_list: Vec<String>,
}

pub(crate) async fn update_thumbprint(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ThumbprintInput,
) -> Result<(), IamError> {
    if input.thumbprint_list.len() > MOST_THUMBPRINTS {
        return Err(IamError::InvalidInput("Thumbprint list must contain fewer than 5 entries.".into()));
    }
    let update = move |provider: &mut Provider| {
        provider.thumbprints.clone_from(&input.thumbprint_list);
        Ok(())
    };
    change(&identity, ctx, input.arn, update).await
}

/// What TagOpenIDConnectProvider takes.
#[derive(Shape)]
pub(crate) struct TagProviderInput {
    #[shape(name = "OpenIDConnectProviderArn")]
    pub(crate) arn: String,
    tags: Vec<Tag>,
}

pub(crate) async fn tag(identity: Arc<Identity>, ctx: Ctx, input: TagProviderInput) -> Result<(), IamError> {
    let new: Tags = tags_in(Some(input.tags));
    tags::check(&new, false)?;
    change(&identity, ctx, input.arn, move |provider| tags::merge(&mut provider.tags, &new, false)).await
}

/// What UntagOpenIDConnectProvider takes.
#[derive(Shape)]
pub(crate) struct UntagProviderInput {
    #[shape(name = "OpenIDConnectProviderArn")]
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

/// What ListOpenIDConnectProviderTags takes.
#[derive(Shape)]
pub(crate) struct ListProviderTagsInput {
    #[shape(name = "OpenIDConnectProviderArn")]
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
