//! Deployments: what an API's stages serve is a copy of its routes, integrations and authorizers.

use pilvi_bus::{ApiError, Ctx};
use pilvi_store::WriteTx;

use super::{all, new_id, save};
use crate::kinds::{AUTHORIZER, DEPLOYMENT, INTEGRATION, ROUTE, STAGE};
use crate::state::{Kept, RESOURCES, SNAPSHOTS, get, set, text};

/// Keeps what an API is now as a deployment.
pub(super) fn snapshot(tx: &mut WriteTx<'_>, ctx: &Ctx, api: &str, deployment: &str) -> Result<(), ApiError> {
    let mut kept = Vec::new();
    for kind in [&ROUTE, &INTEGRATION, &AUTHORIZER] {
        for record in all(tx, &ctx.account, &ctx.region, api, kind)? {
            kept.push((kind.name.to_owned(), text(&record, kind.id).unwrap_or_default().to_owned(), record));
        }
    }
    tx.put(&SNAPSHOTS, &(ctx.account.as_str(), ctx.region.as_str(), api, deployment), &kept)?;
    Ok(())
}

/// Deploys an API to the stages that follow it, after a change at `now`. The deployment before, which nobody asked for by name, goes.
pub(super) fn follow(tx: &mut WriteTx<'_>, ctx: &Ctx, api: &str, now: i64) -> Result<(), ApiError> {
    let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
    let stages = all(tx, account, region, api, &STAGE)?;
    let (following, others): (Vec<_>, Vec<_>) =
        stages.into_iter().partition(|stage| get(stage, "AutoDeploy") == Some(&Kept::Bool(true)));
    if following.is_empty() {
        return Ok(());
    }
    let deployment = new_id(6);
    let mut record = vec![
        ("AutoDeployed".to_owned(), Kept::Bool(true)),
        ("CreatedDate".to_owned(), Kept::Time(now)),
        ("DeploymentId".to_owned(), Kept::Str(deployment.clone())),
        (
            "Description".to_owned(),
            Kept::Str("Automatic deployment triggered by changes to the Api configuration".to_owned()),
        ),
    ];
    (DEPLOYMENT.defaults)(&mut record);
    save(tx, ctx, &DEPLOYMENT, api, &deployment, &record)?;
    snapshot(tx, ctx, api, &deployment)?;
    for mut stage in following {
        let before = text(&stage, "DeploymentId").map(str::to_owned);
        set(&mut stage, "DeploymentId", Kept::Str(deployment.clone()));
        let message = format!("Successfully deployed stage with deployment ID '{deployment}'");
        set(&mut stage, "LastDeploymentStatusMessage", Kept::Str(message));
        let name = text(&stage, "StageName").unwrap_or_default().to_owned();
        save(tx, ctx, &STAGE, api, &name, &stage)?;
        let Some(before) = before else { continue };
        let key = (account, region, api, DEPLOYMENT.name, before.as_str());
        let automatic =
            tx.get(&RESOURCES, &key)?.is_some_and(|record| get(&record, "AutoDeployed") == Some(&Kept::Bool(true)));
        if automatic && !others.iter().any(|stage| text(stage, "DeploymentId") == Some(&*before)) {
            tx.delete(&RESOURCES, &key)?;
            tx.delete(&SNAPSHOTS, &(account, region, api, before.as_str()))?;
        }
    }
    Ok(())
}
