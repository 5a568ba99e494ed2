//! Managed policies attached to roles, users and groups: the same operations three times, under the names of their kinds.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use super::shapes::AttachedPolicy;
use crate::core::{Identity, check_modifiable, entity, save};
use crate::errors::IamError;
use crate::managed;
use crate::page::page;
use crate::state::{ATTACHED, Kind, USES};

/// How many managed policies an entity may have attached.
const MOST: usize = 10;

/// The attached policies, in pages.
#[derive(Shape)]
pub(crate) struct AttachedPolicies {
    attached_policies: Vec<AttachedPolicy>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

async fn attach(identity: &Identity, ctx: &Ctx, kind: Kind, owner: String, arn: String) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let mut changed = entity(tx, &account, kind, &owner)?;
            check_modifiable(&changed)?;
            if managed::PolicyArn::parse(&arn).is_none() {
                return Err(IamError::Validation(format!("ARN {arn} is not valid.")));
            }
            if managed::find(tx, &arn)?.is_none() {
                return Err(IamError::NoSuchEntity(format!("Policy {arn} does not exist or is not attachable.")));
            }
            if changed.attached.contains(&arn) {
                return Ok(());
            }
            if changed.attached.len() >= MOST {
                return Err(IamError::quota(&format!("PoliciesPer{}", capital(kind)), MOST));
            }
            changed.attached.push(arn.clone());
            tx.put(&USES, &(account.as_str(), arn.as_str(), ATTACHED, kind.key(), changed.name.as_str()), &())?;
            save(tx, &account, &changed)
        })
        .await
}

fn capital(kind: Kind) -> &'static str {
    match kind {
        Kind::Role => "Role",
        Kind::User => "User",
        Kind::Group => "Group",
    }
}

async fn detach(identity: &Identity, ctx: &Ctx, kind: Kind, owner: String, arn: String) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let mut changed = entity(tx, &account, kind, &owner)?;
            check_modifiable(&changed)?;
            if !changed.attached.contains(&arn) {
                return Err(IamError::NoSuchEntity(format!("Policy {arn} was not found.")));
            }
            changed.attached.retain(|attached| *attached != arn);
            tx.delete(&USES, &(account.as_str(), arn.as_str(), ATTACHED, kind.key(), changed.name.as_str()))?;
            save(tx, &account, &changed)
        })
        .await
}

fn list(
    identity: &Identity,
    ctx: &Ctx,
    kind: Kind,
    owner: &str,
    prefix: Option<&str>,
    marker: Option<&str>,
    max: Option<i64>,
) -> Result<AttachedPolicies, IamError> {
    let entity = identity.read(|tx| entity(tx, &ctx.account, kind, owner))?;
    let prefix = prefix.unwrap_or("/");
    let mut arns: Vec<String> = entity.attached;
    arns.retain(|arn| arn.split_once(":policy").is_some_and(|(_, path)| path.starts_with(prefix)));
    arns.sort();
    let shown = page(arns.into_iter().map(|arn| (arn.clone(), arn)), marker, max)?;
    Ok(AttachedPolicies {
        attached_policies: shown.items.iter().map(|arn| AttachedPolicy::of(arn)).collect(),
        is_truncated: Some(shown.is_truncated()),
        marker: shown.marker,
    })
}

macro_rules! attached_policies {
    ($module:ident, $kind:expr, $owner:ident, $what:literal) => {
        #[doc = concat!("Managed policies attached to ", $what, ".")]
        pub(crate) mod $module {
            use super::*;

            /// What attaching and detaching take.
            #[derive(Shape)]
            pub(crate) struct AttachInput {
                pub(crate) $owner: String,
                pub(crate) policy_arn: String,
            }

            /// What the list operation takes.
            #[derive(Shape)]
            pub(crate) struct ListInput {
                pub(crate) $owner: String,
                path_prefix: Option<String>,
                marker: Option<String>,
                max_items: Option<i64>,
            }

            pub(crate) async fn attach(identity: Arc<Identity>, ctx: Ctx, input: AttachInput) -> Result<(), IamError> {
                super::attach(&identity, &ctx, $kind, input.$owner, input.policy_arn).await
            }

            pub(crate) async fn detach(identity: Arc<Identity>, ctx: Ctx, input: AttachInput) -> Result<(), IamError> {
                super::detach(&identity, &ctx, $kind, input.$owner, input.policy_arn).await
            }

            pub(crate) async fn list(
                identity: Arc<Identity>,
                ctx: Ctx,
                input: ListInput,
            ) -> Result<AttachedPolicies, IamError> {
                let (prefix, marker) = (input.path_prefix.as_deref(), input.marker.as_deref());
                super::list(&identity, &ctx, $kind, &input.$owner, prefix, marker, input.max_items)
            }
        }
    };
}

attached_policies!(role, Kind::Role, role_name, "roles");
attached_policies!(user, Kind::User, user_name, "users");
attached_policies!(group, Kind::Group, group_name, "groups");
