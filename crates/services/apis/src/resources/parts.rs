//! Operations on parts of resources.

use std::sync::Arc;

use pilvi_bus::{ApiError, Ctx};
use pilvi_model::Val;

use super::{find, save, text_of};
use crate::core::Apis;
use crate::kinds::{API, Kind, ROUTE, STAGE};
use crate::state::{Kept, Record};

/// Changes a record in one step.
async fn change(
    apis: &Apis,
    ctx: Ctx,
    kind: &'static Kind,
    (api, id): (String, String),
    change: impl Fn(&mut Record) + Send + 'static,
) -> Result<Val, ApiError> {
    let parent = api.clone();
    apis.platform
        .store
        .write(move |tx| {
            let mut record = find(tx, &ctx, kind, &parent, &id)?;
            change(&mut record);
            save(tx, &ctx, kind, &parent, &id, &record)
        })
        .await?;
    apis.changed(kind, &api);
    Ok(Val::empty())
}

fn without(record: &mut Record, map: &str, key: &str) {
    if let Some((_, Kept::Map(entries))) = record.iter_mut().find(|(name, _)| name == map) {
        entries.retain(|(known, _)| known != key);
    }
}

/// Deletes the CORS configuration of an API.
pub(crate) async fn delete_cors(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let api = text_of(&input, "ApiId");
    change(&apis, ctx, &API, (api.clone(), api), |record| record.retain(|(name, _)| name != "CorsConfiguration")).await
}

/// Deletes a stage's access log settings.
pub(crate) async fn delete_access_log_settings(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let place = (text_of(&input, "ApiId"), text_of(&input, "StageName"));
    change(&apis, ctx, &STAGE, place, |record| record.retain(|(name, _)| name != "AccessLogSettings")).await
}

/// Deletes a stage's settings of a route.
pub(crate) async fn delete_route_settings(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let place = (text_of(&input, "ApiId"), text_of(&input, "StageName"));
    let key = text_of(&input, "RouteKey");
    change(&apis, ctx, &STAGE, place, move |record| without(record, "RouteSettings", &key)).await
}

/// Deletes a request parameter of a route.
pub(crate) async fn delete_request_parameter(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let place = (text_of(&input, "ApiId"), text_of(&input, "RouteId"));
    let key = text_of(&input, "RequestParameterKey");
    change(&apis, ctx, &ROUTE, place, move |record| without(record, "RequestParameters", &key)).await
}

/// Forgets what authorizers' functions said for a stage.
pub(crate) async fn reset_authorizers(apis: Arc<Apis>, ctx: Ctx, input: Val) -> Result<Val, ApiError> {
    let (api, stage) = (text_of(&input, "ApiId"), text_of(&input, "StageName"));
    apis.platform.store.read(|tx| find(tx, &ctx, &STAGE, &api, &stage))?;
    apis.verdicts.forget(&api);
    Ok(Val::empty())
}
