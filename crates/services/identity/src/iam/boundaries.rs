//! Permissions boundaries of roles and users.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;

use crate::core::{Identity, check_modifiable, entity, save};
use crate::errors::IamError;
use crate::managed;
use crate::state::{BOUNDARY, Kind, USES};

async fn set(identity: &Identity, ctx: &Ctx, kind: Kind, owner: String, arn: Option<String>) -> Result<(), IamError> {
    let account = ctx.account.clone();
    identity
        .change(move |tx| {
            let mut changed = entity(tx, &account, kind, &owner)?;
            check_modifiable(&changed)?;
            let name = changed.name.clone();
            match (&arn, &changed.boundary) {
                (Some(arn), _) => {
                    managed::check_boundary(tx, arn)?;
                }
                (None, None) => {
                    let text = format!("The {} {name} does not have a permissions boundary.", kind.word());
                    return Err(IamError::NoSuchEntity(text));
                }
                (None, Some(_)) => {}
            }
            if let Some(old) = &changed.boundary {
                tx.delete(&USES, &(account.as_str(), old.as_str(), BOUNDARY, kind.key(), name.as_str()))?;
            }
            if let Some(arn) = &arn {
                tx.put(&USES, &(account.as_str(), arn.as_str(), BOUNDARY, kind.key(), name.as_str()), &())?;
            }
            changed.boundary = arn.clone();
            save(tx, &account, &changed)
        })
        .await
}

macro_rules! boundaries {
    ($module:ident, $kind:expr, $owner:ident) => {
        #[doc = concat!("Of a ", stringify!($module), ".")]
        pub(crate) mod $module {
            use super::*;

            /// What putting a boundary takes.
            #[derive(Shape)]
            pub(crate) struct PutInput {
                pub(crate) $owner: String,
                permissions_boundary: String,
            }

            /// What deleting one takes.
            #[derive(Shape)]
            pub(crate) struct DeleteInput {
                pub(crate) $owner: String,
            }

            pub(crate) async fn put(identity: Arc<Identity>, ctx: Ctx, input: PutInput) -> Result<(), IamError> {
                set(&identity, &ctx, $kind, input.$owner, Some(input.permissions_boundary)).await
            }

            pub(crate) async fn delete(identity: Arc<Identity>, ctx: Ctx, input: DeleteInput) -> Result<(), IamError> {
                set(&identity, &ctx, $kind, input.$owner, None).await
            }
        }
    };
}

boundaries!(role, Kind::Role, role_name);
boundaries!(user, Kind::User, user_name);
