//! UpdateUser and UpdateGroup: a new name or path. Whatever refers to the old name follows.

use std::sync::Arc;

use pilvi_bus::Ctx;
use pilvi_model::Shape;
use pilvi_store::WriteTx;

use crate::core::{Identity, entities, entity, iam_arn, save};
use crate::errors::IamError;
use crate::state::{ATTACHED, BOUNDARY, ENTITIES, Entity, KEYS, Kind, MFA, USES};

/// What UpdateUser takes.
#[derive(Shape)]
pub(crate) struct UpdateUserInput {
    pub(crate) user_name: String,
    new_path: Option<String>,
    new_user_name: Option<String>,
}

pub(crate) async fn update_user(identity: Arc<Identity>, ctx: Ctx, input: UpdateUserInput) -> Result<(), IamError> {
    identity
        .clone()
        .change(move |tx| {
            let (old, new) = renamed(tx, &ctx, Kind::User, &input.user_name, &input.new_user_name, &input.new_path)?;
            for id in &old.user.keys {
                if let Some(mut key) = tx.get(&KEYS, id)? {
                    key.user = new.name.to_lowercase();
                    tx.put(&KEYS, id, &key)?;
                }
            }
            for serial in &old.user.mfa {
                let key = (ctx.account.as_str(), serial.as_str());
                if let Some(mut device) = tx.get(&MFA, &key)? {
                    device.enabled = device.enabled.map(|(_, since)| (new.name.to_lowercase(), since));
                    tx.put(&MFA, &key, &device)?;
                }
            }
            Ok(())
        })
        .await
}

/// What UpdateGroup takes.
#[derive(Shape)]
pub(crate) struct UpdateGroupInput {
    pub(crate) group_name: String,
    new_path: Option<String>,
    new_group_name: Option<String>,
}

pub(crate) async fn update_group(identity: Arc<Identity>, ctx: Ctx, input: UpdateGroupInput) -> Result<(), IamError> {
    identity
        .clone()
        .change(move |tx| {
            let (old, new) = renamed(tx, &ctx, Kind::Group, &input.group_name, &input.new_group_name, &input.new_path)?;
            let (old, new) = (old.name.to_lowercase(), new.name.to_lowercase());
            for mut user in entities(tx, &ctx.account, Kind::User)? {
                if let Some(group) = user.user.groups.iter_mut().find(|group| **group == old) {
                    group.clone_from(&new);
                    user.user.groups.sort();
                    save(tx, &ctx.account, &user)?;
                }
            }
            Ok(())
        })
        .await
}

/// Moves an entity to its new name and path, with the uses of its policies; gives it before and after.
fn renamed(
    tx: &mut WriteTx<'_>,
    ctx: &Ctx,
    kind: Kind,
    name: &str,
    new_name: &Option<String>,
    new_path: &Option<String>,
) -> Result<(Entity, Entity), IamError> {
    let account = ctx.account.as_str();
    let old = entity(tx, account, kind, name)?;
    let mut new = old.clone();
    new.name = new_name.clone().unwrap_or(new.name);
    new.path = new_path.clone().unwrap_or(new.path);
    new.arn = iam_arn(ctx, kind.word(), &new.path, &new.name);
    let (from, to) = (old.name.to_lowercase(), new.name.to_lowercase());
    if from != to && tx.contains(&ENTITIES, &(account, kind.key(), to.as_str()))? {
        return Err(IamError::entity_exists(kind, &new.name));
    }
    tx.delete(&ENTITIES, &(account, kind.key(), from.as_str()))?;
    save(tx, account, &new)?;
    let attached = old.attached.iter().map(|arn| (arn, ATTACHED));
    for (arn, how) in attached.chain(old.boundary.iter().map(|arn| (arn, BOUNDARY))) {
        tx.delete(&USES, &(account, arn.as_str(), how, kind.key(), old.name.as_str()))?;
        tx.put(&USES, &(account, arn.as_str(), how, kind.key(), new.name.as_str()), &())?;
    }
    Ok((old, new))
}
