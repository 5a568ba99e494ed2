//! Users: create, read, change, tag, delete.

use std::sync::Arc;

use pilvi_bus::{Ctx, Principal};
use pilvi_model::Shape;

use super::shapes::{Tag, TagList, User, tags_in, tags_out};
use crate::core::{Identity, entities, entity, iam_arn, named_user, save};
use crate::errors::IamError;
use crate::page::page;
use crate::state::{BOUNDARY, ENTITIES, Entity, Kind, RoleFacts, USES, UserFacts};
use crate::{ids, managed, tags};

/// Changes a role, user or group in one step.
pub(crate) async fn change_entity(
    identity: &Identity,
    ctx: &Ctx,
    kind: Kind,
    name: String,
    change: impl Fn(&mut Entity) -> Result<(), IamError> + Send + 'static,
) -> Result<Entity, IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let mut changed = entity(tx, &account, kind, &name)?;
            change(&mut changed)?;
            save(tx, &account, &changed)?;
            Ok(changed)
        })
        .await
}

/// What CreateUser takes.
#[derive(Shape, Clone)]
pub(crate) struct CreateUserInput {
    pub(crate) path: Option<String>,
    pub(crate) user_name: String,
    permissions_boundary: Option<String>,
    tags: Option<Vec<Tag>>,
}

/// A user.
#[derive(Shape)]
pub(crate) struct UserOutput {
    user: User,
}

pub(crate) async fn create_user(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CreateUserInput,
) -> Result<UserOutput, IamError> {
    let new_tags = tags::sorted(tags_in(input.tags.clone()));
    tags::check(&new_tags, true)?;
    let path = input.path.clone().unwrap_or_else(|| "/".to_owned());
    let user = Entity {
        kind: Kind::User,
        arn: iam_arn(&ctx, "user", &path, &input.user_name),
        name: input.user_name,
        path,
        id: ids::unique(Kind::User.id_prefix()),
        created: identity.now(),
        tags: new_tags,
        inline: Vec::new(),
        attached: Vec::new(),
        boundary: input.permissions_boundary,
        role: RoleFacts::default(),
        user: UserFacts::default(),
    };
    let (account, stored) = (ctx.account.clone(), user.clone());
    identity
        .change(move |tx| {
            if tx.contains(&ENTITIES, &(account.as_str(), Kind::User.key(), stored.name.to_lowercase().as_str()))? {
                return Err(IamError::entity_exists(Kind::User, &stored.name));
            }
            if let Some(arn) = &stored.boundary {
                managed::check_boundary(tx, arn)?;
                let key = (account.as_str(), arn.as_str(), BOUNDARY, Kind::User.key(), stored.name.as_str());
                tx.put(&USES, &key, &())?;
            }
            save(tx, &account, &stored)
        })
        .await?;
    Ok(UserOutput { user: User::full(&user) })
}

/// What GetUser takes.
#[derive(Shape)]
pub(crate) struct GetUserInput {
    pub(crate) user_name: Option<String>,
}

pub(crate) async fn get_user(identity: Arc<Identity>, ctx: Ctx, input: GetUserInput) -> Result<UserOutput, IamError> {
    if let (None, Principal::Root { account }) = (&input.user_name, &ctx.principal) {
        // The account itself: GetUser without a name as root answers with it.
        let root = User {
            path: "/".to_owned(),
            user_name: "root".to_owned(),
            user_id: account.clone(),
            arn: ctx.principal.arn(&ctx.region),
            create_date: crate::core::stamp(0),
            password_last_used: None,
            permissions_boundary: None,
            tags: None,
        };
        return Ok(UserOutput { user: root });
    }
    let name = named_user(&ctx, input.user_name.as_deref())?;
    let user = identity.read(|tx| entity(tx, &ctx.account, Kind::User, &name))?;
    Ok(UserOutput { user: User::full(&user) })
}

/// A user by name.
#[derive(Shape, Clone)]
pub(crate) struct UserNameInput {
    pub(crate) user_name: String,
}

