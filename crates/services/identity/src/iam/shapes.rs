//! Shapes that several operations share.

use pilvi_model::{Shape, Timestamp};

use crate::core::stamp;
use crate::documents::encoded;
use crate::errors::IamError;
use crate::page::page;
use crate::state::{Entity, ManagedPolicy, Profile, Tags};

/// A tag.
#[derive(Shape, Clone)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

pub(crate) fn tags_in(tags: Option<Vec<Tag>>) -> Tags {
    tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect()
}

pub(crate) fn tags_out(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// Tags where there are any; most answers leave an empty list out.
pub(crate) fn some_tags(tags: &Tags) -> Option<Vec<Tag>> {
    (!tags.is_empty()).then(|| tags_out(tags))
}

/// A permissions boundary.
#[derive(Shape)]
pub(crate) struct Boundary {
    pub(crate) permissions_boundary_type: Option<String>,
    pub(crate) permissions_boundary_arn: Option<String>,
}

pub(crate) fn boundary(entity: &Entity) -> Option<Boundary> {
    entity.boundary.as_ref().map(|arn| Boundary {
        permissions_boundary_type: Some("Policy".into()),
        permissions_boundary_arn: Some(arn.clone()),
    })
}

/// When a role was last used; empty when it never was.
#[derive(Shape)]
pub(crate) struct RoleLastUsed {
    pub(crate) last_used_date: Option<Timestamp>,
    pub(crate) region: Option<String>,
}

/// A role.
#[derive(Shape)]
pub(crate) struct Role {
    pub(crate) path: String,
    pub(crate) role_name: String,
    pub(crate) role_id: String,
    pub(crate) arn: String,
    pub(crate) create_date: Timestamp,
    pub(crate) assume_role_policy_document: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) max_session_duration: Option<i64>,
    pub(crate) permissions_boundary: Option<Boundary>,
    pub(crate) tags: Option<Vec<Tag>>,
    pub(crate) role_last_used: Option<RoleLastUsed>,
}

impl Role {
    /// As nested in other answers and in CreateRole's: without description, session duration and last use.
    pub(crate) fn brief(role: &Entity) -> Role {
        Role {
            path: role.path.clone(),
            role_name: role.name.clone(),
            role_id: role.id.clone(),
            arn: role.arn.clone(),
            create_date: stamp(role.created),
            assume_role_policy_document: Some(encoded(&role.role.trust)),
            description: None,
            max_session_duration: None,
            permissions_boundary: None,
            tags: None,
            role_last_used: None,
        }
    }

    /// As ListRoles shows it.
    pub(crate) fn listed(role: &Entity) -> Role {
        Role {
            description: role.role.description.clone(),
            max_session_duration: Some(role.role.max_session),
            ..Role::brief(role)
        }
    }

    /// As GetRole shows it.
    pub(crate) fn full(role: &Entity) -> Role {
        let used = role.role.last_used.clone();
        Role {
            permissions_boundary: boundary(role),
            tags: some_tags(&role.tags),
            role_last_used: Some(RoleLastUsed {
                last_used_date: used.as_ref().map(|(time, _)| stamp(*time)),
                region: used.map(|(_, region)| region),
            }),
            ..Role::listed(role)
        }
    }
}

/// A user.
#[derive(Shape)]
pub(crate) struct User {
    pub(crate) path: String,
    pub(crate) user_name: String,
    pub(crate) user_id: String,
    pub(crate) arn: String,
    pub(crate) create_date: Timestamp,
    pub(crate) password_last_used: Option<Timestamp>,
    pub(crate) permissions_boundary: Option<Boundary>,
    pub(crate) tags: Option<Vec<Tag>>,
}

impl User {
    /// As ListUsers shows it.
    pub(crate) fn listed(user: &Entity) -> User {
        User {
            path: user.path.clone(),
            user_name: user.name.clone(),
            user_id: user.id.clone(),
            arn: user.arn.clone(),
            create_date: stamp(user.created),
            password_last_used: None,
            permissions_boundary: None,
            tags: None,
        }
    }

