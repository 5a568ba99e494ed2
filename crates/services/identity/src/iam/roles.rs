//! Roles: create, read, change, tag, delete.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::shapes::{Role, Tag, TagList, tags_in, tags_out};
use crate::core::{Identity, check_modifiable, entities, entity, iam_arn, save};
use crate::documents::{check_principals, check_trust};
use crate::errors::IamError;
use crate::page::page;
use crate::state::{BOUNDARY, ENTITIES, Entity, Kind, PROFILES, RoleFacts, USES, UserFacts};
use crate::{ids, managed, tags};

/// A role's default session, in seconds.
const DEFAULT_SESSION: i64 = 3600;

/// What CreateRole takes.
#[derive(Shape, Clone)]
pub(crate) struct CreateRoleInput {
    pub(crate) path: Option<String>,
    pub(crate) role_name: String,
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: Option<i64>,
    permissions_boundary: Option<String>,
    tags: Option<Vec<Tag>>,
}

/// A role, as most operations answer with.
#[derive(Shape)]
pub(crate) struct RoleOutput {
    role: Role,
}

pub(crate) async fn create_role(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: CreateRoleInput,
) -> Result<RoleOutput, IamError> {
    let trust = check_trust(&input.assume_role_policy_document)?;
    let new_tags = tags::sorted(tags_in(input.tags.clone()));
    tags::check(&new_tags, true)?;
    let path = input.path.clone().unwrap_or_else(|| "/".to_owned());
    let role = Entity {
        kind: Kind::Role,
        arn: iam_arn(&ctx, "role", &path, &input.role_name),
        name: input.role_name.clone(),
        path,
        id: ids::unique(Kind::Role.id_prefix()),
        created: identity.now(),
        tags: new_tags,
        inline: Vec::new(),
        attached: Vec::new(),
        boundary: input.permissions_boundary.clone(),
        role: RoleFacts {
            trust: input.assume_role_policy_document.clone(),
            description: input.description.clone(),
            max_session: input.max_session_duration.unwrap_or(DEFAULT_SESSION),
            last_used: None,
            linked_to: None,
        },
        user: UserFacts::default(),
    };
    let account = ctx.account.clone();
    let stored = role.clone();
    identity
        .change(move |tx| {
            if tx.contains(&ENTITIES, &(account.as_str(), Kind::Role.key(), stored.name.to_lowercase().as_str()))? {
                return Err(IamError::entity_exists(Kind::Role, &stored.name));
            }
            check_principals(tx, &account, &trust)?;
            if let Some(arn) = &stored.boundary {
                managed::check_boundary(tx, arn)?;
                let key = (account.as_str(), arn.as_str(), BOUNDARY, Kind::Role.key(), stored.name.as_str());
                tx.put(&USES, &key, &())?;
            }
            save(tx, &account, &stored)
        })
        .await?;
    let mut shown = Role::brief(&role);
    shown.tags = super::shapes::some_tags(&role.tags);
    shown.permissions_boundary = super::shapes::boundary(&role);
    Ok(RoleOutput { role: shown })
}

/// A role by name.
#[derive(Shape, Clone)]
pub(crate) struct RoleNameInput {
    pub(crate) role_name: String,
}

pub(crate) async fn get_role(identity: Arc<Identity>, ctx: Ctx, input: RoleNameInput) -> Result<RoleOutput, IamError> {
    let role = identity.read(|tx| entity(tx, &ctx.account, Kind::Role, &input.role_name))?;
    Ok(RoleOutput { role: Role::full(&role) })
}

pub(crate) async fn delete_role(identity: Arc<Identity>, ctx: Ctx, input: RoleNameInput) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let role = entity(tx, &account, Kind::Role, &input.role_name)?;
            check_modifiable(&role)?;
            let name = role.name.to_lowercase();
            if !role.attached.is_empty() {
                return Err(IamError::DeleteConflict("Cannot delete entity, must detach all policies first."));
            }
            if !role.inline.is_empty() {
                return Err(IamError::DeleteConflict("Cannot delete entity, must delete policies first."));
            }
            for entry in tx.range(&PROFILES, pilvi_store::Range::prefix(&(account.as_str(),))) {
                if entry?.1.role.as_deref() == Some(&*name) {
                    let text = "Cannot delete entity, must remove roles from instance profile first.";
                    return Err(IamError::DeleteConflict(text));
                }
            }
            if let Some(arn) = &role.boundary {
                let key = (account.as_str(), arn.as_str(), BOUNDARY, Kind::Role.key(), role.name.as_str());
                tx.delete(&USES, &key)?;
            }
            tx.delete(&ENTITIES, &(account.as_str(), Kind::Role.key(), name.as_str()))?;
            Ok(())
        })
        .await
}

