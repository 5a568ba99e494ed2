//! Inline policies of roles, users and groups: the same operations three times, under the names of their kinds.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use crate::core::{Identity, check_modifiable, entity};
use crate::documents::{check_identity, encoded, size};
use crate::errors::IamError;
use crate::page::page;
use crate::state::Kind;

/// The names of an entity's inline policies, in pages.
#[derive(Shape)]
pub(crate) struct PolicyNames {
    policy_names: Vec<String>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

/// The characters that all inline policies of an entity may have together.
fn quota(kind: Kind) -> usize {
    match kind {
        Kind::Role => 10_240,
        Kind::User => 2048,
        Kind::Group => 5120,
    }
}

async fn put(
    identity: &Identity,
    ctx: &Ctx,
    kind: Kind,
    owner: String,
    name: String,
    document: String,
) -> Result<(), IamError> {
    check_identity(&document)?;
    let change = move |entity: &mut crate::state::Entity| {
        check_modifiable(entity)?;
        entity.inline.retain(|(old, _)| *old != name);
        entity.inline.push((name.clone(), document.clone()));
        entity.inline.sort();
        let most = quota(kind);
        if entity.inline.iter().map(|(_, text)| size(text)).sum::<usize>() > most {
            let text = format!("Maximum policy size of {most} bytes exceeded for {} {}", kind.word(), entity.name);
            return Err(IamError::LimitExceeded(text));
        }
        Ok(())
    };
    super::users::change_entity(identity, ctx, kind, owner, change).await.map(|_| ())
}

fn get(identity: &Identity, ctx: &Ctx, kind: Kind, owner: &str, name: &str) -> Result<(String, String), IamError> {
    let entity = identity.read(|tx| entity(tx, &ctx.account, kind, owner))?;
    let found = entity.inline.into_iter().find(|(policy, _)| policy == name);
    let (_, document) = found.ok_or_else(|| missing(kind, name))?;
    Ok((entity.name, encoded(&document)))
}

fn missing(kind: Kind, name: &str) -> IamError {
    IamError::NoSuchEntity(format!("The {} policy with name {name} cannot be found.", kind.word()))
}

async fn delete(identity: &Identity, ctx: &Ctx, kind: Kind, owner: String, name: String) -> Result<(), IamError> {
    let change = move |entity: &mut crate::state::Entity| {
        check_modifiable(entity)?;
        let before = entity.inline.len();
        entity.inline.retain(|(policy, _)| *policy != name);
        if entity.inline.len() == before { Err(missing(kind, &name)) } else { Ok(()) }
    };
    super::users::change_entity(identity, ctx, kind, owner, change).await.map(|_| ())
}

fn list(
    identity: &Identity,
    ctx: &Ctx,
    kind: Kind,
    owner: &str,
    marker: Option<&str>,
    max: Option<i64>,
) -> Result<PolicyNames, IamError> {
    let entity = identity.read(|tx| entity(tx, &ctx.account, kind, owner))?;
    let shown = page(entity.inline.into_iter().map(|(name, _)| (name.clone(), name)), marker, max)?;
    Ok(PolicyNames { is_truncated: Some(shown.is_truncated()), marker: shown.marker, policy_names: shown.items })
}

macro_rules! inline_policies {
    ($module:ident, $kind:expr, $owner:ident, $what:literal) => {
        #[doc = concat!("Inline policies of ", $what, ".")]
        pub(crate) mod $module {
            use super::*;

            /// What the put operation takes.
            #[derive(Shape)]
            pub(crate) struct PutInput {
                pub(crate) $owner: String,
                policy_name: String,
                policy_document: String,
            }

            /// One inline policy.
            #[derive(Shape)]
            pub(crate) struct NameInput {
                pub(crate) $owner: String,
                policy_name: String,
            }

            /// What the list operation takes.
            #[derive(Shape)]
            pub(crate) struct ListInput {
                pub(crate) $owner: String,
                marker: Option<String>,
                max_items: Option<i64>,
            }

            /// An inline policy.
            #[derive(Shape)]
            pub(crate) struct GetOutput {
                $owner: String,
                policy_name: String,
                policy_document: String,
            }

            pub(crate) async fn put(identity: Arc<Identity>, ctx: Ctx, input: PutInput) -> Result<(), IamError> {
                super::put(&identity, &ctx, $kind, input.$owner, input.policy_name, input.policy_document).await
            }

            pub(crate) async fn get(
                identity: Arc<Identity>,
                ctx: Ctx,
                input: NameInput,
            ) -> Result<GetOutput, IamError> {
                let (name, policy_document) = super::get(&identity, &ctx, $kind, &input.$owner, &input.policy_name)?;
                Ok(GetOutput { $owner: name, policy_name: input.policy_name, policy_document })
            }

            pub(crate) async fn delete(identity: Arc<Identity>, ctx: Ctx, input: NameInput) -> Result<(), IamError> {
                super::delete(&identity, &ctx, $kind, input.$owner, input.policy_name).await
            }

            pub(crate) async fn list(
                identity: Arc<Identity>,
                ctx: Ctx,
                input: ListInput,
            ) -> Result<PolicyNames, IamError> {
                super::list(&identity, &ctx, $kind, &input.$owner, input.marker.as_deref(), input.max_items)
            }
        }
    };
}

inline_policies!(role, Kind::Role, role_name, "roles");
inline_policies!(user, Kind::User, user_name, "users");
inline_policies!(group, Kind::Group, group_name, "groups");