    /// As CreateUser and GetUser show it.
    pub(crate) fn full(user: &Entity) -> User {
        User { permissions_boundary: boundary(user), tags: some_tags(&user.tags), ..User::listed(user) }
    }
}

/// A group.
#[derive(Shape)]
pub(crate) struct Group {
    pub(crate) path: String,
    pub(crate) group_name: String,
    pub(crate) group_id: String,
    pub(crate) arn: String,
    pub(crate) create_date: Timestamp,
}

impl From<&Entity> for Group {
    fn from(group: &Entity) -> Group {
        Group {
            path: group.path.clone(),
            group_name: group.name.clone(),
            group_id: group.id.clone(),
            arn: group.arn.clone(),
            create_date: stamp(group.created),
        }
    }
}

/// A managed policy.
#[derive(Shape)]
pub(crate) struct Policy {
    pub(crate) policy_name: Option<String>,
    pub(crate) policy_id: Option<String>,
    pub(crate) arn: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) default_version_id: Option<String>,
    pub(crate) attachment_count: Option<i64>,
    pub(crate) permissions_boundary_usage_count: Option<i64>,
    pub(crate) is_attachable: Option<bool>,
    pub(crate) description: Option<String>,
    pub(crate) create_date: Option<Timestamp>,
    pub(crate) update_date: Option<Timestamp>,
    pub(crate) tags: Option<Vec<Tag>>,
}

impl Policy {
    /// As ListPolicies shows it: without description and tags. `uses` counts attachments and boundaries.
    pub(crate) fn listed(policy: &ManagedPolicy, uses: (i64, i64)) -> Policy {
        Policy {
            policy_name: Some(policy.name.clone()),
            policy_id: Some(policy.id.clone()),
            arn: Some(policy.arn.clone()),
            path: Some(policy.path.clone()),
            default_version_id: Some(format!("v{}", policy.default)),
            attachment_count: Some(uses.0),
            permissions_boundary_usage_count: Some(uses.1),
            is_attachable: Some(true),
            description: None,
            create_date: Some(stamp(policy.created)),
            update_date: Some(stamp(policy.updated)),
            tags: None,
        }
    }
}

/// A policy that is attached.
#[derive(Shape)]
pub(crate) struct AttachedPolicy {
    pub(crate) policy_name: Option<String>,
    pub(crate) policy_arn: Option<String>,
}

impl AttachedPolicy {
    pub(crate) fn of(arn: &str) -> AttachedPolicy {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        AttachedPolicy { policy_name: Some(name.to_owned()), policy_arn: Some(arn.to_owned()) }
    }
}

/// An instance profile.
#[derive(Shape)]
pub(crate) struct InstanceProfile {
    pub(crate) path: String,
    pub(crate) instance_profile_name: String,
    pub(crate) instance_profile_id: String,
    pub(crate) arn: String,
    pub(crate) create_date: Timestamp,
    pub(crate) roles: Vec<Role>,
    pub(crate) tags: Option<Vec<Tag>>,
}

impl InstanceProfile {
    pub(crate) fn new(profile: &Profile, role: Option<&Entity>, tags: Option<Vec<Tag>>) -> InstanceProfile {
        InstanceProfile {
            path: profile.path.clone(),
            instance_profile_name: profile.name.clone(),
            instance_profile_id: profile.id.clone(),
            arn: profile.arn.clone(),
            create_date: stamp(profile.created),
            roles: role.map(Role::brief).into_iter().collect(),
            tags,
        }
    }
}

impl TagList {
    /// A page of an entity's tags.
    pub(crate) fn page(tags: &Tags, marker: Option<&str>, max: Option<i64>) -> Result<TagList, IamError> {
        let all = tags.iter().map(|tag| (tag.0.clone(), tag.clone()));
        let shown = page(all, marker, max)?;
        Ok(TagList { tags: tags_out(&shown.items), is_truncated: Some(shown.is_truncated()), marker: shown.marker })
    }
}

/// The answer of a list of tags.
#[derive(Shape)]
pub(crate) struct TagList {
    pub(crate) tags: Vec<Tag>,
    pub(crate) is_truncated: Option<bool>,
    pub(crate) marker: Option<String>,
}