/// What ListRoles takes.
#[derive(Shape)]
pub(crate) struct ListRolesInput {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of roles.
#[derive(Shape)]
pub(crate) struct ListRolesOutput {
    roles: Vec<Role>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

pub(crate) async fn list_roles(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListRolesInput,
) -> Result<ListRolesOutput, IamError> {
    let prefix = input.path_prefix.unwrap_or_else(|| "/".to_owned());
    let roles = identity.read(|tx| entities(tx, &ctx.account, Kind::Role))?;
    let roles = roles.into_iter().filter(|role| role.path.starts_with(&prefix));
    let shown = page(roles.map(|role| (role.name.to_lowercase(), role)), input.marker.as_deref(), input.max_items)?;
    Ok(ListRolesOutput {
        roles: shown.items.iter().map(Role::listed).collect(),
        is_truncated: Some(shown.is_truncated()),
        marker: shown.marker,
    })
}

/// What UpdateRole takes.
#[derive(Shape, Clone)]
pub(crate) struct UpdateRoleInput {
    pub(crate) role_name: String,
    description: Option<String>,
    max_session_duration: Option<i64>,
}

pub(crate) async fn update_role(identity: Arc<Identity>, ctx: Ctx, input: UpdateRoleInput) -> Result<(), IamError> {
    change_role(&identity, &ctx, input.role_name.clone(), move |role| {
        if let Some(text) = &input.description {
            role.role.description = Some(text.clone());
        }
        role.role.max_session = input.max_session_duration.unwrap_or(role.role.max_session);
        Ok(())
    })
    .await
    .map(|_| ())
}

/// What UpdateRoleDescription takes.
#[derive(Shape, Clone)]
pub(crate) struct UpdateRoleDescriptionInput {
    pub(crate) role_name: String,
    description: String,
}

pub(crate) async fn update_role_description(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: UpdateRoleDescriptionInput,
) -> Result<RoleOutput, IamError> {
    let role = change_role(&identity, &ctx, input.role_name.clone(), move |role| {
        role.role.description = Some(input.description.clone());
        Ok(())
    })
    .await?;
    Ok(RoleOutput { role: Role { description: role.role.description.clone(), ..Role::brief(&role) } })
}

/// What UpdateAssumeRolePolicy takes.
#[derive(Shape, Clone)]
pub(crate) struct UpdateAssumeRolePolicyInput {
    pub(crate) role_name: String,
    policy_document: String,
}

pub(crate) async fn update_assume_role_policy(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: UpdateAssumeRolePolicyInput,
) -> Result<(), IamError> {
    let trust = check_trust(&input.policy_document)?;
    identity.read(|tx| check_principals(tx, &ctx.account, &trust))?;
    change_role(&identity, &ctx, input.role_name.clone(), move |role| {
        check_modifiable(role)?;
        role.role.trust = input.policy_document.clone();
        Ok(())
    })
    .await
    .map(|_| ())
}

/// What TagRole takes.
#[derive(Shape, Clone)]
pub(crate) struct TagRoleInput {
    pub(crate) role_name: String,
    tags: Vec<Tag>,
}

pub(crate) async fn tag_role(identity: Arc<Identity>, ctx: Ctx, input: TagRoleInput) -> Result<(), IamError> {
    let new = tags_in(Some(input.tags));
    tags::check(&new, true)?;
    change_role(&identity, &ctx, input.role_name, move |role| tags::merge(&mut role.tags, &new, true)).await.map(|_| ())
}

/// What UntagRole takes.
#[derive(Shape, Clone)]
pub(crate) struct UntagRoleInput {
    pub(crate) role_name: String,
    tag_keys: Vec<String>,
}

pub(crate) async fn untag_role(identity: Arc<Identity>, ctx: Ctx, input: UntagRoleInput) -> Result<(), IamError> {
    change_role(&identity, &ctx, input.role_name.clone(), move |role| {
        tags::remove(&mut role.tags, &input.tag_keys, true);
        Ok(())
    })
    .await
    .map(|_| ())
}

/// What ListRoleTags takes.
#[derive(Shape)]
pub(crate) struct ListRoleTagsInput {
    pub(crate) role_name: String,
    marker: Option<String>,
    max_items: Option<i64>,
}

pub(crate) async fn list_role_tags(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: ListRoleTagsInput,
) -> Result<TagList, IamError> {
    let role = identity.read(|tx| entity(tx, &ctx.account, Kind::Role, &input.role_name))?;
    let all = role.tags.into_iter().map(|(key, value)| (key.clone(), (key, value)));
    let shown = page(all, input.marker.as_deref(), input.max_items)?;
    Ok(TagList { tags: tags_out(&shown.items), is_truncated: Some(shown.is_truncated()), marker: shown.marker })
}

async fn change_role(
    identity: &Identity,
    ctx: &Ctx,
    name: String,
    change: impl Fn(&mut Entity) -> Result<(), IamError> + Send + 'static,
) -> Result<Entity, IamError> {
    super::users::change_entity(identity, ctx, Kind::Role, name, change).await
}
