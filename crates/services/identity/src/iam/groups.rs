//! Groups and their members.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::shapes::{Group, User};
use crate::core::{Identity, entities, entity, iam_arn, save};
use crate::errors::IamError;
use crate::ids;
use crate::page::page;
use crate::state::{ENTITIES, Entity, Kind, RoleFacts, UserFacts};

/// What CreateGroup takes.
#[derive(Shape)]
pub(crate) struct CreateGroupInput {
    pub(crate) path: Option<String>,
    pub(crate) group_name: String,
}

/// A group.
#[derive(Shape)]
pub(crate) struct GroupOutput {
    group: Group,
}

pub(crate) async fn create_group(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CreateGroupInput,
) -> Result<GroupOutput, IamError> {
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let group = Entity {
        kind: Kind::Group,
        arn: iam_arn(&ctx, "group", &path, &input.group_name),
        name: input.group_name,
        path,
        id: ids::unique(Kind::Group.id_prefix()),
        created: identity.now(),
        tags: Vec::new(),
        inline: Vec::new(),
        attached: Vec::new(),
        boundary: None,
        role: RoleFacts::default(),
        user: UserFacts::default(),
    };
    let (account, stored) = (ctx.account.clone(), group.clone());
    identity
        .change(move |tx| {
            if tx.contains(&ENTITIES, &(account.as_str(), Kind::Group.key(), stored.name.to_lowercase().as_str()))? {
                return Err(IamError::entity_exists(Kind::Group, &stored.name));
            }
            save(tx, &account, &stored)
        })
        .await?;
    Ok(GroupOutput { group: Group::from(&group) })
}

/// What GetGroup takes.
#[derive(Shape)]
pub(crate) struct GetGroupInput {
    pub(crate) group_name: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A group and a page of its members.
#[derive(Shape)]
pub(crate) struct GetGroupOutput {
    group: Group,
    users: Vec<User>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

pub(crate) async fn get_group(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: GetGroupInput,
) -> Result<GetGroupOutput, IamError> {
    let (group, users) = identity.read(|tx| {
        let group = entity(tx, &ctx.account, Kind::Group, &input.group_name)?;
        Ok((group, entities(tx, &ctx.account, Kind::User)?))
    })?;
    let name = group.name.to_lowercase();
    let members = users.into_iter().filter(|user| user.user.groups.contains(&name));
    let shown = page(members.map(|user| (user.name.to_lowercase(), user)), input.marker.as_deref(), input.max_items)?;
    Ok(GetGroupOutput {
        group: Group::from(&group),
        users: shown.items.iter().map(User::listed).collect(),
        is_truncated: Some(shown.is_truncated()),
        marker: shown.marker,
    })
}

/// A group by name.
#[derive(Shape)]
pub(crate) struct GroupNameInput {
    pub(crate) group_name: String,
}

pub(crate) async fn delete_group(identity: Arc<Identity>, ctx: Ctx, input: GroupNameInput) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let group = entity(tx, &account, Kind::Group, &input.group_name)?;
            let name = group.name.to_lowercase();
            if !group.attached.is_empty() {
                return Err(IamError::DeleteConflict("Cannot delete entity, must detach all policies first."));
            }
            if !group.inline.is_empty() {
                return Err(IamError::DeleteConflict("Cannot delete entity, must delete policies first."));
            }
            if entities(tx, &account, Kind::User)?.iter().any(|user| user.user.groups.contains(&name)) {
                return Err(IamError::DeleteConflict("Cannot delete entity, must remove users from group first."));
            }
            tx.delete(&ENTITIES, &(account.as_str(), Kind::Group.key(), name.as_str()))?;
            Ok(())
        })
        .await
}

/// What ListGroups takes.
#[derive(Shape)]
pub(crate) struct ListGroupsInput {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of groups.
#[derive(Shape)]
pub(crate) struct ListGroupsOutput {
    groups: Vec<Group>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

pub(crate) async fn list_groups(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListGroupsInput,
) -> Result<ListGroupsOutput, IamError> {
    let prefix = input.path_prefix.unwrap_or_else(|| "/".to_owned());
    let groups = identity.read(|tx| entities(tx, &ctx.account, Kind::Group))?;
    let groups = groups.into_iter().filter(|group| group.path.starts_with(&prefix));
    list(groups, input.marker.as_deref(), input.max_items)
}

/// What ListGroupsForUser takes.
#[derive(Shape)]
pub(crate) struct ListGroupsForUserInput {
    pub(crate) user_name: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

pub(crate) async fn list_groups_for_user(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListGroupsForUserInput,
) -> Result<ListGroupsOutput, IamError> {
    let groups = identity.read(|tx| {
        let user = entity(tx, &ctx.account, Kind::User, &input.user_name)?;
        user.user.groups.iter().map(|name| entity(tx, &ctx.account, Kind::Group, name)).collect::<Result<Vec<_>, _>>()
    })?;
    list(groups, input.marker.as_deref(), input.max_items)
}

fn list(
    groups: impl IntoIterator<Item = Entity>,
    marker: Option<&str>,
    max: Option<i64>,
) -> Result<ListGroupsOutput, IamError> {
    let shown = page(groups.into_iter().map(|group| (group.name.to_lowercase(), group)), marker, max)?;
    Ok(ListGroupsOutput {
        groups: shown.items.iter().map(Group::from).collect(),
        is_truncated: Some(shown.is_truncated()),
        marker: shown.marker,
    })
}

/// A user and a group.
#[derive(Shape)]
pub(crate) struct MembershipInput {
    pub(crate) group_name: String,
    user_name: String,
}

pub(crate) async fn add_user_to_group(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: MembershipInput,
) -> Result<(), IamError> {
    change_membership(&identity, &ctx, input, true).await
}

pub(crate) async fn remove_user_from_group(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: MembershipInput,
) -> Result<(), IamError> {
    change_membership(&identity, &ctx, input, false).await
}

async fn change_membership(
    identity: &Identity,
    ctx: &Ctx,
    input: MembershipInput,
    member: bool,
) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let mut user = entity(tx, &account, Kind::User, &input.user_name)?;
            let group = entity(tx, &account, Kind::Group, &input.group_name)?.name.to_lowercase();
            user.user.groups.retain(|name| *name != group);
            if member {
                user.user.groups.push(group);
                user.user.groups.sort();
            }
            save(tx, &account, &user)
        })
        .await
}
