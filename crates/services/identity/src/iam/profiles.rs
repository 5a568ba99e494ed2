//! Instance profiles.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::{Range, ReadTx};

use super::shapes::{InstanceProfile, Tag, TagList, some_tags, tags_in, tags_out};
use crate::core::{Identity, entity, iam_arn};
use crate::errors::IamError;
use crate::page::page;
use crate::state::{Entity, Kind, PROFILES, Profile, Tags};
use crate::{ids, tags};

fn profile(tx: &ReadTx<'_>, account: &str, name: &str) -> Result<Profile, IamError> {
    let found = tx.get(&PROFILES, &(account, name.to_lowercase().as_str()))?;
    found.ok_or_else(|| IamError::NoSuchEntity(format!("Instance Profile {name} cannot be found.")))
}

fn role_of(tx: &ReadTx<'_>, account: &str, profile: &Profile) -> Result<Option<Entity>, IamError> {
    profile.role.as_ref().map(|name| entity(tx, account, Kind::Role, name)).transpose()
}

/// What CreateInstanceProfile takes.
#[derive(Shape)]
pub(crate) struct CreateInstanceProfileInput {
    pub(crate) instance_profile_name: String,
    pub(crate) path: Option<String>,
    tags: Option<Vec<Tag>>,
}

/// A profile.
#[derive(Shape)]
pub(crate) struct InstanceProfileOutput {
    instance_profile: InstanceProfile,
}

pub(crate) async fn create_instance_profile(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CreateInstanceProfileInput,
) -> Result<InstanceProfileOutput, IamError> {
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let new = Profile {
        arn: iam_arn(&ctx, "instance-profile", &path, &input.instance_profile_name),
        name: input.instance_profile_name,
        path,
        id: ids::unique("AIPA"),
        created: identity.now(),
        tags: tags::sorted(tags_in(input.tags)),
        role: None,
    };
    let (account, stored) = (ctx.account.clone(), new.clone());
    identity
        .change(move |tx| {
            let name = stored.name.to_lowercase();
            if tx.contains(&PROFILES, &(account.as_str(), name.as_str()))? {
                return Err(IamError::AlreadyExists(format!("Instance Profile {} already exists.", stored.name)));
            }
            tx.put(&PROFILES, &(account.as_str(), name.as_str()), &stored)?;
            Ok(())
        })
        .await?;
    Ok(InstanceProfileOutput { instance_profile: InstanceProfile::new(&new, None, some_tags(&new.tags)) })
}

/// A profile by name.
#[derive(Shape)]
pub(crate) struct ProfileNameInput {
    pub(crate) instance_profile_name: String,
}

pub(crate) async fn get_instance_profile(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ProfileNameInput,
) -> Result<InstanceProfileOutput, IamError> {
    identity.read(|tx| {
        let found = profile(tx, &ctx.account, &input.instance_profile_name)?;
        let role = role_of(tx, &ctx.account, &found)?;
        let shown = InstanceProfile::new(&found, role.as_ref(), Some(tags_out(&found.tags)));
        Ok(InstanceProfileOutput { instance_profile: shown })
    })
}

pub(crate) async fn delete_instance_profile(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ProfileNameInput,
) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let found = profile(tx, &account, &input.instance_profile_name)?;
            if found.role.is_some() {
                let text = "Cannot delete entity, must remove roles from instance profile first.";
                return Err(IamError::DeleteConflict(text));
            }
            tx.delete(&PROFILES, &(account.as_str(), found.name.to_lowercase().as_str()))?;
            Ok(())
        })
        .await
}

/// A profile and a role.
#[derive(Shape)]
pub(crate) struct ProfileRoleInput {
    pub(crate) instance_profile_name: String,
    role_name: String,
}

pub(crate) async fn add_role_to_instance_profile(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ProfileRoleInput,
) -> Result<(), IamError> {
    change_role(&identity, &ctx, input, true).await
}

pub(crate) async fn remove_role_from_instance_profile(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ProfileRoleInput,
) -> Result<(), IamError> {
    change_role(&identity, &ctx, input, false).await
}

async fn change_role(identity: &Identity, ctx: &Ctx, input: ProfileRoleInput, add: bool) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let mut found = profile(tx, &account, &input.instance_profile_name)?;
            let role = entity(tx, &account, Kind::Role, &input.role_name)?.name.to_lowercase();
            if add && found.role.is_some() {
                return Err(IamError::quota("InstanceSessionsPerInstanceProfile", 1));
            }
            if !add && found.role.as_deref() != Some(&*role) {
                let text = format!("Role {} in Instance Profile {} cannot be found.", input.role_name, found.name);
                return Err(IamError::NoSuchEntity(text));
            }
            found.role = add.then_some(role);
            tx.put(&PROFILES, &(account.as_str(), found.name.to_lowercase().as_str()), &found)?;
            Ok(())
        })
        .await
}

