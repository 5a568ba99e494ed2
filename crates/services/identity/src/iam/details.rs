//! GetAccountAuthorizationDetails: every identity of an account with its policies.

use std::sync::Arc;

use pilvi_bus::{Ctx, region};
use pilvi_model::{Shape, Timestamp};
use pilvi_store::{Range, ReadTx};

use super::policies::{PolicyVersion, uses};
use super::shapes::{AttachedPolicy, Boundary, InstanceProfile, RoleLastUsed, Tag, boundary, tags_out};
use crate::core::{Identity, entities, stamp};
use crate::documents::encoded;
use crate::errors::IamError;
use crate::managed;
use crate::page::page;
use crate::state::{Entity, Kind, ManagedPolicy, POLICIES, PROFILES};

/// What GetAccountAuthorizationDetails takes.
#[derive(Shape)]
pub(crate) struct DetailsInput {
    filter: Option<Vec<String>>,
    marker: Option<String>,
    max_items: Option<i64>,
}

/// A page of identities.
#[derive(Shape, Default)]
pub(crate) struct DetailsOutput {
    user_detail_list: Vec<UserDetail>,
    group_detail_list: Vec<GroupDetail>,
    role_detail_list: Vec<RoleDetail>,
    policies: Vec<PolicyDetails>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Shape)]
struct InlinePolicy {
    policy_name: Option<String>,
    policy_document: Option<String>,
}

#[derive(Shape)]
struct UserDetail {
    path: Option<String>,
    user_name: Option<String>,
    user_id: Option<String>,
    arn: Option<String>,
    create_date: Option<Timestamp>,
    user_policy_list: Option<Vec<InlinePolicy>>,
    group_list: Option<Vec<String>>,
    attached_managed_policies: Option<Vec<AttachedPolicy>>,
    permissions_boundary: Option<Boundary>,
    tags: Option<Vec<Tag>>,
}

#[derive(Shape)]
struct GroupDetail {
    path: Option<String>,
    group_name: Option<String>,
    group_id: Option<String>,
    arn: Option<String>,
    create_date: Option<Timestamp>,
    group_policy_list: Option<Vec<InlinePolicy>>,
    attached_managed_policies: Option<Vec<AttachedPolicy>>,
}

#[derive(Shape)]
struct RoleDetail {
    path: Option<String>,
    role_name: Option<String>,
    role_id: Option<String>,
    arn: Option<String>,
    create_date: Option<Timestamp>,
    assume_role_policy_document: Option<String>,
    instance_profile_list: Option<Vec<InstanceProfile>>,
    role_policy_list: Option<Vec<InlinePolicy>>,
    attached_managed_policies: Option<Vec<AttachedPolicy>>,
    permissions_boundary: Option<Boundary>,
    tags: Option<Vec<Tag>>,
    role_last_used: Option<RoleLastUsed>,
}

#[derive(Shape)]
struct PolicyDetails {
    policy_name: Option<String>,
    policy_id: Option<String>,
    arn: Option<String>,
    path: Option<String>,
    default_version_id: Option<String>,
    attachment_count: Option<i64>,
    permissions_boundary_usage_count: Option<i64>,
    is_attachable: Option<bool>,
    description: Option<String>,
    create_date: Option<Timestamp>,
    update_date: Option<Timestamp>,
    policy_version_list: Option<Vec<PolicyVersion>>,
}

/// One entry of the answer; pages go through all four lists in a row.
enum Item {
    Entity(Box<Entity>),
    Policy(Box<ManagedPolicy>),
}

pub(crate) async fn get_account_authorization_details(
    identity: Arc<Identity>,
    ctx: Ctx,
    input: DetailsInput,
) -> Result<DetailsOutput, IamError> {
    let filter = input.filter.unwrap_or_default();
    let wanted = |kind: &str| filter.is_empty() || filter.iter().any(|wanted| wanted == kind);
    identity.read(|tx| {
        let account = ctx.account.as_str();
        let mut items = Vec::new();
        for (name, kind) in [("User", Kind::User), ("Group", Kind::Group), ("Role", Kind::Role)] {
            if wanted(name) {
                let found = entities(tx, account, kind)?;
                items.extend(found.into_iter().map(|entity| {
                    (format!("{}/{}", kind.key(), entity.name.to_lowercase()), Item::Entity(Box::new(entity)))
                }));
            }
        }
        let mut policies = Vec::new();
        if wanted("LocalManagedPolicy") {
            for entry in tx.range(&POLICIES, Range::prefix(&(account,))) {
                policies.push(entry?.1);
            }
        }
        if wanted("AWSManagedPolicy") {
            // Of AWS's own policies only those that somebody uses.
            for policy in managed::aws_policies(region::partition(&ctx.region)) {
                if uses(tx, account, &policy.arn)? != (0, 0) {
                    policies.push(policy);
                }
            }
        }
        items.extend(policies.into_iter().map(|policy| (format!("9/{}", policy.arn), Item::Policy(Box::new(policy)))));
        items.sort_by(|one, other| one.0.cmp(&other.0));
        let shown = page(items, input.marker.as_deref(), input.max_items)?;
        let mut output = DetailsOutput {
            is_truncated: Some(shown.is_truncated()),
            marker: shown.marker,
            ..DetailsOutput::default()
        };
        for item in shown.items {
            match item {
                Item::Policy(policy) => output.policies.push(policy_details(tx, account, &policy)?),
                Item::Entity(entity) => match entity.kind {
                    Kind::User => output.user_detail_list.push(user(tx, account, &entity)?),
                    Kind::Group => output.group_detail_list.push(group(&entity)),
                    Kind::Role => output.role_detail_list.push(role(tx, account, &entity)?),
                },
            }
        }
        Ok(output)
    })
}