pub(crate) async fn delete_user(identity: Arc<Identity>, ctx: Ctx, input: UserNameInput) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let user = entity(tx, &account, Kind::User, &input.user_name)?;
            let conflict = if !user.attached.is_empty() {
                Some("Cannot delete entity, must detach all policies first.")
            } else if !user.inline.is_empty() {
                Some("Cannot delete entity, must delete policies first.")
            } else if !user.user.keys.is_empty() {
                Some("Cannot delete entity, must delete access keys first.")
            } else if !user.user.groups.is_empty() {
                Some("Cannot delete entity, must remove users from group first.")
            } else if user.user.login.is_some() {
                Some("Cannot delete entity, must delete login profile first.")
            } else if !user.user.mfa.is_empty() {
                Some("Cannot delete entity, must delete MFA device first.")
            } else if !user.user.certificates.is_empty() {
                Some("Cannot delete entity, must delete signing certificates first.")
            } else if !user.user.ssh_keys.is_empty() || !user.user.service_credentials.is_empty() {
                Some("Cannot delete entity, must remove referenced objects first.")
            } else {
                None
            };
            if let Some(text) = conflict {
                return Err(IamError::DeleteConflict(text));
            }
            if let Some(arn) = &user.boundary {
                let key = (account.as_str(), arn.as_str(), BOUNDARY, Kind::User.key(), user.name.as_str());
                tx.delete(&USES, &key)?;
            }
            tx.delete(&ENTITIES, &(account.as_str(), Kind::User.key(), user.name.to_lowercase().as_str()))?;
            Ok(())
        })
        .await
}

/// What ListUsers takes.
#[derive(Shape)]
pub(crate) struct ListUsersInput {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of users.
#[derive(Shape)]
pub(crate) struct ListUsersOutput {
    users: Vec<User>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

pub(crate) async fn list_users(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListUsersInput,
) -> Result<ListUsersOutput, IamError> {
    let prefix = input.path_prefix.unwrap_or_else(|| "/".to_owned());
    let users = identity.read(|tx| entities(tx, &ctx.account, Kind::User))?;
    let users = users.into_iter().filter(|user| user.path.starts_with(&prefix));
    let shown = page(users.map(|user| (user.name.to_lowercase(), user)), input.marker.as_deref(), input.max_items)?;
    Ok(ListUsersOutput {
        users: shown.items.iter().map(User::listed).collect(),
        is_truncated: Some(shown.is_truncated()),
        marker: shown.marker,
    })
}

/// What TagUser takes.
#[derive(Shape, Clone)]
pub(crate) struct TagUserInput {
    pub(crate) user_name: String,
    tags: Vec<Tag>,
}

pub(crate) async fn tag_user(identity: Arc<Identity>, ctx: Ctx, input: TagUserInput) -> Result<(), IamError> {
    let new = tags_in(Some(input.tags));
    tags::check(&new, true)?;
    let change = move |user: &mut Entity| tags::merge(&mut user.tags, &new, true);
    change_entity(&identity, &ctx, Kind::User, input.user_name, change).await.map(|_| ())
}

/// What UntagUser takes.
#[derive(Shape, Clone)]
pub(crate) struct UntagUserInput {
    pub(crate) user_name: String,
    tag_keys: Vec<String>,
}

pub(crate) async fn untag_user(identity: Arc<Identity>, ctx: Ctx, input: UntagUserInput) -> Result<(), IamError> {
    let change = move |user: &mut Entity| {
        tags::remove(&mut user.tags, &input.tag_keys, true);
        Ok(())
    };
    change_entity(&identity, &ctx, Kind::User, input.user_name, change).await.map(|_| ())
}

/// What ListUserTags takes.
#[derive(Shape)]
pub(crate) struct ListUserTagsInput {
    pub(crate) user_name: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

pub(crate) async fn list_user_tags(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListUserTagsInput,
) -> Result<TagList, IamError> {
    let user = identity.read(|tx| entity(tx, &ctx.account, Kind::User, &input.user_name))?;
    let all = user.tags.into_iter().map(|(key, value)| (key.clone(), (key, value)));
    let shown = page(all, input.marker.as_deref(), input.max_items)?;
    Ok(TagList { tags: tags_out(&shown.items), is_truncated: Some(shown.is_truncated()), marker: shown.marker })
}