/// What ListInstanceProfiles takes.
#[derive(Shape)]
pub(crate) struct ListInstanceProfilesInput {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// What ListInstanceProfilesForRole takes.
#[derive(Shape)]
pub(crate) struct ListInstanceProfilesForRoleInput {
    pub(crate) role_name: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of profiles.
#[derive(Shape)]
pub(crate) struct ListInstanceProfilesOutput {
    instance_profiles: Vec<InstanceProfile>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

pub(crate) async fn list_instance_profiles(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListInstanceProfilesInput,
) -> Result<ListInstanceProfilesOutput, IamError> {
    let prefix = input.path_prefix.unwrap_or_else(|| "/".to_owned());
    let wanted = |profile: &Profile| profile.path.starts_with(&prefix);
    list(&identity, &ctx, wanted, input.marker.as_deref(), input.max_items)
}

pub(crate) async fn list_instance_profiles_for_role(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListInstanceProfilesForRoleInput,
) -> Result<ListInstanceProfilesOutput, IamError> {
    let role = identity.read(|tx| entity(tx, &ctx.account, Kind::Role, &input.role_name))?.name.to_lowercase();
    let wanted = |profile: &Profile| profile.role.as_deref() == Some(&*role);
    list(&identity, &ctx, wanted, input.marker.as_deref(), input.max_items)
}

fn list(
    identity: &Identity,
    ctx: &Ctx,
    wanted: impl Fn(&Profile) -> bool,
    marker: Option<&str>,
    max: Option<i64>,
) -> Result<ListInstanceProfilesOutput, IamError> {
    let all = identity.read(|tx| {
        let mut all = Vec::new();
        for entry in tx.range(&PROFILES, Range::prefix(&(ctx.account.as_str(),))) {
            let ((_, name), profile) = entry?;
            if wanted(&profile) {
                let role = role_of(tx, &ctx.account, &profile)?;
                all.push((name, InstanceProfile::new(&profile, role.as_ref(), None)));
            }
        }
        Ok(all)
    })?;
    let shown = page(all, marker, max)?;
    Ok(ListInstanceProfilesOutput {
        is_truncated: Some(shown.is_truncated()),
        instance_profiles: shown.items,
        marker: shown.marker,
    })
}

/// What TagInstanceProfile takes.
#[derive(Shape)]
pub(crate) struct TagProfileInput {
    pub(crate) instance_profile_name: String,
    tags: Vec<Tag>,
}

pub(crate) async fn tag_instance_profile(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: TagProfileInput,
) -> Result<(), IamError> {
    let new = tags_in(Some(input.tags));
    tags::check(&new, false)?;
    change_tags(&identity, &ctx, input.instance_profile_name, move |tags| tags::merge(tags, &new, false)).await
}

/// What UntagInstanceProfile takes.
#[derive(Shape)]
pub(crate) struct UntagProfileInput {
    pub(crate) instance_profile_name: String,
    tag_keys: Vec<String>,
}

pub(crate) async fn untag_instance_profile(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: UntagProfileInput,
) -> Result<(), IamError> {
    let change = move |tags: &mut Tags| {
        tags::remove(tags, &input.tag_keys, false);
        Ok(())
    };
    change_tags(&identity, &ctx, input.instance_profile_name, change).await
}

async fn change_tags(
    identity: &Identity,
    ctx: &Ctx,
    name: String,
    change: impl Fn(&mut Tags) -> Result<(), IamError> + Send + 'static,
) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let mut found = profile(tx, &account, &name)?;
            change(&mut found.tags)?;
            tx.put(&PROFILES, &(account.as_str(), found.name.to_lowercase().as_str()), &found)?;
            Ok(())
        })
        .await
}

/// What ListInstanceProfileTags takes.
#[derive(Shape)]
pub(crate) struct ListProfileTagsInput {
    pub(crate) instance_profile_name: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

pub(crate) async fn list_instance_profile_tags(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListProfileTagsInput,
) -> Result<TagList, IamError> {
    let found = identity.read(|tx| profile(tx, &ctx.account, &input.instance_profile_name))?;
    TagList::page(&found.tags, input.marker.as_deref(), input.max_items)
}