/// Inline policies; left out where there are none.
fn inline(entity: &Entity) -> Option<Vec<InlinePolicy>> {
    let shown = entity.inline.iter().map(|(name, document)| InlinePolicy {
        policy_name: Some(name.clone()),
        policy_document: Some(encoded(document)),
    });
    (!entity.inline.is_empty()).then(|| shown.collect())
}

fn attached(entity: &Entity) -> Option<Vec<AttachedPolicy>> {
    Some(entity.attached.iter().map(|arn| AttachedPolicy::of(arn)).collect())
}

fn user(tx: &ReadTx<'_>, account: &str, user: &Entity) -> Result<UserDetail, IamError> {
    let mut groups = Vec::new();
    for name in &user.user.groups {
        groups.push(crate::core::entity(tx, account, Kind::Group, name)?.name);
    }
    Ok(UserDetail {
        path: Some(user.path.clone()),
        user_name: Some(user.name.clone()),
        user_id: Some(user.id.clone()),
        arn: Some(user.arn.clone()),
        create_date: Some(stamp(user.created)),
        user_policy_list: inline(user),
        group_list: Some(groups),
        attached_managed_policies: attached(user),
        permissions_boundary: boundary(user),
        tags: Some(tags_out(&user.tags)),
    })
}

fn group(group: &Entity) -> GroupDetail {
    GroupDetail {
        path: Some(group.path.clone()),
        group_name: Some(group.name.clone()),
        group_id: Some(group.id.clone()),
        arn: Some(group.arn.clone()),
        create_date: Some(stamp(group.created)),
        group_policy_list: Some(inline(group).unwrap_or_default()),
        attached_managed_policies: attached(group),
    }
}

fn role(tx: &ReadTx<'_>, account: &str, role: &Entity) -> Result<RoleDetail, IamError> {
    let name = role.name.to_lowercase();
    let mut profiles = Vec::new();
    for entry in tx.range(&PROFILES, Range::prefix(&(account,))) {
        let (_, profile) = entry?;
        if profile.role.as_deref() == Some(&*name) {
            profiles.push(InstanceProfile::new(&profile, Some(role), None));
        }
    }
    let used = role.role.last_used.as_ref();
    Ok(RoleDetail {
        path: Some(role.path.clone()),
        role_name: Some(role.name.clone()),
        role_id: Some(role.id.clone()),
        arn: Some(role.arn.clone()),
        create_date: Some(stamp(role.created)),
        assume_role_policy_document: Some(encoded(&role.role.trust)),
        instance_profile_list: Some(profiles),
        role_policy_list: Some(inline(role).unwrap_or_default()),
        attached_managed_policies: attached(role),
        permissions_boundary: boundary(role),
        tags: Some(tags_out(&role.tags)),
        role_last_used: Some(RoleLastUsed {
            last_used_date: used.map(|(time, _)| stamp(*time)),
            region: used.map(|(_, region)| region.clone()),
        }),
    })
}

fn policy_details(tx: &ReadTx<'_>, account: &str, policy: &ManagedPolicy) -> Result<PolicyDetails, IamError> {
    let (attachments, boundaries) = uses(tx, account, &policy.arn)?;
    let versions = policy.versions.iter().rev().map(|version| PolicyVersion::with_document(policy, version));
    Ok(PolicyDetails {
        policy_name: Some(policy.name.clone()),
        policy_id: Some(policy.id.clone()),
        arn: Some(policy.arn.clone()),
        path: Some(policy.path.clone()),
        default_version_id: Some(format!("v{}", policy.default)),
        attachment_count: Some(attachments),
        permissions_boundary_usage_count: Some(boundaries),
        is_attachable: Some(true),
        description: policy.description.clone(),
        create_date: Some(stamp(policy.created)),
        update_date: Some(stamp(policy.updated)),
        policy_version_list: Some(versions.collect()),
    })
}
