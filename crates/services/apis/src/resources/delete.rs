//! Deleting resources.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Val;
use pilvi_store::{Range, WriteTx};

use super::deploy::follow;
use super::{all, bad_request, conflict, find, place};
use crate::core::Apis;
use crate::kinds::{Kind, ROUTE, STAGE};
use crate::state::{DOMAINS, OWNERS, RESOURCES, SNAPSHOTS, text};

/// Deletes a resource; an API or a domain with all that is in it.
pub(crate) async fn delete(apis: Arc<Apis>, ctx: Ctx, input: Val, kind: &'static Kind) -> Result<Val, ApiError> {
    let (parent, id) = place(kind, &input);
    let outer = parent.clone();
    let now = apis.platform.clock.now().as_second() * 1000;
    apis.platform
        .store
        .write(move |tx| {
            find(tx, &ctx, kind, &outer, &id)?;
            let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
            check_unused(tx, &ctx, kind, &outer, &id)?;
            match kind.name {
                "Api" => {
                    tx.delete_range(&RESOURCES, Range::prefix(&(account, region, outer.as_str())))?;
                    tx.delete_range(&SNAPSHOTS, Range::prefix(&(account, region, outer.as_str())))?;
                    tx.delete(&OWNERS, &outer)?;
                }
                "DomainName" => {
                    tx.delete_range(&RESOURCES, Range::prefix(&(account, region, outer.as_str())))?;
                    tx.delete(&DOMAINS, &outer)?;
                }
                "Deployment" => {
                    tx.delete(&SNAPSHOTS, &(account, region, outer.as_str(), id.as_str()))?;
                }
                _ => {}
            }
            tx.delete(&RESOURCES, &(account, region, outer.as_str(), kind.name, id.as_str()))?;
            if matches!(kind.name, "Route" | "Integration" | "Authorizer") {
                follow(tx, &ctx, &outer, now)?;
            }
            Ok::<_, ApiError>(())
        })
        .await?;
    apis.changed(kind, &parent);
    Ok(Val::empty())
}

/// Refuses to delete what another resource refers to.
fn check_unused(tx: &WriteTx<'_>, ctx: &Ctx, kind: &Kind, api: &str, id: &str) -> Result<(), ApiError> {
    let routes = |member: &str, value: &str| -> Result<bool, ApiError> {
        let routes = all(tx, &ctx.account, &ctx.region, api, &ROUTE)?;
        Ok(routes.iter().any(|route| text(route, member) == Some(value)))
    };
    match kind.name {
        "Integration" if routes("Target", &format!("integrations/{id}"))? => {
            Err(conflict(format!("Cannot delete Integration '{id}' due to dependent Route(s)")))
        }
        "Authorizer" if routes("AuthorizerId", id)? => {
            Err(conflict(format!("Cannot delete Authorizer '{id}' due to dependent Route(s)")))
        }
        "Deployment" => {
            let stages = all(tx, &ctx.account, &ctx.region, api, &STAGE)?;
            if stages.iter().any(|stage| text(stage, "DeploymentId") == Some(id)) {
                let text = "Active stages pointing to this deployment must be moved or deleted";
                return Err(bad_request(text));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
