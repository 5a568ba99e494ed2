//! Access keys of users.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::{Shape, Timestamp};

use crate::core::{Identity, entity, named_user, save, stamp};
use crate::errors::IamError;
use crate::ids;
use crate::page::page;
use crate::state::{AccessKey as Record, KEYS, Kind, LAST_USED};

/// Keys that a user may have at once.
const MOST: usize = 2;

/// The operations' optional user.
#[derive(Shape)]
pub(crate) struct CreateAccessKeyInput {
    pub(crate) user_name: Option<String>,
}

/// A new key, the only time with its secret.
#[derive(Shape)]
pub(crate) struct CreateAccessKeyOutput {
    access_key: AccessKey,
}

#[derive(Shape)]
struct AccessKey {
    user_name: String,
    access_key_id: String,
    status: String,
    secret_access_key: String,
    create_date: Option<Timestamp>,
}

pub(crate) async fn create_access_key(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CreateAccessKeyInput,
) -> Result<CreateAccessKeyOutput, IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    let id = ids::access_key("AKIA", &ctx.account);
    let record = Record {
        account: ctx.account.clone(),
        user: name.to_lowercase(),
        secret: ids::secret(),
        active: true,
        created: identity.now(),
    };
    let (account, key, stored) = (ctx.account.clone(), id.clone(), record.clone());
    let user_name = identity
        .change(move |tx| {
            let mut user = entity(tx, &account, Kind::User, &name)?;
            if user.user.keys.len() >= MOST {
                return Err(IamError::quota("AccessKeysPerUser", MOST));
            }
            user.user.keys.push(key.clone());
            tx.put(&KEYS, &key, &stored)?;
            save(tx, &account, &user)?;
            Ok(user.name)
        })
        .await?;
    Ok(CreateAccessKeyOutput {
        access_key: AccessKey {
            user_name,
            access_key_id: id,
            status: "Active".to_owned(),
            secret_access_key: record.secret,
            create_date: Some(stamp(record.created)),
        },
    })
}

/// A key of a user.
#[derive(Shape)]
pub(crate) struct DeleteAccessKeyInput {
    pub(crate) user_name: Option<String>,
    access_key_id: String,
}

fn missing(id: &str) -> IamError {
    IamError::NoSuchEntity(format!("The Access Key with id {id} cannot be found."))
}

pub(crate) async fn delete_access_key(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: DeleteAccessKeyInput,
) -> Result<(), IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?;
    let (account, id) = (ctx.account.clone(), input.access_key_id);
    identity
        .change(move |tx| {
            let mut user = entity(tx, &account, Kind::User, &name)?;
            let before = user.user.keys.len();
            user.user.keys.retain(|key| *key != id);
            if user.user.keys.len() == before {
                return Err(missing(&id));
            }
            tx.delete(&KEYS, &id)?;
            tx.delete(&LAST_USED, &id)?;
            save(tx, &account, &user)
        })
        .await
}

/// What UpdateAccessKey takes.
#[derive(Shape)]
pub(crate) struct UpdateAccessKeyInput {
    pub(crate) user_name: Option<String>,
    access_key_id: String,
    status: String,
}

pub(crate) async fn update_access_key(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: UpdateAccessKeyInput,
) -> Result<(), IamError> {
    let name = named_user(&ctx, input.user_name.as_deref())?.to_lowercase();
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let key = tx.get(&KEYS, &input.access_key_id)?.filter(|key| key.account == account && key.user == name);
            let mut key = key.ok_or_else(|| missing(&input.access_key_id))?;
            key.active = input.status == "Active";
            tx.put(&KEYS, &input.access_key_id, &key)?;
            Ok(())
        })
        .await
}

/// What ListAccessKeys takes.
#[derive(Shape)]
pub(crate) struct ListAccessKeysInput {
    pub(crate) user_name: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of keys, without their secrets.
#[derive(Shape)]
pub(crate) struct ListAccessKeysOutput {
    access_key_metadata: Vec<AccessKeyMetadata>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Shape)]
struct AccessKeyMetadata {
    user_name: Option<String>,
    access_key_id: Option<String>,
    status: Option<String>,
    create_date: Option<Timestamp>,
}

pub(crate) async fn list_access_keys(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListAccessKeysInput,
) -> Result<ListAccessKeysOutput, IamError> {
    if input.user_name.is_none() && matches!(ctx.principal, pilvi_bus::Principal::Root { .. }) {
        // Root itself has no keys of its own here.
        return Ok(ListAccessKeysOutput { access_key_metadata: Vec::new(), is_truncated: Some(false), marker: None });
    }
    let name = named_user(&ctx, input.user_name.as_deref())?;
    let keys = identity.read(|tx| {
        let user = entity(tx, &ctx.account, Kind::User, &name)?;
        let mut keys = Vec::new();
        for id in user.user.keys {
            if let Some(key) = tx.get(&KEYS, &id)? {
                let metadata = AccessKeyMetadata {
                    user_name: Some(user.name.clone()),
                    access_key_id: Some(id.clone()),
                    status: Some(if key.active { "Active" } else { "Inactive" }.to_owned()),
                    create_date: Some(stamp(key.created)),
                };
                keys.push((id, metadata));
            }
        }
        keys.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(keys)
    })?;
    let shown = page(keys, input.marker.as_deref(), input.max_items)?;
    Ok(ListAccessKeysOutput {
        is_truncated: Some(shown.is_truncated()),
        access_key_metadata: shown.items,
        marker: shown.marker,
    })
}

/// A key by its id.
#[derive(Shape)]
pub(crate) struct GetAccessKeyLastUsedInput {
    access_key_id: String,
}

/// When a key was used last.
#[derive(Shape)]
pub(crate) struct GetAccessKeyLastUsedOutput {
    user_name: Option<String>,
    access_key_last_used: Option<AccessKeyLastUsed>,
}

#[derive(Shape)]
struct AccessKeyLastUsed {
    last_used_date: Option<Timestamp>,
    service_name: String,
    region: String,
}

pub(crate) async fn get_access_key_last_used(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: GetAccessKeyLastUsedInput,
) -> Result<GetAccessKeyLastUsedOutput, IamError> {
    let key = identity.read(|tx| Ok(tx.get(&KEYS, &input.access_key_id)?))?;
    let key = key.filter(|key| key.account == ctx.account).ok_or_else(|| {
        // AWS does not tell a key of another account from one that does not exist.
        let caller = ctx.principal.arn(&ctx.region);
        let id = &input.access_key_id;
        IamError::AccessDenied(format!(
            "User: {caller} is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key {id}"
        ))
    })?;
    let user = identity.read(|tx| entity(tx, &ctx.account, Kind::User, &key.user))?;
    let used = identity.last_use(&input.access_key_id)?;
    let (service_name, region) = used
        .as_ref()
        .map_or(("N/A".to_owned(), "N/A".to_owned()), |(_, service, region)| (service.clone(), region.clone()));
    Ok(GetAccessKeyLastUsedOutput {
        user_name: Some(user.name),
        access_key_last_used: Some(AccessKeyLastUsed {
            last_used_date: used.map(|(time, _, _)| stamp(time)),
            service_name,
            region,
        }),
    })
}
